"""The messages of OpenAI's translation endpoint, `/v1/realtime/translations`: bytes to events and back, no I/O.

Source: OpenAI's guide "Realtime translation" and the types `realtime_translation_*` of its Python package 3.54. There
are exactly three client events. The server refuses an update with one unknown field as a whole (`unknown_parameter`)
and goes on translating into its default, Spanish; so what is built here is checked against OpenAI's types in the tests.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bmv.translators.openai_errors import ErrorEvent
from bmv.wire import MessageDecoder

SAMPLE_RATE = 24_000  # the only rate and format of this endpoint: PCM16, mono, little-endian
SAMPLE_BYTES = 2
MODEL_FRAME_SECONDS = 0.2  # the model works in frames of 200 ms (4,800 samples, 9,600 bytes)
TRANSCRIPTION_MODEL = "gpt-realtime-whisper"  # the usual one, and the only one that OpenAI itself takes here


class _Output(msgspec.Struct):
    language: str | None = None


class _Audio(msgspec.Struct):
    output: _Output | None = None


class Session(msgspec.Struct):
    """The effective configuration, as far as it matters here."""

    audio: _Audio = msgspec.field(default_factory=_Audio)
    expires_at: float | None = None  # Unix time

    @property
    def language(self) -> str | None:
        """The target language that is in force."""
        return self.audio.output.language if self.audio.output else None


class SessionCreated(msgspec.Struct, tag_field="type", tag="session.created"):
    """The first event; the session still has the server's defaults."""

    session: Session


class SessionUpdated(msgspec.Struct, tag_field="type", tag="session.updated"):
    """Our update was applied."""

    session: Session


class InputTranscriptDelta(msgspec.Struct, tag_field="type", tag="session.input_transcript.delta"):
    """More of what the speaker said; append as it is."""

    delta: str


class OutputTranscriptDelta(msgspec.Struct, tag_field="type", tag="session.output_transcript.delta"):
    """More of the translation; append as it is."""

    delta: str


class OutputAudioDelta(msgspec.Struct, tag_field="type", tag="session.output_audio.delta"):
    """The next translated audio, silence included; `delta` holds the decoded bytes, of any length."""

    delta: bytes
    sample_rate: int | None = None
    channels: int | None = None
    format: str | None = None

    @property
    def is_playable(self) -> bool:
        """Whether it is what this endpoint is documented to send; what it leaves out is taken to be so."""
        return self.sample_rate in (None, SAMPLE_RATE) and self.channels in (None, 1) and self.format in (None, "pcm16")


class SessionClosed(msgspec.Struct, tag_field="type", tag="session.closed"):
    """All is said; the socket may be closed."""


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | InputTranscriptDelta
    | OutputTranscriptDelta
    | OutputAudioDelta
    | SessionClosed
    | ErrorEvent
)

_decoder: MessageDecoder[ServerEvent] = MessageDecoder("OpenAI", ServerEvent)


def decode(message: bytes) -> ServerEvent | None:
    """One server event; see `MessageDecoder.decode`."""
    return _decoder.decode(message)


class SessionUpdate(msgspec.Struct, tag_field="type", tag="session.update"):
    """What the session shall be like; of `session` only what is named changes."""

    session: dict[str, Any]


class Append(msgspec.Struct, tag_field="type", tag="session.input_audio_buffer.append"):
    """More of what the speaker says."""

    audio: bytes


class Close(msgspec.Struct, tag_field="type", tag="session.close"):
    """No more audio follows."""


_encoder = msgspec.json.Encoder()


def encode_update(*, language: str, transcription: str | None) -> bytes:
    """The one `session.update` we send: target language, and the model that transcribes the original (it costs)."""
    audio_in = {
        "transcription": {"model": transcription} if transcription else None,
        "noise_reduction": {"type": "near_field"},
    }
    return _encoder.encode(SessionUpdate({"audio": {"input": audio_in, "output": {"language": language}}}))


def encode_append(pcm: bytes) -> bytes:
    """Audio: 24 kHz PCM16 mono little-endian, any whole number of samples."""
    return _encoder.encode(Append(pcm))


def encode_close() -> bytes:
    """No more audio follows; the server says what is left, then `session.closed`."""
    return _encoder.encode(Close())
