"""The ledger of one direction: where every voiced 20 ms of a speaker went. It holds counts, never audio or words."""

from __future__ import annotations

from collections import Counter
from enum import Enum

from bmv.audio.mulaw import FRAME_SECONDS

MOST_REASONS = 20
"""Why something was lost, in one call; a provider may make new ones without end."""
OTHER_REASON = "further reasons"


class Fate(Enum):
    """What became of a voiced frame; each has exactly one."""

    TRANSLATED = "translated"  # taken by a session that answered later, or that closed in order
    PASSED_THROUGH = "passed_through"  # the listener was given the original
    NOT_TRANSLATABLE = "not_translatable"  # said when nobody was there to hear it
    LOST = "lost"  # the listener heard nothing of it; the reason says why

    __hash__ = object.__hash__  # as for `Role`


class LedgerError(Exception):
    """More was settled than was heard, or lost without a reason: a bug of ours, and nobody else's fault."""


class SpeechLedger:
    """Counts the voiced frames of one speaker: `heard` opens an entry, `settle` closes it.

    At any time what was heard is the sum of the four fates and of what is pending. That a frame was replayed is no
    fate: it says that a second session was given it.
    """

    def __init__(self) -> None:
        self.heard_frames = 0
        self.replayed_frames = 0
        self.pending = 0
        """Voiced frames whose fate is open."""
        self._fates: Counter[Fate] = Counter()
        self._reasons: Counter[str] = Counter()

    def frames(self, fate: Fate) -> int:
        """Voiced frames that met this fate."""
        return self._fates[fate]

    def hear(self, frames: int = 1) -> None:
        """So many voiced frames were heard."""
        self.heard_frames += frames
        self.pending += frames

    def settle(self, frames: int, fate: Fate, reason: str = "") -> None:
        """The fate of so many pending frames is known; one that is lost needs a reason. `LedgerError` if not so."""
        if not 0 <= frames <= self.pending:
            raise LedgerError(f"{frames} frames cannot be settled, {self.pending} are pending")
        if fate is Fate.LOST and not reason:
            raise LedgerError("nothing is lost without a reason")
        self._fates[fate] += frames
        self.pending -= frames
        if fate is Fate.LOST and frames:
            known = reason in self._reasons or len(self._reasons) < MOST_REASONS
            self._reasons[reason if known else OTHER_REASON] += frames

    def replay(self, frames: int) -> None:
        """So many pending frames, none of them replayed before, are given to a second session."""
        if not 0 <= frames <= self.pending:
            raise LedgerError(f"{frames} frames cannot be replayed, {self.pending} are pending")
        self.replayed_frames += frames

    def summary(self) -> dict[str, float | dict[str, float]]:
        """For a log line, in seconds; what was lost comes with its reasons."""
        figures: dict[str, float | dict[str, float]] = {"heard": _seconds(self.heard_frames)}
        figures |= {fate.value: _seconds(self._fates[fate]) for fate in Fate}
        figures["replayed"] = _seconds(self.replayed_frames)
        if self._reasons:
            figures["lost_because"] = {reason: _seconds(frames) for reason, frames in self._reasons.items()}
        return figures


def _seconds(frames: int) -> float:
    return round(frames * FRAME_SECONDS, 2)
