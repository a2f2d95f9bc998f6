"""Whether a request was made by a page of ours: what changes something is done for nobody else's page.

The token in the path lets somebody in already; this is the second lock, for a link that another site got hold of.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from bmv.web.bodies import body_of
from bmv.wire import UNREADABLE

MOST_REMEMBERED = 10_000

Asked = TypeVar("Asked")


def from_own_page(request: web.Request, public_host: str) -> bool:
    """Whether a script of our own page asks, by what a browser says of itself and no script can change.

    Source: the Fetch standard ("Origin") and "Fetch Metadata Request Headers". Who says nothing is refused.
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    return request.headers.get("Origin", "") == f"https://{public_host}"


async def read_json(request: web.Request, kind: type[Asked]) -> Asked:
    """What is asked for: as JSON alone, which a form of another site cannot send. Raises 415, 408 or 400."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="only application/json\n")
    try:
        return msgspec.json.decode(await body_of(request), type=kind)
    except UNREADABLE as error:
        raise web.HTTPBadRequest(text=f"that is nothing we can do: {error}\n") from error


class RateLimit:
    """So many at once, and then one after the other, for each of those who ask."""

    def __init__(self, at_once: int, seconds: float, *, clock: Callable[[], float] | None = None) -> None:
        """`at_once` are allowed, and one more every so many seconds."""
        self._at_once = at_once
        self._seconds = seconds
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._free_at: OrderedDict[str, float] = OrderedDict()  # when nothing is held against somebody any more

    def allows(self, who: str) -> bool:
        """Whether it is allowed now, which counts."""
        now = self._clock()
        free_at = max(self._free_at.pop(who, now), now)
        allowed = free_at - now <= (self._at_once - 1) * self._seconds
        self._free_at[who] = free_at + self._seconds if allowed else free_at
        if len(self._free_at) > MOST_REMEMBERED:
            self._free_at.popitem(last=False)
        return allowed
