from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_points import SLOW, point

from bmv.commands.bench import sweep
from bmv.commands.bench.figures import Point
from bmv.commands.bench.sweep import Course, Profile


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
    assert Course.whole(None).seconds == Course().seconds


def test_a_profile_is_told_in_shares(tmp_path: Path) -> None:
    counted = {"rooms": {"bmv.call": 30, "aiohttp": 10}, "functions": {"bmv.call: sides.hear": 20}}
    (tmp_path / "profile.json").write_text(json.dumps(counted))
    found = Profile.load(tmp_path / "profile.json")
    assert found == Profile({"bmv.call": 0.75, "aiohttp": 0.25}, {"bmv.call: sides.hear": 0.5})
