"""One session of the translation endpoint: it checks what the client says, answers, and keeps a record for tests."""

import asyncio
from collections.abc import Callable, Iterable

from bmv.simulator.openai.brains import Brain
from bmv.simulator.openai.checks import RefusedEvent
from bmv.simulator.openai.connection import Connection
from bmv.simulator.openai.engine import Engine, Manner, Output
from bmv.simulator.openai.faults import Fault
from bmv.simulator.openai.records import SessionRecord
from bmv.simulator.openai.wire import (
    SAMPLE_RATE,
    AudioAppend,
    ClientEvent,
    ServerEvents,
    SessionClose,
    SessionUpdate,
    Settings,
    decode,
)

Claim = Callable[[str], Fault | None]
"""Gives the fault, if there is one, that waits for a session of this target language."""


class Session:
    """Serves one upgraded socket until it ends. All in one task, driven by what the client sends: there is no timer."""

    def __init__(
        self,
        line: Connection,
        brain: Brain,
        *,
        manner: Manner,
        record: SessionRecord,
        events: ServerEvents,
        claim: Claim,
    ) -> None:
        self._line = line
        self._brain = brain
        self._engine = Engine(brain, manner)
        self._record = record
        self._claim = claim
        self._events = events
        self._deadline: float | None = None

    async def run(self, changed: Callable[[], None]) -> None:
        """Serve until the connection ends. `changed` is called after each event."""
        self._brain.aim(self._record.language)
        await self._line.suffer(self._events)
        await self._line.send(self._events.created(self._record.settings))
        changed()
        while not self._line.ended:
            message = await self._line.next(self._deadline)
            if message is not None:
                await self._take(message)
                await self._line.suffer(self._events)
            elif not self._line.ended:
                await self._waited()
            changed()

    async def _take(self, message: str | bytes) -> None:
        try:
            await self._obey(decode(self._line.plain(message)))
        except RefusedEvent as refusal:
            await self._line.refuse(refusal, self._events)

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
                record.append(pcm)
                await self._give_out(self._engine.append(pcm))
            case SessionClose():
                record.close_requested = True
                await self._give_out(self._engine.finish())
                if not self._line.fault.never_closed:
                    self._deadline = asyncio.get_running_loop().time() + self._line.fault.closing_seconds

    async def _update(self, event: SessionUpdate) -> None:
        before = self._record.settings
        after = event.applied_to(before)
        self._line.take_fault(self._claim(after.language))
        if self._line.fault.ignore_updates:
            return
        if self._line.fault.other_language:
            after = Settings(self._line.fault.other_language, after.transcriber, after.noise_reduction)
        self._record.settings = after
        if after.language != before.language:
            self._brain.aim(after.language)
        await self._line.send(self._events.updated(after))

    async def _give_out(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if self._line.garbage is not None:
                await self._line.send(self._line.garbage)
                self._line.garbage = None
            await self._tell(output)
            await self._line.suffer(self._events)

    async def _tell(self, output: Output) -> None:
        match output:
            case Output("audio", bytes(pcm), elapsed):
                pcm = bytes(len(pcm)) if self._line.fault.voiceless else pcm
                await self._line.send(self._events.output_audio(pcm, elapsed), seconds=len(pcm) / 2 / SAMPLE_RATE)
            case Output("text", str(text), elapsed) if not self._line.fault.wordless:
                await self._line.send(self._events.output_transcript(text, elapsed))
            case Output("heard", str(text), elapsed) if self._takes_down_words():
                await self._line.send(self._events.input_transcript(text, elapsed))

    def _takes_down_words(self) -> bool:
        return self._record.settings.transcriber is not None and not self._line.fault.wordless

    async def _waited(self) -> None:
        """Do what was waited for: the session has said all, or its time is over."""
        if self._deadline is None or asyncio.get_running_loop().time() < self._deadline:
            await self._line.suffer(self._events)
            return
        self._deadline = None
        if not self._line.silent:
            await self._line.send(self._events.closed())
            await self._line.close(1000)
