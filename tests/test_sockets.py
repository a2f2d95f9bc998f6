"""A WebSocket's text handed over directly, and as aiohttp's public interface does it: both keep the same promises."""

import asyncio
import contextvars
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMessage, WSMsgType
from fakes import HandClock, settle
from socket_ends import KINDS, connected

from bmv.sockets import ClientSocket, DirectQueue, Sender, Take, texts

T = TypeVar("T")


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


async def begun(taking: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Let it go until it waits for what comes."""
    task = asyncio.create_task(taking)
    await asyncio.sleep(0)
    return task


async def outcome(taking: asyncio.Task[WSMessage | None]) -> WSMessage:
    """What the taking was ended by, which is no text."""
    message = await taking
    assert message is not None
    return message


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
        first = await begun(texts(ends.ours, until(b"2", heard)))
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
        taking = await begun(texts(ends.ours, forever(heard)))
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
        taking = await begun(texts(ends.ours, forever(heard)))
        await ends.peer.send_str("before")
        await ends.peer.send_bytes(b"binary")
        await ends.peer.send_str("after")
        message = await outcome(taking)
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
        message = await outcome(taking)
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, "bye")
        assert ends.ours.close_code == code
    assert heard == [b"last"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_broken_connection_is_an_end(kind: str) -> None:
    async with connected(kind) as ends:
        taking = await begun(texts(ends.ours, forever([])))
        ends.peer_transport.abort()
        message = await outcome(taking)
        assert message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)


@pytest.mark.parametrize("kind", KINDS)
async def test_closing_it_ourselves_ends_the_taking(kind: str) -> None:
    async with connected(kind) as ends:
        taking = await begun(texts(ends.ours, forever([])))
        closing = asyncio.create_task(ends.ours.close())
        assert (await ends.peer.receive()).type is WSMsgType.CLOSE
        message = await outcome(taking)
        await closing
        assert message.type in (WSMsgType.CLOSED, WSMsgType.CLOSING)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_that_is_too_large_closes_the_socket_and_says_why(kind: str) -> None:
    async with connected(kind) as ends:
        told = asyncio.create_task(ends.peer.receive())
        taking = asyncio.create_task(texts(ends.ours, forever([])))
        limit = 1000 if kind.startswith("server") else ClientSocket.MAX_MESSAGE_BYTES
        ends.peer_transport.write(bytes([0x81, 127 | (0x80 if kind.startswith("server") else 0)]))
        ends.peer_transport.write((limit + 1).to_bytes(8, "big"))
        message = await outcome(taking)
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
        taking = await begun(texts(ends.ours, stumble))
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
        taking = await begun(wait())
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
async def test_a_peer_that_is_silent_is_asked_and_one_that_does_not_answer_is_gone(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(kind, heartbeat=0.05) as ends:
        ours: Any = ends.ours
        transport = ends.peer_transport
        taking = asyncio.create_task(texts(ends.ours, forever([])))
        clock = HandClock(asyncio.get_running_loop().time())
        with monkeypatch.context() as by_hand:
            by_hand.setattr(asyncio.get_running_loop(), "time", clock)  # no answer is late because others are busy
            for _ in range(3):
                clock.turn(0.03)
                before = ours._heartbeat_when
                await ends.peer.pong()  # a sign of life, unasked for
                patience = time.monotonic() + 5
                while ours._heartbeat_when == before:
                    assert time.monotonic() < patience, "it was not heard"
                    await asyncio.sleep(0)
            assert not taking.done()
            transport.pause_reading()  # the ping is never seen
            silent_since = clock.time
            while not taking.done():
                clock.turn(0.01)
                await settle()
        message = await outcome(taking)
        assert message.type in (WSMsgType.ERROR, WSMsgType.CLOSED)
        assert clock.time - silent_since == pytest.approx(0.05 + 0.025, abs=0.02)


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


@pytest.mark.parametrize("kind", KINDS)
async def test_a_socket_that_closes_asks_nobody_any_more_whatever_still_comes(kind: str) -> None:
    """The timer of the next ping would keep the socket, with all that was not read of it, long after its call."""
    async with connected(kind, heartbeat=3600.0) as ends:
        closing = asyncio.create_task(ends.ours.close())  # the peer does not answer the goodbye
        for _ in range(5):
            with suppress(aiohttp.ClientError, ConnectionError):
                await ends.peer.send_str("on")
            await asyncio.sleep(0.01)
        await closing
        assert ends.ours._heartbeat_cb is None
