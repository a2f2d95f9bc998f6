"""One direction of a call: listens to one leg, speaks to the other, and never leaves the listener with nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from enum import Enum

import structlog

from bmv.audio.levels import is_silent
from bmv.audio.mulaw import SILENCE
from bmv.audio.voice import VoiceDetector
from bmv.call.captions import CaptionLines
from bmv.call.guard import broken, guarded_events, lost_by
from bmv.call.kept import Kept, KeptSpeech
from bmv.call.ladder import Ladder
from bmv.call.ledger import Fate
from bmv.call.party import Party
from bmv.call.playout import CUSHION_SECONDS
from bmv.call.stats import DirectionStats, TurnClock
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorFactory,
    TranslatorLost,
)
from bmv.call.trouble import WITHOUT_SESSION, WITHOUT_TRANSLATION, Trouble
from bmv.call.watchdog import SILENT_AFTER, Watchdog
from bmv.languages import Sentence

log = structlog.get_logger()

STALLED_AFTER = 1.0  # seconds without a frame: what is only late must not get a hole in its middle
FILL_FRAMES = 20  # at most 400 ms of silence for one stall; more would only add delay
ANSWERED_AFTER = 5.0  # seconds after the last voiced frame: by then a translator has said what it will say


class Mode(Enum):
    """What an interpreter does with what it hears."""

    IDLE = "idle"  # nobody is there to hear it
    OPENING = "opening"  # kept, until there is a session
    TRANSLATING = "translating"
    PASSING_THROUGH = "passing through"  # the original voice at full level


class Interpreter:
    """Listens to the speaker's leg frame by frame and speaks into the listener's playout.

    `run` it as a task of the call. Sessions are opened by `prepare`, audio flows from `begin` on: nothing is sent to a
    translator, and so nothing is billed, before the agent accepted. A session that is lost is followed by another, as
    the ladder says, and is given again what the lost one had not dealt with. While there is none for too long the
    listener hears the original, and is told so. One direction never touches the other.
    """

    def __init__(
        self,
        pair: LanguagePair | None,
        *,
        ladder: Ladder,
        listener: Party,
        captions: CaptionLines,
        clock: Callable[[], float],
        replay_seconds: float,
    ) -> None:
        """`pair` is None where there is nothing to translate: straight through, no session, no bill."""
        self.pair = pair
        self._ladder = ladder
        self._listener = listener
        self._playout = listener.playout
        self._captions = captions
        self._clock = clock
        self._voice = VoiceDetector()
        self._kept = KeptSpeech(replay_seconds=replay_seconds)
        self._watchdog = Watchdog()
        self._translator: Translator | None = None
        self._wanted = asyncio.Event()
        self._retry = asyncio.Event()
        self._retry_at: float | None = None
        self._listening = asyncio.Timeout(None)
        self._bug: Exception | None = None  # of the translator, in what it must not raise in
        self._finishing = False
        self._since = 0.0  # since when the mode is what it is
        self._trouble = Trouble()
        self._unanswered_since: float | None = None  # the first voice since the last translated word
        self._last_heard = 0.0
        self._last_voice = float("-inf")
        self._filled = 0
        self.mode = Mode.IDLE
        self.forward_original = False
        self.stats = DirectionStats()
        self._speech = self.stats.speech
        self._turns = TurnClock(self.stats.first_audio)
        self._playout.when_translation_starts(self._on_translation)

    # -- what the call tells ------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Open the session now, so that it is ready when `begin` comes; no audio is sent yet. Idempotent."""
        self._wanted.set()

    def begin(self) -> None:
        """From now on, what is heard is interpreted."""
        self.prepare()
        if self.mode is not Mode.IDLE:
            return
        if self.pair is None:
            self._enter(Mode.PASSING_THROUGH)
        elif self._translator:
            self._enter(Mode.TRANSLATING)
        else:
            self._enter(Mode.OPENING)
            if self._ladder.factory is None:
                self._give_original()

    def hear(self, frame: bytes, now: float) -> None:
        """The next 20 ms of the speaker."""
        self._last_heard = now
        self._filled = 0
        voiced = self._voice.feed(frame)
        if voiced:
            self._last_voice = now
            self._unanswered_since = self._unanswered_since or now
            self._speech.hear()
        match self.mode:
            case Mode.IDLE:
                self._speech.settle(voiced, Fate.NOT_TRANSLATABLE)
                return
            case Mode.PASSING_THROUGH:
                self._playout.pass_on(frame, now, voiced=voiced)
                self._speech.settle(voiced, Fate.PASSED_THROUGH)
                if self._translator:  # which has to speak first, before it is relied on
                    self._kept.hear(Kept(frame, voiced, settled=True))
                    self._feed(self._kept.next(), now)
            case Mode.OPENING:
                self._keep(frame, now, voiced=voiced)
            case Mode.TRANSLATING:
                self._keep(frame, now, voiced=voiced)
                self._feed(self._kept.next(), now)
        self._turns.heard(voiced, now, translating=self._playout.speaking(now))

    def tick(self, now: float) -> None:
        """Every 20 ms: nothing may be waited for too long."""
        self.stats.worst_backlog = max(self.stats.worst_backlog, self._playout.backlog)
        if self._retry_at is not None and now >= self._retry_at:
            self._retry.set()
        if self._is_too_long_in_trouble(now):
            self._give_original()
        if self._translator and self._watchdog.barks(now) and not self._finishing:
            self._watchdog.alive()  # once is enough
            self._listening.reschedule(asyncio.get_running_loop().time())
        stalled = self._last_heard and now - self._last_heard > STALLED_AFTER
        if stalled and self._filled < FILL_FRAMES and self.mode is Mode.TRANSLATING and not self._finishing:
            self._filled += 1
            self._kept.hear(Kept(SILENCE, voiced=False))
            self._feed(self._kept.next(), now)

    def finish(self) -> None:
        """The speaker is gone: let the translator say what is left; `run` ends after it."""
        self._finishing = True
        if self._translator and self.mode is Mode.TRANSLATING:
            self._finish(self._translator)

    def settle(self, fate: Fate, reason: str) -> None:
        """The call is over, and `run` is: what no session has dealt with meets this fate, for this reason."""
        self._settle(self._kept.give_up(), fate, reason)

    def pending(self, now: float) -> bool:
        """Whether the listener may still have something to hear of what was said lately."""
        recently = now - self._last_voice < ANSWERED_AFTER
        return self._playout.sounding(now) or (self.mode is Mode.TRANSLATING and recently)

    def untranslated_for(self, now: float) -> float:
        """Seconds for which the original has stood in for a translation that cannot be had, since the last one."""
        return self._trouble.untranslated_for(now)

    # -- the sessions, one after the other ----------------------------------------------------------------------

    async def run(self) -> None:
        """Interpret until the translator has finished or the task is cancelled; the session is closed either way."""
        while self.pair and not self._finishing:
            await self._wanted.wait()
            await self._wait_for_turn()
            factory = self._ladder.factory
            if factory is None:
                return
            self._ladder.trying()
            try:
                await self._translate(factory, self.pair)
            except TranslatorLost as error:
                self._lose(error)

    async def _wait_for_turn(self) -> None:
        if self._ladder.delay:
            self._retry_at = self._clock() + self._ladder.delay
            await self._retry.wait()
            self._retry.clear()
            self._retry_at = None

    async def _translate(self, factory: TranslatorFactory, pair: LanguagePair) -> None:
        async with AsyncExitStack() as stack:
            translator = await self._open(stack, factory, pair)
            self._take_up(translator)
            try:
                await self._listen(translator)
            except TranslatorLost as error:
                self._lose(error)  # now, and not when the session has been closed, which may take a while
            finally:
                with self._guarded():
                    self.stats.usage += translator.usage

    async def _open(self, stack: AsyncExitStack, factory: TranslatorFactory, pair: LanguagePair) -> Translator:
        try:
            return await stack.enter_async_context(factory.open(pair, self.stats.uplink))
        except TranslatorLost:
            raise
        except Exception as bug:
            raise broken(bug) from bug

    def _take_up(self, translator: Translator) -> None:
        self.stats.sessions += 1
        self._bug = None
        log.info("translator_ready", pair=str(self.pair))
        self._translator = translator
        self._watchdog.alive()
        if self.mode is Mode.OPENING:
            self._enter(Mode.TRANSLATING)
        if self._finishing:
            self._finish(translator)

    async def _listen(self, translator: Translator) -> None:
        try:
            async with asyncio.timeout(None) as self._listening:
                async for event in guarded_events(translator):
                    self._watchdog.alive()
                    self._kept.alive()
                    self._on_event(event)
        except TimeoutError:
            if self._bug:
                raise lost_by(self._bug) from self._bug
            raise TranslatorLost(f"the session was given speech and was silent for {SILENT_AFTER:g} s") from None
        if not self._finishing:
            raise TranslatorLost("the translator ended the session by itself")
        self._settle(self._kept.all_fed(), Fate.TRANSLATED)

    def _on_event(self, event: TranslatorEvent) -> None:
        match event:
            case AudioTranslated(audio, received_at):
                if not is_silent(audio):
                    self._on_voice()
                self._playout.speak(audio, received_at)
            case Captioned(kind, text):
                self._captions.append(kind, text, self._clock())
            case Processed(frames, translated):
                done = self._kept.processed(frames)
                if not translated:
                    self._unanswered_since = None
                    self._pass_on(done)
                elif self._settle(done, Fate.TRANSLATED):
                    self._ladder.worked()
                    self._trouble.over()

    def _lose(self, error: TranslatorLost) -> None:
        opened, self._translator = self._translator is not None, None
        if self.mode is Mode.IDLE and opened and not error.permanent:
            # It was open and nobody spoke, maybe for a long wait in the queue: open another when it is needed.
            log.info("translator_lost_while_waiting", pair=str(self.pair), error=str(error))
            self._wanted.clear()
            return
        self._ladder.failed(error)
        self._trouble.begins(self._clock())
        hopeless = self._ladder.factory is None
        # The first failures are news, the hundredth is not.
        tell = log.info if self._trouble.told_of_loss else log.warning
        tell("translator_lost", pair=str(self.pair), error=str(error), tries_again=not hopeless)
        too_old, _ = self._kept.rewind()
        if self.mode is Mode.PASSING_THROUGH:
            self._kept.give_up()  # which was all heard as it is
        if hopeless or self.forward_original:
            self._pass_on(too_old)
        elif self._settle(too_old, Fate.LOST, f"older than REPLAY_SECONDS when the session was lost: {error}"):
            self._listener.notify(Sentence.WORDS_LOST, self._clock())
        if self.mode is Mode.TRANSLATING:
            self._enter(Mode.OPENING)
        if hopeless and self.mode is Mode.OPENING:
            self._give_original()

    def _is_too_long_in_trouble(self, now: float) -> bool:
        trouble = self._trouble.lasted(now)
        if self.mode is Mode.OPENING:
            return now - self._since > WITHOUT_SESSION or trouble > WITHOUT_TRANSLATION
        waiting = self._unanswered_since is not None and now - self._unanswered_since > WITHOUT_TRANSLATION
        return self.mode is Mode.TRANSLATING and trouble > 0 and waiting and not self._finishing

    def _give_original(self) -> None:
        """Nothing is translated, and no more waiting for it: what was kept and what comes is given as it is."""
        log.warning("original_passed_through", pair=str(self.pair), tries_again=self._ladder.factory is not None)
        now = self._clock()
        self._enter(Mode.PASSING_THROUGH)
        self._trouble.original_begins(now)
        if not self._trouble.told_of_loss:
            self._trouble.told_of_loss = True
            self._listener.notify(Sentence.TRANSLATION_LOST, now)
        self._pass_on(self._kept.give_up())

    def _on_voice(self) -> None:
        """Something is said in the other language."""
        self._unanswered_since = None
        if self.mode is not Mode.PASSING_THROUGH:
            return
        now = self._clock()
        log.info("translation_back", pair=str(self.pair))
        self._enter(Mode.TRANSLATING)
        self._trouble.original_ends(now)
        if not self._trouble.told_of_return:
            self._trouble.told_of_return = True
            self._listener.notify(Sentence.TRANSLATION_BACK, now)

    # -- frames -------------------------------------------------------------------------------------------------

    def _enter(self, mode: Mode) -> None:
        self.mode, self._since = mode, self._clock()

    def _keep(self, frame: bytes, now: float, *, voiced: bool) -> None:
        overheard = self.forward_original and not self._playout.speaking(now)
        self._kept.hear(Kept(frame, voiced, overheard=overheard))
        if self.forward_original:
            self._playout.overhear(frame, now, voiced=voiced)

    def _feed(self, frames: Iterable[Kept], now: float) -> None:
        assert self._translator is not None  # noqa: S101 - what TRANSLATING means
        for frame in frames:
            with self._guarded():
                self._translator.feed(frame.audio, voiced=frame.voiced)
            self._watchdog.fed(now, voiced=frame.voiced)
            frame.times_fed += 1
            self._speech.replay(frame.voiced and frame.times_fed == 2 and not frame.settled)
        self._settle(self._kept.overdue(), Fate.TRANSLATED)

    def _finish(self, translator: Translator) -> None:
        self._feed(self._kept.rest(), self._clock())
        with self._guarded():
            translator.finish()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """A translator that breaks its promise not to raise is lost; the call, and the stream we stand in, are not."""
        try:
            yield
        except Exception as bug:
            if not self._bug:
                self._bug = bug
                log.error("translator_broken", exc_info=bug)
                with suppress(RuntimeError):  # it is not listened to any more
                    self._listening.reschedule(asyncio.get_running_loop().time())

    def _pass_on(self, frames: Iterable[Kept]) -> None:
        """Give the listener the original of those among these frames that he has not heard at full level already."""
        now = self._clock()
        for frame in frames:
            if frame.settled:
                continue
            self._speech.settle(frame.voiced, Fate.PASSED_THROUGH)
            if not frame.overheard:
                self._playout.pass_on(frame.audio, now, voiced=frame.voiced, cushion=CUSHION_SECONDS)

    def _settle(self, frames: Iterable[Kept], fate: Fate, reason: str = "") -> int:
        """Settle the voiced ones among these, and tell how many they are."""
        voiced = sum(frame.voiced and not frame.settled for frame in frames)
        self._speech.settle(voiced, fate, reason)
        return voiced

    def _on_translation(self, received_at: float, silent_for: float) -> None:
        now = self._clock()
        self.stats.downlink.add(now - received_at)
        lag = self._turns.translated(now, silent_for=silent_for)
        if lag is not None:
            self._captions.heard_after(lag, now)
