"""What is known after a soak, as plain data: what `invariants` judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bmv.commands.soak.overheard import Ear
from bmv.commands.soak.plan import CallPlan, Promise


@dataclass
class Outcome:
    """How one call went."""

    plan: CallPlan
    languages: str
    """Of the caller and the agent, as "es-en"."""
    call_id: str = ""
    seconds: float = 0.0
    ears: list[Ear] = field(default_factory=list)
    stuck: str = ""
    """What the script waited for in vain, if it did."""
    open_calls: list[str] = field(default_factory=list)
    """Telephone calls that did not end after it."""
    not_hung_up: list[str] = field(default_factory=list)
    """Telephone calls that the server had to end, and that it made no request to end."""
    open_sessions: list[str] = field(default_factory=list)
    """Translator sessions that did not."""
    refused: bool = False
    """Whether the server did not take the call, which is right where it is too late for those that it has."""
    outage: bool = False
    """Whether the translator failed everybody, or a name could not be looked up, while it ran."""
    unlogged: bool = False
    """Whether the log could not be written for a part of it."""
    unreached: bool = False
    """Whether the agent was not called, since nobody knew Twilio's name."""
    hopeless: bool = False
    """Whether a translation was given up for the rest of the call."""
    late: float = 0.0
    """Seconds by which the simulator or the server was late meanwhile, at worst."""
    ending: Mapping[str, Any] | None = None
    """The log's `call_ended`."""
    warnings: Sequence[str] = ()
    """What else the log has of it at warning and above."""

    @property
    def promise(self) -> Promise:
        """What must be true of it."""
        return Promise.ENDS if self.unreached else self.plan.promise


@dataclass(frozen=True)
class Census:
    """How much the server's process has at a moment when no call runs."""

    tasks: int
    files: int
    sockets: int
    threads: int
    rss_mb: float
    """When the C library has given back what is free."""
    untrimmed_mb: float
    """Before that: a heap with holes is no leak, but it is what the operator sees."""
    kinds: Mapping[str, int]
    """Its tasks, by what they run."""
    objects: Mapping[str, int]
    """Objects of our own classes that came about since it serves, and timers, by their class."""


@dataclass(frozen=True)
class Totals:
    """What /metrics said when no call was running: seconds of speech, and calls."""

    running: float
    heard: float
    settled: float


@dataclass
class Unwritten:
    """Lines that were logged while the disk of the log was full."""

    logged: int = 0
    """By the server, as its child counted."""
    read: int = 0
    """That came all the same."""
    told: int = 0
    """That are missing, by its own account."""


@dataclass(frozen=True)
class Pace:
    """How late the machine was: the 99th percentile and the worst, in seconds, of the simulator and of the server."""

    simulator_p99: float
    simulator_worst: float
    server_p99: float


@dataclass
class Evidence:
    """All of it."""

    seed: int
    minutes: float
    outcomes: list[Outcome]
    warm: Census | None
    end: Census | None
    calls_between: int
    """Calls between the two counts."""
    totals: Totals | None
    refusals: Mapping[str, int]
    """How many calls it says it has refused, by the reason."""
    died: str
    """How it came to an end without having been told to stop, with its last words; what it was not asked any more is
    None then. Empty if it did not."""
    errors: list[str]
    """Lines of the log at error and above, and what was no line of the log at all."""
    alerts: list[str]
    """What the telephone company complained about."""
    exit_code: int | None
    """Of the server, told to stop in the middle of calls; None: it had to be killed."""
    pace: Pace
    unwritten: Unwritten
    weather: Mapping[str, int]
    """How often each kind came."""
