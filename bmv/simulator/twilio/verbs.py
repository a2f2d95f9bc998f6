"""The verbs of TwiML that this company performs, as data. Source: Twilio "TwiML for Programmable Voice"."""

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a sentence."""

    text: str
    language: str
    voice: str
    loop: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait in silence."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Play:
    """Play a recording."""

    url: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Where `<Connect>` connects to."""

    url: str
    name: str
    track: str
    status_callback: str
    status_callback_method: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect the call to a media stream and wait for its end."""

    action: str
    method: str
    stream: Stream | None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with another document."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not take the call; only as the first verb."""

    reason: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Make a task of the call and wait for an agent."""

    workflow_sid: str
    action: str
    method: str
    wait_url: str | None
    task: str
    priority: int
    timeout: int | None


Verb: TypeAlias = Say | Pause | Play | Connect | Redirect | Hangup | Reject | Enqueue


@dataclass(slots=True)
class Document:
    """The verbs in order, and what is wrong with the document (each a warning 12200)."""

    verbs: list[Verb] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
