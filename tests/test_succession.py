"""The sessions of one direction, one after the other: what their user is told, and when there is one to feed.

What follows from it for speaker and listener is in the tests of the interpreter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from direction import PAIR
from fakes import FakeTranslator, FakeTranslatorFactory, HandClock, lost, loud, settle

from bmv.audio.mulaw import SILENCE
from bmv.call.alongside import alongside
from bmv.call.frames import Frames
from bmv.call.ladder import Ladder
from bmv.call.stats import DirectionStats
from bmv.call.succession import Succession
from bmv.call.translator import Alive, Hear, LanguagePair, Processed, TranslatorEvent, TranslatorLost
from bmv.call.watchdog import SILENT_AFTER

pytestmark = pytest.mark.usefixtures("logs")


class Diary:
    """A user of sessions who notes what is told."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def session_opened(self) -> None:
        self.entries.append("opened")

    def session_said(self, event: TranslatorEvent) -> None:
        self.entries.append(type(event).__name__)

    def session_lost(self, error: TranslatorLost) -> None:
        self.entries.append("lost")

    def session_finished(self) -> None:
        self.entries.append("finished")


class Line:
    """A succession, whoever it opens sessions with, and what is told of it."""

    def __init__(
        self,
        pair: LanguagePair | None = PAIR,
        *,
        make: type[FakeTranslator] = FakeTranslator,
        user: Diary | None = None,
    ) -> None:
        self.clock = HandClock()
        self.kind = FakeTranslatorFactory(self.clock, make=make)
        self.user = user or Diary()
        ladder = Ladder(pair, [self.kind], chance=lambda: 1.0)
        self.succession = Succession(pair, ladder=ladder, user=self.user, stats=DirectionStats(), clock=self.clock)


async def test_its_user_is_told_of_a_session_from_its_beginning_to_its_end() -> None:
    line = Line()
    run = asyncio.create_task(line.succession.run())
    line.succession.prepare()
    await settle()
    assert line.succession.is_open
    line.kind.sessions[0].show_life()
    await settle()
    line.succession.finish()
    line.kind.sessions[0].end()
    await run
    assert line.user.entries == ["opened", "Alive", "finished"]
    assert not line.succession.is_open


async def test_a_session_that_is_lost_before_it_is_needed_is_not_replaced_until_it_is() -> None:
    line = Line()
    async with alongside(line.succession.run()):
        line.succession.prepare()
        await settle()
        line.kind.sessions[0].lose()
        await settle()
        assert line.user.entries == ["opened"]
        assert not line.succession.is_open
        assert not line.succession.is_wanted
        line.succession.need()
        await settle()
        line.kind.sessions[1].lose()
        await settle()
        assert line.user.entries == ["opened", "opened", "lost"]
        assert line.succession.is_wanted


async def test_without_a_pair_of_languages_there_is_no_hope_of_a_session() -> None:
    line = Line(pair=None)
    line.succession.need()
    await line.succession.run()
    assert line.succession.hopeless
    assert line.kind.asked == []
    assert line.user.entries == []


async def test_when_it_is_cancelled_the_session_is_closed_and_nobody_is_told_anything_more() -> None:
    line = Line()
    run = asyncio.create_task(line.succession.run())
    line.succession.need()
    await settle()
    line.kind.sessions[0].lose(lost())
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert line.kind.sessions[0].closed
    assert line.user.entries == ["opened"]


async def test_a_session_is_fed_what_it_is_given() -> None:
    line = Line()
    async with alongside(line.succession.run()):
        line.succession.prepare()
        await settle()
        line.succession.feed(Frames.cut(loud(1) + loud(2) + SILENCE + loud(3), b"\1\1\0\1"), line.clock())
        assert line.kind.sessions[0].fed == [loud(1), loud(2), SILENCE, loud(3)]
        assert line.kind.sessions[0].voiced == [True, True, False, True]


@pytest.mark.parametrize(("voiced", "entries"), [(75, ["opened", "lost"]), (74, ["opened"])])
async def test_a_sign_of_life_is_owed_for_a_second_and_a_half_of_voice_and_for_no_silence(
    voiced: int, entries: list[str]
) -> None:
    line = Line()
    async with alongside(line.succession.run()):
        line.succession.need()
        await settle()
        line.succession.tick(line.clock())
        marks = b"\1" * voiced + bytes(100)
        line.succession.feed(Frames.cut(loud(1) * len(marks), marks), line.clock())
        for _ in range(round(SILENT_AFTER / 0.1) + 1):
            line.clock.turn(0.1)
            line.succession.tick(line.clock())
        await settle()
        assert line.user.entries == entries


async def test_no_sign_of_life_is_owed_for_a_time_in_which_the_process_stood_still() -> None:
    line = Line()
    speech = Frames.cut(loud(1) * 75, b"\1" * 75)
    async with alongside(line.succession.run()):
        line.succession.need()
        await settle()
        line.succession.tick(line.clock())
        line.succession.feed(speech, line.clock())
        line.clock.turn(SILENT_AFTER * 2)
        line.succession.feed(speech, line.clock())  # what waited is read, and the next beat comes
        line.succession.tick(line.clock())
        await settle()
        assert line.user.entries == ["opened"]


# -- being told outside of any task


class Direct(FakeTranslator):
    """Tells what it says in the moment it is made to."""

    def __init__(self, pair: LanguagePair, clock: Callable[[], float]) -> None:
        super().__init__(pair, clock)
        self.hear: Hear | None = None

    async def tell(self, hear: Hear) -> None:
        self.hear = hear
        await asyncio.Event().wait()


class Stumbling(Diary):
    """Has a bug."""

    def session_said(self, event: TranslatorEvent) -> None:
        super().session_said(event)
        raise ZeroDivisionError


async def test_what_a_session_tells_is_told_on_at_once() -> None:
    line = Line(make=Direct)
    async with alongside(line.succession.run()):
        line.succession.prepare()
        await settle()
        [session] = line.kind.sessions
        assert isinstance(session, Direct)
        assert session.hear
        session.hear(Alive())
        assert line.user.entries == ["opened", "Alive"]


async def test_from_the_moment_it_is_cancelled_nothing_is_told_on() -> None:
    line = Line(make=Direct)
    run = asyncio.create_task(line.succession.run())
    line.succession.prepare()
    await settle()
    [session] = line.kind.sessions
    assert isinstance(session, Direct)
    assert session.hear
    run.cancel()
    session.hear(Processed(1))
    await asyncio.wait([run])
    assert line.user.entries == ["opened"]


@pytest.mark.parametrize("make", [Direct, FakeTranslator])
async def test_a_bug_in_who_is_told_is_not_taken_for_one_of_the_translator(make: type[FakeTranslator]) -> None:
    line = Line(make=make, user=Stumbling())
    run = asyncio.create_task(line.succession.run())
    line.succession.prepare()
    await settle()
    [session] = line.kind.sessions
    if isinstance(session, Direct):
        assert session.hear
        session.hear(Alive())
        session.hear(Alive())
    else:
        session.show_life()
        session.show_life()
        session.lose()  # which must not hide it
    with pytest.raises(ZeroDivisionError):
        await run
    assert session.closed
    assert line.user.entries == ["opened", "Alive"]
