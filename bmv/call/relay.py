"""Who of several successions of sessions is at work: one after the other, as the languages change."""

from __future__ import annotations

import asyncio

from bmv.call.succession import Succession
from bmv.waiting import Queue


class Relay:
    """Runs the succession it was given last. `run` it as a task of the call."""

    def __init__(self) -> None:
        self._current: Succession | None = None
        self._given: Queue[Succession | None] = Queue()  # that have still to be run
        self._work: asyncio.Task[None] | None = None

    def take(self, succession: Succession) -> None:
        """From now on it is this one's turn; the one before is dismissed."""
        self.dismiss()
        self._current = succession
        self._given.put_nowait(succession)

    def dismiss(self) -> None:
        """Close the session there is, or stop opening one: at once, and nobody waits for it."""
        if self._work:
            self._work.cancel()
            self._work = None

    def finish(self) -> None:
        """No other one will be given: `run` ends when the one at work has."""
        self._given.put_nowait(None)

    async def run(self) -> None:
        """Run what is given until `finish`, or until it is cancelled; no session outlives it."""
        async with asyncio.TaskGroup() as tasks:
            while succession := await self._given.get():
                if succession is self._current:
                    self._work = tasks.create_task(succession.run())
