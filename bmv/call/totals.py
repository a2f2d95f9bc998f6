"""What all calls of this process took together: plain numbers, added up only when somebody asks.

Nothing is counted here while people talk. A call keeps its own figures anyway; they are added to those of the calls
that are over when it ends, and to a copy of these while it is running. So no sum ever falls. All are whole numbers:
sums of fractions depend on the order in which calls end, and who sees a counter fall takes it for a new beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.interpreter import Interpreter
from bmv.call.ledger import Fate
from bmv.call.leg import Role
from bmv.call.party import Party
from bmv.call.state import CallState, EndReason
from bmv.metrics import Histogram

STRAIGHT = "straight_through"
"""How a direction is in which nothing has to be translated; every other way is a `Mode`."""


class Refusal(Enum):
    """Why a call was not taken."""

    BUSY = "busy"
    DRAINING = "draining"
    OVERLOADED = "overloaded"


@dataclass
class PartyTotals:
    """What one party's speech and line took; see `DirectionStats`. Frames, unless the name says otherwise."""

    first_audio: Histogram = field(default_factory=Histogram)
    uplink: Histogram = field(default_factory=Histogram)
    downlink: Histogram = field(default_factory=Histogram)
    worst_backlog: Histogram = field(default_factory=Histogram)
    """One for each call that is over and in which something was translated."""
    received: int = 0
    late: int = 0
    sent: int = 0
    underneath_dropped: int = 0
    pauses_dropped: int = 0
    echo_suppressed: int = 0
    heard: int = 0
    replayed: int = 0
    speech: Counter[Fate] = field(default_factory=Counter)
    sessions_opened: int = 0
    sessions_lost: int = 0
    sessions_refused: int = 0
    sessions_reopened: int = 0
    nanodollars: int = 0
    without_price: int = 0
    """Of the calls that are over, those in which something had no price that is known."""

    def add(self, interpreter: Interpreter, speaker: Party) -> None:
        """Add one call's."""
        stats = interpreter.stats
        self.first_audio.merge(stats.first_audio)
        self.uplink.merge(stats.uplink)
        self.downlink.merge(stats.downlink)
        self.sessions_opened += stats.sessions
        self.sessions_lost += stats.lost
        self.sessions_refused += stats.refused
        self.sessions_reopened += stats.reopened
        self.nanodollars += round(stats.spent() * 1e9)
        self.heard += stats.speech.heard_frames
        self.replayed += stats.speech.replayed_frames
        for fate in Fate:
            self.speech[fate] += stats.speech.frames(fate)
        self.received += stats.frames
        self.late += stats.late
        self.sent += speaker.playout.buffer.sent
        self.underneath_dropped += round(speaker.playout.dropped / FRAME_SECONDS)
        self.pauses_dropped += round(speaker.playout.shed / FRAME_SECONDS)
        self.echo_suppressed += speaker.echo.suppressed


class Totals:
    """What calls took, and what became of those that are over."""

    def __init__(self) -> None:
        self.parties = {role: PartyTotals() for role in Role}
        self.ended: Counter[EndReason] = Counter()
        self.refused: Counter[Refusal] = Counter()

    def add(self, interpreters: Mapping[Role, Interpreter], parties: Mapping[Role, Party]) -> None:
        """Add what one call took so far."""
        for role, interpreter in interpreters.items():
            self.parties[role].add(interpreter, parties[role])

    def end(self, reason: EndReason, interpreters: Mapping[Role, Interpreter]) -> None:
        """A call is over, whose figures were added: what can be said of a whole call only."""
        self.ended[reason] += 1
        for role, interpreter in interpreters.items():
            stats, party = interpreter.stats, self.parties[role]
            if stats.sessions:
                party.worst_backlog.add(stats.worst_backlog)
            party.without_price += stats.usage.usd is None


class Moment:
    """How the running calls are at one moment: numbers of them, and the longest backlogs, in seconds."""

    def __init__(self) -> None:
        self.states: Counter[CallState] = Counter()
        self.modes: Counter[tuple[Role, str]] = Counter()
        """By the speaker and a `Mode`, or `STRAIGHT`."""
        self.rungs: Counter[tuple[Role, int]] = Counter()
        """By the speaker and the place of the translator that is tried or used, from 1 on."""
        self.backlog = dict.fromkeys(Role, 0.0)
        """What waits to be heard now of the translation of a speaker."""
        self.worst_backlog = dict.fromkeys(Role, 0.0)
        """The longest that the running calls ever had."""

    def add(self, state: CallState, interpreters: Mapping[Role, Interpreter], parties: Mapping[Role, Party]) -> None:
        """One call."""
        self.states[state] += 1
        for role, interpreter in interpreters.items():
            stats = interpreter.stats
            self.modes[role, interpreter.mode.value if interpreter.pair else STRAIGHT] += 1
            if interpreter.pair and stats.rung:
                self.rungs[role, stats.rung] += 1
            self.backlog[role] = max(self.backlog[role], parties[role.other].playout.backlog)
            self.worst_backlog[role] = max(self.worst_backlog[role], stats.worst_backlog)
