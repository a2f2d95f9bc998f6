"""One media stream between a real server and a real client, both on this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import aiohttp
import wires
from aiohttp import web
from local_server import SMALL, serving

from bmv.telephony import media
from bmv.telephony.streams import new_socket

T = TypeVar("T")
Served = Callable[[web.WebSocketResponse], Awaitable[T]]
START = media.StartDetail(call_sid=wires.CALLER_SID, stream_sid=wires.STREAM_SID)


@asynccontextmanager
async def line(
    serve: Served[T], *, small: bool = False
) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, asyncio.Future[T]]]:
    """Serve one media stream; gives the client's end of it, and what `serve` returns or raises.

    A `small` line holds little on its way, so that a client that does not read is noticed soon.
    """
    result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    transports: list[asyncio.Transport] = []

    async def handle(request: web.Request) -> web.WebSocketResponse:
        assert request.transport
        transports.append(request.transport)
        ws = new_socket()
        await ws.prepare(request)
        try:
            result.set_result(await serve(ws))
        except Exception as error:
            result.set_exception(error)
        return ws

    buffers = [socket.SO_SNDBUF] if small else []
    async with serving(web.get("/", handle), small=buffers) as url:
        try:
            patience = aiohttp.ClientWSTimeout(ws_close=0.2)
            async with (
                asyncio.timeout(10),
                aiohttp.ClientSession() as http,
                http.ws_connect(url, timeout=patience) as ws,
            ):
                if small:
                    ws.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
                yield ws, result
        finally:
            for transport in transports:
                transport.abort()  # as a network does in the end


def no_marks(name: str) -> None:
    raise AssertionError(f"a mark {name} that nobody set")


def no_keys(key: str) -> None:
    raise AssertionError("a key that nobody pressed")
