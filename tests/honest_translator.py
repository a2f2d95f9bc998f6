"""A translator that keeps every promise of the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bmv.audio.mulaw import frames
from bmv.call.translator import AudioTranslated, LanguagePair, Processed, TranslatorLost
from bmv.call.usage import Usage
from bmv.languages import Language
from bmv.metrics import Histogram


class Honest:
    """Keeps every promise: each frame comes back at once. `loses_at` is how many frames its provider stands."""

    def __init__(self, uplink: Histogram, loses_at: int | None) -> None:
        self.uplink = uplink
        self.loses_at = loses_at
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.fed = 0
        self.finished = False

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        for frame in frames(sound):
            self.feed_one(frame)

    def feed_one(self, frame: bytes) -> None:
        if self.finished:
            return
        self.fed += 1
        self.uplink.add(0.001)
        if self.loses_at is None or self.fed < self.loses_at:
            self.give(frame)
        elif self.fed == self.loses_at:
            self.queue.put_nowait(TranslatorLost("the provider hung up"))

    def give(self, frame: bytes) -> None:
        self.queue.put_nowait(AudioTranslated(frame, asyncio.get_running_loop().time()))
        self.queue.put_nowait(Processed(self.fed))

    async def events(self) -> AsyncIterator[Any]:
        while (event := await self.queue.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def finish(self) -> None:
        self.finished = True
        self.queue.put_nowait(None)

    @property
    def usage(self) -> Usage:
        return Usage({"frames": float(self.fed)})


class HonestFactory:
    """Opens sessions of the class it is given. `mood` is how its provider behaves: well, refusing or losing."""

    translator: type[Honest] = Honest

    def __init__(self, mood: str = "well") -> None:
        self.mood = mood
        self.sessions = 0
        self.problem: Any = None

    def can_speak(self, language: Language) -> Any:
        return True

    def refuse(self) -> None:
        self.problem = "the provider does not like us"
        raise TranslatorLost(self.problem)

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        self.sessions += 1
        try:
            await asyncio.sleep(0.001)  # as long as a provider may take to answer
            if self.mood == "refusing":
                self.refuse()
            yield self.translator(uplink, 10 if self.mood == "losing" else None)
        finally:
            self.sessions -= 1
