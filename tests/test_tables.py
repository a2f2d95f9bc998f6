from __future__ import annotations

import re
from typing import Any

import pytest
from bench_points import SLOW, point, run

from bmv.commands.bench.tables import HEADINGS, line, report, row, table


def test_a_table_is_one_of_markdown_and_its_columns_stand_below_each_other() -> None:
    assert table(("a", "long"), [(1, 2), ("three", 4)]) == (
        "| a     | long |\n|-------|------|\n| 1     | 2    |\n| three | 4    |"
    )


def test_every_column_of_a_point_has_a_heading() -> None:
    assert len(row(point())) == len(HEADINGS)


def test_a_point_is_told_in_one_line_with_every_doubt_about_it() -> None:
    told = line(point(uplink=SLOW, waited=0.3, generator_core=0.99, broken=2, altered=5, extra=7))
    assert "\n" not in told
    for doubt in ("DISTURBED", "30%", "at its limit", "2 sockets broke", "5 voiced frames replaced, 7 played"):
        assert doubt in told


def test_a_point_without_doubts_has_none() -> None:
    assert line(point()).endswith("load 40%")


@pytest.mark.parametrize("limit", [{"core": 0.97}, {"uplink": SLOW}, {"downlink": SLOW}])
def test_a_plain_bridge_at_its_limit_is_no_yardstick_and_the_report_says_so(limit: dict[str, Any]) -> None:
    plain = point(bridge="plain", cpu_ms=9.7, **limit)
    assert "AT ITS LIMIT" in line(plain)
    assert "In mulaw the plain bridge itself was late or filled its core" in report(run(point(), plain))
    sound = point(bridge="plain", cpu_ms=6.0)
    disturbed = point(bridge="plain", uplink=SLOW, waited=0.3)
    assert "LIMIT" not in line(sound) + line(point(**limit)) + line(disturbed)
    assert "itself was late" not in report(run(point(**limit), sound))


def test_what_a_call_costs_in_the_beginning_stands_beside_what_it_costs_then() -> None:
    told = report(run(point(cpu_ms=2.5, first_ms=3.125, set_up_ms=21.4), point(calls=115)))
    assert "20 s from the last one on" in told
    assert re.search(r"\| mulaw +\| 100 +\| 21 +\| 3\.12 +\| 2\.50 +\|", told)
    assert "20 s from the last one on" not in report(run(point()))


def test_the_first_seconds_of_a_call_by_hand_are_told_as_a_clock_shows_them() -> None:
    found = run(point())
    found.minutes["mulaw"] = [{"minute": mark, "cpu_ms": 1.25} for mark in (1 / 6, 1 / 3, 1, 60)]
    assert re.findall(r"\d+:\d\d ", report(found)) == ["0:10 ", "0:20 ", "1:00 ", "60:00 "]


def test_a_run_tells_ratios_what_was_carried_and_what_disturbed_it() -> None:
    found = run(point(), point(bridge="plain", cpu_ms=6.25, waited=0.5))
    found.minutes["mulaw"] = [{"minute": 1, "cpu_ms": 1.25}]
    found.rooms["mulaw"] = {"bmv.call": 0.5, "aiohttp": 0.3}
    told = report(found)
    for part in ("| mulaw | 100   | 0.40 ", "| mulaw | at least 100 ", "| 1:00   | 1.25 ", "50.0%", "quiet machine"):
        assert part in told
