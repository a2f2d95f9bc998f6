"""The world around a call, made by hand: a clock that is turned, and legs, carrier, translators with a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, frames
from bmv.call.carrier import CarrierError, NewCall, Seat
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    CaptionKind,
    Expiring,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.call.usage import Usage
from bmv.languages import LANGUAGES, Language, Sentence
from bmv.metrics import Histogram

MANY_TURNS = 500
"""Of the event loop: far more than anything without a wait for the outside needs."""


def loud(number: int) -> bytes:
    """A frame that is voiced beyond doubt, different for every number."""
    digits = f"{number:08x}"[::-1]
    return bytes.fromhex("8" + "8".join(digits)) * (FRAME_BYTES // 8)


def hush(number: int) -> bytes:
    """A frame of the noise that a translator sends as silence (peak of 63 or less), different for every number."""
    return bytes(0xF8 + (number >> 3 * digit & 0x7) for digit in range(8)) * (FRAME_BYTES // 8)


def spoken(first: int, last: int) -> list[bytes]:
    """Loud frames with these numbers, the last one not among them."""
    return [loud(number) for number in range(first, last)]


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
        self.marks: list[str] = []
        """Set behind what was heard, and not yet answered."""
        self.closed = 0
        self.broken: Exception | None = None
        """What `close` raises: a bug."""
        self.deaf: Exception | None = None
        """What `play` raises: a bug."""

    def play(self, audio: bytes, mark: str | None = None) -> None:
        if self.deaf:
            raise self.deaf
        self.heard += audio
        if mark:
            self.marks.append(mark)

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
        self.dialled: list[NewCall] = []
        self.said: list[tuple[str, str, Language]] = []
        self.hung_up: list[str] = []
        self.diary: list[tuple[str, str]] = []
        self.dialling = asyncio.Event()
        self.dialling.set()
        """Cleared: `dial` waits."""
        self.refuses: dict[str, Exception] = {}
        """By method name."""
        self.problem: str | None = None
        self.held = False
        """What `is_held` answers."""
        self.asked_about: list[Seat] = []
        self.answering = asyncio.Event()
        self.answering.set()
        """Cleared: `is_held` waits."""
        self.after_say: Callable[[str], None] = lambda _call_sid: None
        """What the world does when a farewell has been spoken to the end."""

    async def dial(self, call: NewCall) -> str:
        self.dialled.append(call)
        self._note("dial", call.call_id)
        await self.dialling.wait()
        if "dial" in self.refuses:
            raise self.refuses["dial"]
        return f"CA-{call.role.value}-of-{call.call_id}"

    async def say(self, call_sid: str, sentence: str, language: Language) -> None:
        self._note("say", call_sid)
        self.said.append((call_sid, sentence, language))
        await asyncio.sleep(0)
        self.after_say(call_sid)

    async def hang_up(self, call_sid: str) -> None:
        self.hung_up.append(call_sid)
        self._note("hang_up", call_sid)
        await asyncio.sleep(0)

    async def is_held(self, seat: Seat) -> bool:
        self.asked_about.append(seat)
        await self.answering.wait()
        if "is_held" in self.refuses:
            raise self.refuses["is_held"]
        return self.held

    def _note(self, method: str, whom: str) -> None:
        self.diary.append((method, whom))
        if method in self.refuses:
            raise self.refuses[method]


REFUSED = CarrierError("the number is not in service")


class Saying:
    """What a session says: events, an error or None for the end, as the test puts them in."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[TranslatorEvent | Exception | None] = asyncio.Queue()

    async def events(self) -> AsyncIterator[TranslatorEvent]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event


class FakeTranslator(Saying):
    """A session that says what the test lets it say, and keeps what it was fed."""

    def __init__(self, pair: LanguagePair, clock: Callable[[], float]) -> None:
        super().__init__()
        self.pair = pair
        self.fed: list[bytes] = []
        self.voiced: list[bool] = []
        self.fed_at: list[float] = []
        self.finished = 0
        self.closed = False
        self.usage = Usage({"sessions": 1})
        self._clock = clock

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        assert not self.finished
        assert not self.closed
        for frame in frames(sound):
            self.fed.append(frame)
            self.voiced.append(voiced)
            self.fed_at.append(self._clock())

    def finish(self) -> None:
        self.finished += 1

    # -- the script

    def speak(self, *frames: bytes) -> None:
        self._events.put_nowait(AudioTranslated(b"".join(frames), self._clock()))

    def caption(self, kind: CaptionKind, text: str) -> None:
        self._events.put_nowait(Captioned(kind, text))

    def process(self, frames: int | None = None, *, translated: bool = True) -> None:
        """Be done with so many frames from the beginning; with all that were fed if no number is given."""
        self._events.put_nowait(Processed(len(self.fed) if frames is None else frames, translated))

    def show_life(self) -> None:
        self._events.put_nowait(Alive())

    def expire(self) -> None:
        self._events.put_nowait(Expiring())

    def lose(self, error: Exception | None = None) -> None:
        self._events.put_nowait(error or lost())

    def end(self) -> None:
        self._events.put_nowait(None)


def lost(*, permanent: bool = False, retry_after: float | None = None) -> TranslatorLost:
    """What a session is lost with, or refused with."""
    return TranslatorLost("the line to the provider broke", permanent=permanent, retry_after=retry_after)


@dataclass
class FakeTranslatorFactory:
    """Opens fake sessions: at once, or when the test says so, or not at all."""

    clock: Callable[[], float]
    asked: list[LanguagePair] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    sessions: list[FakeTranslator] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    """Raised on entering, one for each session that is asked for, in order; then sessions are had again."""
    refuses_always: Exception | None = None
    """Raised on entering, whenever a session is asked for."""
    breaks_on_closing: Exception | None = None
    """Raised on leaving: a bug."""
    speaks: Callable[[Language], bool] = lambda _language: True
    make: Callable[[LanguagePair, Callable[[], float]], FakeTranslator] = FakeTranslator
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

    def can_speak(self, language: Language) -> bool:
        return self.speaks(language)

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:
        self.asked.append(pair)
        self.asked_at.append(self.clock())
        await self.opening.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        if self.refuses_always:
            raise self.refuses_always
        session = self.make(pair, self.clock)
        self.sessions.append(session)
        try:
            yield session
        finally:
            session.closed = True
            await self.closing.wait()
            if self.breaks_on_closing:
                raise self.breaks_on_closing


def numbers(frames: Iterable[bytes]) -> list[int]:
    """The numbers of `loud` frames among these, in order."""
    return [int(frame[7::-1].hex()[1::2], 16) for frame in frames if _is_loud(frame)]


def _is_loud(frame: bytes) -> bool:
    first = frame[:8]
    return frame == first * (FRAME_BYTES // 8) and first.hex()[::2] == "8" * 8


NOTICE_FRAMES = 20  # 400 ms
_FIRST_NOTICE = 0xA000_0000  # the numbers from here on are those of notices, and of nothing else
_TAGS = list(LANGUAGES)
_SENTENCES = list(Sentence)


class FakeSpeaker:
    """Says every sentence in every language in its own loud frames, which `understood` reads again."""

    def say(self, sentence: Sentence, language: Language) -> bytes:
        first = _FIRST_NOTICE + _SENTENCES.index(sentence) * 0x10000 + _TAGS.index(language.tag) * 0x100
        return b"".join(spoken(first, first + NOTICE_FRAMES))


Understood = int | tuple[Sentence, str]


def understood(frames: Iterable[bytes]) -> list[Understood]:
    """What somebody who heard this understands: numbers of loud frames, and our own sentences with their language.

    Fails where one of our own sentences is torn.
    """
    return list(_understand(iter(numbers(frames))))


def _understand(heard: Iterator[int]) -> Iterator[Understood]:
    for number in heard:
        if number < _FIRST_NOTICE:
            yield number
            continue
        sentence, tag = (number >> 16) - (_FIRST_NOTICE >> 16), number >> 8 & 0xFF
        rest = [next(heard, None) for _ in range(NOTICE_FRAMES - 1)]
        assert rest == list(range(number + 1, number + NOTICE_FRAMES)), "a sentence of our own was torn"
        yield _SENTENCES[sentence], _TAGS[tag]
