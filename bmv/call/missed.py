"""What a speaker said while nobody was there to hear it: remembered for a moment, in case somebody was there after all.

An agent who is put through is there a little before we learn of it, and so is a caller who is taken off hold.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.frames import Frames
from bmv.call.kept import ONSET_FRAMES

REMEMBERED_SECONDS = 10.0
REMEMBERED_FRAMES = round(REMEMBERED_SECONDS / FRAME_SECONDS)


class MissedSpeech:
    """The last ten seconds of one speaker that nobody heard, oldest first."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._came_at = array("d")  # the loop time of each

    def miss(self, frames: Frames, now: float) -> Frames:
        """The speaker's next frames. Returns those that are too old now to be remembered."""
        self._frames.extend(frames)
        self._came_at.extend([now] * len(frames))
        return self._take(max(0, len(self._frames) - REMEMBERED_FRAMES))

    def take_up(self, since: float | None) -> tuple[Frames, Frames]:
        """Somebody was there after all: what is to be heard, and what is not. Nothing is remembered any more.

        That is all that came at `since` (loop time) or later, or without it only the utterance that is under way. It
        begins at most `ONSET_FRAMES` before the first voiced frame, because a word begins before it can be told.
        """
        voiced = self._frames.voiced
        if since is None:
            earliest, first = 0, voiced.rfind(0) + 1
        else:
            earliest = bisect_left(self._came_at, since)
            first = voiced.find(1, earliest)
        nobody_talks = not 0 <= first < len(voiced)
        unheard = self._take(len(voiced) if nobody_talks else max(first - ONSET_FRAMES, earliest))
        return self.forget(), unheard

    def forget(self) -> Frames:
        """Nobody was there: all that is remembered, and no longer is."""
        return self._take(len(self._frames))

    def _take(self, count: int) -> Frames:
        del self._came_at[:count]
        return self._frames.take(count)
