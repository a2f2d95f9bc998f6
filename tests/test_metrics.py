"""How long things took: exact where it says so, and close where it does not."""

import math
import random

import pytest
from fakes import HandClock
from hypothesis import given
from hypothesis import strategies as st

from bmv.metrics import Histogram, LastProblem

SECONDS = st.floats(0.0001, 4000, allow_nan=False)
CLOSE = 0.15  # the width of a bucket


def filled(durations: list[float]) -> Histogram:
    histogram = Histogram()
    for seconds in durations:
        histogram.add(seconds)
    return histogram


def exact(durations: list[float], percent: float) -> float:
    """The smallest of the durations that so many per cent of all do not exceed."""
    return sorted(durations)[max(0, math.ceil(len(durations) * percent / 100) - 1)]


@given(st.lists(SECONDS, min_size=1, max_size=200), st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_never_too_low_and_at_most_a_bucket_too_high(durations: list[float], percent: float) -> None:
    found = filled(durations).percentile(percent)
    assert found is not None
    wanted = exact(durations, percent)
    assert wanted * (1 - 1e-9) <= found <= wanted * (1 + CLOSE) * (1 + 1e-9)


def test_the_percentiles_of_a_thousand_turns_are_close() -> None:
    chance = random.Random(7)
    durations = [chance.lognormvariate(0.4, 0.5) for _ in range(1000)]
    histogram = filled(durations)
    for percent in (50, 95):
        assert histogram.percentile(percent) == pytest.approx(exact(durations, percent), rel=CLOSE)


@given(st.lists(SECONDS, min_size=1, max_size=50))
def test_count_mean_and_maximum_are_exact(durations: list[float]) -> None:
    histogram = filled(durations)
    assert histogram.count == len(durations)
    assert histogram.mean == pytest.approx(sum(durations) / len(durations))
    assert histogram.maximum == max(durations)


@given(st.lists(st.lists(SECONDS, max_size=20), max_size=5))
def test_histograms_that_are_merged_are_one_of_all_durations(parts: list[list[float]]) -> None:
    merged = Histogram()
    for part in parts:
        merged.merge(filled(part))
    whole = filled([seconds for part in parts for seconds in part])
    assert (merged.count, merged.total, merged.maximum) == (whole.count, whole.total, whole.maximum)
    for percent in (1, 50, 99):
        assert merged.percentile(percent) == whole.percentile(percent)


@given(st.lists(st.floats(0, 4000), max_size=100))
def test_what_is_said_to_be_at_most_a_bound_is_and_what_is_a_bucket_below_it_is_counted(durations: list[float]) -> None:
    bounds = [0.0001, 0.001, 0.25, 1.0, 7.5, 4000.0]
    for bound, count in zip(bounds, filled(durations).at_most(bounds), strict=True):
        assert count <= sum(seconds <= bound for seconds in durations)
        assert count >= sum(seconds <= bound / (1 + CLOSE) * (1 - 1e-9) for seconds in durations)


def test_sums_are_the_same_in_every_order() -> None:
    """Floating point numbers are not: 0.1 + 0.2 + 0.3 is less than 0.3 + 0.2 + 0.1 by a hair's breadth, or more."""
    parts = [filled([seconds]) for seconds in (0.1, 0.2, 0.3)]
    there, back = Histogram(), Histogram()
    for one, other in zip(parts, reversed(parts), strict=True):
        there.merge(one)
        back.merge(other)
    assert there.total == back.total == 0.6


def test_nothing_counted_is_nothing_and_not_zero() -> None:
    histogram = Histogram()
    assert histogram.mean is None
    assert histogram.percentile(50) is None
    assert histogram.summary() == {}


def test_a_clock_that_stepped_back_counts_as_no_time_at_all() -> None:
    histogram = filled([-3.0])
    assert (histogram.count, histogram.mean, histogram.percentile(50)) == (1, 0.0, 0.0)


def test_a_duration_beyond_all_buckets_is_counted_all_the_same() -> None:
    histogram = filled([1e9])
    assert (histogram.count, histogram.maximum) == (1, 1e9)
    assert (histogram.percentile(50) or 0) > 4000


def test_memory_does_not_grow_with_what_is_counted() -> None:
    histogram = Histogram()
    before = len(histogram._buckets)
    for index in range(2000):
        histogram.add(index * 10.0)
    assert len(histogram._buckets) == before


def test_a_summary_is_in_milliseconds() -> None:
    summary = filled([0.1, 0.1, 0.1, 0.5]).summary()
    assert summary["count"] == 4
    assert summary["mean_ms"] == 200.0
    assert summary["max_ms"] == 500.0
    assert summary["p50_ms"] == pytest.approx(100, rel=CLOSE)
    assert summary["p95_ms"] == pytest.approx(500, rel=CLOSE)


def test_a_problem_is_known_until_it_is_solved_or_old_news() -> None:
    clock = HandClock(0.0)
    problem = LastProblem(fades_after=60, clock=clock)
    known: list[str | None] = [problem.text]
    problem.note("refused")
    clock.turn(59)
    known.append(problem.text)
    clock.turn(2)
    known.append(problem.text)
    problem.note("refused again")
    known.append(problem.text)
    problem.solved()
    known.append(problem.text)
    assert known == [None, "refused", None, "refused again", None]
