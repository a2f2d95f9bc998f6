"""One connection to the simulated service: it checks what the client says, answers, and keeps a record for tests."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from bmv.audio.mulaw import Samples
from bmv.simulator.openai.brains import Brain
from bmv.simulator.openai.engine import Engine, Manner, Output
from bmv.simulator.openai.faults import NO_FAULT, Fault
from bmv.simulator.openai.wire import (
    SAMPLE_RATE,
    AudioAppend,
    ClientEvent,
    RefusedEvent,
    ServerEvents,
    SessionClose,
    SessionUpdate,
    Settings,
    decode,
    error_body,
)

LIFETIME_SECONDS: Final = 3600
"""`expires_at` was an hour after the creation (measured by others)."""


@dataclass(eq=False, slots=True)
class SessionRecord:
    """What a test wants to know of one session, while it lasts and afterwards."""

    model: str
    headers: Mapping[str, str]
    """The upgrade's headers, names in lower case."""
    updates: list[dict[str, Any]] = field(default_factory=list)
    """The `session` of each update received, refused ones too."""
    errors: list[str] = field(default_factory=list)
    """The code of each `error` event sent."""
    settings: Settings = field(default_factory=Settings)
    close_requested: bool = False
    """Whether `session.close` came."""
    closed_by: Literal["client", "server", "lost"] | None = None
    """Who ended the connection: None while it lasts, "lost" if the client went without a word."""
    close_code: int | None = None
    received: bytearray = field(default_factory=bytearray, repr=False)
    """All audio appended, as it came: 24 kHz PCM16 little-endian."""
    sent_seconds: float = 0.0
    """Seconds of audio given out, silence included."""

    @property
    def language(self) -> str:
        """The target language in force."""
        return self.settings.language

    @property
    def audio(self) -> Samples:
        """All audio appended, 24 kHz."""
        return np.frombuffer(bytes(self.received), "<i2").astype(np.int16)

    @property
    def seconds(self) -> float:
        """Seconds of audio appended."""
        return len(self.received) / 2 / SAMPLE_RATE


class Session:
    """Serves one upgraded socket until it ends. All in one task, driven by what the client sends: there is no timer."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        brain: Brain,
        *,
        manner: Manner,
        record: SessionRecord,
        fault: Fault = NO_FAULT,
    ) -> None:
        self._socket = socket
        self._brain = brain
        self._engine = Engine(brain, manner)
        self._record = record
        self._fault = fault
        self._events = ServerEvents(
            session_id=f"sess_{secrets.token_hex(12)}",
            model=record.model,
            expires_at=int(time.time()) + LIFETIME_SECONDS,
        )
        self._garbage = fault.garbage
        self._deadline: float | None = None

    async def run(self, *, cut: Callable[[], None], changed: Callable[[], None]) -> None:
        """Serve until the connection ends. `cut` ends it without a handshake, `changed` is called after each event."""
        record = self._record
        self._brain.aim(record.language)
        await self._suffer(cut)
        if record.closed_by is None:
            await self._send(self._events.created(record.settings))
        changed()
        while record.closed_by is None:
            try:
                message = await self._receive()
            except TimeoutError:
                await self._finish()
            else:
                await self._take(message)
                await self._suffer(cut)
            changed()

    async def _receive(self) -> WSMessage:
        if self._deadline is None:
            return await self._socket.receive()
        async with asyncio.timeout_at(self._deadline):
            return await self._socket.receive()

    async def _take(self, message: WSMessage) -> None:
        if message.type is WSMsgType.TEXT:
            try:
                await self._obey(decode(message.data))
            except RefusedEvent as refusal:
                await self._refuse(refusal)
        elif message.type is WSMsgType.BINARY:
            text = "Expected a text WebSocket message; binary frames are not supported."
            await self._refuse(RefusedEvent("invalid_event", text))
        elif message.type is WSMsgType.CLOSE:
            self._ended("client", int(message.data or 1005))
        elif message.type is WSMsgType.CLOSING:
            self._ended("server", WSCloseCode.GOING_AWAY)  # the whole service ends
        else:
            self._ended("lost", 1006)

    async def _obey(self, event: ClientEvent) -> None:
        record = self._record
        if isinstance(event, SessionUpdate):
            record.updates.append(dict(event.body))
        if record.close_requested:
            raise RefusedEvent("session_closing", "The session is closing and takes no further events.")
        match event:
            case SessionUpdate():
                await self._update(event)
            case AudioAppend(pcm):
                record.received += pcm
                await self._give_out(self._engine.append(pcm))
            case SessionClose():
                record.close_requested = True
                await self._give_out(self._engine.finish())
                if not self._fault.never_closed:
                    self._deadline = asyncio.get_running_loop().time() + self._fault.closing_seconds

    async def _update(self, event: SessionUpdate) -> None:
        if self._fault.ignore_updates:
            return
        before = self._record.settings
        after = event.applied_to(before)
        if self._fault.other_language:
            after = Settings(self._fault.other_language, after.transcriber, after.noise_reduction)
        self._record.settings = after
        if after.language != before.language:
            self._brain.aim(after.language)
        await self._send(self._events.updated(after))

    async def _give_out(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if self._garbage is not None:
                await self._send(self._garbage)
                self._garbage = None
            await self._tell(output)

    async def _tell(self, output: Output) -> None:
        match output:
            case Output("audio", bytes(pcm), elapsed):
                pcm = bytes(len(pcm)) if self._fault.voiceless else pcm
                self._record.sent_seconds += len(pcm) / 2 / SAMPLE_RATE
                await self._send(self._events.output_audio(pcm, elapsed))
            case Output("text", str(text), elapsed) if not self._fault.wordless:
                await self._send(self._events.output_transcript(text, elapsed))
            case Output("heard", str(text), elapsed) if self._takes_down_words():
                await self._send(self._events.input_transcript(text, elapsed))

    def _takes_down_words(self) -> bool:
        return self._record.settings.transcriber is not None and not self._fault.wordless

    async def _refuse(self, refusal: RefusedEvent) -> None:
        self._record.errors.append(refusal.code)
        body = error_body(str(refusal), code=refusal.code, param=refusal.param, event_id=refusal.event_id)
        await self._send(self._events.error(body))

    async def _suffer(self, cut: Callable[[], None]) -> None:
        """Let happen what is due by now."""
        heard = self._record.seconds
        if self._record.closed_by is not None:
            return
        if self._fault.reset_after is not None and heard >= self._fault.reset_after:
            cut()
            self._ended("server", 1006)
        elif self._fault.end is not None and heard >= self._fault.end.after:
            end = self._fault.end
            self._record.errors.append(end.code)
            body = error_body(f"The session ended: {end.code}.", kind=end.kind, code=end.code)
            await self._send(self._events.error(body))
            await self._close(end.close_code, f"{end.kind}.{end.code}")

    async def _finish(self) -> None:
        self._deadline = None
        if not self._silent():
            await self._send(self._events.closed())
            await self._close(1000)

    async def _close(self, code: int, reason: str = "") -> None:
        self._ended("server", code)
        await self._socket.close(code=code, message=reason.encode())

    def _ended(self, by: Literal["client", "server", "lost"], code: int) -> None:
        self._record.closed_by = by
        self._record.close_code = code

    def _silent(self) -> bool:
        return self._fault.silent_after is not None and self._record.seconds >= self._fault.silent_after

    async def _send(self, text: str) -> None:
        """Send one event. A client that has gone meanwhile is noticed by the next receive."""
        if self._silent():
            return
        try:
            await self._socket.send_str(text)
        except ConnectionError:
            return
