"""What a test wants to know of one session, while it lasts and afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bmv.audio.mulaw import Samples
from bmv.simulator.openai import realtime_settings
from bmv.simulator.openai.items import Conversation, Item
from bmv.simulator.openai.turns import language_asked_for
from bmv.simulator.openai.wire import SAMPLE_RATE, Settings

EndedBy = Literal["client", "server", "lost"]


@dataclass(eq=False, slots=True, kw_only=True)
class Record:
    """What the sessions of both endpoints have in common."""

    model: str
    headers: Mapping[str, str]
    """The upgrade's headers, names in lower case."""
    updates: list[dict[str, Any]] = field(default_factory=list)
    """The `session` of each well-formed update received, later refused ones too."""
    errors: list[str] = field(default_factory=list)
    """The code of each `error` event sent."""
    closed_by: EndedBy | None = None
    """Who ended the connection: None while it lasts, "lost" if the client went without a word."""
    close_code: int | None = None
    deaf: bool = False
    """Whether the service has stopped to read, by fault. It may then never see that the client has gone."""
    received: bytearray = field(default_factory=bytearray, repr=False)
    """All audio appended, as it came."""
    samples: int = 0
    """Samples appended, counted at 24 kHz whatever the format was."""
    sent_seconds: float = 0.0
    """Seconds of audio given out, silence included."""

    @property
    def seconds(self) -> float:
        """Seconds of audio appended."""
        return self.samples / SAMPLE_RATE

    @property
    def language(self) -> str:
        """The target language in force."""
        raise NotImplementedError


@dataclass(eq=False, slots=True, kw_only=True)
class SessionRecord(Record):
    """A session of the translation endpoint."""

    settings: Settings = field(default_factory=Settings)
    close_requested: bool = False
    """Whether `session.close` came."""

    @property
    def language(self) -> str:
        """The target language in force."""
        return self.settings.language

    @property
    def audio(self) -> Samples:
        """All audio appended, 24 kHz."""
        return np.frombuffer(bytes(self.received), "<i2").astype(np.int16)

    def append(self, pcm: bytes) -> None:
        """Note what was appended."""
        self.received += pcm
        self.samples += len(pcm) // 2


@dataclass(frozen=True, slots=True)
class Commit:
    """A stretch of audio that became an item."""

    item_id: str
    start_ms: int
    """From the first sample of the session, the padding before the speech included."""
    end_ms: int
    by: Literal["server", "client"]


@dataclass(eq=False, slots=True, kw_only=True)
class ResponseRecord:
    """One response, from its creation on."""

    id: str
    metadata: Mapping[str, str] | None
    out_of_band: bool
    """Whether it was asked for with `conversation: "none"`."""
    instructions: str
    """The session's, or its own."""
    input_ids: tuple[str, ...]
    """The items that the model was given."""
    status: Literal["in_progress", "completed", "cancelled", "failed", "incomplete"] = "in_progress"
    reason: str | None = None
    """Why it was not completed: a reason of the documents, or the code of the error."""
    spoken_seconds: float = 0.0
    usage: dict[str, Any] | None = None
    """As it was told in `response.done`."""

    @property
    def input_tokens(self) -> int:
        """The context that was billed; 0 before the response is done."""
        return int(self.usage["input_tokens"]) if self.usage else 0


@dataclass(eq=False, slots=True, kw_only=True)
class ConversationRecord(Record):
    """A session of the turn-based endpoint."""

    settings: dict[str, Any] = field(init=False)
    """The effective configuration, as it was echoed last."""
    conversation: Conversation = field(default_factory=Conversation)
    commits: list[Commit] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """The ids of the items that the client deleted."""
    deleted_too_early: list[str] = field(default_factory=list)
    """Those of them that a response in progress was made of. What the real service does then is not known."""
    responses: list[ResponseRecord] = field(default_factory=list)
    """In the order in which they were asked for, those only that came about."""
    most_at_once: int = 0
    """How many responses were in progress at the same time, at most."""

    def __post_init__(self) -> None:
        self.settings = realtime_settings.defaults(self.model)

    @property
    def language(self) -> str:
        """The target language that the session's instructions name, "" for none."""
        return language_asked_for(self.settings["instructions"])

    @property
    def voice(self) -> object:
        """The voice in force: a name, or an object with an id."""
        return self.settings["audio"]["output"]["voice"]

    @property
    def has_spoken(self) -> bool:
        """Whether the model has said anything yet, after which the voice is fixed."""
        return any(response.spoken_seconds for response in self.responses)

    @property
    def items(self) -> list[Item]:
        """The items that are alive, in order: what a response without an input of its own would be billed for."""
        return list(self.conversation)

    @property
    def running(self) -> list[ResponseRecord]:
        """The responses that are not done."""
        return [response for response in self.responses if response.status == "in_progress"]

    def append(self, audio: bytes, bytes_per_second: int) -> None:
        """Note what was appended."""
        self.received += audio
        self.samples += len(audio) * SAMPLE_RATE // bytes_per_second
