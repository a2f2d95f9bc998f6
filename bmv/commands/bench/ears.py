"""What the model's end of a session hears: which frame of the script each piece is, when it was sent, what is missing.

Two formats, two ears. Mu-law passes a bridge as it is, so each frame is known by its bytes. At 24 kHz it has been
through somebody's filter; there a frame is known by its level and those around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bmv.audio.mulaw import FRAME_BYTES
from bmv.commands.bench.sound import CYCLE, Script

WINDOW: Final = 10
"""Levels in a row by which a place in the script is found at 24 kHz."""
_RATIO = 3
_TOLERANCE = 0.30  # of the loudest level in a window; filters and their delay blur the borders of frames
_SLACK = 40.0  # and of the quiet ones, in 16-bit steps
_FOUND = 0.15  # mean deviation, as a share of the mean level, that is no chance


Levels: TypeAlias = NDArray[np.float64]


class Speaker(Protocol):
    """The leg whose party is heard in a session."""

    script: Script

    @property
    def said(self) -> int:
        """How many frames of the script were sent so far, counted on from one cycle to the next."""

    @property
    def place(self) -> int:
        """Where in the script the first of them stood."""

    def sent_at(self, frame: int) -> float:
        """When this frame was sent: `time.perf_counter`. Only the last minute is known."""


class Heard:
    """How one session is doing: counts of voiced frames. `matched` arrived as sent; `lost` never came, `altered` did
    not come as they were sent (gated, for one)."""

    def __init__(self) -> None:
        self.matched = self.lost = self.altered = 0


class Ear:
    """Follows one session; `heard` may be exchanged.

    `after` is told the number of the last frame of each message, and when that was sent.
    """

    def __init__(self, speaker: Speaker, heard: Heard, after: Callable[[int, float], None]) -> None:
        self._speaker = speaker
        self._script = speaker.script
        self.heard = heard
        self._after = after
        self._next: int | None = None
        """The frame that should come next, counted as `Speaker.said` counts; None while it is not known."""
        self._open = 0
        """While that is not known: the first frame that may still come."""

    def begin(self, heard: Heard) -> None:
        """Count there from now on, and all that is said from now on."""
        self.heard = heard
        if self._next is None:
            self._open = self._speaker.said

    def due(self, before: int) -> int:
        """How many voiced frames of those said before this one have not come yet."""
        return self._voiced(self._first_open, before)

    def give_up(self, before: int) -> None:
        """What is still due of those is lost."""
        if self._first_open < before:
            self._skip(self._first_open, before)
            self._open = before
            self._next = None if self._next is None else before

    @property
    def _first_open(self) -> int:
        return self._open if self._next is None else self._next

    def _voiced(self, begin: int, end: int) -> int:
        return sum(self._script.voiced[self._place(frame)] for frame in range(begin, end))

    def _place(self, frame: int) -> int:
        return (frame + self._speaker.place) % CYCLE

    def _frame_at(self, place: int, since: int) -> int:
        """The first frame from `since` on that stands at this place of the script."""
        return since + (place - self._place(since)) % CYCLE

    def _latest_at(self, place: int) -> int | None:
        """The last frame that was sent and stands at this place; None if none was."""
        last = self._speaker.said - 1
        frame = last - (self._place(last) - place) % CYCLE
        return frame if frame >= 0 else None

    def _skip(self, begin: int, end: int) -> None:
        """These frames were left out: those with a voice are lost."""
        self.heard.lost += self._voiced(begin, end)

    def _done(self) -> None:
        """A message is over, and its last frame is known."""
        if self._next is None or self._next == 0:
            return
        if self._next > self._speaker.said:  # silence that was taken for that of the script: look for it anew
            self._next, self._open = None, self._speaker.said
            return
        self._after(self._next - 1, self._speaker.sent_at(self._next - 1))


class UlawEar(Ear):
    """For mu-law."""

    def hear(self, audio: bytes) -> None:
        """A message: whole frames."""
        frames, known = self._script.frames, False
        for begin in range(0, len(audio), FRAME_BYTES):
            piece = audio[begin : begin + FRAME_BYTES]
            if self._next is None or piece != frames[self._place(self._next)]:
                known = self._search(piece)
                continue
            known = True
            self.heard.matched += self._script.voiced[self._place(self._next)]
            self._next += 1
        if known:
            self._done()

    def _search(self, piece: bytes) -> bool:
        place = self._script.places.get(piece)
        if self._next is None:
            found = None if place is None else self._latest_at(place)
            if found is None or found < self._open:
                return False
        elif place is None:  # something else in its stead
            self.heard.altered += self._script.voiced[self._place(self._next)]
            self._next += 1
            return False
        else:
            found = self._frame_at(place, self._next)
            if found >= self._speaker.said:  # one that has not been said yet: an old one, said again
                return False
        self._skip(self._first_open, found)
        self.heard.matched += self._script.voiced[self._place(found)]
        self._next = found + 1
        return True


class WideEar(Ear):
    """For 24 kHz PCM16."""

    def __init__(self, speaker: Speaker, heard: Heard, after: Callable[[int, float], None]) -> None:
        super().__init__(speaker, heard, after)
        self._rest = b""
        self._recent: list[float] = []
        self._unplaced = 0
        """Frames of the last window, while it is looked for where they stand: they came, and are known by the next."""
        doubled = np.concatenate((self._script.levels, self._script.levels[: 2 * WINDOW]))
        self._doubled = doubled
        self._windows = np.lib.stride_tricks.sliding_window_view(doubled, WINDOW)[:CYCLE]

    def hear(self, pcm: bytes) -> None:
        """A message: any whole number of samples."""
        pcm, size = self._rest + pcm, _RATIO * FRAME_BYTES * 2
        whole = len(pcm) - len(pcm) % size
        self._rest = pcm[whole:]
        if not whole:
            return
        samples = np.frombuffer(pcm, "<i2", whole // 2)[1::_RATIO].astype(np.float64)
        found = np.abs(samples).reshape(-1, FRAME_BYTES).mean(axis=1)
        if self._next is not None and self._fits(found):
            self.heard.matched += self._voiced(self._next, self._next + len(found))
            self._next += len(found)
            self._recent.clear()
            self._done()
            return
        self._search(found)

    def _fits(self, found: Levels) -> bool:
        assert self._next is not None  # noqa: S101 - its only caller looked
        fits = True
        for begin in range(0, len(found), WINDOW):
            part = found[begin : begin + WINDOW]
            place = self._place(self._next + begin)
            wanted = self._doubled[place : place + len(part)]
            fits &= bool(np.abs(part - wanted).max() <= _TOLERANCE * wanted.max() + _SLACK)
        return fits

    def _search(self, found: Levels) -> None:
        """What came does not follow what was before it: look where in the script it stands."""
        self._recent.extend(found.tolist())
        if len(self._recent) < WINDOW:
            return
        recent, count = np.array(self._recent[-WINDOW:]), len(self._recent)
        self._recent.clear()
        if recent.mean() < 4 * _SLACK:  # silence may stand anywhere, and the soft beginning of a word looks like it
            self._alter(count)
            return
        off = np.abs(self._windows - recent).mean(axis=1)
        place = int(off.argmin())
        if off[place] > _FOUND * recent.mean():
            self._alter(count)
        else:
            self._find((place + WINDOW - 1) % CYCLE, count + self._unplaced)

    def _alter(self, count: int) -> None:
        """Something else came instead of so many frames."""
        if self._next is None:
            self._unplaced = count
        else:
            self.heard.altered += self._voiced(self._next, self._next + count)
            self._next += count

    def _find(self, place: int, count: int) -> None:
        """The last of so many frames stands at this place of the script."""
        last = self._latest_at(place) if self._next is None else self._frame_at(place, self._next)
        if last is None or not self._first_open <= last < self._speaker.said:
            return
        first = max(last + 1 - count, self._first_open)
        self._skip(self._first_open, first)
        self.heard.matched += self._voiced(first, last + 1)
        self._next, self._unplaced = last + 1, 0
        self._done()
