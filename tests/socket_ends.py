"""Both ends of a WebSocket on this machine: ours, as aiohttp is and as another aiohttp would be, and a plain peer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from local_server import serving

from bmv.sockets import ClientSocket, ServerSocket

Either = ServerSocket | ClientSocket


class PublicServerSocket(ServerSocket):
    """As with an aiohttp that is built otherwise."""

    directly = False


class PublicClientSocket(ClientSocket):
    """As with an aiohttp that is built otherwise."""

    directly = False


@dataclass
class Ends:
    """Both ends of a connection: ours, and the peer's, which is plain aiohttp."""

    ours: Either
    peer: web.WebSocketResponse | aiohttp.ClientWebSocketResponse[Any]
    peer_transport: asyncio.Transport


KINDS = ["server", "server, publicly", "client", "client, publicly"]


@asynccontextmanager
async def connected(kind: str, *, heartbeat: float | None = None, small: bool = False) -> AsyncIterator[Ends]:
    """A connection of which one end is ours."""
    side, _, publicly = kind.partition(", ")
    served: asyncio.Future[tuple[web.WebSocketResponse, asyncio.Transport]] = asyncio.Future()
    over = asyncio.Event()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        assert request.transport
        ws = web.WebSocketResponse(timeout=0.2)
        if side == "server":
            make = PublicServerSocket if publicly else ServerSocket
            ws = make(timeout=0.2, max_msg_size=1000, compress=False, decode_text=False, heartbeat=heartbeat)
        await ws.prepare(request)
        if side == "client":
            await ws.send_str("hello")  # so early that it may come with the answer to the upgrade
        served.set_result((ws, request.transport))
        await over.wait()
        return ws

    buffers = [socket.SO_SNDBUF, socket.SO_RCVBUF] if small else []
    ours_at_client = PublicClientSocket if publicly else ClientSocket
    made: type[Any] = ours_at_client if side == "client" else aiohttp.ClientWebSocketResponse
    async with serving(web.get("/", handle), small=buffers) as url:
        try:
            async with asyncio.timeout(10), aiohttp.ClientSession(ws_response_class=made) as http:
                client = await http.ws_connect(
                    url,
                    timeout=aiohttp.ClientWSTimeout(ws_close=0.2),
                    max_msg_size=ClientSocket.MAX_MESSAGE_BYTES,
                    decode_text=side == "server",
                    heartbeat=heartbeat if side == "client" else None,
                )
                server, transport = await served
                if side == "client":
                    assert isinstance(client, ClientSocket)
                    assert (await client.receive()).data == b"hello"
                    yield Ends(client, server, transport)
                else:
                    assert isinstance(server, ServerSocket)
                    peer_transport = client._response.connection.transport  # type: ignore[union-attr]
                    assert peer_transport
                    yield Ends(server, client, peer_transport)
                over.set()
                await client.close()
        finally:
            over.set()
