"""The connections to a simulated server, and on which of them there is no request."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler


class Connections:
    """Closes those that a client keeps for its next request, as any server may at any time."""

    def __init__(self) -> None:
        """Give `middleware` to the application."""
        self._busy: set[web.RequestHandler] = set()

    def close_idle(self, runner: web.AppRunner | None) -> None:
        """Close all that no request is on. Call it when no answer is being sent: that would be cut off."""
        for each in runner.server.connections if runner and runner.server else ():
            if each not in self._busy and each.transport:
                each.transport.close()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note on which connections there is a request."""
        self._busy.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)
