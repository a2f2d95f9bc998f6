"""The site of the two phones: an aiohttp application with the page and a WebSocket for each phone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from bmv.simulator.phone import page, phone_wire
from bmv.simulator.phone.entrance import Entrance
from bmv.simulator.phone.parlour import Parlour
from bmv.simulator.phone.telephones import Telephone
from bmv.simulator.phone.visitor import Visitor

MOST_VISITORS: Final = 20
"""Sockets at one phone."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The page and the sockets; `serve` opens it on a port of its own."""

    def __init__(self, parlour: Parlour, entrance: Entrance, offer: page.Offer) -> None:
        self._parlour = parlour
        self._entrance = entrance
        self._page = page.render(offer)
        self._assets = page.assets()
        self._sockets: set[web.WebSocketResponse] = set()

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve while inside; gives the port, which was free where 0 was asked for. Raises `OSError`."""
        app = web.Application(middlewares=[self._gate], client_max_size=0)
        app.router.add_get("/", self._home)
        app.router.add_get("/phone", self._show)
        app.router.add_get("/phone/page/{name}", self._asset)
        app.router.add_get("/phone/{side}", self._socket)
        runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            async with self._parlour.open():
                yield site.port
                await asyncio.gather(*(each.close(code=WSCloseCode.GOING_AWAY) for each in tuple(self._sockets)))
        finally:
            await runner.cleanup()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn away what is not for us, and tell the browser how strict it is to be."""
        try:
            if not self._entrance.admits(request):
                raise web.HTTPForbidden(text="This page is not known by that name.")
            response = await handler(request)
        except web.HTTPException as answer:
            answer.headers.update(page.HEADERS)
            raise
        if not response.prepared:
            response.headers.update(page.HEADERS)
        return response

    async def _home(self, _request: web.Request) -> web.Response:
        raise web.HTTPFound("/phone")

    async def _show(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html")

    async def _asset(self, request: web.Request) -> web.Response:
        found = self._assets.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        body, kind = found
        return web.Response(body=body, content_type=kind, charset="utf-8")

    # --- a socket -----------------------------------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        phone = self._parlour.phones.get(request.match_info["side"])
        if phone is None:
            raise web.HTTPNotFound
        if not self._entrance.admits_socket(request):
            raise web.HTTPForbidden(text="Only the page itself may open a phone.")
        if len(phone.visitors) >= MOST_VISITORS:
            raise web.HTTPServiceUnavailable(text="Too many look at this phone.")
        socket = web.WebSocketResponse(timeout=2, heartbeat=20, compress=False, max_msg_size=phone_wire.LARGEST_MESSAGE)
        visitor = Visitor()
        phone.visitors.add(visitor)
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            await self._talk(socket, phone, visitor)
        finally:
            self._sockets.discard(socket)
            phone.visitors.discard(visitor)
            phone.leave(visitor)
        return socket

    async def _talk(self, socket: web.WebSocketResponse, phone: Telephone, visitor: Visitor) -> None:
        phone.show_to(visitor)
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(_send_all(socket, visitor))
            await self._receive_all(socket, phone, visitor)
            sender.cancel()

    async def _receive_all(self, socket: web.WebSocketResponse, phone: Telephone, visitor: Visitor) -> None:
        async for message in socket:
            try:
                if message.type is not WSMsgType.TEXT:
                    raise phone_wire.NotUnderstood(f"a {message.type.name} message")
                self._parlour.obey(phone, visitor, phone_wire.decode(message.data))
            except phone_wire.NotUnderstood:
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"not understood")


async def _send_all(socket: web.WebSocketResponse, visitor: Visitor) -> None:
    with suppress(ConnectionError):  # the receiving side learns it too
        while True:
            await socket.send_str(await visitor.outbox.get())
