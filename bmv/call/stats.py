"""What one direction of a call took: how long, how much, and what it used."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from bmv.call.ledger import SpeechLedger
from bmv.call.translator import Translator
from bmv.call.usage import Usage
from bmv.metrics import Histogram

NEW_TURN_AFTER = 0.7  # seconds of quiet that part two turns
FORGOTTEN_AFTER = 15.0  # seconds: a sound nobody translated (a cough) is no turn
LATE_AFTER = 0.2  # seconds from one frame to the next: 0.02 when all is well, or five come together after 0.1


@dataclass
class DirectionStats:
    """What one direction took, all in seconds."""

    first_audio: Histogram = field(default_factory=Histogram)
    """From the first sound of a turn to the first translated sound handed to the listener's leg."""
    last_lag: float | None = None
    """The latest of these."""
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
    lost: int = 0
    """Of them, before their time."""
    refused: int = 0
    """Tries to open one that failed."""
    reopened: int = 0
    """Sessions that were opened in the place of a lost one."""
    rung: int = 0
    """Which translator is tried or used, 1 for the first choice; 0 for none: not yet, not needed, or nobody is left."""
    frames: int = 0
    """That came from the speaker's line."""
    late: int = 0
    """Of them, more than `LATE_AFTER` behind the one before."""
    _open: list[Translator] = field(default_factory=list)
    _spent: float = 0.0

    def begins(self, session: Translator) -> None:
        """It is being used from now on."""
        self._open.append(session)

    def ends(self, session: Translator) -> None:
        """It is over. Raises what its `usage` raises."""
        self._open = [each for each in self._open if each is not session]
        self.usage += session.usage

    def spent(self) -> float:
        """US dollars so far, for sessions that are over and those that are not, as far as known. Never falls."""
        known = self.usage.known
        for session in self._open:
            with suppress(Exception):  # a translator's bug, which is noticed when the session ends
                known += session.usage.known
        self._spent = max(self._spent, known)
        return self._spent


class TurnClock:
    """Measures each turn: from the speaker's first sound to the first translated sound."""

    def __init__(self, first_audio: Histogram) -> None:
        self._first_audio = first_audio
        self.talking = False
        """As far as it was told."""
        self._quiet_since = float("-inf")
        self._began: float | None = None

    def heard(self, talking: bool, now: float, *, translating: bool = False) -> None:
        """Whether the speaker is talking now; call it whenever that changes.

        A turn that begins while the translation of the one before still sounds (`translating`) is not measured: where
        its own translation sets in cannot be told.
        """
        begins = talking and not self.talking and now - self._quiet_since > NEW_TURN_AFTER
        if begins and not translating and (self._began is None or now - self._began > FORGOTTEN_AFTER):
            self._began = now
        if self.talking and not talking:
            self._quiet_since = now
        self.talking = talking

    def translated(self, now: float, *, silent_for: float) -> float | None:
        """A translation begins to sound after a silence: its lag, or None where no turn waits for one.

        After a short silence it is rather the last turn's that goes on; whose it is cannot be told then.
        """
        began, self._began = self._began, None
        if began is None or now - began > FORGOTTEN_AFTER or silent_for < NEW_TURN_AFTER:
            return None
        self._first_audio.add(now - began)
        return now - began
