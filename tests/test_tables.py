from __future__ import annotations

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


def test_a_run_tells_ratios_what_was_carried_and_what_disturbed_it() -> None:
    found = run(point(), point(bridge="plain", cpu_ms=6.25, waited=0.5))
    found.minutes["mulaw"] = [{"minute": 1, "cpu_ms": 1.25}]
    found.rooms["mulaw"] = {"bmv.call": 0.5, "aiohttp": 0.3}
    told = report(found)
    for part in ("| mulaw | 100   | 0.40 ", "| mulaw | at least 100 ", "| 1      | 1.25 ", "50.0%", "quiet machine"):
        assert part in told
