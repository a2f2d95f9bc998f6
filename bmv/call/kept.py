"""What a speaker said and nobody has dealt with yet: kept until it is, so that a lost session costs no words."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bmv.audio.mulaw import FRAME_SECONDS

CATCH_UP = 5  # every fifth frame one more of the waiting ones: 1.2 times real time
PAUSE_FRAMES = 12  # 240 ms of a pause stay where a session has to catch up
LONGEST = 3000  # frames (60 s) that are kept for a session which does not say what it is done with
ONSET_FRAMES = 3  # unvoiced frames kept before a voiced one: the voice detector needs them to make up its mind


@dataclass(slots=True)
class Kept:
    """20 ms of a speaker, whether somebody is talking in it, and how many sessions were given it."""

    audio: bytes
    voiced: bool
    times_fed: int = 0
    overheard: bool = False
    """The listener has heard it at full level."""
    settled: bool = False
    """The ledger knows what became of it."""
    doubtful: bool = False
    """It may be music on hold."""


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
        self._fed: deque[Kept] = deque()
        self._waiting: deque[Kept] = deque()
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
        return any(frame.voiced for frames in (self._fed, self._waiting) for frame in frames)

    def doubt(self) -> None:
        """All that is kept may be music on hold."""
        for frames in (self._fed, self._waiting):
            for frame in frames:
                frame.doubtful = True

    def hear(self, frame: Kept) -> None:
        """The speaker's next 20 ms."""
        self._waiting.append(frame)

    def next(self) -> Sequence[Kept]:
        """What to feed for the time of one frame: one, and now and then one more while others wait.

        Where several wait, long pauses are shortened: the middle of a pause is skipped.
        """
        self._beat += 1
        if not self._waiting:
            return ()
        first = self._feed_one()
        if self._waiting and self._beat % CATCH_UP == 0:
            return first, self._feed_one()
        return (first,)

    def rest(self) -> list[Kept]:
        """All that waits, to be fed at once."""
        rest = list(self._waiting)
        for frame in rest:
            self._feed(frame)
        self._waiting.clear()
        return rest

    def alive(self) -> None:
        """The session showed life: it may have heard what it was fed."""
        self._unheard = 0

    def processed(self, frames: int) -> list[Kept]:
        """The session is done with the first `frames` that it was fed: those among them that still were kept."""
        done = []
        while self._processed < frames and self._fed:
            done.append(self._fed.popleft())
            self._processed += 1
        return done

    def all_fed(self) -> list[Kept]:
        """The session closed in order: all that it was fed and that still was kept."""
        return self.processed(self._processed + len(self._fed))

    def overdue(self) -> list[Kept]:
        """What a session was fed so long ago that it will not speak of it any more."""
        if len(self._fed) <= LONGEST:
            return []
        overdue = [self._fed.popleft() for _ in range(len(self._fed) - LONGEST)]
        self._processed += len(overdue)
        return overdue

    def rewind(self, *, all_of_it: bool = False) -> tuple[list[Kept], list[Kept]]:
        """The session is gone: what it had not dealt with waits again, `all_of_it` or as much as is replayed.

        Returns what is too old for that, and what is fed for a second time.
        """
        limit = len(self._fed) if all_of_it else self._replay_frames + self._unheard
        too_old = [self._fed.popleft() for _ in range(len(self._fed) - limit)]
        again = list(self._fed)
        self._waiting.extendleft(reversed(again))
        self._fed.clear()
        self._processed = self._pause = self._unheard = 0
        return too_old, again

    def give_up(self) -> list[Kept]:
        """Everything, oldest first; nothing is kept any more."""
        everything = [*self._fed, *self._waiting]
        self._processed += len(self._fed)
        self._fed.clear()
        self._waiting.clear()
        return everything

    def give_up_waiting(self) -> list[Kept]:
        """All that waits, oldest first; what a session was fed is kept."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def _feed_one(self) -> Kept:
        if self._pause >= PAUSE_FRAMES and len(self._waiting) > ONSET_FRAMES:
            self._skip_pause()
        frame = self._waiting.popleft()
        self._feed(frame)
        return frame

    def _feed(self, frame: Kept) -> None:
        self._pause = 0 if frame.voiced else self._pause + 1
        self._unheard += 1
        self._fed.append(frame)

    def _skip_pause(self) -> None:
        while len(self._waiting) > ONSET_FRAMES:
            if any(self._waiting[ahead].voiced for ahead in range(ONSET_FRAMES + 1)):
                return
            self._waiting.popleft()
