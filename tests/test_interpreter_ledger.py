"""That the ledger of a direction adds up, however its call goes and ends, and that it tells what the listener heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from direction import TRANSLATION, Direction, in_frames
from fakes import FakeTranslator, lost, numbers, settle, spoken
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.alongside import alongside
from bmv.call.interpreter import Mode
from bmv.call.ledger import Fate
from bmv.call.trouble import WITHOUT_SESSION

CUT_OFF = "the call ended: caller_hung_up"
ONSET = 3  # loud frames that the detector of voice waits for

pytestmark = pytest.mark.usefixtures("quiet_log")


@pytest.fixture(scope="module")
def quiet_log() -> Iterator[None]:
    with capture_logs():
        yield


def fates(direction: Direction) -> dict[Fate, float]:
    """Seconds of each fate that anything met."""
    return {fate: direction.seconds(fate) for fate in Fate if direction.speech.frames(fate)}


def assert_adds_up(direction: Direction) -> None:
    speech = direction.speech
    assert speech.pending == 0
    assert sum(speech.frames(fate) for fate in Fate) == speech.heard_frames
    assert speech.replayed_frames <= speech.heard_frames


# -- each fate


async def test_what_a_session_is_done_with_counts_as_translated() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        await direction.processed()
        assert fates(direction) == {Fate.TRANSLATED: pytest.approx(2.0, abs=0.07)}
        assert direction.speech.pending == 0


async def test_what_is_said_before_anybody_is_there_to_hear_it_counts_as_not_translatable() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        await direction.speak(1.0)
        direction.interpreter.prepare()
        await direction.speak(1.0)
        assert fates(direction) == {Fate.NOT_TRANSLATABLE: pytest.approx(2.0, abs=0.07)}
        direction.interpreter.begin()
        await direction.speak(1.0)
        assert direction.speech.pending == in_frames(1.0)


async def test_where_there_is_nothing_to_translate_everything_counts_as_passed_through() -> None:
    direction = Direction(pair=None)
    async with direction.begun():
        await direction.speak(2.0)
        assert fates(direction) == {Fate.PASSED_THROUGH: pytest.approx(2.0, abs=0.07)}


async def test_a_replay_that_arrives_is_no_loss() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.lose()
        await direction.keep_quiet(2.5)
        await direction.processed()
        assert fates(direction) == {Fate.TRANSLATED: direction.speech.heard_frames * FRAME_SECONDS}
        assert direction.speech.replayed_frames == pytest.approx(in_frames(1.0), abs=ONSET)


async def test_each_session_counts_from_its_own_beginning() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.processed(30)
        await direction.lose()
        await direction.keep_quiet(1.0)
        translated = direction.speech.frames(Fate.TRANSLATED)
        await direction.processed(10)
        assert direction.speech.frames(Fate.TRANSLATED) == translated + 10


async def test_silence_has_no_fate() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.keep_quiet(3.0)
        await direction.processed()
        assert direction.speech.heard_frames == 0
        assert fates(direction) == {}


# -- the end of a call in every mode


async def idle(direction: Direction) -> None:
    await direction.speak(1.0)


async def opening(direction: Direction) -> None:
    direction.translators.opening.clear()
    direction.interpreter.begin()
    await direction.speak(1.0)


async def translating(direction: Direction) -> None:
    direction.interpreter.begin()
    await settle()
    await direction.speak(1.0)


async def translating_some(direction: Direction) -> None:
    await translating(direction)
    await direction.processed(30)


async def catching_up(direction: Direction) -> None:
    await opening(direction)
    direction.translators.opening.set()
    await direction.speak(0.2)


async def waiting_for_another_try(direction: Direction) -> None:
    await translating(direction)
    direction.translators.refuses_always = lost()
    await direction.lose()
    await direction.speak(0.1)


async def passing_through(direction: Direction) -> None:
    await waiting_for_another_try(direction)
    await direction.speak(WITHOUT_SESSION + 0.5)


async def without_hope(direction: Direction) -> None:
    await translating(direction)
    await direction.lose(lost(permanent=True))
    await direction.speak(1.0)


Way = Callable[[Direction], Awaitable[None]]
WAYS: dict[Way, tuple[Mode, set[Fate], set[Fate]]] = {
    idle: (Mode.IDLE, {Fate.NOT_TRANSLATABLE}, {Fate.NOT_TRANSLATABLE}),
    opening: (Mode.OPENING, {Fate.LOST}, {Fate.LOST}),
    translating_some: (Mode.TRANSLATING, {Fate.TRANSLATED, Fate.LOST}, {Fate.TRANSLATED, Fate.LOST}),
    catching_up: (Mode.TRANSLATING, {Fate.LOST}, {Fate.LOST}),
    waiting_for_another_try: (Mode.OPENING, {Fate.LOST}, {Fate.LOST}),
    passing_through: (Mode.PASSING_THROUGH, {Fate.PASSED_THROUGH}, {Fate.PASSED_THROUGH}),
    without_hope: (Mode.PASSING_THROUGH, {Fate.PASSED_THROUGH}, {Fate.PASSED_THROUGH}),
}
"""The mode each way leads to, and what becomes of what was said: cut off, and while the session still finishes."""


@pytest.mark.parametrize("finished", [False, True], ids=["cut off", "finished"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_when_the_call_ends_nothing_is_left_open(way: Way, finished: bool) -> None:
    direction = Direction()
    mode, when_cut_off, when_finished = WAYS[way]
    async with alongside(direction.interpreter.run()):
        await way(direction)
        assert direction.interpreter.mode is mode
        if finished:
            direction.interpreter.finish()
            await direction.stall(0.2)
    direction.interpreter.settle(Fate.LOST, CUT_OFF)
    assert_adds_up(direction)
    assert set(fates(direction)) == (when_finished if finished else when_cut_off)
    assert direction.reasons <= {CUT_OFF}


async def test_a_session_that_finishes_in_order_has_translated_all_it_was_given() -> None:
    direction = Direction()
    run = asyncio.create_task(direction.interpreter.run())
    await translating(direction)
    direction.interpreter.finish()
    direction.session.end()
    await run
    assert direction.speech.pending == 0
    assert set(fates(direction)) == {Fate.TRANSLATED}


async def test_a_session_that_is_lost_while_it_finishes_has_not_translated_what_it_owed() -> None:
    direction = Direction()
    run = asyncio.create_task(direction.interpreter.run())
    await translating(direction)
    await direction.processed(30)
    direction.interpreter.finish()
    direction.session.lose()
    await run
    direction.interpreter.settle(Fate.LOST, CUT_OFF)
    assert_adds_up(direction)
    assert set(fates(direction)) == {Fate.TRANSLATED, Fate.LOST}
    assert direction.speech.frames(Fate.LOST) == 20


# -- any course of events


class Course:
    """A direction to which things happen, and what of it can be known from outside."""

    def __init__(self, *, forward_original: bool) -> None:
        self.direction = Direction()
        self.direction.interpreter.forward_original = forward_original
        self.troubled = False
        """A session was lost, refused, silent or late."""
        self.too_early: set[int] = set()
        """Numbers of the frames that were said when nobody was there to hear them."""
        self.silent = False
        """Sessions show no life but by what they are let say."""
        self.said = 0
        self.times_spoken = 0

    async def take(self, step: str, frames: int) -> None:
        """Let it happen, as long or as often as `frames` says."""
        match step:
            case "begin":
                self.direction.interpreter.begin()
            case "speak":
                await self._speak(frames)
            case "keep quiet":
                await self.direction.keep_quiet(frames * FRAME_SECONDS)
            case "stall":
                await self.direction.stall(frames * FRAME_SECONDS)
            case "be slow" | "be silent" | "refuse":
                self._trouble(step, frames)
            case "be quick":
                self.direction.translators.opening.set()
            case _ if self.direction.translators.open_sessions:
                await self._let_the_session(step, self.direction.session, frames)
        await settle()

    async def _speak(self, frames: int) -> None:
        idle = self.direction.interpreter.mode is Mode.IDLE
        self.times_spoken += 1
        while frames > 0:
            said = await self.direction.speak(min(frames, 50) * FRAME_SECONDS)
            self.said = said[-1] + 1
            frames -= 50
            if idle:
                self.too_early.update(said)
            if not self.silent and self.direction.translators.open_sessions:
                self.direction.session.show_life()

    def _trouble(self, step: str, frames: int) -> None:
        self.troubled = True
        match step:
            case "refuse":
                self.direction.translators.refusals = [lost()] * (frames % 5)
            case "be slow":
                self.direction.translators.opening.clear()
            case "be silent":
                self.silent = True

    async def _let_the_session(self, step: str, session: FakeTranslator, frames: int) -> None:
        match step:
            case "translate":
                session.speak(*spoken(TRANSLATION, TRANSLATION + frames))
            case "process":
                session.process(min(frames, len(session.fed)), translated=frames % 3 > 0)
            case "lose":
                self.troubled = True
                session.lose(lost(permanent=frames % 20 == 0))
            case "end":
                self.troubled = True
                session.end()

    def assert_right(self, *, forward_original: bool) -> None:
        """What the ledger says is what the listener heard and the sessions were fed, as far as that can be told."""
        direction, speech = self.direction, self.direction.speech
        assert_adds_up(direction)
        if not self.troubled:
            assert len(direction.translators.asked) == 1
            assert speech.frames(Fate.LOST) == 0
        assert bool(direction.reasons) is bool(speech.frames(Fate.LOST))
        fed = {number for session in direction.translators.sessions for number in numbers(session.fed)}
        assert not fed & self.too_early
        if forward_original:
            return  # which is mixed with what is above it, and cannot be read then
        originals = [number for number in numbers(direction.leg.frames) if number < TRANSLATION]
        assert originals == sorted(set(originals)), "out of order, or heard twice"
        assert not self.too_early & set(originals)
        swallowed = set(range(self.said)) - self.too_early - fed - set(originals)
        unheard = speech.frames(Fate.LOST) + speech.frames(Fate.NOT_TRANSLATABLE) - len(self.too_early)
        assert len(swallowed) <= unheard + ONSET * self.times_spoken


STEPS = ["speak", "speak", "speak", "keep quiet", "stall", "translate", "process", "process"]
TROUBLES = ["lose", "end", "be slow", "be quick", "be silent", "refuse"]
COURSES = st.lists(st.tuples(st.sampled_from([*STEPS, *TROUBLES]), st.integers(1, 180)), max_size=14)


@pytest.mark.parametrize("forward_original", [False, True], ids=["translation only", "original underneath"])
@settings(max_examples=40)
@given(before=COURSES, during=COURSES, finished=st.booleans())
def test_whatever_happens_every_voiced_frame_has_one_fate_and_nothing_is_lost_without_trouble(
    forward_original: bool, before: list[tuple[str, int]], during: list[tuple[str, int]], finished: bool
) -> None:
    async def live() -> None:
        course = Course(forward_original=forward_original)
        async with alongside(course.direction.interpreter.run()):
            for step, frames in [*before[:4], ("begin", 0), *during]:
                await course.take(step, frames)
            if finished:
                course.direction.interpreter.finish()
                await course.take("stall", 10)
            course.direction.drain()
        course.direction.interpreter.settle(Fate.NOT_TRANSLATABLE, "")  # the listener hung up
        course.assert_right(forward_original=forward_original)

    asyncio.run(live())
