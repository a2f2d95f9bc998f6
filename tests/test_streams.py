"""A leg over a real WebSocket between a real server and a real client, both on this machine."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
import wires
from aiohttp import web
from stream_line import START, Served, line, no_keys, no_marks
from structlog.testing import capture_logs

from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS
from bmv.errors import ProtocolError
from bmv.telephony import media
from bmv.telephony.headway import AHEAD_SECONDS
from bmv.telephony.streams import MediaStream, read_start


def listening(heard: list[bytes]) -> Served[bool]:
    """Serve a stream whose start has come; gives whether it ended in order."""

    async def serve(ws: web.WebSocketResponse) -> bool:
        return await MediaStream(ws, START).listen(heard.append, no_marks, no_keys)

    return serve


async def abort(ws: aiohttp.ClientWebSocketResponse) -> None:
    """Break the connection as a network does: no closing handshake, no farewell."""
    ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


# -- the start ------------------------------------------------------------------------------------------------------


async def test_a_stream_starts_with_connected_and_start() -> None:
    async with line(read_start) as (ws, started):
        await ws.send_json(wires.connected())
        await ws.send_json(wires.start({"bmv_token": "t"}))
        detail = await started
    assert (detail.call_sid, detail.stream_sid) == (wires.CALLER_SID, wires.STREAM_SID)
    assert detail.custom_parameters == {"bmv_token": "t"}


async def test_an_event_from_the_future_does_not_keep_a_stream_from_starting() -> None:
    async with line(read_start) as (ws, started):
        await ws.send_json(wires.connected())
        await ws.send_json({"event": "negotiated", "codec": "mulaw"})
        await ws.send_json(wires.start({}))
        assert (await started).call_sid == wires.CALLER_SID


@pytest.mark.parametrize(
    "message",
    [
        wires.media(wires.frame(1)),
        wires.stop(),
        wires.start({}, stream_sid='MZ1","x":"'),
        wires.start({}, stream_sid=""),
        {"event": "start"},
        "hello",
        b"binary",
        None,
    ],
    ids=["media", "stop", "hostile sid", "no sid", "no detail", "no JSON", "binary", "closed"],
)
async def test_a_peer_that_does_not_begin_with_a_start_is_no_twilio(message: Any) -> None:
    async with line(read_start) as (ws, started):
        match message:
            case bytes():
                await ws.send_bytes(message)
            case None:
                await ws.close()
            case str():
                await ws.send_str(message)
            case _:
                await ws.send_json(message)
        with pytest.raises(ProtocolError):
            await started


async def test_a_peer_that_only_says_it_is_connected_is_given_up() -> None:
    async def serve(ws: web.WebSocketResponse) -> media.StartDetail:
        return await read_start(ws, within=0.1)

    async with line(serve) as (ws, started):
        for _ in range(5):
            await ws.send_json(wires.connected())
        with pytest.raises(ProtocolError, match=r"within 0\.1 s"):
            await started


async def test_why_a_stream_broke_before_its_start_is_said() -> None:
    async with line(read_start) as (ws, started):
        await ws.send_str("x" * (media.MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ProtocolError, match=r"broke before its start message: .*MESSAGE_TOO_BIG"):
            await started


async def test_who_leaves_before_the_start_is_not_said_to_have_kept_us_waiting() -> None:
    async with line(read_start) as (ws, started):
        await ws.send_json(wires.connected())
        await ws.close()
        with pytest.raises(ProtocolError, match="closed before its start message"):
            await started


# -- what the party says --------------------------------------------------------------------------------------------


async def test_audio_of_any_cut_is_heard_in_frames_of_20_ms_and_in_order() -> None:
    heard: list[bytes] = []
    said = b"".join(wires.frame(number) for number in range(60))
    cuts = [0, 160, 320, 321, 481, 800, 801, 1600, 1600, 4000, 4159, 4320, 4480, len(said)]
    async with line(listening(heard)) as (ws, ended):
        for number, (begin, end) in enumerate(pairwise(cuts), 1):
            await ws.send_json(wires.media(said[begin:end], number=number))
        await ws.send_json(wires.stop())
        assert await ended
    assert {len(frame) for frame in heard} == {FRAME_BYTES}
    assert b"".join(heard) == said


async def test_a_frame_is_not_heard_before_it_is_complete() -> None:
    heard: list[bytes] = []
    async with line(listening(heard)) as (ws, ended):
        await ws.send_json(wires.media(wires.frame(1)[:159]))
        await ws.send_json(wires.stop())
        await ended
    assert heard == []


async def test_who_sends_faster_than_anybody_speaks_is_no_twilio() -> None:
    heard: list[bytes] = []
    async with line(listening(heard)) as (ws, ended):
        await ws.send_json(wires.media(wires.frame(1) * 5))
        for _ in range(10):
            await ws.send_json(wires.media(wires.frame(2) * 200))  # 4 s
        with pytest.raises(ProtocolError, match="s of sound within"):
            await ended
    assert len(heard) * FRAME_SECONDS == pytest.approx(AHEAD_SECONDS, abs=2)


async def test_what_cannot_be_read_is_skipped_and_said_once_and_the_call_goes_on() -> None:
    heard: list[bytes] = []
    with capture_logs() as logs:
        async with line(listening(heard)) as (ws, ended):
            await ws.send_json(wires.media(wires.frame(1)))
            for rubbish in ["{", '{"event":"media","media":{"payload":"%"}}', '{"event":"media"}']:
                await ws.send_str(rubbish)
                await ws.send_bytes(wires.frame(9))
            await ws.send_json({"event": "from-the-future"})
            await ws.send_json(wires.media(wires.frame(2)))
            await ws.send_json(wires.stop())
            assert await ended
    assert heard == [wires.frame(1), wires.frame(2)]
    assert [entry["event"] for entry in logs] == ["unreadable_media_message"]


async def test_a_start_that_comes_again_changes_nothing() -> None:
    heard: list[bytes] = []
    with capture_logs() as logs:
        async with line(listening(heard)) as (ws, ended):
            await ws.send_json(wires.media(wires.frame(1)))
            await ws.send_json(wires.start({"bmv_token": "t"}))
            await ws.send_json(wires.connected())
            await ws.send_json(wires.media(wires.frame(2)))
            await ws.send_json(wires.stop())
            assert await ended
    assert heard == [wires.frame(1), wires.frame(2)]
    assert logs == []


async def test_a_pressed_key_is_told_and_not_logged() -> None:
    pressed: list[str] = []

    async def serve(ws: web.WebSocketResponse) -> bool:
        return await MediaStream(ws, START).listen(lambda frame: None, no_marks, pressed.append)

    with capture_logs() as logs:
        async with line(serve) as (ws, ended):
            for key in "7#*":
                await ws.send_json(wires.dtmf(key))
            await ws.send_json(wires.stop())
            assert await ended
    assert pressed == ["7", "#", "*"]
    assert logs == []


# -- the end --------------------------------------------------------------------------------------------------------


async def test_a_stop_message_is_an_end_in_order() -> None:
    async with line(listening([])) as (ws, ended):
        await ws.send_json(wires.stop())
        assert await ended is True


@pytest.mark.parametrize("end", [aiohttp.ClientWebSocketResponse.close, abort], ids=["closed", "broken"])
async def test_a_stream_that_ends_without_a_stop_message_is_lost(
    end: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[object]],
) -> None:
    heard: list[bytes] = []
    async with line(listening(heard)) as (ws, ended):
        await ws.send_json(wires.media(wires.frame(1)))
        await end(ws)
        assert await ended is False
    assert heard == [wires.frame(1)]


async def test_a_message_larger_than_any_of_twilios_closes_the_stream_and_the_log_says_why() -> None:
    with capture_logs() as logs:
        async with line(listening([])) as (ws, ended):
            await ws.send_str("rubbish")
            await ws.send_json(wires.media(bytes(media.MAX_MESSAGE_BYTES)))
            assert await ended is False
            assert await wires.received_until_close(ws) == []
    assert [entry["event"] for entry in logs] == ["unreadable_media_message", "stream_broken"]
    assert "exceeds limit" in logs[1]["error"]


async def test_closing_a_leg_ends_its_stream_in_order_for_twilio_and_may_be_repeated() -> None:
    async def serve(ws: web.WebSocketResponse) -> bool:
        stream = MediaStream(ws, START)
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: closings.append(loop.create_task(stream.close())))
        ended = await stream.listen(lambda frame: None, no_marks, no_keys)
        await asyncio.gather(*closings)
        await stream.close()
        stream.play(wires.frame(1))
        return ended

    closings: list[asyncio.Task[None]] = []
    async with line(serve) as (ws, ended):
        assert await wires.received_until_close(ws) == []
        assert ws.close_code == aiohttp.WSCloseCode.OK
        assert await ended is False


async def test_a_closed_leg_listens_on_until_its_peer_has_said_goodbye_too() -> None:
    """Else the connection is cut in the middle of what the peer still sends; what that is, nobody hears."""

    async def serve(ws: web.WebSocketResponse) -> bool:
        stream = MediaStream(ws, START)
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: closings.append(loop.create_task(stream.close())))
        return await stream.listen(heard.append, no_marks, no_keys)

    closings: list[asyncio.Task[None]] = []
    heard: list[bytes] = []
    async with line(serve) as (ws, ended):
        while not closings:
            await asyncio.sleep(0)
        for number in range(20):
            await ws.send_json(wires.media(wires.frame(number)))
            await asyncio.sleep(0)
        assert not ended.done()
        assert not closings[0].done()
        assert await wires.received_until_close(ws) == []  # which answers the goodbye
        assert await ended is False
        await closings[0]
        assert ws.close_code == aiohttp.WSCloseCode.OK
    assert heard == []


async def test_a_bug_in_the_listener_comes_out_and_leaves_no_task() -> None:
    def stumble(frame: bytes) -> None:
        raise ZeroDivisionError

    async def serve(ws: web.WebSocketResponse) -> set[asyncio.Task[Any]]:
        before = asyncio.all_tasks()
        with pytest.raises(ZeroDivisionError):
            await MediaStream(ws, START).listen(stumble, no_marks, no_keys)
        return asyncio.all_tasks() - before

    async with line(serve) as (ws, left):
        await ws.send_json(wires.media(wires.frame(1)))
        assert await left == set()
