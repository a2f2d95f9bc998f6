"""One direction of a call for tests: an interpreter between a speaker and a listener, both of them the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from fakes import (
    FakeLeg,
    FakeSpeaker,
    FakeTranslator,
    FakeTranslatorFactory,
    HandClock,
    Understood,
    cut,
    settle,
    spoken,
    understood,
)

from bmv import languages
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.alongside import alongside
from bmv.call.captions import Caption, CaptionFeed, CaptionLines
from bmv.call.interpreter import Interpreter
from bmv.call.ladder import BACKOFF, Ladder
from bmv.call.ledger import Fate, SpeechLedger
from bmv.call.leg import Role
from bmv.call.party import Party
from bmv.call.playout import Playout
from bmv.call.translator import LanguagePair
from bmv.languages import Language, Sentence

ENGLISH = languages.get("en")
PAIR = LanguagePair(languages.get("es"), ENGLISH)
GERMAN = languages.get("de")
TO_GERMAN = LanguagePair(PAIR.source, GERMAN)
A_WHILE = 60.0  # seconds
FIRST_RETRY = BACKOFF[0] + 0.1  # seconds, with the beats it takes
TRANSLATION = 100_000
"""The translators' frames are numbered from here, the speaker's below."""
TURNS = 8
"""Of the event loop after each beat: more than opening, losing and closing a session take."""

WENT = (Sentence.TRANSLATION_LOST, "en")
BACK = (Sentence.TRANSLATION_BACK, "en")
GONE_WORDS = (Sentence.WORDS_LOST, "en")


class NotingSpeaker(FakeSpeaker):
    """Keeps what it was asked to say."""

    def __init__(self) -> None:
        self.said: list[tuple[Sentence, str]] = []

    def say(self, sentence: Sentence, language: Language) -> bytes:
        self.said.append((sentence, language.tag))
        return super().say(sentence, language)


class Direction:
    """Somebody speaks Spanish, frame by frame in the time of a hand clock, and somebody hears it in English."""

    def __init__(
        self,
        pair: LanguagePair | None = PAIR,
        *,
        kinds: int = 1,
        replay_seconds: float = 5.0,
        speaks: Callable[[Language], bool] = lambda _language: True,
    ) -> None:
        """`kinds` of translators there are, one for the other; all of them speak the languages that `speaks` allows."""
        self.clock = HandClock()
        self.kinds = [FakeTranslatorFactory(self.clock, speaks=speaks) for _ in range(kinds)]
        self.speaker = NotingSpeaker()
        self.playout = Playout(original_level_db=-18.0)
        self.party = Party(Role.AGENT, ENGLISH, playout=self.playout, speaker=self.speaker)
        self.leg = FakeLeg("CA-listener")
        self.party.connect(self.leg)
        self.captions: list[Caption] = []
        feed = CaptionFeed()
        self._reading = feed.reading(self.captions.append)
        self._reading.__enter__()
        self.interpreter = Interpreter(
            pair,
            ladder=lambda pair: Ladder(pair, self.kinds, chance=lambda: 1.0),
            listener=self.party,
            captions=CaptionLines(feed.publish, "call-1", Role.CALLER),
            clock=self.clock,
            replay_seconds=replay_seconds,
        )
        self.sent: list[tuple[float, int]] = []
        """When how many bytes had been handed to the listener's leg."""
        self._said = 0

    @property
    def translators(self) -> FakeTranslatorFactory:
        """The first choice."""
        return self.kinds[0]

    @property
    def session(self) -> FakeTranslator:
        """The first choice's newest."""
        return self.translators.sessions[-1]

    @property
    def speech(self) -> SpeechLedger:
        return self.interpreter.stats.speech

    @property
    def heard(self) -> list[Understood]:
        """What the listener understood, in order: numbers of loud frames, and our own sentences."""
        return understood(self.leg.frames)

    def heard_at(self, frame: bytes) -> float:
        """When this frame was first handed to the listener's leg."""
        end = (cut(bytes(self.leg.heard)).index(frame) + 1) * len(frame)
        return next(now for now, count in self.sent if count >= end)

    def hear(self, frame: bytes, *, missed: bool = False) -> None:
        """20 ms of the speaker, without a turn for any task; `missed` is what nobody is there to hear."""
        self.clock.turn()
        (self.interpreter.miss if missed else self.interpreter.hear)(frame, self.clock())
        self._beat()

    @property
    def reasons(self) -> set[str]:
        """Why anything was lost, as the end-of-call log tells it."""
        because = self.speech.summary().get("lost_because", {})
        assert isinstance(because, dict)
        return set(because)

    async def let_others_run(self) -> None:
        """The interpreter's task and the sessions learn what has happened."""
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def say(self, frames: Iterable[bytes], *, missed: bool = False) -> None:
        """The speaker's line, 20 ms after 20 ms."""
        for frame in frames:
            self.hear(frame, missed=missed)
            await self.let_others_run()

    async def speak(self, seconds: float, *, missed: bool = False) -> list[int]:
        """The speaker talks for a while. Gives the numbers of what was said, which go on from what was said before."""
        first, self._said = self._said, self._said + in_frames(seconds)
        await self.say(spoken(first, self._said), missed=missed)
        return list(range(first, self._said))

    async def speak_on(self, seconds: float) -> list[int]:
        """The same for long, while the sessions show life."""
        said = []
        for _ in range(round(seconds)):
            said += await self.speak(seconds / round(seconds))
            if self.translators.open_sessions:
                self.session.show_life()
                await settle()
        return said

    async def keep_quiet(self, seconds: float, *, missed: bool = False) -> None:
        await self.say([SILENCE] * in_frames(seconds), missed=missed)

    async def stall(self, seconds: float) -> None:
        """Time passes and no frame comes."""
        for _ in range(in_frames(seconds)):
            self.clock.turn()
            self._beat()
            await self.let_others_run()

    async def translate(self, *frames: bytes) -> None:
        """The translator says something, and it is received."""
        self.session.speak(*frames)
        await settle()

    async def processed(self, frames: int | None = None, *, translated: bool = True) -> None:
        """The newest session is done with what it was fed."""
        self.session.process(frames, translated=translated)
        await settle()

    async def lose(self, error: Exception | None = None) -> None:
        """The newest session is lost."""
        self.session.lose(error)
        await settle()

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """The interpreter runs and the agent has accepted."""
        async with alongside(self.interpreter.run()):
            self.interpreter.begin()
            await settle()
            yield
        assert not any(kind.open_sessions for kind in self.kinds)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def running(self) -> asyncio.Task[None]:
        """The same, for as long as it goes on by itself."""
        run = asyncio.create_task(self.interpreter.run())
        self.interpreter.begin()
        await settle()
        return run

    def drain(self) -> None:
        """The listener hears all that waits for him, while nothing is said and nothing else happens."""
        while self.playout.sounding(self.clock.turn()):
            self._take()

    def seconds(self, fate: Fate) -> float:
        """Of voice that met this fate."""
        return self.speech.frames(fate) * FRAME_SECONDS

    def _beat(self) -> None:
        self.interpreter.tick(self.clock())
        self._take()

    def _take(self) -> None:
        self.party.take(self.clock())
        self.sent.append((self.clock(), len(self.leg.heard)))


def in_frames(seconds: float) -> int:
    return round(seconds / FRAME_SECONDS)


def english(first: int, last: int) -> list[bytes]:
    """What a translator says."""
    return spoken(TRANSLATION + first, TRANSLATION + last)
