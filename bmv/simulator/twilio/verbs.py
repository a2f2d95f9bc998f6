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


Sound: TypeAlias = Say | Play | Pause
"""What may be a prompt."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait for keys or words, and go on with the document at `action`. Seconds are whole ones."""

    action: str = ""
    """"" = the URL of the document itself."""
    method: str = "POST"
    input: frozenset[str] = frozenset({"dtmf"})
    """`dtmf`, `speech` or both."""
    timeout: int = 5
    speech_timeout: int = 5
    """0 = `auto`: the first pause ends the speech."""
    num_digits: int | None = None
    finish_on_key: str = "#"
    language: str = "en-US"
    hints: tuple[str, ...] = ()
    speech_model: str = ""
    barge_in: bool = True
    action_on_empty_result: bool = False
    partial_result_callback: str = ""
    partial_result_callback_method: str = "POST"
    prompt: tuple[Sound, ...] = ()


Verb: TypeAlias = Sound | Gather | Connect | Redirect | Hangup | Reject | Enqueue


@dataclass(slots=True)
class Document:
    """The verbs in order, and what is wrong with the document."""

    verbs: list[Verb] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What the schema does not know: each a warning 12200."""
    other_warnings: list[tuple[int, str]] = field(default_factory=list)
    """Those that have a code of their own."""
