"""A call on a clock turned by hand: what is measured in it is a call that is translated, and not an idle one."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from bmv.call.leg import Role
from bmv.call.state import CallState
from bmv.commands.bench.handclock import HandLoop, hand_call
from bmv.commands.bench.micro import micro
from bmv.commands.bench.minutes import hour
from bmv.commands.bench.sound import CYCLE

Logs = list[MutableMapping[str, Any]]


@pytest.mark.parametrize("wide", [False, True])
def test_both_are_heard_and_translated_and_lose_nothing(wide: bool, logs: Logs) -> None:
    async def two_cycles() -> tuple[CallState, list[int]]:
        async with hand_call(wide=wide) as call:
            await call.pass_frames(2 * CYCLE)
            return call.session.state, [call.legs[role].frames for role in Role]

    with asyncio.Runner(loop_factory=HandLoop) as runner:
        state, played = runner.run(two_cycles())
    assert state is CallState.BRIDGED
    assert min(played) > CYCLE // 3
    (ended,) = [entry for entry in logs if entry["event"] == "call_ended"]
    assert ended["reason"] == "caller_hung_up"
    for role in Role:
        assert ended[role.value]["speech_seconds"]["translated"] > 4
        assert ended[role.value]["speech_seconds"]["lost"] == 0


def test_the_rows_of_an_hour_are_at_its_marks(logs: Logs) -> None:
    rows = hour(wide=True, marks=(1, 2))
    assert [row["minute"] for row in rows] == [1, 2]
    assert all(row["cpu_ms"] > 0 and row["sessions"] == 2 for row in rows)
    assert rows[0]["blocks"] == 0


def test_it_needs_a_loop_by_hand() -> None:
    async def call() -> None:
        async with hand_call(wide=True):
            pass

    with pytest.raises(TypeError, match="loop by hand"):
        asyncio.run(call())


def test_every_step_on_the_way_of_a_frame_takes_some_time(logs: Logs) -> None:
    found = micro(seconds=0.0001)
    assert len(found) > 15
    assert all(microseconds > 0 for microseconds in found.values())
