"""What a speaker said and nobody has dealt with yet: kept until it is, so that a lost session costs no words."""

from __future__ import annotations

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.frames import Frames

CATCH_UP = 5  # every fifth frame one more of the waiting ones: 1.2 times real time
PAUSE_FRAMES = 12  # 240 ms of a pause stay where a session has to catch up
LONGEST = 3000  # frames (60 s) that are kept for a session which does not say what it is done with
ONSET_FRAMES = 3  # unvoiced frames kept before a voiced one: the voice detector needs them to make up its mind


class KeptSpeech:
    """The frames of one speaker, oldest first: those that a session was fed, then those that wait to be fed.

    They leave it by `processed` (the session is done with them), `give_up` (there is no session to wait for), or as too
    old.
    """

    def __init__(self, *, replay_seconds: float) -> None:
        """`replay_seconds` is how much of what a lost session had not dealt with is fed to the next one.

        What it was fed since it last showed life comes on top: it was surely not translated.
        """
        self._replay_frames = round(replay_seconds / FRAME_SECONDS)
        self._fed = Frames()
        self._waiting = Frames()
        self._processed = 0  # frames of this session
        self._unheard = 0  # frames that this session was fed since it last showed life
        self._pause = 0
        self._beat = 0

    def __len__(self) -> int:
        return len(self._fed) + len(self._waiting)

    @property
    def waiting(self) -> int:
        """Frames that no session was fed yet."""
        return len(self._waiting)

    @property
    def owed(self) -> bool:
        """Whether there is voice in anything that is kept."""
        return 1 in self._fed.voiced or 1 in self._waiting.voiced

    def doubt(self) -> None:
        """All that is kept may be music on hold."""
        self._fed.doubt()
        self._waiting.doubt()

    def hear(self, frames: Frames) -> None:
        """What the speaker says next."""
        self._waiting.extend(frames)

    def next(self, beats: int = 1) -> Frames:
        """What to feed now that `beats` frames more have come: as many, and now and then one more while others wait.

        Where others wait, long pauses are shortened: the middle of a pause is skipped. The frames have the marks that
        they had before they were fed.
        """
        if len(self._waiting) <= beats:
            self._beat += beats
            return self.rest()
        due = Frames()
        for to_come in reversed(range(beats)):  # so many of those that wait had not come yet at this beat
            self._beat += 1
            for _ in range(2 if self._beat % CATCH_UP == 0 else 1):
                if len(self._waiting) > to_come:
                    due.extend(self._feed_one(to_come))
        return due

    def rest(self) -> Frames:
        """All that waits, to be fed at once."""
        rest = self.give_up_waiting()
        self._feed(rest)
        return rest

    def alive(self) -> None:
        """The session showed life: it may have heard what it was fed."""
        self._unheard = 0

    def processed(self, frames: int) -> Frames:
        """The session is done with the first `frames` that it was fed: those among them that still were kept."""
        return self._let_go(min(frames - self._processed, len(self._fed)))

    def all_fed(self) -> Frames:
        """The session closed in order: all that it was fed and that still was kept."""
        return self._let_go(len(self._fed))

    def overdue(self) -> Frames | None:
        """What a session was fed so long ago that it will not speak of it any more; None where there is nothing."""
        return self._let_go(len(self._fed) - LONGEST) if len(self._fed) > LONGEST else None

    def rewind(self, *, all_of_it: bool = False) -> Frames:
        """The session is gone: what it had not dealt with waits again, `all_of_it` or as much as is replayed.

        Returns what is too old for that.
        """
        limit = len(self._fed) if all_of_it else self._replay_frames + self._unheard
        too_old = self._let_go(len(self._fed) - limit)
        self._fed.extend(self._waiting)
        self._fed, self._waiting = Frames(), self._fed
        self._processed = self._pause = self._unheard = 0
        return too_old

    def give_up(self) -> Frames:
        """Everything, oldest first; nothing is kept any more."""
        everything = self.all_fed()
        everything.extend(self.give_up_waiting())
        return everything

    def give_up_waiting(self) -> Frames:
        """All that waits, oldest first; what a session was fed is kept."""
        waiting, self._waiting = self._waiting, Frames()
        return waiting

    def _let_go(self, count: int) -> Frames:
        """The oldest so many of those that were fed."""
        count = max(count, 0)
        self._processed += count
        return self._fed.take(count)

    def _feed_one(self, to_come: int) -> Frames:
        """The last `to_come` of those that wait count as not here yet."""
        if self._pause >= PAUSE_FRAMES:
            self._skip_pause(to_come)
        one = self._waiting.take(1)
        self._feed(one)
        return one

    def _feed(self, frames: Frames) -> None:
        voiced = frames.voiced
        self._pause = len(voiced) - 1 - voiced.rfind(1) + (0 if 1 in voiced else self._pause)
        self._unheard += len(voiced)
        self._fed.extend_fed(frames)

    def _skip_pause(self, to_come: int) -> None:
        """Neither voice nor the onset of a word is ever left out."""
        here = len(self._waiting) - to_come
        voice = self._waiting.voiced.find(1, 0, here)
        pause = here if voice < 0 else voice
        self._waiting.take(max(0, pause - ONSET_FRAMES))
