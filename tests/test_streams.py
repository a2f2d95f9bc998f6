"""A leg over a real WebSocket between a real server and a real client, both on this machine."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, TypeVar

import aiohttp
import pytest
import wires
from aiohttp import web
from structlog.testing import capture_logs

from bmv.audio.mulaw import FRAME_BYTES
from bmv.errors import ProtocolError
from bmv.telephony import media
from bmv.telephony.streams import OUTBOX_BYTES, MediaStream, new_socket, read_start

T = TypeVar("T")
Served = Callable[[web.WebSocketResponse], Awaitable[T]]
START = media.StartDetail(call_sid=wires.CALLER_SID, stream_sid=wires.STREAM_SID)


@asynccontextmanager
async def line(
    serve: Served[T], *, small: bool = False
) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, asyncio.Future[T]]]:
    """Serve one media stream; gives the client's end of it, and what `serve` returns or raises.

    A `small` line holds little on its way, so that a client that does not read is noticed soon.
    """
    result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    transports: list[asyncio.Transport] = []

    async def handle(request: web.Request) -> web.WebSocketResponse:
        assert request.transport
        transports.append(request.transport)
        ws = new_socket()
        await ws.prepare(request)
        try:
            result.set_result(await serve(ws))
        except Exception as error:
            result.set_exception(error)
        return ws

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    ear = socket.create_server(("127.0.0.1", 0))
    if small:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    await web.SockSite(runner, ear).start()
    try:
        url, patience = f"http://127.0.0.1:{ear.getsockname()[1]}/", aiohttp.ClientWSTimeout(ws_close=0.2)
        async with asyncio.timeout(10), aiohttp.ClientSession() as http, http.ws_connect(url, timeout=patience) as ws:
            if small:
                ws.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            yield ws, result
    finally:
        for transport in transports:
            transport.abort()  # as a network does in the end
        await runner.cleanup()


def no_marks(name: str) -> None:
    raise AssertionError(f"a mark {name} that nobody set")


def no_keys(key: str) -> None:
    raise AssertionError("a key that nobody pressed")


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


async def test_a_message_larger_than_any_of_twilios_closes_the_stream() -> None:
    async with line(listening([])) as (ws, ended):
        await ws.send_json(wires.media(bytes(media.MAX_MESSAGE_BYTES)))
        assert await ended is False
        assert await wires.received_until_close(ws) == []


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


# -- what the party hears -------------------------------------------------------------------------------------------


def playing(*audio: bytes) -> Served[bool]:
    """Serve a stream that plays one of these for each frame that the client sends."""

    async def serve(ws: web.WebSocketResponse) -> bool:
        stream = MediaStream(ws, START)
        left = list(audio)

        def on_frame(_frame: bytes) -> None:
            if left:
                stream.play(left.pop(0))

        return await stream.listen(on_frame, no_marks, no_keys)

    return serve


async def test_what_is_played_travels_as_one_message_in_the_shape_twilio_wants() -> None:
    audio = [wires.frame(1) + wires.frame(2), wires.frame(3)[:100]]
    async with line(playing(*audio)) as (ws, ended):
        for played in audio:
            await ws.send_json(wires.media(wires.frame(0)))
            message = await ws.receive()
            assert message.type is aiohttp.WSMsgType.TEXT
            assert json.loads(message.data) == {
                "event": "media",
                "streamSid": wires.STREAM_SID,
                "media": {"payload": base64.b64encode(played).decode()},
            }
        await ws.send_json(wires.stop())
        assert await ended


async def test_a_mark_is_sent_behind_its_audio_and_told_when_it_comes_back() -> None:
    reached: list[str] = []

    async def serve(ws: web.WebSocketResponse) -> bool:
        stream = MediaStream(ws, START)
        stream.play(wires.frame(1), "7")
        stream.play(wires.frame(2))
        return await stream.listen(lambda frame: None, reached.append, no_keys)

    async with line(serve) as (ws, ended):
        first, mark, second = [await ws.receive_json() for _ in range(3)]
        assert first["media"]["payload"] == base64.b64encode(wires.frame(1)).decode()
        assert mark == {"event": "mark", "streamSid": wires.STREAM_SID, "mark": {"name": "7"}}
        assert second["media"]["payload"] == base64.b64encode(wires.frame(2)).decode()
        await ws.send_json(mark | {"sequenceNumber": "9"})
        await ws.send_json(wires.stop())
        assert await ended
    assert reached == ["7"]


async def test_what_is_played_while_the_peer_takes_nothing_follows_as_one_message_with_its_last_mark() -> None:
    async def serve(ws: web.WebSocketResponse) -> bool:
        stream = MediaStream(ws, START)
        while not stream._sender.is_stuck:
            stream.play(bytes(40_000), "1")
            early.append("1")
        stream.play(wires.frame(1), "2")
        stream.play(wires.frame(2), "3")
        stream.play(wires.frame(3))
        stuck.set()
        return await stream.listen(lambda frame: None, no_marks, no_keys)

    stuck = asyncio.Event()
    early: list[str] = []
    async with line(serve, small=True) as (ws, ended):
        await stuck.wait()
        told = [await ws.receive_json() for _ in range(2 * len(early) + 1)]
        await ws.send_json(wires.stop())
        assert await ended
    kinds = [message["event"] for message in told]
    assert kinds == [*["media", "mark"] * (len(early) - 1), "media", "media", "mark"]
    marks = [message["mark"]["name"] for message in told if message["event"] == "mark"]
    assert marks == [*early[1:], "3"], "one for all that came late"
    late = b"".join(wires.frame(number) for number in (1, 2, 3))
    assert base64.b64decode(told[-2]["media"]["payload"]) == late


async def test_nothing_is_sent_while_nothing_is_played() -> None:
    async with line(playing()) as (ws, ended):
        await ws.send_json(wires.media(wires.frame(0)))
        await ws.send_json(wires.stop())
        assert await ended
        await ws.send_json(wires.stop())
        assert await wires.received_until_close(ws) == []


async def test_a_peer_that_takes_nothing_is_given_up_and_only_so_much_is_kept_for_it() -> None:
    async def serve(ws: web.WebSocketResponse) -> bool:
        stream = MediaStream(ws, START, send_seconds=0.1)
        loop = asyncio.get_running_loop()

        def flood() -> None:
            for _ in range(100):
                stream.play(bytes(OUTBOX_BYTES // 10))
            assert len(stream._outbox) <= OUTBOX_BYTES * 1.2
            floods.append(loop.call_soon(flood))

        flood()
        try:
            return await stream.listen(lambda frame: None, no_marks, no_keys)
        finally:
            floods[-1].cancel()

    floods: list[asyncio.Handle] = []
    with capture_logs() as logs:
        async with line(serve, small=True) as (_ws, ended):
            assert await ended is False
    assert {entry["event"] for entry in logs} == {"leg_audio_dropped", "leg_takes_no_audio"}


async def test_a_leg_is_closed_in_time_though_its_peer_takes_nothing() -> None:
    async def serve(ws: web.WebSocketResponse) -> float:
        stream = MediaStream(ws, START)
        loop = asyncio.get_running_loop()
        listening = loop.create_task(stream.listen(lambda frame: None, no_marks, no_keys))
        stuck = 0
        while stuck < 20:  # turns of the event loop in which nothing was taken
            stream.play(bytes(OUTBOX_BYTES // 10))
            await asyncio.sleep(0)
            stuck = stuck + 1 if stream._outbox else 0
        began = loop.time()
        await stream.close()
        took = loop.time() - began
        assert await listening is False
        return took

    async with line(serve, small=True) as (_ws, took):
        assert await took < 2
