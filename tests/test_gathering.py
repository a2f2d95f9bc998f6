"""A process is woken for 100 ms of a party's sound at once, and for whatever there is when the line falls silent."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass
from fcntl import ioctl
from struct import unpack
from termios import FIONREAD
from typing import cast

import pytest
import uvloop
import wires
from aiohttp import web
from stream_line import START, line, no_keys, no_marks

from bmv.audio import mulaw
from bmv.telephony import gathering
from bmv.telephony.gathering import FRAMES, Gathering, Watch
from bmv.telephony.streams import MediaStream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no SO_RCVLOWAT that a poll heeds")

SIZE = 100
MANY_TURNS = 200


class Ear:
    """One end of a connection over TCP, which an event loop watches; `said` are the bytes that were read each time."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.said: list[int] = []
        self.gathering = Gathering(sock)
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(sock, self._read)

    def _read(self) -> None:
        self.said.append(len(self.sock.recv(65536)))
        self._news.set()

    async def news(self) -> None:
        """Wait until something is read."""
        async with asyncio.timeout(10):
            await self._news.wait()
        self._news.clear()

    async def arrived(self, count: int) -> None:
        """Wait until so many bytes are there to be read, and give the event loop time to tell of them."""
        async with asyncio.timeout(10):
            while unpack("i", ioctl(self.sock, FIONREAD, b"\0" * 4))[0] < count:
                await asyncio.sleep(0)
        for _ in range(MANY_TURNS):
            await asyncio.sleep(0)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Ear, socket.socket]]:
    """An ear, and the other end."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as mouth,
        server.accept()[0] as sock,
    ):
        sock.setblocking(False)
        ear = Ear(sock)
        try:
            yield ear, mouth
        finally:
            ear.gathering.stop()
            asyncio.get_running_loop().remove_reader(sock)


@pytest.fixture(autouse=True)
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read only because time passes."""
    monkeypatch.setattr(gathering, "WATCH_SECONDS", 3600.0)


async def _five_at_a_time() -> None:
    async with connected() as (ear, mouth):
        ear.gathering.heard(SIZE, patient=True)
        for _ in range(3):
            mouth.sendall(bytes(SIZE) * (FRAMES - 1))
            await ear.arrived(SIZE * (FRAMES - 1))
            mouth.sendall(bytes(SIZE))
            await ear.news()
        assert ear.said == [SIZE * FRAMES] * 3


async def test_five_frames_are_read_at_once_while_nobody_waits_for_one() -> None:
    await _five_at_a_time()


def test_so_they_are_in_the_event_loop_of_production() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_five_at_a_time())


async def _whatever_there_is(hurry: Callable[[Ear], Awaitable[None] | None]) -> None:
    async with connected() as (ear, mouth):
        ear.gathering.heard(SIZE, patient=True)
        mouth.sendall(bytes(SIZE))
        await ear.arrived(SIZE)
        assert ear.said == []
        hurry(ear)
        await ear.news()
        mouth.sendall(bytes(1))
        await ear.news()
        assert ear.said == [SIZE, 1]


async def test_when_somebody_waits_for_single_frames_again_they_are_read_one_by_one() -> None:
    await _whatever_there_is(lambda ear: ear.gathering.heard(SIZE, patient=False))


async def test_when_the_stream_is_over_whatever_there_is_is_read() -> None:
    await _whatever_there_is(lambda ear: ear.gathering.stop())


async def test_frames_that_were_read_before_the_stream_was_over_and_are_heard_after_it_change_nothing() -> None:
    """A goodbye is short: its answer would else wait for a watch that nobody ends."""

    def over(ear: Ear) -> None:
        ear.gathering.stop()
        ear.gathering.heard(SIZE, patient=True)
        assert not ear.gathering.on

    await _whatever_there_is(over)


async def test_what_is_less_than_is_waited_for_is_read_when_nothing_comes_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "WATCH_SECONDS", 0.01)
    async with connected() as (ear, mouth):
        ear.gathering.heard(SIZE, patient=True)
        mouth.sendall(bytes(SIZE))
        await ear.news()
        assert ear.said == [SIZE]


@dataclass
class HandTimer:
    """A call of a `HandLoop` that is still to come."""

    loop: "HandLoop"
    when: float
    callback: Callable[[], None]
    context: Context

    def cancel(self) -> None:
        self.loop.due.remove(self)


class HandLoop:
    """Tells a time that somebody set, and remembers when it is to call."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[HandTimer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], *, context: Context) -> HandTimer:
        self.due.append(HandTimer(self, when, callback, context))
        return self.due[-1]

    def go_on(self, when: float) -> None:
        """Call what is due at this time, and nothing is before."""
        [timer] = self.due
        self.due.clear()
        assert timer.when == pytest.approx(when)
        self.now = timer.when
        timer.callback()


async def test_a_line_is_silent_when_it_has_been_for_150_ms_since_the_last_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "WATCH_SECONDS", 0.15)
    async with connected() as (ear, mouth):
        loop = HandLoop()
        monkeypatch.setattr(ear.gathering, "loop", loop)
        ear.gathering.heard(SIZE, patient=True)
        loop.now += 0.1
        ear.gathering.heard(SIZE, patient=True)
        mouth.sendall(bytes(SIZE))
        loop.go_on(100.15)
        await ear.arrived(SIZE)
        assert ear.said == []
        loop.go_on(100.25)
        await ear.news()
        assert loop.due == []


async def test_all_lines_are_watched_by_one_timer_and_each_is_read_when_it_falls_silent_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "WATCH_SECONDS", 0.15)
    loop = HandLoop()
    first, second, third = watched(loop, 3)
    for each in (first, second, third):
        each.heard(SIZE, patient=True)
        loop.now += 0.01
    third.heard(SIZE, patient=False)
    first.heard(SIZE, patient=True)
    loop.go_on(100.15)
    assert [first.on, second.on, third.on] == [True, True, False]
    loop.go_on(100.16)
    assert [first.on, second.on] == [True, False]
    third.heard(SIZE, patient=True)
    first.stop()
    loop.go_on(100.18)
    loop.go_on(100.31)
    assert not third.on
    assert loop.due == []


async def test_that_timer_belongs_to_none_of_their_calls_and_there_is_none_when_nobody_gathers() -> None:
    call: ContextVar[str] = ContextVar("call")
    call.set("1")
    loop = HandLoop()
    lines = watched(loop, 2)
    for each in lines:
        each.heard(SIZE, patient=True)
    assert [call in timer.context for timer in loop.due] == [False]
    lines[0].stop()
    assert len(loop.due) == 1
    lines[1].stop()
    assert loop.due == []


def watched(loop: HandLoop, count: int) -> list[Gathering]:
    """Lines that are watched together in the time of this loop."""
    watch = Watch()
    lines = [Gathering(None, watch) for _ in range(count)]
    for each in lines:
        each.loop = cast("asyncio.AbstractEventLoop", loop)
    return lines


async def test_messages_of_another_length_than_twilios_are_read_when_they_come() -> None:
    async def serve(ws: web.WebSocketResponse) -> bool:
        def hear(frame: bytes) -> bool:
            heard.append(stream._gathering.on)
            return True

        stream = MediaStream(ws, START)
        ended = await stream.listen(hear, no_marks, no_keys)
        heard.append(stream._gathering.on)
        return ended

    heard: list[bool] = []
    async with line(serve) as (ws, ended):
        for size in (1, 1, 2, 2, 1, 1):
            await ws.send_json(wires.media(wires.frame(1) * size))
        await ws.send_json(wires.stop())
        async with asyncio.timeout(10):
            assert await ended
    assert heard == [False, True, True, True, False, False, False, True, False]


async def test_a_hang_up_is_noticed_at_once() -> None:
    async with connected() as (ear, mouth):
        ear.gathering.heard(SIZE, patient=True)
        mouth.close()
        await ear.news()
        assert ear.said == [0]


async def test_a_closed_socket_and_none_at_all_are_left_alone() -> None:
    sock = socket.socket()
    sock.close()
    for each in (Gathering(sock), Gathering(None)):
        each.heard(SIZE, patient=True)
        each.heard(SIZE, patient=False)
        each.stop()


def test_a_socket_that_uvloop_has_closed_meanwhile_is_left_alone_too() -> None:
    """It says so by another error. Whoever hangs up closes the line while his last frames are being read."""

    async def close() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, *server.getsockname())
            gathering = Gathering(transport.get_extra_info("socket"))
            gathering.heard(SIZE, patient=True)
            transport.abort()
            await asyncio.sleep(0.01)
            gathering.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(close())


async def test_a_stream_is_heard_five_frames_at_a_time_once_it_may_be_and_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over a real WebSocket: its messages are as long as is reckoned."""
    monkeypatch.setattr(gathering, "WATCH_SECONDS", 0.15)
    bunches: list[list[int]] = []

    def hear(sound: bytes) -> bool:
        bunches.append([frame[0] for frame in mulaw.frames(sound)])
        return True

    async with line(lambda ws: MediaStream(ws, START).listen(hear, no_marks, no_keys)) as (ws, ended):
        for number in range(21):
            await ws.send_json(wires.media(wires.frame(number)))
            await asyncio.sleep(0.005)
        await ws.send_json(wires.stop())
        async with asyncio.timeout(10):
            assert await ended
    assert [number for numbers in bunches for number in numbers] == [wires.frame(n)[0] for n in range(21)]
    assert max(len(numbers) for numbers in bunches) == FRAMES
