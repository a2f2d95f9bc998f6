"""What a call keeps while people talk: little, and after minutes no more than at first. Counted, not the process's."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from itertools import cycle, islice

import pytest
from fake_world import World
from fakes import FakeTranslator, settle
from structlog.testing import capture_logs

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.mulaw import SILENCE
from bmv.call.leg import Role
from bmv.call.services import Caller
from bmv.call.session import CallSession
from bmv.call.state import EndReason
from bmv.call.translator import AudioTranslated, LanguagePair, Processed, TranslatorEvent
from bmv.simulator import voices

MINUTE = 3000  # frames
BEHIND = 150  # frames: so long after it was said is it known that something is translated
MOST = 180 * 1024  # bytes; 161 were measured, 82 of them for a call in which nobody has said anything yet
SPANISH = "Buenas tardes, mi pedido todavía no ha llegado, y quisiera saber dónde está."
ENGLISH = "I am sorry to hear that, let me see what I can find out about your order."


class Telephone:
    """Hears everything and keeps nothing of it; says when it has heard what it was played."""

    def __init__(self, call_sid: str) -> None:
        self.call_sid = call_sid
        self.marks: deque[str] = deque()

    def play(self, audio: bytes, mark: str | None = None) -> None:
        assert audio
        if mark:
            self.marks.append(mark)

    async def close(self) -> None:
        pass


class Forgetful(FakeTranslator):
    """Says 200 ms of the same for every 200 ms, and keeps nothing."""

    def __init__(self, pair: LanguagePair, clock: Callable[[], float]) -> None:
        super().__init__(pair, clock)
        self._batch = bytearray()
        self._count = 0
        self._said: asyncio.Queue[TranslatorEvent] = asyncio.Queue()

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        self._count += len(sound) // mulaw.FRAME_BYTES
        self._batch += sound
        if self._count % 10 == 0:
            self._said.put_nowait(AudioTranslated(bytes(self._batch), self._clock()))
            self._said.put_nowait(Processed(max(0, self._count - BEHIND), translated=True))
            self._batch.clear()

    async def events(self) -> AsyncIterator[TranslatorEvent]:
        while True:
            yield await self._said.get()


@cache
def turns(role: Role) -> tuple[bytes, ...]:
    """Ten seconds in which each of the two speaks for four, one after the other."""
    said = voices.speak(SPANISH, "es") if role is Role.CALLER else voices.speak(ENGLISH, "en")
    sentence = tuple(islice(cycle(mulaw.frames(said)), 200))
    return sentence + (SILENCE,) * 300 if role is Role.CALLER else (SILENCE,) * 250 + sentence + (SILENCE,) * 50


class Conversation:
    """A call in which both talk in turns."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._call = CallSession(Caller(f"CA{number}", "+34911222333", languages.get("es")), world.services)
        self._legs = {role: Telephone(f"CA-{role.value}-{number}") for role in Role}
        self._says = {role: cycle(turns(role)) for role in Role}

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Both are there inside."""
        running = asyncio.create_task(self._call.run())
        await settle()
        for role, leg in self._legs.items():
            self._call.leg_connected(role, leg)
            await settle()
        self._call.agent_accepted()
        await settle()
        yield
        self._call.end(EndReason.CALLER_HUNG_UP)
        while not running.done():
            self._world.beat()
            await asyncio.sleep(0)
        await running

    async def talk(self, frames: int) -> None:
        """Let so many times 20 ms pass."""
        for _ in range(frames):
            for role, leg in self._legs.items():
                self._call.hear(role, bytes(bytearray(next(self._says[role]))))  # a copy, as from a socket
                while leg.marks:
                    self._call.mark_reached(role, leg, leg.marks.popleft())
            self._world.beat()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


def traced() -> int:
    """Bytes that are in use, but for what Python holds ready to be faster.

    Its cache of attributes belongs to no call. Before 3.13 a string is made for each match of a positional pattern, by
    which it asks for `__match_args__`; the cache keeps some of them, 4096 at most, as their addresses have it.
    """
    gc.collect()
    if sys.version_info >= (3, 13):
        sys._clear_internal_caches()
    else:
        sys._clear_type_cache()
    return tracemalloc.get_traced_memory()[0]


@pytest.fixture
def tracing() -> Iterator[None]:
    for role in Role:
        turns(role)
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("tracing")
async def test_a_call_keeps_little_and_after_minutes_no_more_than_at_first() -> None:
    world = World(agent_language=languages.get("en"))
    world.provider.make = Forgetful
    with capture_logs():
        first = Conversation(world, 1)
        async with first.going_on():
            await first.talk(MINUTE // 2)  # what the first call loads is there for all others
        before = traced()
        talk = Conversation(world, 2)
        async with talk.going_on():
            kept = []
            for _ in range(8):
                await talk.talk(MINUTE // 6)
                kept.append(traced() - before)
            assert max(kept) < MOST
            assert kept[-1] < kept[2] + 4096
        del talk
        world.provider.sessions.clear()
        assert traced() - before < 40 * 1024  # lines of the log, and what Python holds ready for the next
