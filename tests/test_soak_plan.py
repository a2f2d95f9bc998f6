"""The plan of a soak: the same for the same seed, with everything in it that may go wrong."""

from __future__ import annotations

import re
import signal
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

from bmv.commands.soak.disturbances import HANDLED
from bmv.commands.soak.plan import CLEAN_SHARE, FAULTS, NONE, WEATHER, Promise, call, stop, weather
from bmv.commands.soak.weather import BROUGHT

CALLS = 2000


def test_the_same_seed_is_the_same_plan_and_another_seed_another() -> None:
    first, again, other = ([call(seed, number) for number in range(50)] for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert list(islice(weather(7), 20)) == list(islice(weather(7), 20)) != list(islice(weather(8), 20))


def test_every_fault_is_drawn_and_about_a_third_of_the_calls_have_none() -> None:
    drawn = Counter(call(1, number).fault for number in range(CALLS))
    assert set(drawn) == set(FAULTS)
    assert abs(drawn[NONE] / CALLS - CLEAN_SHARE) < 0.05


def test_a_soak_of_one_fault_has_no_other() -> None:
    assert {call(1, number, ["translator-reset"]).fault for number in range(50)} == {"translator-reset"}
    assert list(weather(1, ["translator-reset"])) == []


def test_a_soak_of_one_kind_of_weather_has_no_other_and_no_fault() -> None:
    assert {each.kind for each in islice(weather(1, ["clock-jumps"]), 20)} == {"clock-jumps"}
    assert {call(1, number, ["clock-jumps"]).fault for number in range(50)} == {NONE}


def test_the_server_is_stopped_by_either_signal_and_by_the_same_one_for_the_same_seed() -> None:
    drawn = [stop(seed) for seed in range(40)]
    assert set(drawn) == {signal.SIGTERM, signal.SIGINT}
    assert drawn == [stop(seed) for seed in range(40)]


def test_every_kind_of_weather_comes_soon_and_one_at_a_time() -> None:
    drawn = list(islice(weather(3), 50))
    assert {each.kind for each in drawn[: len(WEATHER)]} == set(WEATHER)
    assert all(one.begins + one.lasts < next_one.begins for one, next_one in pairwise(drawn))


def test_whatever_is_planned_is_also_done() -> None:
    assert set(FAULTS) == HANDLED | {NONE}
    assert set(WEATHER) == BROUGHT


def test_the_document_has_every_fault_and_what_is_promised_of_it() -> None:
    document = (Path(__file__).parent.parent / "docs" / "faults.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| .* \| (whole|said|ends) \|$", document, re.MULTILINE)
    planned = {**FAULTS, **WEATHER}
    assert dict(rows) == {name: promise.name.lower() for name, promise in planned.items() if name != NONE}
    assert len(rows) == len(planned) - 1


def test_calls_in_which_the_translation_fails_are_long_enough_for_it_to_be_noticed() -> None:
    assert all(each.together for each in (call(1, number) for number in range(CALLS)) if each.promise is Promise.SAID)
