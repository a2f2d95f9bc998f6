"""What the party at a media stream hears: what is played, its marks, and what becomes of it where nobody reads."""

import asyncio
import base64
import json

import aiohttp
import wires
from aiohttp import web
from stream_line import START, Served, line, no_keys, no_marks
from structlog.testing import capture_logs

from bmv.telephony.streams import OUTBOX_BYTES, MediaStream


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


async def test_where_nothing_was_played_meanwhile_no_empty_message_follows() -> None:
    async def serve(ws: web.WebSocketResponse) -> bool:
        stream = MediaStream(ws, START)
        while not stream._sender.is_stuck:
            stream.play(bytes(40_000))
            early.append(1)
        stuck.set()
        return await stream.listen(lambda frame: stream.play(wires.frame(1)), no_marks, no_keys)

    stuck = asyncio.Event()
    early: list[int] = []
    async with line(serve, small=True) as (ws, ended):
        await stuck.wait()
        for _ in early:
            await ws.receive_json()
        await ws.send_json(wires.media(wires.frame(0)))
        message = await ws.receive_json()
        await ws.send_json(wires.stop())
        assert await ended
    assert base64.b64decode(message["media"]["payload"]) == wires.frame(1)


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
