"""Whether the process keeps up, told by beats that a test makes."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from fakes import loud

from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS
from bmv.call.playout import Playout
from bmv.call.strain import CALM, FEW, HEARD_SECONDS, WINDOW, Core, Strain

MINUTE = 3000  # beats


def strain_after(lateness: list[float], *, limit: float = 0.05) -> Strain:
    """What is made of beats that came so late."""
    strain, now = Strain(limit), 0.0
    for late in lateness:
        now += max(FRAME_SECONDS, late)
        strain.note(late, now)
    return strain


def spread(late: float, *, every: int) -> list[float]:
    """As many late beats as make a strain, one of so many."""
    return FEW * ([0.0] * (every - 1) + [late])


def test_beats_in_time_are_no_strain_nor_is_one_stall_however_long() -> None:
    assert not strain_after([0.05] * MINUTE).on
    assert not strain_after([0.0] * 100 + [5.0] + [0.01] * MINUTE).on
    assert not strain_after([5.0] * (FEW - 1)).on


def test_a_few_late_beats_are_a_strain_when_they_come_soon_after_each_other() -> None:
    assert strain_after(spread(0.06, every=WINDOW // FEW)).on
    assert not strain_after(spread(0.06, every=WINDOW // (FEW - 1) + 1)).on


def test_a_loop_that_hardly_turns_at_all_is_seen_though_it_beats_so_rarely() -> None:
    assert strain_after(spread(60.0, every=2)).on


def test_a_strain_is_over_when_it_has_been_calm_for_fifteen_seconds() -> None:
    began = spread(0.06, every=10)
    assert round(CALM * FRAME_SECONDS) == 15
    assert strain_after(began + [0.0] * (CALM - 1)).on
    assert not strain_after(began + [0.0] * CALM).on
    assert not strain_after(began + [0.0] * 300 + [0.06] + [0.0] * (CALM - 301)).on  # one stall does not prolong it


def test_a_strain_that_goes_on_is_not_over() -> None:
    assert strain_after(4 * spread(0.06, every=WINDOW // FEW) + [0.0] * (CALM - 1)).on


def test_a_strain_is_logged_when_it_begins_and_when_it_is_over_and_not_in_between(
    logs: list[MutableMapping[str, Any]],
) -> None:
    strain = strain_after(spread(0.06, every=1) + 30 * [0.0, 0.09])
    assert strain.worst == 0.09
    assert logs == [{"event": "event_loop_late", "log_level": "warning", "limit_ms": 50, "now_ms": 60}]
    for beat in range(CALM):
        strain.note(0.0, beat * FRAME_SECONDS)
    assert strain.worst == 0.0
    assert [each["event"] for each in logs] == ["event_loop_late", "event_loop_in_time"]
    assert logs[1]["worst_ms"] == 90


def test_a_beat_that_is_later_than_a_listener_can_hear_is_later_than_the_least_that_is_in_the_buffer() -> None:
    margins = []
    for phase in range(20):  # ms by which the first beat comes later: frames and beats may lie in any way
        playout, now = Playout(original_level_db=0.0), 10.0
        playout.announce(loud(1) * 100, now)
        for beat in range(20):
            playout.buffer.add(len(playout.take(now)) // FRAME_BYTES)
            now += FRAME_SECONDS + (phase / 1000 if beat == 0 else 0)
            margins.append(playout.buffer.runs_dry_at - now)
    assert HEARD_SECONDS < min(margins) < HEARD_SECONDS + 0.0011


# -- how full the core is ---------------------------------------------------------------------------------------------


def shares(*looks: float) -> list[bool]:
    """Whether a core is full after each look, when so much of it was used since the one before."""
    spent, now, told = 0.0, 100.0, []
    core = Core(lambda: spent)
    core.note(now)
    for share in looks:
        for _ in range(WINDOW):
            now += FRAME_SECONDS
            spent += share * FRAME_SECONDS
            core.note(now)
        told.append(core.full)
    return told


def test_a_core_is_full_before_it_is_used_up_and_has_room_again_when_there_is_some() -> None:
    assert shares(0.5, 0.89, 0.91, 0.85, 0.81, 0.79, 0.89) == [False, False, True, True, True, False, False]


def test_that_a_core_is_full_is_logged_once_and_that_it_is_not_any_more(logs: list[MutableMapping[str, Any]]) -> None:
    shares(0.5, 0.95, 0.99, 0.3, 0.2)
    assert [(each["event"], each["log_level"], each["percent"]) for each in logs] == [
        ("core_full", "warning", 95),
        ("core_has_room", "info", 30),
    ]


def test_a_core_that_is_busy_is_found_to_be_by_the_systems_own_clock() -> None:
    core, spent = Core(), time.thread_time()
    core.note(0.0)
    while time.thread_time() < spent + 0.02:
        pass
    for beat in range(WINDOW):
        core.note(0.01 + beat * 1e-9)
    assert core.full
