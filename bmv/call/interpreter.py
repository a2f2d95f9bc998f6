"""One direction of a call: listens to one leg, speaks to the other, and never leaves the listener with nothing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import structlog

from bmv.audio.levels import is_silent
from bmv.audio.mulaw import SILENCE
from bmv.audio.voice import VoiceDetector
from bmv.call.captions import CaptionLines
from bmv.call.playout import Playout
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    LanguagePair,
    PairUnsupported,
    Translator,
    TranslatorFactory,
    TranslatorLost,
)
from bmv.metrics import Histogram

log = structlog.get_logger()

STALLED_AFTER = 1.0  # seconds without a frame: what is only late must not get a hole in its middle
FILL_FRAMES = 20  # at most 400 ms of silence for one stall; more would only add delay
CATCH_UP = 5  # every fifth frame one more of the waiting ones: 1.2 times real time
WAITING_FRAMES = 1500  # 30 s: more than any session takes to open; the oldest go first
ANSWERED_AFTER = 5.0  # seconds after the last voiced frame: by then a translator has said what it will say
NEW_TURN_AFTER = 0.7  # seconds of quiet that part two turns
FORGOTTEN_AFTER = 15.0  # seconds: a sound nobody translated (a cough) is no turn


class Mode(Enum):
    """What an interpreter does with what it hears."""

    IDLE = "idle"  # nothing is heard yet
    OPENING = "opening"  # heard and kept, until the translator is ready
    TRANSLATING = "translating"
    PASSING_THROUGH = "passing through"  # the original voice at full level


@dataclass
class DirectionStats:
    """What one direction took, all in seconds."""

    first_audio: Histogram = field(default_factory=Histogram)
    """From the first sound of a turn to the first translated sound handed to the listener's leg."""
    uplink: Histogram = field(default_factory=Histogram)
    """From the frame that completes a message to that message being sent to the translator."""
    downlink: Histogram = field(default_factory=Histogram)
    """From translated audio being received, where nothing else was playing, to its being handed to the leg."""
    worst_backlog: float = 0.0
    frames_heard: int = 0
    frames_dropped: int = 0


class TurnClock:
    """Measures each turn: from the speaker's first sound to the first translated sound."""

    def __init__(self, first_audio: Histogram) -> None:
        self._first_audio = first_audio
        self._talking = False
        self._quiet_since = float("-inf")
        self._began: float | None = None

    def heard(self, talking: bool, now: float, *, translating: bool = False) -> None:
        """Whether the speaker is talking now; call it for every frame.

        A turn that begins while the translation of the one before still sounds (`translating`) is not measured: where
        its own translation sets in cannot be told.
        """
        begins = talking and not self._talking and now - self._quiet_since > NEW_TURN_AFTER
        if begins and not translating and (self._began is None or now - self._began > FORGOTTEN_AFTER):
            self._began = now
        if self._talking and not talking:
            self._quiet_since = now
        self._talking = talking

    def translated(self, now: float, *, silent_for: float) -> float | None:
        """A translation begins to sound after a silence: its lag, or None where no turn waits for one.

        After a short silence it is rather the last turn's that goes on; whose it is cannot be told then.
        """
        began, self._began = self._began, None
        if began is None or now - began > FORGOTTEN_AFTER or silent_for < NEW_TURN_AFTER:
            return None
        self._first_audio.add(now - began)
        return now - began


class Interpreter:
    """Listens to the speaker's leg frame by frame and speaks into the listener's playout.

    `run` it as a task of the call. Sessions are opened by `prepare`, audio flows from `begin` on: nothing is sent to a
    translator, and so nothing is billed, before the agent accepted. A translator that cannot be had or is lost costs
    this direction its translation, never its voice.
    """

    def __init__(
        self,
        pair: LanguagePair | None,
        *,
        translators: TranslatorFactory,
        playout: Playout,
        captions: CaptionLines,
        clock: Callable[[], float],
    ) -> None:
        """`pair` is None where there is nothing to translate: straight through, no session, no bill."""
        self._pair = pair
        self._translators = translators
        self._playout = playout
        self._captions = captions
        self._voice = VoiceDetector()
        self._waiting: deque[bytes] = deque(maxlen=WAITING_FRAMES)
        self._translator: Translator | None = None
        self._wanted = asyncio.Event()
        self._finishing = False
        self._last_heard = 0.0
        self._last_voice = float("-inf")
        self._filled = 0
        self._fed = 0
        self.mode = Mode.IDLE
        self.forward_original = False
        self.stats = DirectionStats()
        self._turns = TurnClock(self.stats.first_audio)
        self._clock = clock
        playout.when_translation_starts(self._on_translation)

    def prepare(self) -> None:
        """Open the session now, so that it is ready when `begin` comes; no audio is sent yet. Idempotent."""
        self._wanted.set()

    def begin(self) -> None:
        """From now on, what is heard is interpreted."""
        self.prepare()
        if self.mode is Mode.IDLE:
            self.mode = Mode.PASSING_THROUGH if self._pair is None else Mode.OPENING
            if self._translator:
                self.mode = Mode.TRANSLATING

    def hear(self, frame: bytes, now: float) -> None:
        """The next 20 ms of the speaker."""
        if self.mode is Mode.IDLE:
            return
        self.stats.frames_heard += 1
        self._last_heard = now
        self._filled = 0
        talking = self._voice.feed(frame)
        if talking:
            self._last_voice = now
        self._turns.heard(talking, now, translating=self._playout.translating(now))
        if self.forward_original or self.mode is Mode.PASSING_THROUGH:
            self._playout.overhear(frame, now, voiced=talking)
        if self.mode is Mode.OPENING:
            self._keep(frame)
        elif self.mode is Mode.TRANSLATING:
            self._feed(frame)

    def tick(self, now: float) -> None:
        """Every 20 ms: keep the translator's time running with silence while the line stalls."""
        self.stats.worst_backlog = max(self.stats.worst_backlog, self._playout.backlog)
        if (
            self.mode is Mode.TRANSLATING
            and not self._finishing
            and self._last_heard
            and now - self._last_heard > STALLED_AFTER
            and self._filled < FILL_FRAMES
        ):
            self._filled += 1
            self._feed(SILENCE)

    def pending(self, now: float) -> bool:
        """Whether the listener may still have something to hear of what was said lately."""
        recently = now - self._last_voice < ANSWERED_AFTER
        return self._playout.sounding(now) or (self.mode is Mode.TRANSLATING and recently)

    def finish(self) -> None:
        """The speaker is gone: let the translator say what is left; `run` ends after it."""
        self._finishing = True
        if self._translator:
            self._feed_the_rest(self._translator)

    async def run(self) -> None:
        """Interpret until the translator has finished or the task is cancelled; the session is closed either way."""
        while self._pair is not None and not self._finishing:
            await self._wanted.wait()
            try:
                await self._translate(self._pair)
            except PairUnsupported as error:
                self._pass_through("pair_unsupported", error)
            except TranslatorLost as error:
                self._lose(error)

    async def _translate(self, pair: LanguagePair) -> None:
        async with self._translators.open(pair, self.stats.uplink) as translator:
            log.info("translator_ready", pair=str(pair))
            self._translator = translator
            if self.mode is Mode.OPENING:
                self.mode = Mode.TRANSLATING
            if self._finishing:
                self._feed_the_rest(translator)
            try:
                await self._listen(translator)
            except TranslatorLost as error:
                self._lose(error)  # now, and not when the session has been closed, which may take a while

    async def _listen(self, translator: Translator) -> None:
        async for event in translator.events():
            match event:
                case AudioTranslated(audio, received_at):
                    self._playout.speak(audio, received_at)
                case Captioned(kind, text):
                    self._captions.append(kind, text, self._clock())
        if not self._finishing:
            raise TranslatorLost("the translator ended the session by itself")

    def _lose(self, error: TranslatorLost) -> None:
        if self.mode is Mode.IDLE:
            self._forget(error)
        else:
            self._pass_through("translator_lost", error)

    def _forget(self, error: Exception) -> None:
        """Lost before anything was said, maybe after a long wait in the queue: try again when it is needed."""
        log.info("translator_lost_while_waiting", pair=str(self._pair), error=str(error))
        self._translator = None
        self._wanted.clear()

    def _pass_through(self, event: str, error: Exception) -> None:
        log.warning(event, pair=str(self._pair), error=str(error), instead="the original voice is passed through")
        self._translator = None
        heard_already = self.forward_original
        began = self.mode is not Mode.IDLE
        self._pair = None
        if began:
            self.mode = Mode.PASSING_THROUGH
        now = self._clock()
        while self._waiting:
            frame = self._waiting.popleft()
            if not heard_already:
                self._playout.overhear(frame, now, voiced=not is_silent(frame))

    def _keep(self, frame: bytes) -> None:
        if len(self._waiting) == WAITING_FRAMES:
            self.stats.frames_dropped += 1
        self._waiting.append(frame)

    def _feed(self, frame: bytes) -> None:
        assert self._translator is not None  # noqa: S101 - what TRANSLATING means
        if not self._waiting:
            self._translator.feed(frame)
            return
        self._translator.feed(self._waiting.popleft())
        self._waiting.append(frame)
        self._fed += 1
        if self._fed % CATCH_UP == 0 and self._waiting:
            self._translator.feed(self._waiting.popleft())

    def _feed_the_rest(self, translator: Translator) -> None:
        while self._waiting:
            translator.feed(self._waiting.popleft())
        translator.finish()

    def _on_translation(self, received_at: float, silent_for: float) -> None:
        now = self._clock()
        self.stats.downlink.add(now - received_at)
        lag = self._turns.translated(now, silent_for=silent_for)
        if lag is not None:
            self._captions.heard_after(lag, now)
