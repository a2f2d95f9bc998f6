"""The generator's clock: every 20 ms for each leg and session, spread evenly, so that arrivals are not bunched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from bmv.audio.mulaw import FRAME_MS, FRAME_SECONDS

SLOT_SECONDS = FRAME_SECONDS / FRAME_MS  # 1 ms
_GOLDEN = 0.6180339887498949  # the place of each further one is far from all before, however many there are

Beat = Callable[[float], None]


class Ticker:
    """Calls each beat every 20 ms in its own millisecond of them. Late beats are made up for, as in real time."""

    def __init__(self) -> None:
        self._slots: list[list[Beat]] = [[] for _ in range(FRAME_MS)]
        self._count = 0
        self.lateness: list[float] = []
        """By how many seconds each millisecond with something to do came too late."""

    def add(self, beat: Beat) -> None:
        """From now on, every 20 ms."""
        self._count += 1
        self._slots[int(self._count * _GOLDEN % 1 * FRAME_MS)].append(beat)

    def remove(self, beat: Beat) -> None:
        """Not any more; one that is not there does not matter."""
        for slot in self._slots:
            if beat in slot:
                slot.remove(beat)

    async def run(self) -> None:
        """Beat until cancelled."""
        began, number = perf_counter(), 0
        while True:
            now = perf_counter()
            due = began + number * SLOT_SECONDS
            if due > now:
                await asyncio.sleep(due - now)
                continue
            slot = self._slots[number % FRAME_MS]
            if slot:
                self.lateness.append(now - due)
                for beat in tuple(slot):
                    beat(perf_counter())
            number += 1
