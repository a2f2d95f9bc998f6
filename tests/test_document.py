from __future__ import annotations

from pathlib import Path

import pytest
from bench_points import SLOW, point, run

from bmv.commands.bench.document import BASELINE, Carried, NotARun, Run, machine

PROJECT = Path(__file__).parent.parent


def test_a_run_is_the_same_when_it_has_been_in_a_file(tmp_path: Path) -> None:
    found = run(point(), point(bridge="plain", cpu_ms=6.0))
    found.minutes["mulaw"] = [{"minute": 1, "cpu_ms": 1.0, "blocks": 0.0}]
    found.refused["mulaw"] = 215
    found.save(tmp_path / "bench" / "run.json")
    assert Run.load(tmp_path / "bench" / "run.json") == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 0}', '{"schema": 1, "points": [{}]}'])
def test_what_is_no_run_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(NotARun, match=r"other\.json"):
        Run.load(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotARun, match=r"none\.json cannot be read"):
        Run.load(tmp_path / "none.json")


def test_the_baseline_can_be_read_and_has_every_kind_and_the_yardstick() -> None:
    baseline = Run.load(PROJECT / BASELINE)
    assert {"date", "version", "python", "processor", "cores"} <= baseline.machine.keys()
    for kind in ("mulaw", "24k", "24k-2x"):
        assert baseline.of("bmv", kind)
        assert baseline.of("plain", kind)
    assert list(baseline.ratios())


def test_the_most_calls_are_those_before_the_first_that_are_too_many() -> None:
    found = Carried.of([point(calls=100), point(calls=200), point(calls=230, uplink=SLOW)])
    assert found == Carried(200, at_least=False, failed_at=230)
    assert str(found) == "200"


def test_where_the_load_is_at_its_limit_first_it_is_at_least_so_many() -> None:
    found = Carried.of([point(calls=100), point(calls=250, uplink=SLOW, generator_core=0.97)])
    assert found == Carried(100, at_least=True, failed_at=None)
    assert str(found) == "at least 100"


def test_what_other_programs_disturbed_proves_nothing_against_the_server() -> None:
    disturbed = point(calls=200, uplink=SLOW, waited=0.4)
    assert Carried.of([point(calls=100), disturbed], refused=205) == Carried(100, at_least=True, failed_at=None)


def test_a_server_that_refuses_a_call_has_as_many_as_it_carries() -> None:
    assert Carried.of([point(calls=100), point(calls=200)], refused=215) == Carried(200, at_least=False, failed_at=215)


def test_where_the_search_ends_without_a_failure_it_is_at_least_so_many() -> None:
    assert Carried.of([point(calls=100)]) == Carried(100, at_least=True, failed_at=None)


def test_the_ratio_to_the_plain_bridge_is_that_of_the_same_kind_and_number_of_calls() -> None:
    found = run(
        point(),
        point(calls=10),
        point(bridge="plain", cpu_ms=6.25),
        point(bridge="plain", cpu_ms=5.0, kind="24k"),
    )
    assert list(found.ratios()) == [("mulaw", 100, 0.4)]


def test_the_machine_is_described_and_not_named() -> None:
    found = machine()
    assert {"date", "version", "python", "system", "processor", "cores", "voices", "libraries"} == found.keys()
