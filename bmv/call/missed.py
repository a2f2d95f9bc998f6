"""What a speaker said while nobody was there to hear it: remembered for a moment, in case somebody was there after all.

An agent who is put through is there a little before we learn of it, and so is a caller who is taken off hold.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.kept import ONSET_FRAMES

REMEMBERED_SECONDS = 10.0
REMEMBERED_FRAMES = round(REMEMBERED_SECONDS / FRAME_SECONDS)


class Missed(NamedTuple):
    """20 ms of a speaker, whether somebody is talking in it, and the loop time at which it came."""

    audio: bytes
    voiced: bool
    at: float


class MissedSpeech:
    """The last ten seconds of one speaker that nobody heard, oldest first.

    Who waits in the queue holds them all the time, so what is noted on a frame stands in rows: a third less.
    """

    def __init__(self) -> None:
        self._audio: list[bytes] = []
        self._voiced = bytearray()
        self._at = array("d")

    def miss(self, frame: Missed) -> list[Missed]:
        """The speaker's next 20 ms. Returns what is too old now to be remembered."""
        self._audio.append(SILENCE if frame.audio == SILENCE else frame.audio)  # a quiet line costs no memory
        self._voiced.append(frame.voiced)
        self._at.append(frame.at)
        if len(self._audio) <= REMEMBERED_FRAMES:
            return []
        return [Missed(self._audio.pop(0), bool(self._voiced.pop(0)), self._at.pop(0))]

    def take_up(self, since: float | None) -> tuple[list[Missed], list[Missed]]:
        """Somebody was there after all: what is to be heard, and what is not. Nothing is remembered any more.

        That is all that came at `since` (loop time) or later, or without it only the utterance that is under way. It
        begins at most `ONSET_FRAMES` before the first voiced frame, because a word begins before it can be told.
        """
        frames = self.forget()
        earliest = 0 if since is None else sum(frame.at < since for frame in frames)
        first = _utterance(frames) if since is None else _first_voiced(frames, earliest)
        if first == len(frames):
            return [], frames
        start = max(first - ONSET_FRAMES, earliest)
        return frames[start:], frames[:start]

    def forget(self) -> list[Missed]:
        """Nobody was there: all that is remembered, and no longer is."""
        rows = zip(self._audio, self._voiced, self._at, strict=True)
        frames = [Missed(audio, bool(voiced), at) for audio, voiced, at in rows]
        self._audio.clear()
        self._voiced.clear()
        del self._at[:]
        return frames


def _first_voiced(frames: list[Missed], start: int) -> int:
    """The place of the first voiced one from `start` on; behind the end if there is none."""
    return next((place for place in range(start, len(frames)) if frames[place].voiced), len(frames))


def _utterance(frames: list[Missed]) -> int:
    """Where the one begins that is under way at the end; behind the end if nobody is talking there."""
    start = len(frames)
    while start and frames[start - 1].voiced:
        start -= 1
    return start
