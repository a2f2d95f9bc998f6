"""The beat of the process: one 20 ms clock for every call, instead of a timer for every leg."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.strain import HEARD_SECONDS, NEARLY_HEARD_SECONDS, Core, Strain
from bmv.metrics import Histogram

Beat = Callable[[float], None]


class Metronome:
    """Calls everybody attached every 20 ms with the time.

    Late beats are not made up for: who is called computes from the time how much is due.
    `clock` and `sleep` are the loop's unless a test brings its own.
    """

    def __init__(
        self, clock: Callable[[], float] | None = None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep
        self._beats: list[Beat] = []
        self.late = Histogram()
        """By how much each beat came too late: the loop was busy, or the beat before, or the processor was others'."""
        self.strained = Strain(NEARLY_HEARD_SECONDS)
        """Whether sound nearly comes too late."""
        self.starved = Strain(HEARD_SECONDS)
        """Whether sound comes too late, in all calls."""
        self.core = Core()

    def now(self) -> float:
        """Seconds on the clock that beats are given."""
        return self._clock()

    @contextmanager
    def attached(self, beat: Beat) -> Iterator[None]:
        """Call `beat` every 20 ms while inside; it must not raise."""
        self._beats.append(beat)
        try:
            yield
        finally:
            self._beats.remove(beat)

    async def run(self) -> None:
        """Beat until cancelled."""
        due = began = self._clock()
        while True:
            planned = max(due + FRAME_SECONDS, began)
            due = max(planned, self._clock())
            await self._sleep(due - self._clock())
            began = self._clock()
            self.measure(began - planned, began)
            self.beat()

    def measure(self, late: float, now: float) -> None:
        """A beat came so many seconds late; on the thread of the loop."""
        self.late.add(late)
        self.strained.note(late, now)
        self.starved.note(late, now)
        self.core.note(now)

    def beat(self) -> None:
        """One beat, now."""
        now = self._clock()
        for beat in tuple(self._beats):
            beat(now)
