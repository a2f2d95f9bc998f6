"""That the ledger of a direction adds up, however its call goes and ends, and that it tells what the listener heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from direction import Direction, in_frames
from fakes import lost, settle
from structlog.testing import capture_logs

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.alongside import alongside
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
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
    await direction.speak(1.0, missed=True)


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
