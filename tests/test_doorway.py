"""The server's door: connections on which nothing comes, or too many of them, take nothing from others."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import structlog
from aiohttp import web
from structlog.testing import capture_logs

from bmv.web import doorway
from bmv.web.doorway import OPTIONS, Doorway


async def live(_: web.Request) -> web.Response:
    return web.Response(text="well")


async def slow(request: web.Request) -> web.Response:
    await asyncio.wait_for(request.read(), 30)
    return web.Response(text="read")


async def thoughtful(request: web.Request) -> web.Response:
    await request.read()
    await asyncio.sleep(0.5)
    return web.Response(text="thought")


async def call(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    structlog.contextvars.bind_contextvars(call_id="c1")
    await response.write(b"begun\n")
    await request.read()
    return response


async def left(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.close()
    return await stream(request)


async def gone(request: web.Request) -> web.StreamResponse:
    while request.transport:
        request.transport.abort()
        await asyncio.sleep(0)
    return await stream(request)


async def broken(_: web.Request) -> web.Response:
    raise ConnectionRefusedError("somebody else's")


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"begun\n")
    await asyncio.sleep(30)
    return response


@asynccontextmanager
async def opened(most: int = 3, **options: Any) -> AsyncIterator[int]:
    app = web.Application()
    app.add_routes(
        [
            web.get("/live", live),
            web.post("/slow", slow),
            web.post("/thoughtful", thoughtful),
            web.get("/stream", stream),
            web.get("/left", left),
            web.post("/call", call),
            web.get("/gone", gone),
            web.get("/broken", broken),
        ]
    )
    door = Doorway(app, most_waiting=most)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, **{**OPTIONS, **options})
    await runner.setup()
    assert runner.server is not None
    try:
        yield await door.listen(runner.server, "127.0.0.1", 0)
    finally:
        door.close()
        await runner.cleanup()


class Peer:
    """A stranger's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, port: int, says: bytes = b"") -> Peer:
        peer = cls(*await asyncio.open_connection("127.0.0.1", port))
        peer.writer.write(says)
        return peer

    async def ends(self, within: float = 5) -> bytes:
        """All that is said until the server has ended the connection."""
        said = b""
        async with asyncio.timeout(within):
            with suppress(ConnectionError):
                said = await self.reader.read()
        await self.leaves()
        return said

    async def leaves(self) -> None:
        """Hang up."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


ASK = b"GET /live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
ASK_ON = b"GET /live HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize("dribbles", [False, True])
async def test_who_sends_no_whole_request_is_sent_away_whatever_dribbles_in(*, dribbles: bool) -> None:
    async with opened(keepalive_timeout=0.3) as port:
        peer = await Peer.of(port, b"GET /live HTTP/1.1\r\n")
        started = time.monotonic()

        async def dribble() -> None:
            with suppress(ConnectionError):
                while dribbles:
                    peer.writer.write(b"X: y\r\n")
                    await peer.writer.drain()
                    await asyncio.sleep(0.02)

        task = asyncio.create_task(dribble())
        assert await peer.ends() == b""
        assert time.monotonic() - started < 3
        task.cancel()


async def test_the_one_that_waits_longest_makes_room_and_newcomers_are_served() -> None:
    async with opened(most=3) as port:
        with capture_logs() as logs:
            silent = [await Peer.of(port) for _ in range(3)]
            for _ in range(4):
                assert b"200 OK" in await (await Peer.of(port, ASK)).ends()
            assert await silent[0].ends() == b""
        assert "connection_cut" in {entry["event"] for entry in logs}
        for peer in silent:
            await peer.leaves()


async def test_who_is_cut_has_nothing_to_do_with_the_call_at_whose_end_it_happens() -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        async with opened(most=1) as port:
            caller = await Peer.of(port, b"POST /call HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
            await caller.reader.readuntil(b"begun\n")
            silent = await Peer.of(port)
            caller.writer.write(b"bye")
            assert await silent.ends() == b""
            await caller.leaves()
    assert [entry["event"] for entry in logs] == ["connection_cut"]
    assert "call_id" not in logs[0]


async def test_of_many_who_come_at_once_no_more_stay_than_may_wait() -> None:
    async with opened(most=3) as port:
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]  # the server's loop stands still
        crowd = [Peer(*await asyncio.open_connection(sock=each)) for each in sockets]
        async with asyncio.timeout(5):
            while sum(not peer.reader.at_eof() for peer in crowd) > 3:
                await asyncio.sleep(0.01)
        assert b"200 OK" in await (await Peer.of(port, ASK)).ends()
        for each in crowd:
            await each.leaves()


async def test_a_stream_that_is_open_is_cut_for_nobody() -> None:
    async with opened(most=2) as port:
        peer = await Peer.of(port, b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        while b"begun" not in await peer.reader.readline():
            pass
        crowd = [await Peer.of(port) for _ in range(10)]
        assert b"200 OK" in await (await Peer.of(port, ASK)).ends()
        assert not peer.reader.at_eof()
        for each in (peer, *crowd):
            await each.leaves()


async def test_half_a_body_waits_like_all_others_and_may_be_cut() -> None:
    async with opened(most=2) as port:
        half = await Peer.of(port, b"POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
        await asyncio.sleep(0.05)
        crowd = [await Peer.of(port) for _ in range(3)]
        assert await half.ends() == b""
        for each in crowd:
            await each.leaves()


async def test_whose_request_is_being_answered_is_cut_for_nobody_and_an_idle_one_is() -> None:
    async with opened(most=4) as port:
        asks = b"POST /thoughtful HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nwhat"
        answered = [await Peer.of(port, asks) for _ in range(3)]
        half = await Peer.of(port, asks[:-1])
        await asyncio.sleep(0.1)
        crowd = [await Peer.of(port) for _ in range(5)]
        assert await half.ends() == b""
        for peer in answered:
            assert b"thought" in await peer.ends()
        for each in crowd:
            await each.leaves()


async def test_more_requests_than_may_wait_are_all_answered() -> None:
    asks = b"POST /thoughtful HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n"
    async with opened(most=2) as port:
        peers = []
        for _ in range(10):
            peers.append(await Peer.of(port, asks))
            await peers[-1].reader.readuntil(b"100 Continue\r\n\r\n")  # it is being answered
        for peer in peers:
            assert b"thought" in await peer.ends()


async def test_of_who_has_left_nothing_is_kept_however_much_he_sent() -> None:
    asks = b"POST /thoughtful HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n" + bytes(30_000)
    before = connections_kept()
    async with opened(most=1000) as port:
        for each in [await Peer.of(port, asks * 10) for _ in range(50)]:
            await each.leaves()
        await (await Peer.of(port, ASK)).ends()
        while connections_kept() - before > 5:  # the first of the ten is answered all the same, which takes a while
            await asyncio.sleep(0.1)
            await (await Peer.of(port, ASK)).ends()


async def test_of_who_asks_on_while_he_is_answered_two_more_requests_are_read_at_most() -> None:
    async with opened() as port:
        peer = await Peer.of(port, b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n" + ASK_ON * 30)
        await peer.reader.readuntil(b"begun\n")
        peer.writer.write(ASK_ON * 30)
        for _ in range(10):  # so that all of it has come
            assert b"200 OK" in await (await Peer.of(port, ASK)).ends()
        handlers = [each for each in gc.get_objects() if isinstance(each, web.RequestHandler) and each.transport]
        assert [len(each._messages) for each in handlers] == [2]
        await peer.leaves()


async def test_requests_that_come_all_at_once_are_answered_one_after_the_other() -> None:
    asks = b"POST /thoughtful HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nwhat" + ASK_ON * 50 + ASK
    async with opened() as port:
        assert (await (await Peer.of(port, asks)).ends()).count(b"200 OK") == 52


@pytest.mark.parametrize(("count", "answer"), [(60, b"200 OK"), (65, b" 400 ")])
async def test_a_request_with_more_headers_than_anybody_needs_is_refused(count: int, answer: bytes) -> None:
    headers = b"".join(b"X-%d: y\r\n" % number for number in range(count))
    async with opened() as port:
        assert answer in await (await Peer.of(port, ASK.replace(b"\r\n\r\n", b"\r\n" + headers + b"\r\n"))).ends()


def connections_kept() -> int:
    gc.collect()
    return sum(isinstance(each, web.RequestHandler) for each in gc.get_objects())


async def test_what_is_no_http_is_a_line_in_the_log_without_what_was_sent() -> None:
    async with opened() as port:
        with capture_logs() as logs:
            answer = await (await Peer.of(port, b"GET /live HTTP/9.x\r\nSecret: hunter2\r\n\r\n")).ends()
    assert b" 400 " in answer
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("request_unreadable", "warning")]
    assert "hunter2" not in str(logs)


async def test_who_leaves_before_the_answer_is_no_error_and_a_fault_of_ours_is_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened() as port:
        for path, errors in (("left", 0), ("gone", 0), ("broken", 1)):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
            assert len([record for record in caplog.records if record.levelname == "ERROR"]) == errors


async def test_what_is_compressed_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    head = (
        f"POST /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}"
    )
    async with opened() as port:
        assert b"200 OK" in await (await Peer.of(port, head.encode() + b"\r\n\r\n" + bomb)).ends()


def test_the_server_waits_no_longer_than_the_proxies_of_the_documentation() -> None:
    assert doorway.IDLE_SECONDS == OPTIONS["keepalive_timeout"] == 75.0
