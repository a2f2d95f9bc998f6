"""A line that stalls: no frame comes for a while, and silence stands in for it so that the translator finishes."""

from __future__ import annotations

from bmv.call.stats import LATE_AFTER

STALLED_AFTER = 1.0  # seconds without a frame: what is only late must not get a hole in its middle
FILL_FRAMES = 20  # at most 400 ms of silence for one stall; more would only add delay


class Stall:
    """Of one line. Times are loop times in seconds."""

    def __init__(self) -> None:
        self._last_frame: float | None = None
        self._filled = 0

    def heard(self, now: float) -> bool:
        """A frame came: the line lives. Whether it came late."""
        late = self._last_frame is not None and now - self._last_frame > LATE_AFTER
        self._last_frame = now
        self._filled = 0
        return late

    def fill(self, now: float) -> bool:
        """Whether a frame of silence shall stand in now; if so it counts as given."""
        stalled = self._last_frame is not None and now - self._last_frame > STALLED_AFTER
        if not stalled or self._filled >= FILL_FRAMES:
            return False
        self._filled += 1
        return True
