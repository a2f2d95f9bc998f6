"""The beat of the process, with hand-driven time."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from fakes import HandClock

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.metronome import Metronome
from bmv.call.strain import FEW, HEARD_SECONDS, NEARLY_HEARD_SECONDS, WINDOW, Core


class Over(Exception):
    """The test has seen enough."""


class Sleeper:
    """Sleeps by turning the clock, each time a bit too long, and ends the run after so many sleeps."""

    def __init__(self, clock: HandClock, *, too_long: list[float]) -> None:
        self.asked: list[float] = []
        self._clock = clock
        self._too_long = too_long

    async def __call__(self, seconds: float) -> None:
        if len(self.asked) == len(self._too_long):
            raise Over
        self._clock.turn(seconds + self._too_long[len(self.asked)])
        self.asked.append(seconds)


async def beats_of_a_run(*, too_long: list[float]) -> list[float]:
    clock = HandClock(0.0)
    metronome = Metronome(clock=clock, sleep=Sleeper(clock, too_long=too_long))
    beats: list[float] = []
    with metronome.attached(beats.append), pytest.raises(Over):
        await metronome.run()
    return beats


def test_a_beat_reaches_everybody_attached_with_the_same_time() -> None:
    clock = HandClock(5.0)
    metronome = Metronome(clock=clock)
    first: list[float] = []
    second: list[float] = []
    with metronome.attached(first.append), metronome.attached(second.append):
        metronome.beat()
        clock.turn()
        metronome.beat()
    assert first == second == [5.0, 5.02]
    assert metronome.now() == 5.02


def test_who_is_detached_is_beaten_no_more_even_if_the_block_failed() -> None:
    metronome = Metronome(clock=HandClock())
    beats: list[float] = []
    with pytest.raises(Over), metronome.attached(beats.append):
        raise Over
    metronome.beat()
    assert beats == []


def test_who_leaves_during_a_beat_does_not_make_it_skip_the_next() -> None:
    metronome = Metronome(clock=HandClock(1.0))
    leaving: list[float] = []
    staying: list[float] = []
    with ExitStack() as stack, ExitStack() as stays:

        def leave(now: float) -> None:
            leaving.append(now)
            stack.close()

        stack.enter_context(metronome.attached(leave))
        stays.enter_context(metronome.attached(staying.append))
        metronome.beat()
        metronome.beat()
    assert leaving == [1.0]
    assert staying == [1.0, 1.0]


async def test_a_run_beats_fifty_times_a_second() -> None:
    beats = await beats_of_a_run(too_long=[0.0] * 50)
    assert beats == pytest.approx([FRAME_SECONDS * number for number in range(1, 51)])


async def test_sleeping_a_little_too_long_each_time_does_not_make_the_beat_slower() -> None:
    beats = await beats_of_a_run(too_long=[0.001] * 500)
    assert len(beats) == 500
    assert beats[-1] == pytest.approx(10.001)


async def test_late_beats_are_not_made_up_for() -> None:
    beats = await beats_of_a_run(too_long=[0.0, 1.0, 0.0, 0.0])
    assert beats == pytest.approx([0.02, 1.04, 1.04, 1.06])


async def test_it_measures_how_late_each_beat_is() -> None:
    clock = HandClock(0.0)
    metronome = Metronome(clock=clock, sleep=Sleeper(clock, too_long=[0.0, 0.5, 0.0]))
    with pytest.raises(Over):
        await metronome.run()
    assert metronome.late.count == 3
    assert metronome.late.total == pytest.approx(0.5)
    assert metronome.late.maximum == pytest.approx(0.5)


async def test_a_beat_that_takes_longer_than_20_ms_makes_the_next_one_late() -> None:
    clock = HandClock(0.0)
    metronome = Metronome(clock=clock, sleep=Sleeper(clock, too_long=[0.0] * 3))

    def hard_work(_now: float) -> None:
        clock.turn(0.05)

    with metronome.attached(hard_work), pytest.raises(Over):
        await metronome.run()
    assert metronome.late.maximum == pytest.approx(0.03)


async def test_a_run_never_sleeps_for_less_than_no_time() -> None:
    clock = HandClock(0.0)
    sleeper = Sleeper(clock, too_long=[0.3, 0.0, 0.0])
    with pytest.raises(Over):
        await Metronome(clock=clock, sleep=sleeper).run()
    assert min(sleeper.asked) >= 0


async def test_without_a_clock_of_its_own_it_keeps_the_loops_time() -> None:
    before = asyncio.get_running_loop().time()
    assert before <= Metronome().now() <= asyncio.get_running_loop().time()


async def test_a_run_notices_it() -> None:
    clock = HandClock(0.0)
    metronome = Metronome(clock=clock, sleep=Sleeper(clock, too_long=[0.09] * FEW))
    with pytest.raises(Over):
        await metronome.run()
    assert metronome.starved.on


def test_it_says_that_sound_nearly_has_gaps_before_it_has_any() -> None:
    metronome = Metronome(clock=HandClock())
    for late in (NEARLY_HEARD_SECONDS + 0.001, HEARD_SECONDS + 0.001):
        for beat in range(FEW):
            metronome.measure(late, beat * FRAME_SECONDS)
        assert metronome.strained.on
        assert metronome.starved.on is (late > HEARD_SECONDS)


async def test_the_beats_of_a_run_see_how_full_the_core_is() -> None:
    clock = HandClock(0.0)
    metronome = Metronome(clock=clock, sleep=Sleeper(clock, too_long=[0.0] * (WINDOW + 1)))
    metronome.core = Core(lambda: 0.95 * clock())
    with pytest.raises(Over):
        await metronome.run()
    assert metronome.core.full
    assert metronome.core.share == pytest.approx(0.95)
