"""The WebSocket that both legs of every call arrive at."""

from __future__ import annotations

from functools import partial

import structlog
from aiohttp import WSCloseCode, web

from bmv.call.leg import Role
from bmv.call.registry import CallRegistry
from bmv.call.session import CallSession
from bmv.call.state import IllegalTransition
from bmv.errors import ProtocolError
from bmv.telephony import twiml
from bmv.telephony.gathering import Watch
from bmv.telephony.media import StartDetail
from bmv.telephony.streams import MediaStream, new_socket, read_start

log = structlog.get_logger()

SOCKETS = web.AppKey("sockets", set[web.WebSocketResponse])
"""Every open media stream, to be closed when the process stops."""


class Intercept:
    """The handler of `GET /intercept`: a connection is a leg of one call from its start to its end."""

    def __init__(self, registry: CallRegistry) -> None:
        self._registry = registry
        self._watch = Watch()

    def routes(self) -> list[web.RouteDef]:
        """The route; the address Twilio was given has no query string."""
        return [web.get("/intercept", self.handle)]

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one media stream. Its signature was checked before the upgrade; its token is checked at `start`."""
        ws = new_socket()
        await ws.prepare(request)
        sockets = request.app[SOCKETS]
        sockets.add(ws)
        try:
            await self._serve(ws)
        except ProtocolError as error:
            log.warning("stream_refused", error=str(error))
            await ws.close(code=WSCloseCode.POLICY_VIOLATION)
        finally:
            sockets.discard(ws)
            await ws.close()
        return ws

    async def _serve(self, ws: web.WebSocketResponse) -> None:
        start = await read_start(ws)
        call, role = self._admit(start)
        structlog.contextvars.bind_contextvars(call_id=call.id, role=role.value)
        stream = MediaStream(ws, start, watch=self._watch)
        try:
            replaced = call.leg_connected(role, stream)
        except IllegalTransition as error:
            raise ProtocolError(str(error)) from error
        log.info("stream_started", call_sid=start.call_sid)
        if replaced:
            log.warning("stream_replaced")
            await replaced.close()
        hung_up = False
        try:
            hung_up = await stream.listen(
                partial(call.hear, role),
                lambda mark: call.mark_reached(role, stream, mark),
                lambda key: call.press(role, key),
            )
        finally:
            log.info("stream_ended", hung_up=hung_up)
            call.leg_closed(role, stream, hung_up=hung_up)

    def _admit(self, start: StartDetail) -> tuple[CallSession, Role]:
        """The call and role that the stream's one-time token stands for."""
        given = start.custom_parameters
        call = self._registry.find(given.get(twiml.CALL_ID))
        if call is None:
            raise ProtocolError("the stream belongs to no running call")
        role = call.tokens.redeem(given.get(twiml.TOKEN, ""))
        if role is None:
            raise ProtocolError("the stream has no valid token")
        return call, role
