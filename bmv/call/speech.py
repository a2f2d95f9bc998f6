"""What becomes of each 20 ms of one speaker: fed, passed on, missed or lost. Each ends in one bin of the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from bmv.audio.mulaw import SILENCE, cut
from bmv.audio.voice import VoiceDetector
from bmv.call.frames import DOUBTFUL, OVERHEARD, SETTLED, VOICED, Frame, Frames, is_open
from bmv.call.kept import KeptSpeech
from bmv.call.ledger import Fate
from bmv.call.missed import MissedSpeech
from bmv.call.playout import CUSHION_SECONDS, Playout
from bmv.call.stall import Stall
from bmv.call.stats import DirectionStats
from bmv.call.succession import Succession


class Speech:
    """The frames of one speaker from the line on: to the sessions, and to the listener where the original is heard.

    `note` opens the entry of each frame in the ledger; every way that a frame can take from there closes it once.
    """

    def __init__(self, stats: DirectionStats, listener: Playout, *, replay_seconds: float) -> None:
        """See `KeptSpeech` for `replay_seconds`."""
        self._stats = stats
        self._ledger = stats.speech
        self._listener = listener
        self._voice = VoiceDetector()
        self._stall = Stall()
        self.voiced_at = float("-inf")
        """When somebody talked last, listened to or not; a loop time."""
        self._missed = MissedSpeech()
        self._kept = KeptSpeech(replay_seconds=replay_seconds)

    # -- from the line ------------------------------------------------------------------------------------------

    def note(self, sound: bytes, now: float) -> bytes:
        """The next frames: whether somebody is talking, 1 or 0 for each.

        One of the methods below is told what is done with them.
        """
        voiced = self._voice.follow(sound)
        self._stats.frames += len(voiced)
        self._stats.late += self._stall.heard(now)
        if count := voiced.count(1):
            self.voiced_at = now
            self._ledger.hear(count)
        return voiced

    def miss(self, sound: bytes, now: float, *, voiced: bytes) -> None:
        """Nobody is there to hear these frames; they are remembered for a while."""
        self._leave_missed(self._missed.miss(Frames.cut(sound, voiced), now))

    def take_up(self, since: float | None) -> Frames:
        """What was missed and is to be heard after all, see `MissedSpeech.take_up`; the rest is forgotten."""
        heard, unheard = self._missed.take_up(since)
        self._leave_missed(unheard)
        return heard

    def forget_missed(self) -> None:
        """Nobody was there."""
        self._leave_missed(self._missed.forget())

    def keep(self, sound: bytes, now: float, *, voiced: bytes, underneath: bool) -> None:
        """These frames wait for a session; `underneath` the translation they are heard at once."""
        marks = voiced
        if underneath:
            if not self._listener.speaking(now):
                marks = bytes([mark | OVERHEARD for mark in voiced])
            for frame, is_voiced in zip(cut(sound), voiced, strict=True):
                self._listener.overhear(frame, now, voiced=bool(is_voiced))
        self._kept.hear(Frames.cut(sound, marks))

    def pass_on(self, sound: bytes, now: float, *, voiced: bytes) -> None:
        """The listener is given these frames as they are."""
        for frame, is_voiced in zip(cut(sound), voiced, strict=True):
            self._listener.pass_on(frame, now, voiced=bool(is_voiced))
        self._ledger.settle(voiced.count(1), Fate.PASSED_THROUGH)

    def keep_too(self, sound: bytes, *, voiced: bytes) -> None:
        """They were passed on, and a session that is not relied on yet gets them as well."""
        self._kept.hear(Frames.cut(sound, bytes([mark | SETTLED for mark in voiced])))

    def fill(self) -> None:
        """A frame of silence stands in for the speaker's."""
        self._kept.hear(Frames.cut(SILENCE, b"\0"))

    def bridge_stall(self, now: float) -> bool:
        """Whether no frame has come for so long that silence stands in for it, which waits to be fed then."""
        stalls = self._stall.fill(now)
        if stalls:
            self.fill()
        return stalls

    def doubt(self) -> None:
        """All that is kept may be music on hold: unless it is translated it is of no use to anybody."""
        self._kept.doubt()

    # -- to the sessions ----------------------------------------------------------------------------------------

    @property
    def waits(self) -> bool:
        """Whether there is something that no session was fed yet."""
        return bool(self._kept.waiting)

    @property
    def owed(self) -> bool:
        """Whether a translation of something is still to come."""
        return self._kept.owed

    def feed(self, session: Succession, now: float, *, beats: int = 1) -> None:
        """Feed what is due in the time of so many frames."""
        self._feed(self._kept.next(beats), session, now)

    def feed_rest(self, session: Succession, now: float) -> None:
        """Feed all that waits."""
        self._feed(self._kept.rest(), session, now)

    def alive(self) -> None:
        """The session showed life."""
        self._kept.alive()

    def translated(self, frames: int) -> bool:
        """The session has dealt with the first so many it was fed. Whether there was voice in what is new of them."""
        return bool(self._settle(self._kept.processed(frames), Fate.TRANSLATED))

    def all_translated(self) -> None:
        """The session closed in order."""
        self._settle(self._kept.all_fed(), Fate.TRANSLATED)

    def take_back(self, *, all_of_it: bool) -> Frames:
        """The session is gone: what it had not dealt with waits for the next. Gives what is too old for that."""
        return self._kept.rewind(all_of_it=all_of_it)

    # -- without a session --------------------------------------------------------------------------------------

    def not_translated(self, frames: int, now: float) -> None:
        """Of the first so many it was fed, the session has nothing to say to what is new: that is given as it is.

        But for what may be music.
        """
        self._give_unless_doubtful(self._kept.processed(frames), now)

    def give_waiting(self, now: float) -> None:
        """What no session was fed yet is not to be fed any more: it is given as it is, but for what may be music."""
        self._give_unless_doubtful(self._kept.give_up_waiting(), now)

    def give_kept(self, now: float) -> None:
        """No session is waited for any more: all that is kept is given as it is."""
        self.give(self._kept.give_up(), now)

    def give(self, frames: Iterable[Frame], now: float) -> None:
        """Give the listener those among these frames that he has not heard at full level already."""
        for audio, mark in frames:
            if mark & SETTLED:
                continue
            voiced = bool(mark & VOICED)
            self._ledger.settle(voiced, Fate.PASSED_THROUGH)
            if not mark & OVERHEARD:
                self._listener.pass_on(audio, now, voiced=voiced, cushion=CUSHION_SECONDS)

    def lose(self, frames: Frames, reason: str) -> bool:
        """The listener will hear nothing of these. Whether there was voice in them."""
        return bool(self._settle(frames, Fate.LOST, reason))

    def give_up(self, fate: Fate, reason: str = "") -> None:
        """All that is kept meets this fate."""
        self._settle(self._kept.give_up(), fate, reason)

    def _feed(self, frames: Frames, session: Succession, now: float) -> None:
        session.feed(frames, now)
        if replayed := frames.replayed:
            self._ledger.replay(replayed)
        if overdue := self._kept.overdue():
            self._settle(overdue, Fate.TRANSLATED)

    def _give_unless_doubtful(self, frames: Iterable[Frame], now: float) -> None:
        for frame in frames:
            if not frame[1] & DOUBTFUL:
                self.give((frame,), now)
            elif is_open(frame[1]):
                self._ledger.settle(1, Fate.NOT_TRANSLATABLE)

    def _settle(self, frames: Frames, fate: Fate, reason: str = "") -> int:
        voiced = frames.open
        if voiced:
            self._ledger.settle(voiced, fate, reason)
        return voiced

    def _leave_missed(self, frames: Frames) -> None:
        self._settle(frames, Fate.NOT_TRANSLATABLE)
