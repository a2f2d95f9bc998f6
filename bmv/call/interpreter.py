"""One direction of a call: listens to one leg, speaks to the other, and never leaves the listener with nothing."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bmv.audio.levels import is_silent
from bmv.call.captions import CaptionLines
from bmv.call.ladder import Ladder
from bmv.call.lag import Lag
from bmv.call.ledger import Fate
from bmv.call.mode import NOBODY_LISTENS, Mode
from bmv.call.party import Party
from bmv.call.relay import Relay
from bmv.call.speech import Speech
from bmv.call.stats import DirectionStats
from bmv.call.succession import Succession
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    LanguagePair,
    Processed,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.call.trouble import ANSWERED_AFTER, REST_FRAMES, Trouble
from bmv.call.usage import Usage
from bmv.languages import Sentence

log = structlog.get_logger()


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
        ladder: Callable[[LanguagePair | None], Ladder],
        listener: Party,
        captions: CaptionLines,
        clock: Callable[[], float],
        replay_seconds: float,
    ) -> None:
        """`pair` is None where there is nothing to translate: straight through, no session, no bill.

        `ladder` gives whom to try for a pair, and is asked for another one whenever the languages change.
        """
        self.pair = pair
        self._ladder = ladder
        self._listener = listener
        self._playout = listener.playout
        self._captions = captions
        self._clock = clock
        self._since = 0.0  # since when the mode is what it is
        self._trouble = Trouble()
        self._words_lost = False  # and the listener does not know it yet
        self._last_voice = float("-inf")
        self._music = False  # is, or was, what the line carries in a pause
        self._rest = 0  # frames of silence that a session may still be fed during a pause
        self._secured = False
        self.mode = Mode.IDLE
        self.forward_original = False
        self.stats = DirectionStats()
        self._speech = Speech(self.stats, self._playout, replay_seconds=replay_seconds)
        self._lag = Lag(self.stats, listener=self._playout, captions=captions, clock=clock)
        self._relay = Relay()
        self._succession = self._succeed()

    # -- what the call tells ------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Open the session now, so that it is ready when `begin` comes; no audio is sent yet. Idempotent."""
        self._succession.prepare()

    def begin(self, since: float | None = None) -> None:
        """From now on, or again, what is heard is interpreted, and first what was missed, at least in part.

        That is all that came from the loop time `since` on, or without it only the utterance that is under way.
        """
        if self.mode not in NOBODY_LISTENS or self._succession.finishing:
            return
        now = self._clock()
        if self.mode is Mode.PAUSED and not self._secured:
            self._trouble.resume(now)
            self._lag.forget()
        self._rest = 0  # what a session owes it says along with what comes now
        if self._words_lost:
            self._tell_of_lost_words()
        self._succession.need()
        self._start()
        missed = self._speech.take_up(since)  # which comes too late to be heard underneath
        self._deal_with(missed.sound, now, voiced=bytes(missed.voiced), underneath=False)
        if self._music:
            self._speech.doubt()

    def pause(self, *, music: bool = False) -> None:
        """Nobody listens until `begin`: what the speaker says is missed.

        The session stays open and is fed nothing, what it says all the same is played, and one that is lost is followed
        by another. What still waits to be fed is fed first when somebody listens again. Before that the listener is
        told nothing: this time counts neither as trouble nor as time without a translation.

        With `music` on the speaker's line the session is fed silence until it has said the rest of what came before,
        for `ANSWERED_AFTER` at most. And what it does not answer of that, and of what `begin` takes up, is given to
        nobody: a little music comes before and after a hold.
        """
        if self.mode in NOBODY_LISTENS:
            return
        self._enter(Mode.PAUSED)
        self._trouble.pause(self._clock())
        self._succession.forgive()
        self._speech.forget_missed()  # which would be older than what was heard
        self._music = music
        self._rest = REST_FRAMES if music else 0
        if music:
            self._speech.doubt()

    def secure(self, on: bool) -> None:
        """While `on`, the listener hears the original, and no session gets anything, not even silence.

        What none was fed yet is given as it is; what one says of earlier words is played. A pause stays a pause, and
        what was missed in it is not taken up once this has ended: it was for nobody else.
        """
        self._secured = on
        if self.mode in NOBODY_LISTENS or self._succession.finishing:
            if not on:
                self._speech.forget_missed()
            return
        if on:
            self._trouble.pause(self._clock())
            self._succession.forgive()
        else:
            self._trouble.resume(self._clock())
            self._lag.forget()
        self._start()

    def miss(self, sound: bytes, now: float) -> None:
        """The next frames of the speaker, while nobody is there to hear them."""
        self._speech.miss(sound, now, voiced=self._speech.note(sound, now))

    def hear(self, sound: bytes, now: float) -> None:
        """The next frames of the speaker, 20 ms each, mostly one or five. As long as nobody listens they are missed."""
        if self.mode in NOBODY_LISTENS:
            self.miss(sound, now)
            return
        voiced = self._speech.note(sound, now)
        self._deal_with(sound, now, voiced=voiced, underneath=self.forward_original)
        if self._may_be_fed:
            self._speech.feed(self._succession, now, beats=len(voiced))

    @property
    def is_patient(self) -> bool:
        """Whether nobody but a translator waits for the next frames, and nobody hears the original."""
        return self.mode is Mode.TRANSLATING and not self.forward_original

    def retarget(self, pair: LanguagePair | None) -> None:
        """From now on these are the languages; None where there is nothing to translate.

        The session there is, or that is being opened, is given up at once, and what it had not dealt with goes to the
        next one, which is tried like the first; where there is nothing to translate it is given as it is. What the
        listener's playout holds is still heard. The same pair changes nothing, nor does any once the speaker is gone.
        """
        if pair == self.pair or self._succession.finishing:
            return
        log.info("languages_changed", before=str(self.pair), pair=str(pair))
        self.pair = pair
        before, self._succession = self._succession, self._succeed()
        if before.is_wanted:
            self._succession.prepare()
        self._take_back("the languages changed")
        self._trouble = Trouble()
        if self._rest and pair is None:
            self._speech.give_up(Fate.NOT_TRANSLATABLE)  # in a language that is not spoken here any more
        if self.mode is not Mode.IDLE:
            self._succession.need()
        if self.mode not in NOBODY_LISTENS:
            self._start()

    def tick(self, now: float) -> bool:
        """Now and then: nothing may be waited for too long. Returns whether to come again after 20 ms already."""
        self.stats.worst_backlog = max(self.stats.worst_backlog, self._playout.backlog)
        self._succession.tick(now)
        if self._rest and self.mode is Mode.PAUSED and self._may_be_fed:
            self._let_it_say_the_rest(now)
        finishing = self._succession.finishing
        if self._trouble.too_long(now, self.mode, since=self._since, finishing=finishing):
            self._give_original()
        stalls = self.mode is Mode.TRANSLATING and not finishing and self._speech.bridge_stall(now)
        if stalls:
            self._speech.feed(self._succession, now)
        return stalls or self._rest > 0

    def finish(self) -> None:
        """The speaker is gone: let the translator say what is left; `run` ends after it."""
        if self._succession.finishing:
            return
        if self.mode in (Mode.IDLE, Mode.PASSING_THROUGH) or (self._secured and not self._succession.is_open):
            self._relay.dismiss()  # nothing that it could say is waited for
        elif self._may_be_fed:
            self._speech.feed_rest(self._succession, self._clock())
        self._succession.finish()
        self._relay.finish()

    def settle(self, fate: Fate, reason: str) -> None:
        """The call is over, and `run` is: what no session has dealt with meets this fate, for this reason.

        But for what nobody was there to hear: that is not translatable, whatever ended the call.
        """
        self._speech.give_up(fate, reason)
        self._speech.forget_missed()

    def pending(self, now: float) -> bool:
        """Whether the listener may still have something to hear of what was said lately."""
        recently = now - self._last_voice < ANSWERED_AFTER
        return self._playout.sounding(now) or (self.mode in (Mode.TRANSLATING, Mode.PAUSED) and recently)

    def untranslated_for(self, now: float) -> float:
        """Seconds for which the original has stood in for a translation that cannot be had, since the last one."""
        return self._trouble.untranslated_for(now)

    @property
    def voiced_at(self) -> float:
        """When the speaker talked last, listened to or not; a loop time."""
        return self._speech.voiced_at

    @property
    def usage(self) -> Usage:
        """What all its sessions have used so far."""
        return self.stats.usage + self._succession.usage

    async def run(self) -> None:
        """Interpret until `finish`, and until all is said then, or until it is cancelled; no session outlives it."""
        await self._relay.run()

    # -- what the sessions tell ---------------------------------------------------------------------------------

    def session_opened(self) -> None:
        """See `SessionUser`."""
        if self.mode is Mode.OPENING:
            self._enter(Mode.TRANSLATING)
        if self._succession.finishing:
            self._speech.feed_rest(self._succession, self._clock())

    def session_finished(self) -> None:
        """See `SessionUser`."""
        self._speech.all_translated()

    def session_said(self, event: TranslatorEvent) -> None:
        """See `SessionUser`."""
        self._speech.alive()
        match event:
            case AudioTranslated(audio, received_at):
                if not is_silent(audio):
                    self._on_voice()  # what it tells the listener is heard first
                try:
                    self._playout.speak(audio, received_at)
                except TranslatorLost:
                    self._words_lost = True  # of which `_take_back` tells
                    raise
            case Captioned(kind, text):
                self._captions.append(kind, text, self._clock())
            case Processed(frames, translated=False):
                self._trouble.answered()
                self._speech.not_translated(frames, self._clock())
            case Processed(frames):
                if self._speech.translated(frames):
                    self._succession.worked()
                    self._trouble.over()

    def session_lost(self, error: TranslatorLost) -> None:
        """See `SessionUser`."""
        self._trouble.begins(self._clock())
        hopeless = self._succession.hopeless
        # The first failures are news, the hundredth is not.
        tell = log.info if self._trouble.told_of_loss else log.warning
        tell("translator_lost", pair=str(self.pair), error=str(error), tries_again=not hopeless)
        self._take_back(f"the session was lost: {error}")
        if self.mode is Mode.TRANSLATING:
            self._enter(Mode.OPENING)
        if hopeless and self.mode is Mode.OPENING:
            self._give_original()

    # -- the modes ----------------------------------------------------------------------------------------------

    def _enter(self, mode: Mode) -> None:
        self.mode, self._since = mode, self._clock()

    @property
    def _may_be_fed(self) -> bool:
        return self._succession.is_open and not self._succession.finishing and not self._secured

    def _start(self) -> None:
        """Somebody listens, in these languages: deal with what is kept and heard as the sessions allow."""
        if self._secured:
            self._enter(Mode.SECURED)
            self._speech.give_waiting(self._clock())
        elif self.pair is None:
            self._enter(Mode.PASSING_THROUGH)
            self._speech.give_kept(self._clock())
        elif self._trouble.original:
            self._enter(Mode.PASSING_THROUGH)  # as before the pause
        elif self._succession.is_open:
            self._enter(Mode.TRANSLATING)
        else:
            self._enter(Mode.OPENING)
            if self._succession.hopeless:
                self._give_original()

    def _succeed(self) -> Succession:
        """Sessions for the languages there are now, which `run` opens."""
        ladder = self._ladder(self.pair)
        succession = Succession(self.pair, ladder=ladder, user=self, stats=self.stats, clock=self._clock)
        self._relay.take(succession)
        return succession

    def _let_it_say_the_rest(self, now: float) -> None:
        """A session that is fed nothing says nothing, not even what it owes of what it was fed before."""
        if self._rest == 1 or not self._speech.owed:
            self._rest = 0
            self._speech.give_up(Fate.NOT_TRANSLATABLE)
            return
        if not self._speech.waits:
            self._speech.fill()
            self._rest -= 1
        self._speech.feed(self._succession, now)

    def _take_back(self, why: str) -> None:
        """A session is gone: what it had not dealt with waits for the next one, unless it is too old for that."""
        self._rest = REST_FRAMES if self._rest else 0
        self._playout.end_translation(self._clock())
        if self._trouble.original:
            self._speech.give_up(Fate.PASSED_THROUGH)  # which it was, all of it
        secured = self.mode is Mode.SECURED
        too_old = self._speech.take_back(all_of_it=secured or self._succession.hopeless)
        if secured:
            self._speech.give_waiting(self._clock())
        if self.forward_original:
            self._speech.give(too_old, self._clock())
        elif self._speech.lose(too_old, f"older than REPLAY_SECONDS when {why}"):
            self._words_lost = True
        if self._words_lost and self.mode is not Mode.PAUSED:
            self._tell_of_lost_words()

    def _tell_of_lost_words(self) -> None:
        self._words_lost = False
        self._listener.notify(Sentence.WORDS_LOST, self._clock())

    def _give_original(self) -> None:
        """Nothing is translated, and no more waiting for it: what was kept and what comes is given as it is."""
        log.warning("original_passed_through", pair=str(self.pair), tries_again=not self._succession.hopeless)
        now = self._clock()
        self._enter(Mode.PASSING_THROUGH)
        self._trouble.original_begins(now)
        if not self._trouble.told_of_loss:
            self._trouble.told_of_loss = True
            self._listener.notify(Sentence.TRANSLATION_LOST, now)
        self._speech.give_kept(now)

    def _on_voice(self) -> None:
        """Something is said in the other language."""
        self._trouble.answered()
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

    def _deal_with(self, sound: bytes, now: float, *, voiced: bytes, underneath: bool) -> None:
        if self.mode is Mode.SECURED:
            self._speech.pass_on(sound, now, voiced=voiced)
            return
        if 1 in voiced:
            self._last_voice = now
            self._trouble.asked(now)
        if self.mode is not Mode.PASSING_THROUGH:
            self._speech.keep(sound, now, voiced=voiced, underneath=underneath)
        else:
            self._speech.pass_on(sound, now, voiced=voiced)
            if self._succession.is_open:  # which has to speak first, before it is relied on
                self._speech.keep_too(sound, voiced=voiced)
        self._lag.heard(voiced, now)
