"""What OpenAI's conversational endpoint, `/v1/realtime`, sends, as far as an interpreter needs it. No I/O.

Source: the types `realtime` of OpenAI's Python package 3.54; see docs/openai.md, "The turn-based endpoint".
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from bmv.audio.mulaw import FRAME_MS
from bmv.translators.openai_errors import ErrorDetail, ErrorEvent
from bmv.translators.prices import Tokens
from bmv.translators.turns import Label
from bmv.wire import MessageDecoder

_LONGEST_MS = 24 * 3600 * 1000  # no session lasts so long: what is beyond is no place in it
_MOST_TOKENS = 10**9  # far more than any response has: a number that is none must not spoil the sum
Name = Annotated[str, msgspec.Meta(max_length=200)]
"""What the service calls an item or a response: some thirty signs."""

_LABEL = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


class _Format(msgspec.Struct):
    type: str | None = None


class _TurnDetection(msgspec.Struct):
    type: str | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class _AudioIn(msgspec.Struct):
    format: _Format | None = None
    turn_detection: _TurnDetection | None = None


class _AudioOut(msgspec.Struct):
    format: _Format | None = None


class _Audio(msgspec.Struct):
    input: _AudioIn = msgspec.field(default_factory=_AudioIn)
    output: _AudioOut = msgspec.field(default_factory=_AudioOut)


class Session(msgspec.Struct):
    """The effective configuration, as far as it matters here."""

    audio: _Audio = msgspec.field(default_factory=_Audio)
    expires_at: float | None = None
    """Unix time in seconds. On the wire, though not in the package's type of this event."""

    @property
    def mistakes(self) -> list[str]:
        """What is not in force as `encode_update` asks for it, each in a few words; empty if all is well."""
        found = []
        for does, audio in (("hears", self.audio.input), ("speaks", self.audio.output)):
            kind = audio.format.type if audio.format else "no format"
            if kind != "audio/pcmu":
                found.append(f"it {does} {kind}")
        wanted = _TurnDetection("server_vad", create_response=False, interrupt_response=False)
        if self.audio.input.turn_detection != wanted:
            found.append("its turn detection is another")
        return found


class SessionCreated(msgspec.Struct, tag_field="type", tag="session.created"):
    """The first event; the session still has the server's defaults."""

    session: Session


class SessionUpdated(msgspec.Struct, tag_field="type", tag="session.updated"):
    """Our update was applied."""

    session: Session


def _frame(milliseconds: int) -> int:
    return min(max(milliseconds, 0), _LONGEST_MS) // FRAME_MS


class SpeechStarted(msgspec.Struct, tag_field="type", tag="input_audio_buffer.speech_started"):
    """Somebody talks, since `audio_start_ms` of the audio that was sent (the padding before speech included)."""

    audio_start_ms: int
    item_id: Name

    @property
    def start(self) -> int:
        """The first frame of it."""
        return _frame(self.audio_start_ms)


class SpeechStopped(msgspec.Struct, tag_field="type", tag="input_audio_buffer.speech_stopped"):
    """Nobody talks any more; what was said until `audio_end_ms` will be committed as this item."""

    audio_end_ms: int
    item_id: Name

    @property
    def end(self) -> int:
        """The frame it ends before. A frame that is only begun is not in it."""
        return _frame(self.audio_end_ms)


class Committed(msgspec.Struct, tag_field="type", tag="input_audio_buffer.committed"):
    """What was said is an item of the conversation and can be referred to."""

    item_id: Name


class InputTranscriptDelta(msgspec.Struct, tag_field="type", tag="conversation.item.input_audio_transcription.delta"):
    """More of what was said in an item; comes at any time after the item."""

    item_id: Name
    delta: str | None = None


class TranscriptUsage(msgspec.Struct):
    """What a transcript is billed by: `seconds` of audio, or tokens."""

    type: str | None = None
    seconds: float | None = None


class InputTranscriptFailed(msgspec.Struct, tag_field="type", tag="conversation.item.input_audio_transcription.failed"):
    """There will be no text of an item."""

    item_id: Name


class InputTranscriptCompleted(
    msgspec.Struct, tag_field="type", tag="conversation.item.input_audio_transcription.completed"
):
    """All of what was said in an item."""

    item_id: Name
    transcript: str
    usage: TranscriptUsage | None = None


class _CachedDetails(msgspec.Struct):
    audio_tokens: int | None = None
    text_tokens: int | None = None


class _InputDetails(msgspec.Struct):
    audio_tokens: int | None = None
    text_tokens: int | None = None
    cached_tokens_details: _CachedDetails | None = None


class _OutputDetails(msgspec.Struct):
    audio_tokens: int | None = None
    text_tokens: int | None = None


class ResponseUsage(msgspec.Struct):
    """What a response is billed for."""

    input_token_details: _InputDetails | None = None
    output_token_details: _OutputDetails | None = None

    @property
    def tokens(self) -> Tokens:
        """The six kinds. The wire counts cached tokens among the others; where it does not split them, none is.

        Less than none counts as none: what was used only ever grows.
        """
        heard, said = self.input_token_details or _InputDetails(), self.output_token_details or _OutputDetails()
        cached = heard.cached_tokens_details or _CachedDetails()
        audio_cached, text_cached = _amount(cached.audio_tokens), _amount(cached.text_tokens)
        return Tokens(
            audio_in=_amount(_amount(heard.audio_tokens) - audio_cached),
            audio_cached=audio_cached,
            audio_out=_amount(said.audio_tokens),
            text_in=_amount(_amount(heard.text_tokens) - text_cached),
            text_cached=text_cached,
            text_out=_amount(said.text_tokens),
        )


def _amount(tokens: int | None) -> int:
    return min(max(tokens or 0, 0), _MOST_TOKENS)


class _StatusDetails(msgspec.Struct):
    reason: str | None = None
    error: ErrorDetail | None = None


class Response(msgspec.Struct):
    """One answer of the model."""

    id: Name | None = None
    status: str | None = None
    status_details: _StatusDetails | None = None
    metadata: dict[str, str] | None = None
    usage: ResponseUsage | None = None

    @property
    def label(self) -> Label | None:
        """The turn and attempt we asked for it with; None if it has no such metadata."""
        metadata = self.metadata or {}
        return read_label(f"{metadata.get('turn')}.{metadata.get('attempt')}")

    @property
    def error(self) -> ErrorDetail | None:
        """Why it failed, if it says so."""
        return self.status_details.error if self.status_details else None

    def __str__(self) -> str:
        details = self.status_details
        why = (details.error or details.reason) if details else None
        return f"{self.status}: {why}" if why else str(self.status)


class ResponseCreated(msgspec.Struct, tag_field="type", tag="response.created"):
    """A response began."""

    response: Response


class ResponseDone(msgspec.Struct, tag_field="type", tag="response.done"):
    """A response ended, well (`completed`) or not."""

    response: Response


class AudioDelta(msgspec.Struct, tag_field="type", tag="response.output_audio.delta"):
    """More speech: mu-law, any length."""

    response_id: Name
    delta: bytes


class TranscriptDelta(msgspec.Struct, tag_field="type", tag="response.output_audio_transcript.delta"):
    """More of the words of that speech."""

    response_id: Name
    delta: str


class TextDelta(msgspec.Struct, tag_field="type", tag="response.output_text.delta"):
    """Words instead of speech: not what was asked for."""

    response_id: Name
    delta: str


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | Committed
    | InputTranscriptDelta
    | InputTranscriptCompleted
    | InputTranscriptFailed
    | ResponseCreated
    | AudioDelta
    | TranscriptDelta
    | TextDelta
    | ResponseDone
    | ErrorEvent
)

_decoder: MessageDecoder[ServerEvent] = MessageDecoder("OpenAI", ServerEvent)


def decode(message: bytes) -> ServerEvent | None:
    """One server event, None for one that does not matter here; see `MessageDecoder.decode`."""
    return _decoder.decode(message)


def read_label(text: str | None) -> Label | None:
    """Read what `encode_ask` names its event with; None for anything else."""
    found = _LABEL.fullmatch(text or "")
    return (int(found[1]), int(found[2])) if found else None
