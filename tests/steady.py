"""An event loop whose clock stands still while the machine does: in time in which nobody could run, nothing was late.

Machines that serve others as well stop for half a second now and then. To a test in which two people talk over a server
of the same loop such a stall would be a hole in what they hear, and an end to their patience.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable
from selectors import DefaultSelector, SelectorKey

SHORT = 0.04
"""Seconds by which everybody is late now and then, and which nobody hears. They are left in: processes beside us do not
wait for us."""


class Waiting(DefaultSelector):
    """Waits for the loop, and counts by how much too long: what is slow in the loop itself is not among it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self.overslept = 0.0
        """Seconds, of all stalls so far."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """See `selectors.BaseSelector.select`."""
        began = self._clock()
        found = super().select(timeout)
        if timeout is not None:
            self.overslept += max(0.0, self._clock() - began - max(0.0, timeout) - SHORT)
        return found


class SteadyLoop(asyncio.SelectorEventLoop):
    """Its time, and so each of its timers, leaves out what its selector has overslept."""

    on = True
    """Whether those that are made from now on do: not beside a browser, whose sound has a clock of its own."""

    def __init__(self) -> None:
        self._waiting = Waiting()
        self._steady = self.on
        super().__init__(self._waiting)

    def time(self) -> float:
        """Seconds, as everybody who waits in this loop counts them."""
        return super().time() - (self._waiting.overslept if self._steady else 0.0)


def be_steady() -> None:
    """Give a steady loop to each test from now on, and to each command that a test runs in its own process."""
    with warnings.catch_warnings():
        # Python 3.14 calls policies outdated; nothing else reaches the loop that `asyncio.run` makes.
        warnings.simplefilter("ignore", DeprecationWarning)

        class Steadily(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self) -> asyncio.AbstractEventLoop:
                return SteadyLoop()

        asyncio.set_event_loop_policy(Steadily())
