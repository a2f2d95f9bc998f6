"""What tasks wait for: an event and a queue, at a seventh of the memory of asyncio's.

Each of asyncio's holds a deque or four, and an empty deque takes 800 bytes. A call has some thirty of these.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Event:
    """See `asyncio.Event`."""

    __slots__ = ("_set", "_waiters")

    def __init__(self) -> None:
        self._set = False
        self._waiters: list[asyncio.Future[None]] = []

    def is_set(self) -> bool:
        """Whether nobody has to wait."""
        return self._set

    def set(self) -> None:
        """Wake all who wait now, even if `clear` follows at once, and let nobody wait from now on."""
        self._set = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        """Have everybody wait again."""
        self._set = False

    async def wait(self) -> None:
        """Return once it is set, at once if so already. Cancelling changes nothing."""
        if self._set:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)


class Queue(Generic[T]):
    """See `asyncio.Queue`: without bounds, and short most of the time."""

    __slots__ = ("_items", "_news")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._news = Event()

    def put_nowait(self, item: T) -> None:
        """Put it behind what is there."""
        self._items.append(item)
        self._news.set()

    async def get(self) -> T:
        """Take the first one, once there is one. Cancelling loses none."""
        while not self._items:
            self._news.clear()
            await self._news.wait()
        return self._items.pop(0)
