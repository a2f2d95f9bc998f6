"""The server's door: who comes in and asks for nothing, or takes for ever over it, makes room for others.

aiohttp ends a connection on which no whole request came for `IDLE_SECONDS`, whatever dribbles in. How many there may be
is up to us: an attacker who opens thousands would else take the file descriptors that calls need. So is how much each
may bring.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextvars import Context
from functools import partial
from typing import Any, Final

import structlog
from aiohttp import web, web_protocol
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler

log = structlog.get_logger()

IDLE_SECONDS: Final = 75.0
"""For the first request of a connection, and from one to the next; as long as the proxies of docs/deploy give."""
MOST_WAITING: Final = 256
"""Connections on which no stream is open and no request that came whole is being answered. Fifty calls need few."""
MOST_HEADERS: Final = 64
"""Of a request, of 8 kB each. Twilio sends a dozen, browsers and proxies twice as many."""

# aiohttp reads on while a request is answered: 32 more of them with all their headers, up to 50 MB for each connection
# of somebody who takes no answer. There is no option for that but a constant; by another name all would be as it was.
web_protocol.MAX_MSG_QUEUE_SIZE = 2


def _is_readable(record: logging.LogRecord) -> bool:
    """Whether aiohttp may log this as it is. Of bytes that are no request, a line of ours tells."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    log.warning("request_unreadable", reason=type(error).__name__)  # not its words: they quote what was sent
    return False


_logger = logging.getLogger("aiohttp.server.doorway")
_logger.addFilter(_is_readable)

OPTIONS: Final[Mapping[str, Any]] = {
    "keepalive_timeout": IDLE_SECONDS,
    "auto_decompress": False,  # what is compressed is refused, and not unpacked before that
    "lingering_time": 5.0,
    "max_headers": MOST_HEADERS,
    "logger": _logger,
}
"""How `web.AppRunner` is to treat connections."""


class Doorway:
    """Listens, and lets only so many connections wait: beyond that the one that has waited longest is cut.

    Whose request has come whole waits for nothing, and is answered whoever else waits.
    """

    def __init__(self, app: web.Application, *, most_waiting: int = MOST_WAITING) -> None:
        """To be made before the application is set up."""
        self._most = most_waiting
        self._waiting: dict[web.RequestHandler, web.BaseRequest | None] = {}  # the longest first; what each has begun
        self._listener: asyncio.Server | None = None
        app.middlewares.insert(0, self._middleware)
        app.on_response_prepare.append(self._on_response)

    async def listen(self, server: web.Server, host: str, port: int) -> int:
        """Let people in until `close`. Returns the port; raises `OSError` where it is taken."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(partial(self.let_in, server), host, port)
        chosen: int = self._listener.sockets[0].getsockname()[1]
        return chosen

    def let_in(self, server: web.Server) -> web.RequestHandler:
        """Somebody has connected: give what listens to him."""
        loop, handler = asyncio.get_running_loop(), server()
        loop.call_soon(lambda: loop.call_soon(self._wait, handler))  # it has no transport yet, as if it were gone
        return handler

    def close(self) -> None:
        """Let nobody in any more; who is in may stay."""
        if self._listener:
            self._listener.close()

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._wait(request.protocol, request)
        try:
            return await handler(request)
        except ConnectionError:
            if request.transport and not request.transport.is_closing():
                raise
            return web.Response()  # which nobody gets: who asked has left, and that is no fault of ours
        finally:
            self._wait(request.protocol)

    async def _on_response(self, request: web.Request, response: web.StreamResponse) -> None:
        """A stream begins: it stays for as long as its handler lets it, and waits for nothing."""
        if not isinstance(response, web.Response):
            self._waiting.pop(request.protocol, None)

    def _wait(self, handler: web.RequestHandler, request: web.BaseRequest | None = None) -> None:
        # Whoever has left is forgotten with all that he sent and nobody has read, which may be a MB each.
        self._waiting = {each: asks for each, asks in self._waiting.items() if each.transport and each is not handler}
        if len(self._waiting) >= self._most:
            self._make_room()
        if handler.transport:
            self._waiting[handler] = request

    def _make_room(self) -> None:
        idle = [each for each, request in self._waiting.items() if request is None or not request.content.is_eof()]
        if len(idle) >= self._most:
            longest = idle[0]
            del self._waiting[longest]
            assert longest.transport  # noqa: S101 - see above
            longest.transport.abort()
            # Outside of the call whose stream may just have ended here: it has nothing to do with it.
            Context().run(log.warning, "connection_cut", reason=f"{self._most} others wait as well")
