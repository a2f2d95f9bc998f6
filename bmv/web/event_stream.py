"""Server-sent events: what happens, told to an open page for as long as it listens.

Source: the HTML standard, "Server-sent events". A page that lost its connection comes back by itself and names the last
event it has seen in `Last-Event-ID`; one that had to begin anew names it in the query as `after`.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

COME_BACK = 1.0  # seconds after which a page that lost its connection tries again
BEAT = 10.0  # seconds of quiet until a word is sent all the same: a proxy may cut what is silent for 15
SEND_SECONDS = 10.0  # for a page to take what it is sent; then it has gone to sleep


class EventStream:
    """One open stream. Its methods raise `ConnectionError` or `TimeoutError` when the page is not there any more."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self.response = response
        self._request = request
        self._sent_at = 0.0

    @classmethod
    async def open(cls, request: web.Request) -> EventStream:
        """Begin to answer a request with events."""
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Accel-Buffering": "no",  # nginx else keeps events until it has enough of them
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        return cls(request, response)

    async def send(self, *events: bytes) -> None:
        """Send what `encode` made, all at once."""
        if events and not self._sent_at:
            events = (f"retry: {COME_BACK * 1000:.0f}\n\n".encode(), *events)
        if events:
            async with asyncio.timeout(SEND_SECONDS):
                await self.response.write(b"".join(events))
            self._sent_at = asyncio.get_running_loop().time()

    async def beat(self) -> None:
        """Notice when the page has gone, and say that all is well if nothing else was said for long.

        That is an event and no comment, of which a page would hear nothing: by it the page knows that it is connected.
        """
        if self._request.transport is None or self._request.transport.is_closing():
            raise ConnectionResetError("the page is gone")
        if asyncio.get_running_loop().time() - self._sent_at >= BEAT:
            await self.send(encode("beat", b""))


def encode(name: str, data: bytes, id: str = "") -> bytes:  # noqa: A002 (it is what it is called)
    """One event; `data` is a line of text, such as JSON."""
    told = f"id: {id}\n".encode() if id else b""
    return told + b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def last_seen(request: web.Request) -> str:
    """The id of the last event that the page has seen; empty when it has seen none."""
    return request.headers.get("Last-Event-ID") or request.query.get("after", "")
