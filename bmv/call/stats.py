"""What one direction of a call took: how long, how much, and what it used."""

from __future__ import annotations

from dataclasses import dataclass, field

from bmv.call.ledger import SpeechLedger
from bmv.call.usage import Usage
from bmv.metrics import Histogram

NEW_TURN_AFTER = 0.7  # seconds of quiet that part two turns
FORGOTTEN_AFTER = 15.0  # seconds: a sound nobody translated (a cough) is no turn


@dataclass
class DirectionStats:
    """What one direction took, all in seconds."""

    first_audio: Histogram = field(default_factory=Histogram)
    """From the first sound of a turn to the first translated sound handed to the listener's leg."""
    uplink: Histogram = field(default_factory=Histogram)
    """From the frame that completes a message to that message being sent to the translator."""
    downlink: Histogram = field(default_factory=Histogram)
    """From translated audio being received, where nothing else was playing, to its being handed to the leg."""
    worst_backlog: float = 0.0
    speech: SpeechLedger = field(default_factory=SpeechLedger)
    """Where every voiced 20 ms went."""
    usage: Usage = field(default_factory=Usage)
    """Of all sessions that are over."""
    sessions: int = 0
    """That were opened, one after the other."""


class TurnClock:
    """Measures each turn: from the speaker's first sound to the first translated sound."""

    def __init__(self, first_audio: Histogram) -> None:
        self._first_audio = first_audio
        self._talking = False
        self._quiet_since = float("-inf")
        self._began: float | None = None

    def heard(self, talking: bool, now: float, *, translating: bool = False) -> None:
        """Whether the speaker is talking now; call it for every frame.

        A turn that begins while the translation of the one before still sounds (`translating`) is not measured: where
        its own translation sets in cannot be told.
        """
        begins = talking and not self._talking and now - self._quiet_since > NEW_TURN_AFTER
        if begins and not translating and (self._began is None or now - self._began > FORGOTTEN_AFTER):
            self._began = now
        if self._talking and not talking:
            self._quiet_since = now
        self._talking = talking

    def translated(self, now: float, *, silent_for: float) -> float | None:
        """A translation begins to sound after a silence: its lag, or None where no turn waits for one.

        After a short silence it is rather the last turn's that goes on; whose it is cannot be told then.
        """
        began, self._began = self._began, None
        if began is None or now - began > FORGOTTEN_AFTER or silent_for < NEW_TURN_AFTER:
            return None
        self._first_audio.add(now - began)
        return now - began
