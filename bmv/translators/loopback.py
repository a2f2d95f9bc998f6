"""The translator that translates nothing: each frame comes back after a set delay, with captions that say so.

It needs no account and no key. What works with it proves the plumbing of a call and nothing about translation.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bmv.audio.mulaw import FRAME_SECONDS, frames
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    CaptionKind,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
)
from bmv.call.usage import Usage
from bmv.languages import Language
from bmv.metrics import Histogram
from bmv.waiting import Queue


class LoopbackTranslator:
    """Gives every frame back once `delay` seconds of later frames have come in: the frames are its clock."""

    def __init__(self, pair: LanguagePair, *, delay: float, clock: Callable[[], float]) -> None:
        self._pair = pair
        self._delay_frames = round(delay / FRAME_SECONDS)
        self._clock = clock
        self._held: deque[bytes] = deque()
        self._returned = 0
        self._said: Queue[TranslatorEvent | None] = Queue()
        self._talking = False
        self._finished = False

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        """Hold the frames back, and let go of those whose time has come."""
        if self._finished:
            return
        self._caption(talking=voiced)
        self._held.extend(frames(sound))
        if len(self._held) <= self._delay_frames:
            self._said.put_nowait(Alive())
        while len(self._held) > self._delay_frames:
            self._give_back()

    async def events(self) -> AsyncIterator[TranslatorEvent]:
        """The frames that were let go, each with the word that it is done with, and captions."""
        while (event := await self._said.get()) is not None:
            yield event

    def finish(self) -> None:
        """Let go of everything at once."""
        if not self._finished:
            self._finished = True
            while self._held:
                self._give_back()
            self._said.put_nowait(None)

    @property
    def usage(self) -> Usage:
        """Seconds in and out, silence included. It costs nothing."""
        fed = self._returned + len(self._held)
        return Usage(
            {"audio_seconds_sent": fed * FRAME_SECONDS, "audio_seconds_received": self._returned * FRAME_SECONDS}, 0.0
        )

    def _give_back(self) -> None:
        self._returned += 1
        self._said.put_nowait(AudioTranslated(self._held.popleft(), self._clock()))
        self._said.put_nowait(Processed(self._returned))

    def _caption(self, *, talking: bool) -> None:
        if talking and not self._talking:
            source, target = self._pair.source.english, self._pair.target.english
            self._said.put_nowait(Captioned(CaptionKind.ORIGINAL, f"(somebody speaks {source}) "))
            self._said.put_nowait(Captioned(CaptionKind.TRANSLATION, f"(the same, not translated into {target}) "))
        self._talking = talking


class LoopbackFactory:
    """Opens loopback sessions; `delay` in seconds stands for the time a real translator takes."""

    def __init__(self, *, delay: float = 0.4) -> None:
        self._delay = delay
        self.problem: str | None = None
        self.open_sessions = 0

    def can_speak(self, language: Language) -> bool:  # noqa: ARG002
        """It does, in the language it hears."""
        return True

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:  # noqa: ARG002
        """A session; it has no wire, so there is no uplink to measure."""
        self.open_sessions += 1
        try:
            yield LoopbackTranslator(pair, delay=self._delay, clock=asyncio.get_running_loop().time)
        finally:
            self.open_sessions -= 1
