"""Waiting for something to become true, without polling. Knows asyncio and nothing else."""

import asyncio
from collections.abc import Callable


class HungUpError(Exception):
    """The line was cut while somebody still waited for something on it."""


class Watch:
    """Conditions that somebody waits for; whoever changes what they depend on calls `poke`."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._cut: str | None = None

    def poke(self) -> None:
        """Look again which conditions are true."""
        if not self._waiting:
            return
        for happened, future in self._waiting:
            if future.done():
                continue
            if happened():
                future.set_result(None)
            elif self._cut is not None:
                future.set_exception(HungUpError(self._cut))
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]

    def cut(self, why: str) -> None:
        """Nothing will change any more: whoever waits for what is not true gets `HungUpError(why)`."""
        self._cut = why
        self.poke()

    async def until(self, happened: Callable[[], bool], timeout: float | None) -> None:
        """Wait until `happened()` is true. Raises `TimeoutError` after `timeout` seconds, or `HungUpError`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((happened, future))
        self.poke()
        async with asyncio.timeout(timeout):
            await future
