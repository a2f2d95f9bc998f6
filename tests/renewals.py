"""Sessions that are renewed, for tests: what they are made of, somebody who talks to them, and time turned by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest
from fakes import Saying, settle

from bmv.audio.mulaw import frames
from bmv.call.renewal import PAUSE_FRAMES, Renewing
from bmv.call.translator import (
    AudioTranslated,
    Expiring,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.call.usage import Usage
from bmv.languages import get
from bmv.metrics import Histogram

PAIR = LanguagePair(get("es"), get("en"))
LOST = TranslatorLost("the line to the provider broke")


class Broken(Exception):
    """A bug in somebody's translator."""


class HandTime:
    """Sleeps that end when the test says how much time has passed."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        until, over = self._now + seconds, asyncio.Event()
        self._sleepers.append((until, over))
        await over.wait()

    async def pass_by(self, seconds: float) -> None:
        self._now += seconds
        for until, over in self._sleepers:
            if until <= self._now:
                over.set()
        await settle()


class Session(Saying):
    """A translator's session that says what the test has it say."""

    def __init__(self) -> None:
        super().__init__()
        self.fed: list[bytes] = []
        self.finished = 0
        self.open = True

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        assert not self.finished, "it was told that no more frames come"
        assert self.open
        self.fed.extend(frames(sound))

    def finish(self) -> None:
        self.finished += 1

    @property
    def usage(self) -> Usage:
        return Usage({"frames": len(self.fed)}, usd=float(len(self.fed)))

    # -- the script

    def will_say(self, event: TranslatorEvent | Exception | None) -> None:
        """As soon as somebody gets to listen; None for the end."""
        self._events.put_nowait(event)

    async def say(self, *events: TranslatorEvent) -> None:
        for event in events:
            self.will_say(event)
        await settle()

    async def end(self, error: Exception | None = None) -> None:
        """All is said, or an error comes in its place."""
        self.will_say(error)
        await settle()


class Factory:
    """Opens sessions when `gate` lets it, and refuses those that have an error in `refusals`."""

    problem: str | None = "none of yours"

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.asked: list[LanguagePair] = []
        self.refusals: list[Exception] = []
        self.at_closing: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def open_sessions(self) -> list[Session]:
        return [session for session in self.sessions if session.open]

    def can_speak(self, language: object) -> bool:
        return language == get("en")

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:
        self.asked.append(pair)
        await self.gate.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        session = Session()
        self.sessions.append(session)
        try:
            yield session
            await asyncio.sleep(0)
            if self.at_closing:
                raise self.at_closing
        finally:
            await asyncio.sleep(0)
            session.open = False


class Speaker:
    """Somebody who talks to a renewed session, and listens to what it says."""

    def __init__(self, translator: Translator, factory: Factory, time: HandTime) -> None:
        self.translator = translator
        self.factory = factory
        self.time = time
        self.fed: list[bytes] = []
        self.heard: list[TranslatorEvent] = []

    async def listen(self) -> None:
        async for event in self.translator.events():
            self.heard.append(event)

    async def talk(self, frames: int, *, voiced: bool = True) -> None:
        for _ in range(frames):
            self.fed.append(len(self.fed).to_bytes(2, "big") * 80)
            self.translator.feed(self.fed[-1], voiced=voiced)
        await settle()

    async def pause(self) -> None:
        await self.talk(PAUSE_FRAMES, voiced=False)

    @property
    def words(self) -> list[bytes]:
        """The translated audio that was heard."""
        return [event.audio for event in self.heard if isinstance(event, AudioTranslated)]

    @property
    def processed(self) -> list[tuple[int, bool]]:
        return [(event.frames, event.translated) for event in self.heard if isinstance(event, Processed)]

    @property
    def fed_to(self) -> list[int]:
        """How many frames each session was fed; fails if one was lost, doubled or out of order."""
        sessions = self.factory.sessions
        assert [frame for session in sessions for frame in session.fed] == self.fed
        return [len(session.fed) for session in sessions]

    async def heir(self) -> tuple[Session, Session]:
        """The session that is fed says that it expires, and another one is open, waiting for a pause."""
        before = self.factory.sessions[-1]
        await before.say(Expiring())
        after = self.factory.sessions[-1]
        assert before is not after
        return before, after

    async def renewed(self) -> tuple[Session, Session]:
        """The old session and the new one, at the moment when the new one has taken over and the old one drains."""
        both = await self.heir()
        await self.pause()
        return both


def nobody_else() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


@asynccontextmanager
async def talking(*, ends: type[Exception] | None = None) -> AsyncIterator[Speaker]:
    """A renewed session that somebody listens to; its events end in this error. Nothing may be left of it."""
    factory, time = Factory(), HandTime()
    with pytest.raises(ends) if ends else nullcontext():
        async with Renewing(factory, sleep=time.sleep).open(PAIR, Histogram()) as translator:
            speaker = Speaker(translator, factory, time)
            listening = asyncio.create_task(speaker.listen())
            await settle()
            try:
                yield speaker
                assert listening.done() or not ends, "the events go on"
            finally:
                listening.cancel()
                await asyncio.wait([listening])
            if not listening.cancelled():
                listening.result()
    assert not factory.open_sessions
    assert nobody_else()


def audio(*words: bytes) -> list[TranslatorEvent]:
    return [AudioTranslated(word, 0.0) for word in words]
