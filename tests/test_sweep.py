from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bench_points import SLOW, point

from bmv.commands.bench import sweep
from bmv.commands.bench.figures import STEADY_SECONDS, Point
from bmv.commands.bench.processes import LOG, ServerFailed
from bmv.commands.bench.sweep import Course, Profile
from bmv.commands.bench.world import KINDS, CallFailed


def course_of(course: Course, *found: Point) -> int | None:
    return sweep._next(course, found[-1] if found else None)


def test_the_fixed_numbers_come_first_and_in_order() -> None:
    course = Course(growth=(1, 10, 100))
    assert course_of(course) == 1
    assert course_of(course, point(calls=1)) == 10
    assert course_of(course, point(calls=10, uplink=SLOW)) == 100


def test_the_search_begins_well_below_what_would_fill_the_core_and_goes_on_in_steps() -> None:
    course = Course(growth=(1, 10, 100))
    assert course_of(course, point(calls=100, core=0.25)) == 260
    assert course_of(course, point(calls=260, core=0.55)) == 299
    assert course_of(course, point(calls=100, core=0.9)) == 115


@pytest.mark.parametrize("end", [{"uplink": SLOW}, {"lost": 1}, {"generator_core": 0.99}, {"calls": 590}])
def test_the_search_ends_where_the_server_or_the_load_does(end: dict[str, object]) -> None:
    assert course_of(Course(growth=(1, 10, 100)), point(**({"calls": 240} | end))) is None


def test_a_quick_run_has_one_number_of_calls_with_both_bridges() -> None:
    course = Course.quick()
    assert course.growth == (course.plain,)
    assert course_of(course, point(calls=course.plain)) is None


def test_a_run_of_one_number_is_as_long_as_it_was_asked_to_be() -> None:
    assert (Course.at(7, 3.0).growth, Course.at(7, 3.0).plain, Course.at(7, 3.0).seconds) == ((7,), 7, 3.0)
    assert Course.whole("mulaw", None).seconds == Course().seconds


def test_a_profile_is_told_in_shares(tmp_path: Path) -> None:
    counted = {"rooms": {"bmv.call": 30, "aiohttp": 10}, "functions": {"bmv.call: sides.hear": 20}}
    (tmp_path / "profile.json").write_text(json.dumps(counted))
    found = Profile.load(tmp_path / "profile.json")
    assert found == Profile({"bmv.call": 0.75, "aiohttp": 0.25}, {"bmv.call: sides.hear": 0.5})


async def test_a_server_that_failed_is_told_with_what_it_said_last(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def failing(_bridge: str, _kind: str, folder: Path) -> AsyncIterator[None]:
        (folder / LOG).write_text("first\n" * 9 + "its last words\n")
        yield

    monkeypatch.setattr(sweep, "bench_of", failing)
    for kind in (ServerFailed, CallFailed):
        with pytest.raises(kind, match=r"it ended\n(first\n){4}its last words"):
            async with sweep._bench("bmv", "24k"):
                raise kind("it ended")


class Measured:
    """Stands for a server whose calls are measured, and notes how long they had lasted."""

    def __init__(self) -> None:
        self.calls = 0
        self.settled: dict[int, float] = {}
        self.minutes = 0

    async def reach(self, calls: int) -> None:
        """Have so many."""
        self.calls = calls

    async def measure(self, seconds: float, *, settling: float) -> Point:
        """Up to the 120th call all is well, and up to the third minute."""
        self.settled[self.calls] = settling
        self.minutes += seconds == 60
        return point(calls=self.calls, core=0.9, lost=int(self.calls > 120), broken=4 * (self.minutes == 3))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    made = Measured()

    @asynccontextmanager
    async def bench(_bridge: str, _kind: str) -> AsyncIterator[Measured]:
        yield made

    monkeypatch.setattr(sweep, "_bench", bench)
    return made


async def test_calls_are_measured_when_they_are_over_their_first_seconds(measured: Measured) -> None:
    """Where most are new; in the search most have been there."""
    await sweep.run_course("mulaw", Course(growth=(1, 10, 100), plain=None), lambda _point: None)
    assert {calls: settled >= STEADY_SECONDS for calls, settled in measured.settled.items()} == {
        **dict.fromkeys((1, 10, 100), True),
        **dict.fromkeys((115, 132), False),
    }


def test_how_cost_grows_is_measured_of_the_kinds_that_differ_most() -> None:
    growths = {kind: Course.whole(kind, None).growth for kind in KINDS}
    assert growths == {"mulaw": (1, 10, 100), "24k": (1, 10, 100), "24k-2x": (100,)}


async def test_calls_are_held_minute_by_minute_and_only_as_long_as_all_are_there(measured: Measured) -> None:
    told: list[Point] = []
    await sweep.hold("mulaw", 20, 2, told.append)
    assert [each.calls for each in told] == [20, 20]
    with pytest.raises(CallFailed, match="in minute 1 calls broke: 4 sockets"):
        await sweep.hold("mulaw", 20, 2, told.append)
    assert [each.broken for each in told] == [0, 0, 4]
