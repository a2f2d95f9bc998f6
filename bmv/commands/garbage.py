"""Python's collector of cyclic garbage: when it may make calls wait, and when it has something to find.

A call that is over leaves a good part of its objects, 600 of them, in cycles: tasks, what they were cancelled with, and
the frames in which that happened. They are put away a few calls at a time. Left to the collector's own thresholds
those of a thousand calls would wait, with all their sound, and be put away in one pause that everybody hears.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Protocol

THRESHOLDS = (10_000, 10, 10)
"""Objects more than there were, until the youngest are looked at; how often that, until older ones are."""
AFTER_SECONDS = 5.0
"""So often it is seen whether calls have ended. To look at 100 that run takes some 10 ms, to put one away 1 to 2."""


class Calls(Protocol):
    """Who knows how many calls there were."""

    @property
    def ended(self) -> int:
        """How many are over, since the process began."""


def look_seldom() -> None:
    """Spare the calls the pauses of looking at everything, which took 110 ms with 100 calls and found nothing.

    What is there now is not looked at again, and of the rest as much as `THRESHOLDS` say.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


async def put_away(calls: Calls, *, every: float = AFTER_SECONDS) -> None:
    """For ever: look for garbage when calls have ended, at most once in so many seconds."""
    ended = looked = calls.ended
    while True:
        await asyncio.sleep(every)
        if ended > looked:  # by now their tasks are over as well
            looked = ended
            gc.collect()
        ended = calls.ended
