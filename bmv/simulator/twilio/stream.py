"""A media stream of a call: Twilio's end of the WebSocket, as one end of a telephone line.

Source: Twilio "Media Streams: WebSocket messages", "TwiML Stream".
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from bmv.audio.mulaw import FRAME_MS
from bmv.simulator.twilio import fields, messages, verbs
from bmv.simulator.twilio.connection import Connection
from bmv.simulator.twilio.courier import DeliveryError, Postman
from bmv.simulator.twilio.exchange import Exchange, new_sid
from bmv.simulator.twilio.line import Deaf
from bmv.simulator.twilio.playback import Playback

_LONGEST_OUTBOX = 1500  # messages: 30 s that a server did not read
_GOODBYE_SECONDS = 0.5
_CLEAN_CLOSES = (1000, 1001)


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What is known of a stream before it is dialled. `on_change` is called when it starts and when it is over."""

    call_sid: str
    noun: verbs.Stream
    postman: Postman
    on_change: Callable[[], None]


class MediaStream(Deaf):
    """One socket to the server. The line feeds it with `hear` and drains its playback queue with `speak`.

    For tests: `start_message`, `playback.queued`, `marks`, `clears`, `media_bytes`; `send_raw`, `break_off`.
    """

    def __init__(self, exchange: Exchange, plan: StreamPlan) -> None:
        self.sid = new_sid("MZ")
        self.name = plan.noun.name or self.sid
        self.url = plan.noun.url
        self.playback = Playback()
        self.start_message: str | None = None
        """The `start` message as it was sent; None before."""
        self.marks: list[str] = []
        """Names of the marks that the server sent, in order."""
        self.returns_marks = True
        """Whether the server is told when playback has reached a mark."""
        self.clears = 0
        """How often the server sent `clear`."""
        self.media_bytes = 0
        """Bytes of sound that the server sent."""
        self.dropped = 0
        """Messages not sent because the server did not read."""
        self.started = asyncio.Event()
        self.over = asyncio.Event()
        self._exchange = exchange
        self._plan = plan
        self._connection: Connection | None = None
        self._outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._sequence = 1
        self._chunk = 0
        self._warned: set[int] = set()
        self._broken = False

    @property
    def unsent(self) -> int:
        """Messages that wait because the server does not read."""
        return self._outbox.qsize()

    # --- the line ----------------------------------------------------------------------------------------------------

    def speak(self) -> bytes:
        """The next 20 ms of the playback queue."""
        frame, marks = self.playback.take()
        self._echo(marks)
        return frame

    def hear(self, frame: bytes) -> None:
        """Send 20 ms of what the far end says."""
        if not self.started.is_set():
            return
        self._chunk += 1
        self._send(
            messages.inbound_media(
                stream_sid=self.sid,
                sequence=self._next_sequence(),
                chunk=self._chunk,
                timestamp=self._chunk * FRAME_MS,
                frame=frame,
            )
        )

    def press(self, digit: str) -> None:
        """Tell that the far end pressed a key."""
        self._send(messages.dtmf(stream_sid=self.sid, sequence=self._next_sequence(), digit=digit))

    # --- hooks of tests ----------------------------------------------------------------------------------------------

    def send_raw(self, text: str) -> None:
        """Send any text between the regular messages."""
        self._send(text)

    def break_off(self) -> None:
        """Cut the TCP connection: no `stop`, no close frame. The call goes on with the next verb."""
        if self._connection is None:
            raise RuntimeError("the stream is not open")
        self._broken = True
        self._connection.cut()

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Dial, and talk until the server closes; when cancelled, say goodbye.

        Failures become alerts and a status event.
        """
        try:
            self._check_noun()
            self._connection = await self._exchange.courier.open_socket(self.url)
        except DeliveryError as error:
            self._exchange.alert(error.alert.code, error.alert.text)
            self._report("stream-error", str(error))
            self._is_over()
            return
        try:
            await self._talk(self._connection.socket)
        finally:
            self._is_over()
            await self._connection.close()

    async def _talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._send(messages.connected())
        self.start_message = messages.start(
            account_sid=self._exchange.account_sid,
            call_sid=self._plan.call_sid,
            stream_sid=self.sid,
            parameters=self._plan.noun.parameters,
        )
        self._send(self.start_message)
        self.started.set()
        self._plan.on_change()
        self._report("stream-started")
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(self._send_all(socket))
            try:
                await self._receive_all(socket)
            except asyncio.CancelledError:
                await self._goodbye(socket, sender)
                raise
            finally:
                sender.cancel()
        if socket.close_code in _CLEAN_CLOSES:
            self._report("stream-stopped")
        else:
            text = f"the server ended the connection (close code {socket.close_code})"
            if not self._broken:
                self._exchange.alert(31921, text)
            self._report("stream-error", text)

    def _is_over(self) -> None:
        self.over.set()
        self._plan.on_change()

    async def _goodbye(self, socket: aiohttp.ClientWebSocketResponse, sender: asyncio.Task[None]) -> None:
        self._outbox.put_nowait(
            messages.stop(
                account_sid=self._exchange.account_sid,
                call_sid=self._plan.call_sid,
                stream_sid=self.sid,
                sequence=self._next_sequence(),
            )
        )
        self._outbox.put_nowait(None)
        # A server that does not read will not get to know of it.
        if (await asyncio.wait({sender}, timeout=_GOODBYE_SECONDS))[0]:
            await socket.close()
        self._report("stream-stopped")

    async def _send_all(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while (text := await self._outbox.get()) is not None:
            try:
                await socket.send_str(text)
            except (ConnectionError, aiohttp.ClientError):
                return  # the receiving side learns it too, and says so

    async def _receive_all(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._obey(message.data)
            elif message.type is aiohttp.WSMsgType.ERROR:
                self._warn(31924, f"protocol error: {message.data!r}")
            else:
                self._warn(31950, f"a {message.type.name} message: only text is understood")

    def _obey(self, text: str) -> None:
        try:
            order = messages.decode(text, self.sid)
        except messages.MessageError as error:
            self._warn(31951, str(error))
            return
        match order:
            case bytes():
                self.media_bytes += len(order)
                if not self.playback.put(order):
                    self._warn(31931, "more than ten minutes are queued")
            case str():
                self.marks.append(order)
                self.playback.put_mark(order)
                self._echo(self.playback.reached())
            case None:
                self.clears += 1
                self._echo(self.playback.clear())

    def _check_noun(self) -> None:
        noun, parts = self._plan.noun, urlsplit(self.url)
        if noun.track != "inbound_track":
            raise DeliveryError(31941, f"track {noun.track} on <Connect>")
        if parts.scheme != "wss":
            raise DeliveryError(31922, f"the scheme of {self.url} is not wss")
        if not parts.hostname or ":" in parts.path.partition("/")[0] or "//" in parts.path:
            raise DeliveryError(31923, f"malformed URL {self.url}")
        if parts.query:
            raise DeliveryError(31920, f"{self.url} has a query string: use <Parameter>")

    def _echo(self, names: list[str]) -> None:
        for name in names if self.returns_marks else ():
            self._send(messages.mark(stream_sid=self.sid, sequence=self._next_sequence(), name=name))

    def _send(self, text: str) -> None:
        if self._outbox.qsize() < _LONGEST_OUTBOX:
            self._outbox.put_nowait(text)
        else:
            self.dropped += 1

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def _warn(self, code: int, text: str) -> None:
        if code not in self._warned:  # reported once per stream
            self._warned.add(code)
            self._exchange.alert(code, text)

    def _report(self, event: str, error: str = "") -> None:
        noun = self._plan.noun
        if noun.status_callback:
            form = fields.stream_event(
                account_sid=self._exchange.account_sid,
                call_sid=self._plan.call_sid,
                stream_sid=self.sid,
                name=self.name,
            )
            form |= {"StreamEvent": event} | ({"StreamError": error} if error else {})
            self._plan.postman.post(noun.status_callback, form, noun.status_callback_method)

    def __repr__(self) -> str:
        return f"<MediaStream {self.sid} {'over' if self.over.is_set() else 'open'}>"
