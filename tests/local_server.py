"""A web server on this machine, for as long as a test needs one."""

import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

SMALL = 4096
"""Bytes that a socket holds on its way where it shall be noticed soon that nobody reads."""


@asynccontextmanager
async def serving(*routes: web.AbstractRouteDef, small: Iterable[int] = (), **options: Any) -> AsyncIterator[str]:
    """Serve these routes; gives the server's address, as `http://127.0.0.1:54321`.

    `small` are the buffers (`socket.SO_SNDBUF`, `socket.SO_RCVBUF`) that hold little on the server's side of each
    connection; further options are those of aiohttp's `AppRunner`.
    """
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, **options)
    await runner.setup()
    ear = socket.create_server(("127.0.0.1", 0))
    for buffer in small:
        ear.setsockopt(socket.SOL_SOCKET, buffer, SMALL)
    await web.SockSite(runner, ear).start()
    try:
        yield f"http://127.0.0.1:{ear.getsockname()[1]}"
    finally:
        await runner.cleanup()
