"""The world around a call, made by hand: a clock that is turned, and legs, carrier and translators with a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bmv import languages
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS
from bmv.call.captions import CaptionFeed
from bmv.call.carrier import AgentCall, CarrierError
from bmv.call.leg import Role
from bmv.call.metronome import Metronome
from bmv.call.session import CallPolicy, CallServices, CallSession
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    CaptionKind,
    LanguagePair,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.languages import Language
from bmv.metrics import Histogram

MANY_TURNS = 500
"""Of the event loop: far more than anything without a wait for the outside needs."""


def loud(number: int) -> bytes:
    """A frame that is voiced beyond doubt, different for every number."""
    return bytes(0x80 + (number >> 4 * digit & 0xF) for digit in range(8)) * (FRAME_BYTES // 8)


def hush(number: int) -> bytes:
    """A frame of the noise that a translator sends as silence (peak of 63 or less), different for every number."""
    return bytes(0xF8 + (number >> 3 * digit & 0x7) for digit in range(8)) * (FRAME_BYTES // 8)


def cut(audio: bytes) -> list[bytes]:
    """Whole frames again; fails for anything else."""
    assert len(audio) % FRAME_BYTES == 0
    return [audio[start : start + FRAME_BYTES] for start in range(0, len(audio), FRAME_BYTES)]


async def settle() -> None:
    """Let every task run until it waits for something that will not happen by itself."""
    for _ in range(50):
        await asyncio.sleep(0)


async def until(happened: Callable[[], object], beat: Callable[[], None] = lambda: None) -> None:
    """Let the tasks run, one beat each turn, until something has happened; fails if it never does."""
    for _ in range(MANY_TURNS):
        if happened():
            return
        beat()
        await asyncio.sleep(0)
    raise AssertionError("what was waited for did not happen")


class HandClock:
    """Seconds that pass only when a test turns the hands."""

    def __init__(self, start: float = 1000.0) -> None:
        self.time = start

    def __call__(self) -> float:
        return self.time

    def turn(self, seconds: float = FRAME_SECONDS) -> float:
        """Let time pass, one frame unless said otherwise; returns the new time."""
        self.time += seconds
        return self.time


class FakeLeg:
    """A party's telephone: keeps what it is played."""

    def __init__(self, call_sid: str) -> None:
        self.call_sid = call_sid
        self.heard = bytearray()
        self.closed = 0
        self.broken: Exception | None = None
        """What `close` raises: a bug."""
        self.deaf: Exception | None = None
        """What `play` raises: a bug."""

    def play(self, audio: bytes) -> None:
        if self.deaf:
            raise self.deaf
        self.heard += audio

    async def close(self) -> None:
        self.closed += 1
        if self.broken:
            raise self.broken

    @property
    def frames(self) -> list[bytes]:
        return cut(bytes(self.heard))


class FakeCarrier:
    """A telephone company that keeps a diary of what it was asked, in order."""

    def __init__(self) -> None:
        self.dialled: list[AgentCall] = []
        self.said: list[tuple[str, str, Language]] = []
        self.hung_up: list[str] = []
        self.diary: list[tuple[str, str]] = []
        self.dialling = asyncio.Event()
        self.dialling.set()
        """Cleared: `dial_agent` waits."""
        self.refuses: dict[str, Exception] = {}
        """By method name."""
        self.problem: str | None = None
        self.after_say: Callable[[str], None] = lambda _call_sid: None
        """What the world does when a farewell has been spoken to the end."""

    async def dial_agent(self, agent_call: AgentCall) -> str:
        self.dialled.append(agent_call)
        self._note("dial_agent", agent_call.call_id)
        await self.dialling.wait()
        if "dial_agent" in self.refuses:
            raise self.refuses["dial_agent"]
        return f"CA-agent-of-{agent_call.call_id}"

    async def say(self, call_sid: str, sentence: str, language: Language) -> None:
        self._note("say", call_sid)
        self.said.append((call_sid, sentence, language))
        await asyncio.sleep(0)
        self.after_say(call_sid)

    async def hang_up(self, call_sid: str) -> None:
        self.hung_up.append(call_sid)
        self._note("hang_up", call_sid)
        await asyncio.sleep(0)

    def _note(self, method: str, whom: str) -> None:
        self.diary.append((method, whom))
        if method in self.refuses:
            raise self.refuses[method]


REFUSED = CarrierError("the number is not in service")


class FakeTranslator:
    """A session that says what the test lets it say, and keeps what it was fed."""

    def __init__(self, pair: LanguagePair, clock: Callable[[], float]) -> None:
        self.pair = pair
        self.fed: list[bytes] = []
        self.finished = 0
        self.closed = False
        self._clock = clock
        self._events: asyncio.Queue[TranslatorEvent | Exception | None] = asyncio.Queue()

    def feed(self, frame: bytes) -> None:
        assert not self.finished
        assert not self.closed
        self.fed.append(frame)

    async def events(self) -> AsyncIterator[TranslatorEvent]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def finish(self) -> None:
        self.finished += 1

    # -- the script

    def speak(self, *frames: bytes) -> None:
        self._events.put_nowait(AudioTranslated(b"".join(frames), self._clock()))

    def caption(self, kind: CaptionKind, text: str) -> None:
        self._events.put_nowait(Captioned(kind, text))

    def lose(self, error: Exception | None = None) -> None:
        self._events.put_nowait(error or TranslatorLost("the line to the provider broke"))

    def end(self) -> None:
        self._events.put_nowait(None)


@dataclass
class FakeTranslatorFactory:
    """Opens fake sessions: at once, or when the test says so, or not at all."""

    clock: Callable[[], float]
    asked: list[LanguagePair] = field(default_factory=list)
    sessions: list[FakeTranslator] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    """Raised on entering, one for each session that is asked for, in order; then sessions are had again."""
    problem: str | None = None

    def __post_init__(self) -> None:
        self.opening = asyncio.Event()
        self.opening.set()
        """Cleared: sessions take their time to open."""
        self.closing = asyncio.Event()
        self.closing.set()
        """Cleared: sessions take their time to close."""

    @property
    def open_sessions(self) -> int:
        return sum(not session.closed for session in self.sessions)

    def session(self, source: str) -> FakeTranslator:
        """The newest session that listens to this language."""
        return next(session for session in reversed(self.sessions) if session.pair.source.tag == source)

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:
        self.asked.append(pair)
        await self.opening.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        session = FakeTranslator(pair, self.clock)
        self.sessions.append(session)
        try:
            yield session
        finally:
            session.closed = True
            await self.closing.wait()


def numbers(frames: Iterable[bytes]) -> list[int]:
    """The numbers of `loud` frames among these, in order."""
    return [_number(frame) for frame in frames if frame == loud(_number(frame))]


def _number(frame: bytes) -> int:
    return sum((code & 0xF) << 4 * digit for digit, code in enumerate(frame[:8]))


class World:
    """All that calls share, made by hand, and the moves that bring a call from state to state."""

    def __init__(self, **policy: Any) -> None:
        self.clock = HandClock()
        self.metronome = Metronome(clock=self.clock)
        self.carrier = FakeCarrier()
        self.translators = FakeTranslatorFactory(self.clock)
        self.captions = CaptionFeed()
        # No farewell is waited for, unless a test wants it.
        settings: dict[str, Any] = {"agent_language": languages.get("en"), "farewell": 0.0} | policy
        self.policy = CallPolicy(**settings)
        self.services = CallServices(self.carrier, self.translators, self.metronome, self.captions, self.policy)

    def beat(self) -> None:
        """20 ms pass."""
        self.clock.turn()
        self.metronome.beat()

    async def pass_time(self, seconds: float) -> None:
        """Beats, and whatever they bring about."""
        await settle()
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.beat()
            await asyncio.sleep(0)
        await settle()

    async def dialled(self, call: CallSession) -> FakeLeg:
        """The caller's stream starts, and the agent call is placed."""
        leg = FakeLeg(call.caller.call_sid)
        call.leg_connected(Role.CALLER, leg)
        await settle()
        return leg

    async def queued(self, call: CallSession) -> tuple[FakeLeg, FakeLeg]:
        """The agent's stream has started too, and nobody has accepted yet."""
        caller = await self.dialled(call)
        agent = FakeLeg(agent_sid(call))
        call.leg_connected(Role.AGENT, agent)
        return caller, agent

    async def bridged(self, call: CallSession) -> tuple[FakeLeg, FakeLeg]:
        """Both can hear each other, and the sessions are open."""
        legs = await self.queued(call)
        call.agent_accepted()
        await settle()
        return legs


def agent_sid(call: CallSession) -> str:
    """The call sid under which the fake carrier places the agent call."""
    return f"CA-agent-of-{call.id}"
