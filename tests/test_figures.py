from __future__ import annotations

import json

import pytest
from bench_points import SLOW, point

from bmv.commands.bench.figures import Point, Spread


def test_a_spread_is_in_milliseconds_and_counts_what_it_is_made_of() -> None:
    spread = Spread.of([number / 1000 for number in range(1, 101)])
    assert (spread.p50, spread.max, spread.count) == (50.5, 100.0, 100)
    assert spread.p95 == pytest.approx(95.05)
    assert spread.p99 == pytest.approx(99.01)


def test_a_spread_of_nothing_says_so() -> None:
    assert Spread.of([]) == Spread(None, None, None, None, 0)
    assert str(Spread.of([])) == "–"


def test_what_is_less_than_nothing_by_less_than_can_be_told_is_nothing() -> None:
    assert str(Spread(-10.0, -0.04, 0.04, 123.4, 9)) == "-10.0 / 0.0 / 0.0 / 123"


def test_a_server_that_is_on_time_and_loses_nothing_is_in_bounds() -> None:
    assert point().in_bounds


@pytest.mark.parametrize(
    "wrong", [{"uplink": SLOW}, {"downlink": SLOW}, {"lost": 1}, {"altered": 1}, {"extra": 1}, {"broken": 1}]
)
def test_a_server_that_is_late_or_loses_something_is_not(wrong: dict[str, object]) -> None:
    assert not point(**wrong).in_bounds


def test_a_server_of_which_nothing_was_heard_is_not_in_bounds() -> None:
    assert not point(uplink=Spread.of([])).in_bounds


def test_a_load_that_is_late_by_itself_is_at_its_limit_and_one_that_others_keep_waiting_is_disturbed() -> None:
    late = Spread(1.0, 9.0, 12.0, 40.0, 600)
    assert point(generator_late=late).saturated
    assert not point(generator_late=late).disturbed
    assert not point(generator_late=late, generator_waited=0.3).saturated
    assert point(generator_late=late, generator_waited=0.3).disturbed
    assert point(generator_core=0.95).saturated
    assert point(waited=0.2).disturbed


def test_a_point_is_the_same_when_it_has_been_in_a_file() -> None:
    assert Point.from_json(json.loads(json.dumps(point().as_json()))) == point()
