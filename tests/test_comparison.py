from __future__ import annotations

from bench_points import QUICK, point, run

from bmv.commands.bench.comparison import comparison, ratio
from bmv.commands.bench.figures import Spread


def test_a_ratio_is_this_run_to_that_one() -> None:
    assert ratio(2.0, 4.0) == "0.50"


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio(2.0, 0.0) == ratio(None, 2.0) == ratio(2.0, None) == "–"


def test_two_runs_are_compared_where_both_measured_the_same() -> None:
    before = run(point(cpu_ms=5.0, memory_per_call_mb=1.0), point(calls=1))
    now = run(point(cpu_ms=2.5, memory_per_call_mb=0.2, uplink=Spread(1.0, 1.0, 1.0, 1.0, 5)), point(calls=7))
    (row,) = [line for line in comparison(before, now).splitlines() if line.startswith("| mulaw | 100 ")]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        *("mulaw", "100", "0.50", "–", "0.20", "1.00", f"{1.0 / (QUICK.p99 or 0):.2f}")
    ]


def test_a_faster_machine_does_not_count_where_both_runs_have_the_yardstick() -> None:
    before = run(point(cpu_ms=5.0), point(bridge="plain", cpu_ms=10.0))
    now = run(point(cpu_ms=2.5), point(bridge="plain", cpu_ms=5.0))
    assert "| 0.50 | 1.00 " in comparison(before, now)


def test_the_most_calls_of_both_are_told() -> None:
    before = run(point(calls=100))
    now = run(point(calls=100), point(calls=230))
    assert "at least 230" in comparison(before, now)


def test_two_runs_without_anything_in_common_say_so() -> None:
    assert "Nothing was measured in both" in comparison(run(point()), run(point(kind="24k")))
