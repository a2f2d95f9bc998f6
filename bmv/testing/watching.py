"""Watching one session of a translator: feeding it as the bridge does, and noting what it says and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from bmv.audio.mulaw import FRAME_BYTES, SAMPLE_RATE, encode, frames
from bmv.audio.voice import VoiceDetector
from bmv.call.frames import Frames
from bmv.call.telling import told
from bmv.call.translator import AudioTranslated, Processed, Translator, TranslatorEvent

_GLANCE_SECONDS = 0.005  # between two looks at what is waited for
_MOMENT_SECONDS = 1.0  # for a task to notice that it is over


class Patient(Protocol):
    """What has tests and says how long each may take."""

    patience: float


_Patient = TypeVar("_Patient", bound=Patient)


class Stumbled(Exception):
    """What a test raises inside a session, to see it come out as it is."""


def a_voice(seconds: float = 2.0) -> list[bytes]:
    """Something that a voice detector takes for a voice: syllables of an open vowel with gaps, as frames."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 110 + 20 * np.floor(time / 0.25 % 3)  # a syllable every quarter of a second, on three notes in turn
    harmonics = (
        np.sin(2 * np.pi * pitch * k * time) / (1 + ((pitch * k - 700) / 200) ** 2 + ((pitch * k - 1200) / 900) ** 2)
        for k in range(1, 28)
    )
    sound = sum(harmonics, np.zeros_like(time)) * np.sin(np.pi * (time / 0.25 % 1)) ** 0.5
    return list(frames(encode(np.rint(sound / np.abs(sound).max() * 12_000).astype(np.int16))))


def demand(promise: bool, otherwise: str) -> None:
    """Fail with a sentence that says what was promised and what was found instead."""
    __tracebackhide__ = True  # pytest shows the line of the test then, not this one
    if not promise:
        raise AssertionError(otherwise)


def bounded(test: Callable[[_Patient], Coroutine[Any, Any, None]]) -> Callable[[_Patient], None]:
    """Make a plain test of a coroutine: it has an event loop of its own, an end, and leaves no task behind."""

    def in_a_loop(self: _Patient) -> None:
        # Not asyncio.run: that waits for ever for a task that will not be cancelled.
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(_within(self.patience, test(self)))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()

    in_a_loop.__name__ = in_a_loop.__qualname__ = test.__name__
    in_a_loop.__doc__ = test.__doc__
    return in_a_loop


async def _within(seconds: float, test: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(test)
    done, _ = await asyncio.wait([task], timeout=seconds)
    task.cancel()
    running = await _still_running()
    try:
        if task.done():
            task.result()
    except asyncio.CancelledError as where:
        raise AssertionError(f"not done within {seconds:g} s; above is what it waited for") from where
    demand(bool(done), f"not done within {seconds:g} s, and not to be cancelled either")
    demand(not running, f"still running after every session was left: {', '.join(running)}")


async def _still_running() -> list[str]:
    """The tasks that do not end by themselves within a moment; they are cancelled."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if not tasks:
        return []
    _, left = await asyncio.wait(tasks, timeout=_MOMENT_SECONDS)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_MOMENT_SECONDS)
    return [getattr(task.get_coro(), "__qualname__", task.get_name()) for task in left]


@dataclass(frozen=True)
class Seen:
    """One event, and how many frames had been fed and what the loop's time was when it was taken."""

    event: TranslatorEvent
    fed: int
    at: float


class Session:
    """An open session under test: counts what it is fed and keeps what it says."""

    def __init__(self, translator: Translator, pace: float, *, telling: bool) -> None:
        self.translator = translator
        self.interrupted = False
        """Whether it told something from within `feed` or `finish`."""
        self.fed = 0
        self.seen: list[Seen] = []
        self.opened_at = asyncio.get_running_loop().time()
        self._pace = pace
        self._telling = telling
        self._within = False
        self._voice = VoiceDetector()

    def feed(self, sound: bytes) -> None:
        """Hand over frames as the bridge does."""
        given = Frames.cut(sound, self._voice.follow(sound))
        self.fed += len(given)
        self._within = True
        try:
            for part, voiced in given.runs():
                self.translator.feed(part, voiced=voiced)
        except Exception as error:
            raise AssertionError(f"feed must never raise, and raised {error!r}") from error
        finally:
            self._within = False

    def finish(self) -> None:
        """Say that no more frames will come."""
        self._within = True
        try:
            self.translator.finish()
        finally:
            self._within = False

    async def speak(self, speech: Sequence[bytes]) -> None:
        """Hand over frames, or several at a time, one after another, so that the session can work meanwhile."""
        for sound in speech:
            self.feed(sound)
            await asyncio.sleep(self._pace * len(sound) / FRAME_BYTES)

    async def listen(self) -> None:
        """Take events until they end."""
        if self._telling:
            await told(self.translator, self._note)
        else:
            async for event in self.translator.events():
                self._note(event)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Task[None]]:
        """Take events beside the block, which may await the end of them."""
        listener = asyncio.create_task(self.listen())
        try:
            yield listener
        finally:
            listener.cancel()
            await asyncio.wait([listener], timeout=_MOMENT_SECONDS)

    def _note(self, event: TranslatorEvent) -> None:
        self.interrupted |= self._within
        self.seen.append(Seen(event, self.fed, asyncio.get_running_loop().time()))

    @property
    def processed(self) -> int:
        """How many frames it is done with, as far as it told."""
        return max((seen.event.frames for seen in self.seen if isinstance(seen.event, Processed)), default=0)

    @property
    def heard(self) -> bytes:
        """All the audio, in the order it came."""
        return b"".join(seen.event.audio for seen in self.seen if isinstance(seen.event, AudioTranslated))


async def happens(condition: Callable[[], object], *, within: float) -> bool:
    """Wait until the condition holds, for so many seconds at most; tells whether it does."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 - what is looked at may be anything
                await asyncio.sleep(_GLANCE_SECONDS)
    return bool(condition())
