"""One upgraded socket of either endpoint: messages in and out, and what may befall the connection itself."""

import asyncio
import select
from collections.abc import Callable
from typing import Final

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from bmv.simulator.openai.checks import RefusedEvent
from bmv.simulator.openai.events import EventWriter, error_body
from bmv.simulator.openai.faults import Ending, Fault
from bmv.simulator.openai.records import EndedBy, Record

_PEEK_SECONDS: Final = 0.02
_HUNG_UP: Final = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Connection:
    """A socket with its faults. Its end is in the record, and every wait of it ends then."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        record: Record,
        *,
        fault: Fault,
        lifetime: float,
        plain: Callable[[str | bytes], str | bytes],
    ) -> None:
        """Take over an upgraded socket, which lives for so many seconds at most."""
        self.plain = plain
        """Gives a client's message with the names of models in it, whatever it calls them. RefusedEvent."""
        self.fault = fault
        self.garbage = fault.garbage
        """What is to be sent before the first output, None once it was."""
        self._told: Ending | None = None
        self._socket = socket
        self._transport = transport
        self._record = record
        self._expiry = asyncio.get_running_loop().time() + lifetime

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._record.closed_by is not None

    @property
    def silent(self) -> bool:
        """Whether the service has stopped to say anything."""
        return _due(self.fault.silent_after, self._record.seconds) or _due(
            self.fault.silent_after_output, self._record.sent_seconds
        )

    def take_fault(self, fault: Fault | None) -> None:
        """Let this go wrong from now on, if it is anything, instead of what was to go wrong."""
        if fault is None:
            return
        self.fault, self.garbage = fault, fault.garbage
        if fault.expires_in is not None:
            self._expiry = asyncio.get_running_loop().time() + fault.expires_in

    async def next(self, deadline: float | None = None) -> str | bytes | None:
        """Give the next message. None when the deadline (loop time) is over, or the connection."""
        if _due(self.fault.deaf_after, self._record.seconds):
            await self._hear_no_more()
            return None
        until = self._expiry if deadline is None else min(deadline, self._expiry)
        try:
            async with asyncio.timeout_at(until):
                message = await self._socket.receive()
        except TimeoutError:
            return None
        return self._taken(message)

    async def send(self, text: str, *, seconds: float = 0.0) -> None:
        """Send one event, with so much sound in it. A client that has gone meanwhile is noticed by the next receive."""
        if self.silent or self.ended:
            return
        self._record.sent_seconds += seconds
        try:
            await self._socket.send_str(text)
        except ConnectionError:
            return

    async def refuse(self, refusal: RefusedEvent, events: EventWriter) -> None:
        """Answer an event that is not obeyed."""
        self._record.errors.append(refusal.code)
        body = error_body(str(refusal), code=refusal.code, param=refusal.param, event_id=refusal.event_id)
        await self.send(events.error(body))

    async def suffer(self, events: EventWriter) -> None:
        """Let happen what is due by now."""
        if self.ended:
            return
        heard, said = self._record.seconds, self._record.sent_seconds
        if _due(self.fault.reset_after, heard) or _due(self.fault.reset_after_output, said):
            self._transport.abort()
            self.note_end("server", 1006)
        elif self.fault.end is not None and self.fault.end is not self._told and heard >= self.fault.end.after:
            await self._end(self.fault.end, events)
        elif asyncio.get_running_loop().time() >= self._expiry:
            await self._end(Ending(), events)

    async def close(self, code: int, reason: str = "") -> None:
        """Close in good order."""
        self.note_end("server", code)
        await self._socket.close(code=code, message=reason.encode())

    def note_end(self, by: EndedBy, code: int) -> None:
        """Put into the record how it ended."""
        self._record.closed_by = by
        self._record.close_code = code

    def _taken(self, message: WSMessage) -> str | bytes | None:
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        if message.type is WSMsgType.CLOSE:
            self.note_end("client", int(message.data or 1005))
        elif message.type is WSMsgType.CLOSING:
            self.note_end("server", WSCloseCode.GOING_AWAY)  # the whole service ends
        else:
            self.note_end("lost", 1006)
        return None

    async def _end(self, end: Ending, events: EventWriter) -> None:
        self._told = end
        if end.code is not None:
            self._record.errors.append(end.code)
            body = error_body(f"Something is wrong with the session: {end.code}.", kind=end.kind, code=end.code)
            await self.send(events.error(body))
        if end.close_code is not None:
            await self.close(end.close_code, f"{end.kind}.{end.code}" if end.code else "")

    async def _hear_no_more(self) -> None:
        """Take nothing more from the socket, so that the line fills up, until the client has gone.

        Whatever it says at its end is not read, so it counts as lost. On a line that is full its going is not seen.
        """
        self._record.deaf = True
        self._transport.pause_reading()
        watch = select.poll()
        watch.register(self._transport.get_extra_info("socket").fileno(), _HUNG_UP)
        while not self._socket.closed:
            if self._transport.is_closing() or watch.poll(0):
                self.note_end("lost", 1006)
                self._transport.abort()
                return
            await asyncio.sleep(_PEEK_SECONDS)
        self.note_end("server", WSCloseCode.GOING_AWAY)


def _due(after: float | None, seconds: float) -> bool:
    return after is not None and seconds >= after
