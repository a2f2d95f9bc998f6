"""Telling a dead session from one that has nothing to say: voice goes in, and not a single event comes out."""

from __future__ import annotations

from bmv.audio.mulaw import FRAME_SECONDS

SILENT_AFTER = 4.0  # seconds; the continuous model sends something every 0.4 s, the turn-based translator asks for it
LEAST_VOICE = 1.5  # seconds of voice since it last said anything, in one piece or several: a cough owes no answer
_LEAST_FRAMES = LEAST_VOICE / FRAME_SECONDS


class Watchdog:
    """Watches one session: what it is fed, and any sign of life."""

    def __init__(self) -> None:
        self._voiced = 0
        self._since = 0.0

    def fed(self, now: float, frames: int = 1) -> None:
        """So many voiced frames went in."""
        if not self._voiced:
            self._since = now
        self._voiced += frames

    def alive(self) -> None:
        """Something came out."""
        self._voiced = 0

    def barks(self, now: float) -> bool:
        """Whether the session has to be taken for dead."""
        return self._voiced >= _LEAST_FRAMES and now - self._since > SILENT_AFTER
