"""How the cost of a call goes on: an hour of it on a clock turned by hand, in this process, without sockets."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Sequence
from typing import Final

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.commands.bench.handclock import HandLoop, hand_call
from bmv.commands.bench.sound import CYCLE

MARKS: Final = (1 / 6, 1 / 3, 1, 2, 10, 20, 30, 40, 50, 60)
"""Minutes at whose end cost and memory are looked at. A session is replaced after 50."""

Row = dict[str, float]


def hour(*, wide: bool, marks: Sequence[float] = MARKS) -> list[Row]:
    """Hold one call; give for each mark the minute, processor milliseconds for a second of the call since the mark
    before, and how many blocks of memory it has more than at the first: each object of Python's is one, or a few.

    `wide` is the continuous translator at 24 kHz, else it is the turn-based one.
    """
    with asyncio.Runner(loop_factory=HandLoop) as runner:
        return runner.run(_hour(marks, wide=wide))


async def _hour(marks: Sequence[float], *, wide: bool) -> list[Row]:
    rows: list[Row] = []
    minute, first = 0.0, 0
    async with hand_call(wide=wide) as warm:
        await warm.pass_frames(2 * CYCLE)  # the first call of a process is dearer: tables are made
    async with hand_call(wide=wide) as call:
        for mark in marks:
            before, seconds = time.process_time(), (mark - minute) * 60
            await call.pass_frames(round(seconds / FRAME_SECONDS))
            took, minute = time.process_time() - before, mark
            gc.collect()
            blocks = sys.getallocatedblocks()  # resident memory has gaps, in which much can grow unseen
            first = first or blocks
            cost = {"cpu_ms": took / seconds * 1000, "blocks": blocks - first}
            rows.append({"minute": mark, **cost, "sessions": call.factory.opened})
        played = {role.value: leg.frames for role, leg in call.legs.items()}
        assert all(played.values()), played  # noqa: S101 - else nothing was translated, and nothing measured
    return rows
