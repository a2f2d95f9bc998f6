"""How much the carrier still has to play to one listener: reckoned from what was sent, and put right by marks.

The carrier plays what it gets in order and does not say how much is waiting. What the network held back arrives all at
once and waits behind what was sent before; only a mark, which comes back when it is reached, tells of that.
"""

from __future__ import annotations

from bmv.audio.mulaw import FRAME_SECONDS

MARK_FRAMES = 50  # a mark after each second of sound
MARKS_KEPT = 60  # a carrier that never answers shall cost no memory
LATE_MARKS = 3  # in a row, before they are believed: one alone may have met a stall of ours on its way back
TOLERANCE = 0.23  # seconds; more than the lead, by which the reckoning may be wrong the other way, and the 0.08 on top
# by which marks are read too late where they come with frames that are gathered


class ListenerBuffer:
    """The queue at the carrier's. Times are loop times in seconds."""

    def __init__(self) -> None:
        self.runs_dry_at = 0.0
        self.corrected = 0.0
        """Seconds by which more waited there than was reckoned, in all."""
        self.sent = 0
        """Frames, in all."""
        self._marked = 0  # of them, before the last mark
        self._number = 0
        self._marks: dict[str, tuple[float, float]] = {}
        self._usual = float("inf")  # the way there and back at its shortest
        self._excess: list[float] = []  # of the last marks

    def start(self, now: float) -> None:
        """What was sent has been played by now, if it ever ran dry before."""
        self.runs_dry_at = max(self.runs_dry_at, now)

    def add(self, frames: int) -> str | None:
        """So many frames are sent. Returns the name of a mark to be sent behind them, about once a second."""
        self.runs_dry_at += frames * FRAME_SECONDS
        self.sent += frames
        if self.sent - self._marked < MARK_FRAMES:
            return None
        self._marked = self.sent
        self._number += 1
        name = str(self._number)
        self._marks[name] = (self.runs_dry_at, self.corrected)
        if len(self._marks) > MARKS_KEPT:
            del self._marks[next(iter(self._marks))]
        return name

    def reached(self, name: str, now: float) -> None:
        """The carrier says that playback has reached a mark; one that is not ours means nothing."""
        mark = self._marks.pop(name, None)
        if mark is None:
            return
        expected, corrected = mark
        late = now - expected - (self.corrected - corrected)
        self._usual = min(self._usual, late)
        self._excess = [*self._excess, late - self._usual][-LATE_MARKS:]
        excess = min(self._excess)
        if len(self._excess) == LATE_MARKS and excess > TOLERANCE:
            self.runs_dry_at += excess
            self.corrected += excess
            self._excess.clear()
