"""From the socket to who listens: at once or when it is asked for, in order, and with every end told."""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fakes import settle

from bmv.call.alongside import alongside
from bmv.call.translator import Captioned, CaptionKind, TranslatorEvent, TranslatorLost
from bmv.sockets import Take
from bmv.translators.openai_outlet import Outlet


class HandLine:
    """A line on which arrives what the test says; what nobody takes waits, as it does in a socket."""

    def __init__(self) -> None:
        self.unread: deque[bytes] = deque()
        self._take: Take | None = None
        self._over: asyncio.Future[bool] = asyncio.Future()

    async def listen(self, take: Take) -> bool:
        self._take, self._over = take, asyncio.Future()
        self.arrive()
        try:
            return await self._over
        finally:
            self._take = None

    def arrive(self, *messages: bytes) -> None:
        self.unread.extend(messages)
        while self._take and self.unread:
            try:
                enough = self._take(self.unread.popleft())
            except Exception as error:
                self._take = None
                self._over.set_exception(error)
            else:
                if enough:
                    self._take = None
                    self._over.set_result(True)

    def close(self) -> None:
        self._over.set_result(False)


class Session:
    """Says each word of a message; `end` is the last one, and `fail` is not to be understood."""

    def __init__(self) -> None:
        self.line = HandLine()
        self.looked = 0
        self.due: Callable[[], None] = lambda: None
        line: Any = self.line
        self.outlet = Outlet(line, take=self.take, closed=self.closed, look=self.look)
        self.heard: list[str] = []

    def say(self, *words: str) -> None:
        self.outlet.ready.extend(Captioned(CaptionKind.TRANSLATION, word) for word in words)

    def take(self, message: bytes) -> None:
        for word in message.decode().split():
            if word == "fail":
                raise TranslatorLost("not to be understood")
            self.say(word)
            self.outlet.over |= word == "end"

    def closed(self) -> None:
        self.say("closed")
        self.outlet.over = True

    def look(self) -> None:
        self.looked += 1
        self.due()

    def hear(self, event: TranslatorEvent) -> None:
        assert isinstance(event, Captioned)
        self.heard.append(event.text)

    async def tell(self) -> None:
        await self.outlet.tell(self.hear)

    async def listen(self) -> None:
        async for event in self.outlet.events():
            self.hear(event)


WAYS = pytest.mark.parametrize("way", [Session.tell, Session.listen])
Way = Callable[[Session], Any]


@asynccontextmanager
async def listening(session: Session, way: Way) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(way(session))
    await settle()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}


# -- what arrives


async def test_after_the_end_nothing_is_heard_though_the_listener_has_not_noticed_it_yet() -> None:
    session = Session()
    async with listening(session, Session.tell) as listener:
        session.say("end")
        session.outlet.over = True
        session.outlet.say_soon()
        await asyncio.sleep(0)
        session.line.arrive(b"late")
        await listener
    assert session.heard == ["end"]


async def test_what_is_told_is_heard_while_the_message_is_read() -> None:
    session = Session()
    async with listening(session, Session.tell):
        session.line.arrive(b"one two", b"three")
        assert session.heard == ["one", "two", "three"], "without a turn of the loop"


@WAYS
async def test_all_of_all_messages_is_heard_in_order_until_the_end(way: Way) -> None:
    session = Session()
    session.line.arrive(b"one two", b"three")
    async with listening(session, way) as listener:
        session.line.arrive(b"four", b"five end")
        await listener
    assert session.heard == ["one", "two", "three", "four", "five", "end"]


async def test_who_asks_for_events_gets_those_of_one_message_before_the_next_is_read() -> None:
    session = Session()
    session.line.arrive(b"one two", b"three", b"four")
    events = session.outlet.events()
    for _ in range(2):
        session.hear(await anext(events))
        await settle()
        assert list(session.line.unread) == [b"three", b"four"], "as long as an event waits, nothing else piles up"
    session.hear(await anext(events))
    assert session.heard == ["one", "two", "three"]


@WAYS
async def test_a_socket_that_closes_is_told_and_what_that_gives_is_heard(way: Way) -> None:
    session = Session()
    async with listening(session, way) as listener:
        session.line.arrive(b"one")
        await settle()
        session.line.close()
        await listener
    assert session.heard == ["one", "closed"]


@WAYS
async def test_a_message_that_is_not_understood_ends_the_listening_and_says_nothing(way: Way) -> None:
    session = Session()
    async with listening(session, way) as listener:
        session.line.arrive(b"one", b"two fail three", b"four")
        with pytest.raises(TranslatorLost, match="understood"):
            await listener
    assert session.heard == ["one"]


@WAYS
async def test_who_does_not_listen_any_more_is_told_nothing(way: Way) -> None:
    session = Session()
    async with listening(session, way) as listener:
        listener.cancel()
        await asyncio.wait([listener])
        session.line.arrive(b"one")
        session.say("two")
        session.outlet.say_soon()
        session.outlet.look_by(0)
        await settle()
    assert session.heard == []
    assert session.looked == 1


# -- what comes from elsewhere


@WAYS
async def test_what_is_said_beside_the_messages_is_heard_soon_and_not_within_the_call(way: Way) -> None:
    session = Session()
    async with listening(session, way):
        session.say("one")
        session.outlet.say_soon()
        assert session.heard == []
        await settle()
        assert session.heard == ["one"]
        session.line.arrive(b"two")
        await settle()
    assert session.heard == ["one", "two"]


@WAYS
async def test_a_session_that_fails_takes_nothing_more_and_ends_with_its_error(way: Way) -> None:
    session = Session()
    async with listening(session, way) as listener:
        session.outlet.fail(TranslatorLost("as it is"))
        session.line.arrive(b"one")
        with pytest.raises(TranslatorLost, match="as it is"):
            await listener
    assert session.heard == []


@WAYS
async def test_a_session_that_failed_before_anybody_listened_says_so_then(way: Way) -> None:
    session = Session()
    session.outlet.fail(TranslatorLost("as it is"))
    session.line.arrive(b"one")
    with pytest.raises(TranslatorLost, match="as it is"):
        await way(session)
    assert session.heard == []


# -- what becomes due


@WAYS
async def test_it_looks_before_anything_is_waited_for(way: Way) -> None:
    session = Session()
    session.due = lambda: session.say("due") if session.looked == 1 else None
    async with listening(session, way):
        assert session.heard == ["due"]


@WAYS
async def test_it_looks_at_the_earliest_time_that_was_named(way: Way) -> None:
    session = Session()
    loop = asyncio.get_running_loop()
    async with listening(session, way):
        now = loop.time()
        for seconds in (60, 0.02, math.inf, 30):
            session.outlet.look_by(now + seconds)
        session.due = lambda: session.say("due") if session.looked == 2 else None
        while not session.heard:
            await asyncio.sleep(0.001)
        assert loop.time() - now + 0.001 >= 0.02
        session.line.arrive(b"one")
        await settle()
        assert session.heard == ["due", "one"]


@WAYS
async def test_what_comes_from_elsewhere_is_dealt_with_in_the_context_of_who_listens(way: Way) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    found: list[str] = []
    session = Session()

    async def listen() -> None:
        name.set("mine")
        await way(session)

    async with alongside(listen()):
        await settle()
        name.set("another")
        session.due = lambda: found.append(name.get())
        session.outlet.look_by(asyncio.get_running_loop().time())
        await settle()
    assert found == ["mine"]


@WAYS
async def test_what_becomes_due_may_be_the_end(way: Way) -> None:
    session = Session()

    def due() -> None:
        session.say("late")
        session.outlet.over = True

    async with listening(session, way) as listener:
        session.due = due
        session.outlet.look_by(asyncio.get_running_loop().time())
        await listener
    assert session.heard == ["late"]


@WAYS
async def test_what_becomes_due_may_be_a_loss(way: Way) -> None:
    session = Session()

    def due() -> None:
        raise TranslatorLost("too late")

    async with listening(session, way) as listener:
        session.due = due
        session.outlet.look_by(asyncio.get_running_loop().time())
        with pytest.raises(TranslatorLost, match="too late"):
            await listener


@WAYS
async def test_no_timer_outlives_the_listening(way: Way) -> None:
    session = Session()
    async with alongside(way(session)):
        await settle()
        session.outlet.look_by(asyncio.get_running_loop().time() + 0.001)
    await asyncio.sleep(0.01)
    assert session.looked == 1
