"""A WebSocket's text handed over directly, and as aiohttp's public interface does it: both keep the same promises."""

import asyncio
import contextvars
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType, web

from bmv.sockets import ClientSocket, DirectQueue, Sender, ServerSocket, Take, texts

Either = ServerSocket | ClientSocket


class PublicServerSocket(ServerSocket):
    """As with an aiohttp that is built otherwise."""

    directly = False


class PublicClientSocket(ClientSocket):
    """As with an aiohttp that is built otherwise."""

    directly = False


@dataclass
class Ends:
    """Both ends of a connection: ours, and the peer's, which is plain aiohttp."""

    ours: Either
    peer: web.WebSocketResponse | aiohttp.ClientWebSocketResponse[Any]
    peer_transport: asyncio.Transport


KINDS = ["server", "server, publicly", "client", "client, publicly"]


@asynccontextmanager
async def connected(kind: str, *, heartbeat: float | None = None, small: bool = False) -> AsyncIterator[Ends]:
    """A connection of which one end is ours."""
    side, _, publicly = kind.partition(", ")
    served: asyncio.Future[tuple[web.WebSocketResponse, asyncio.Transport]] = asyncio.Future()
    over = asyncio.Event()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        assert request.transport
        ws = web.WebSocketResponse(timeout=0.2)
        if side == "server":
            make = PublicServerSocket if publicly else ServerSocket
            ws = make(timeout=0.2, max_msg_size=1000, compress=False, decode_text=False, heartbeat=heartbeat)
        await ws.prepare(request)
        if side == "client":
            await ws.send_str("hello")  # so early that it may come with the answer to the upgrade
        served.set_result((ws, request.transport))
        await over.wait()
        return ws

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    ear = socket.create_server(("127.0.0.1", 0))
    if small:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await web.SockSite(runner, ear).start()
    url = f"http://127.0.0.1:{ear.getsockname()[1]}/"
    ours_at_client = PublicClientSocket if publicly else ClientSocket
    made: type[Any] = ours_at_client if side == "client" else aiohttp.ClientWebSocketResponse
    try:
        async with asyncio.timeout(10), aiohttp.ClientSession(ws_response_class=made) as http:
            client = await http.ws_connect(
                url,
                timeout=aiohttp.ClientWSTimeout(ws_close=0.2),
                max_msg_size=ClientSocket.MAX_MESSAGE_BYTES,
                decode_text=side == "server",
                heartbeat=heartbeat if side == "client" else None,
            )
            server, transport = await served
            if side == "client":
                assert isinstance(client, ClientSocket)
                assert (await client.receive()).data == b"hello"
                yield Ends(client, server, transport)
            else:
                assert isinstance(server, ServerSocket)
                peer_transport = client._response.connection.transport  # type: ignore[union-attr]
                assert peer_transport
                yield Ends(server, client, peer_transport)
            over.set()
            await client.close()
    finally:
        over.set()
        await runner.cleanup()


def until(last: bytes, heard: list[bytes]) -> Take:
    """Take messages up to a certain one."""

    def take(message: bytes) -> bool:
        heard.append(message)
        return message == last

    return take


def forever(heard: list[bytes]) -> Take:
    """Take all there are."""

    def take(message: bytes) -> bool:
        heard.append(message)
        return False

    return take


# -- receiving ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_the_installed_aiohttp_hands_text_over_directly_unless_it_is_told_not_to(kind: str) -> None:
    async with connected(kind) as ends:
        assert isinstance(ends.ours._reader, DirectQueue) == ("publicly" not in kind)


@pytest.mark.parametrize("kind", KINDS)
async def test_text_is_handed_over_in_order_whether_it_came_before_or_comes_now(kind: str) -> None:
    heard: list[bytes] = []
    async with connected(kind) as ends:
        for number in range(100):
            await ends.peer.send_str(str(number))
            if number == 20:
                await asyncio.sleep(0.01)
                taking = asyncio.create_task(texts(ends.ours, until(b"99", heard)))
            if number == 60:
                await asyncio.sleep(0.01)
                await ends.peer.ping()
        assert await taking is None
    assert heard == [b"%d" % number for number in range(100)]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_comes_after_enough_is_kept_for_the_next_time(kind: str) -> None:
    heard: list[bytes] = []
    async with connected(kind) as ends:
        first = asyncio.create_task(texts(ends.ours, until(b"2", heard)))
        await asyncio.sleep(0)
        for number in range(5):
            await ends.peer.send_str(str(number))
        await first
        assert heard == [b"0", b"1", b"2"]
        await texts(ends.ours, until(b"4", heard))
    assert heard == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("kind", KINDS)
async def test_cancelling_loses_no_message(kind: str) -> None:
    heard: list[bytes] = []
    async with connected(kind) as ends:
        taking = asyncio.create_task(texts(ends.ours, forever(heard)))
        await asyncio.sleep(0)
        await ends.peer.send_str("0")
        while not heard:
            await asyncio.sleep(0)
        await ends.peer.send_str("1")
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        await ends.peer.send_str("2")
        await texts(ends.ours, until(b"2", heard))
    assert heard == [b"0", b"1", b"2"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_binary_message_is_given_back_in_its_place(kind: str) -> None:
    heard: list[bytes] = []
    async with connected(kind) as ends:
        taking = asyncio.create_task(texts(ends.ours, forever(heard)))
        await asyncio.sleep(0)
        await ends.peer.send_str("before")
        await ends.peer.send_bytes(b"binary")
        await ends.peer.send_str("after")
        message = await taking
        assert message is not None
        assert (message.type, message.data) == (WSMsgType.BINARY, b"binary")
        await texts(ends.ours, until(b"after", heard))
    assert heard == [b"before", b"after"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", [1000, 1001, 4000])
async def test_the_end_is_told_with_its_code(kind: str, code: int) -> None:
    heard: list[bytes] = []
    async with connected(kind) as ends:
        taking = asyncio.create_task(texts(ends.ours, forever(heard)))
        await ends.peer.send_str("last")
        await ends.peer.close(code=code, message=b"bye")
        message = await taking
        assert message is not None
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, "bye")
        assert ends.ours.close_code == code
    assert heard == [b"last"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_broken_connection_is_an_end(kind: str) -> None:
    async with connected(kind) as ends:
        taking = asyncio.create_task(texts(ends.ours, forever([])))
        await asyncio.sleep(0)
        ends.peer_transport.abort()
        message = await taking
        assert message is not None
        assert message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)


@pytest.mark.parametrize("kind", KINDS)
async def test_closing_it_ourselves_ends_the_taking(kind: str) -> None:
    async with connected(kind) as ends:
        taking = asyncio.create_task(texts(ends.ours, forever([])))
        await asyncio.sleep(0)
        closing = asyncio.create_task(ends.ours.close())
        assert (await ends.peer.receive()).type is WSMsgType.CLOSE
        message = await taking
        await closing
        assert message is not None
        assert message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_that_is_too_large_closes_the_socket_and_says_why(kind: str) -> None:
    async with connected(kind) as ends:
        told = asyncio.create_task(ends.peer.receive())
        taking = asyncio.create_task(texts(ends.ours, forever([])))
        limit = 1000 if kind.startswith("server") else ClientSocket.MAX_MESSAGE_BYTES
        ends.peer_transport.write(bytes([0x81, 127 | (0x80 if kind.startswith("server") else 0)]))
        ends.peer_transport.write((limit + 1).to_bytes(8, "big"))
        message = await taking
        assert message is not None
        assert message.type is WSMsgType.ERROR
        assert (await told).data == WSCloseCode.MESSAGE_TOO_BIG


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_in_many_pieces_is_one(kind: str) -> None:
    heard: list[bytes] = []
    async with connected(kind) as ends:
        masked = kind.startswith("server")
        taking = asyncio.create_task(texts(ends.ours, until(b"abc", heard)))
        mask = bytes(4) if masked else b""
        for first, letter in ((0x01, b"a"), (0x00, b"b"), (0x80, b"c")):
            for byte in bytes([first, 0x81 if masked else 0x01]) + mask + letter:
                ends.peer_transport.write(bytes([byte]))
                await asyncio.sleep(0)
        assert await taking is None
    assert heard == [b"abc"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bug_in_who_takes_comes_out_and_what_follows_is_kept(kind: str) -> None:
    def stumble(message: bytes) -> bool:
        raise ZeroDivisionError

    heard: list[bytes] = []
    async with connected(kind) as ends:
        taking = asyncio.create_task(texts(ends.ours, stumble))
        await asyncio.sleep(0)
        await ends.peer.send_str("1")
        await ends.peer.send_str("2")
        with pytest.raises(ZeroDivisionError):
            await taking
        await texts(ends.ours, until(b"2", heard))
    assert heard == [b"2"]


@pytest.mark.parametrize("kind", KINDS)
async def test_who_takes_is_called_in_the_context_of_who_waits(kind: str) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    seen: list[str] = []

    def take(message: bytes) -> bool:
        seen.append(name.get())
        return True

    async def wait() -> None:
        name.set("mine")
        await texts(ends.ours, take)

    async with connected(kind) as ends:
        name.set("another")
        taking = asyncio.create_task(wait())
        await asyncio.sleep(0)
        await ends.peer.send_str("1")
        await taking
    assert seen == ["mine"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flood_is_not_kept_in_memory_while_nobody_takes(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = Sender(ends.peer)
        for _ in range(20_000):
            sender.write(b"x" * 990)
            if sender.is_stuck:
                break
            await asyncio.sleep(0)
        assert sender.is_stuck


@pytest.mark.parametrize("kind", ["client", "client, publicly"])
async def test_what_a_large_message_held_up_comes_after_it(kind: str) -> None:
    heard: list[bytes] = []
    small = [b"%d" % number for number in range(1000)]
    async with connected(kind) as ends:
        large = b"\x81\x7f" + (1_000_000).to_bytes(8, "big") + b"x" * 1_000_000  # more than aiohttp keeps unread
        ends.peer_transport.write(large + b"".join(bytes([0x81, len(each)]) + each for each in small))
        assert ends.ours._reader
        while not ends.ours._reader._size:
            await asyncio.sleep(0.01)
        await texts(ends.ours, until(b"999", heard))
    assert heard == [b"x" * 1_000_000, *small]


# -- heartbeats -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_is_silent_is_asked_and_one_that_does_not_answer_is_gone(kind: str) -> None:
    async with connected(kind, heartbeat=0.05) as ends:
        transport = ends.peer_transport
        taking = asyncio.create_task(texts(ends.ours, forever([])))
        for _ in range(3):
            await asyncio.sleep(0.03)
            await ends.peer.pong()  # a sign of life, unasked for
        assert not taking.done()
        transport.pause_reading()  # the ping is never seen
        message = await taking
        assert message is not None
        assert message.type in (WSMsgType.ERROR, WSMsgType.CLOSED)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_answers_pings_or_talks_is_kept(kind: str) -> None:
    heard: list[bytes] = []
    async with connected(kind, heartbeat=0.04) as ends:
        answering = asyncio.create_task(ends.peer.receive())  # which answers pings
        taking = asyncio.create_task(texts(ends.ours, until(b"last", heard)))
        await asyncio.sleep(0.15)
        for _ in range(10):
            await ends.peer.send_str("on")
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        await ends.peer.send_str("last")
        assert await taking is None
        answering.cancel()


# -- sending --------------------------------------------------------------------------------------------------------


async def received(ends: Ends, count: int) -> list[str | bytes]:
    return [(await ends.peer.receive()).data for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
async def test_text_is_on_its_way_when_write_comes_back(kind: str) -> None:
    async with connected(kind) as ends:
        sender = Sender(ends.ours)
        for number in range(20):
            sender.write(b"%d" % number)
        assert not sender.is_stuck
        assert await received(ends, 20) == [str(number) for number in range(20)]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_written_while_the_peer_takes_nothing_follows_in_order(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = Sender(ends.ours)
        ends.peer_transport.pause_reading()
        sent: list[str] = []
        while not sender.is_stuck:
            sent.append(f"{len(sent)} " + "x" * 20_000)
            sender.write(sent[-1].encode())
        for number in range(3):
            sender.write(b"late %d" % number)
        freeing = asyncio.create_task(sender.free())
        await asyncio.sleep(0.01)
        assert not freeing.done()
        ends.peer_transport.resume_reading()
        assert await received(ends, len(sent) + 3) == [*sent, "late 0", "late 1", "late 2"]
        await freeing
        assert not sender.is_stuck


@pytest.mark.parametrize("kind", KINDS)
async def test_waiting_for_a_peer_can_be_given_up(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = Sender(ends.ours)
        ends.peer_transport.pause_reading()
        while not sender.is_stuck:
            sender.write(b"x" * 20_000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await sender.free()
        ends.peer_transport.abort()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_that_breaks_while_the_peer_takes_nothing_is_told(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = Sender(ends.ours)
        ends.peer_transport.pause_reading()
        while not sender.is_stuck:
            sender.write(b"x" * 20_000)
        ends.peer_transport.abort()
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await sender.free()


@pytest.mark.parametrize("kind", KINDS)
async def test_writing_to_a_closed_socket_says_so(kind: str) -> None:
    async with connected(kind) as ends:
        sender = Sender(ends.ours)
        await ends.ours.close()
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            sender.write(b"too late")
