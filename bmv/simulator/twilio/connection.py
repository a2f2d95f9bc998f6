"""One WebSocket connection to the server, and how to cut it. Knows no message."""

import os
import socket as sockets
from contextlib import suppress

import aiohttp


class Connection:
    """A WebSocket with a session of its own; `close` it in any case."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._session = session
        # A second handle on the same TCP connection, because event loops differ in what they allow with theirs. It is
        # None where the server has dropped the connection at once.
        wire = socket.get_extra_info("socket")
        self._wire = None if wire is None else sockets.socket(fileno=os.dup(wire.fileno()))

    def cut(self) -> None:
        """End the TCP connection at once, without a word."""
        if self._wire is not None:
            with suppress(OSError):  # cut already
                self._wire.shutdown(sockets.SHUT_RDWR)

    async def close(self) -> None:
        """Cut and forget the connection. Closing alone would wait until the server has read everything."""
        self.cut()
        await self.socket.close()  # which waits for nobody now, and lets go of the connection
        if self._wire is not None:
            self._wire.close()
        await self._session.close()
