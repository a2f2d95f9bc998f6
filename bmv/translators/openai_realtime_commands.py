"""What we send to OpenAI's conversational endpoint, `/v1/realtime`, to have it interpret. No I/O.

Source: the types `realtime` of OpenAI's Python package 3.54 and its guides "Realtime conversations" and "Realtime
costs"; see docs/openai.md, "The turn-based endpoint". The tests hold what is built here against OpenAI's types: one
unknown field can make the server refuse an event as a whole. There is no `temperature` here; the service refuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from bmv.translators.turns import Label

AUDIO_FORMAT = {"type": "audio/pcmu"}
"""G.711 mu-law, as on the telephone. In every update, for both ways: left out, it has fallen back to PCM."""
TURN_DETECTION = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "create_response": False,  # we ask for every response ourselves
    "interrupt_response": False,  # who goes on talking must not cut off the translation of what he has said
}
TRANSCRIPTION_MODEL = "gpt-transcribe"
"""The usual one, made for committed turns. The streaming ones (gpt-realtime-whisper, gpt-live-transcribe) want no turn
detection."""
_HINTED = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
"""What takes hints of the languages; a model that does not, or by whose name we cannot tell, gets none."""
MAX_OUTPUT_TOKENS = 2048
"""Where a response that does not end is cut off: 80 s of speech (20 tokens a second) and its text."""
REASONING_MODELS = frozenset({"gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"})
"""The others refuse `reasoning`."""
NO_ITEM = "item_that_never_was"
_TRANSCRIBED_AS = {"yue": "zh"}
"""Hints are ISO 639-1 codes; a language that has none there goes by that of the nearest."""


@dataclass(frozen=True)
class Configuration:
    """What a session shall be like. The model `transcription` writes the original's text, in either of the `languages`
    (our tags); None for no text."""

    model: str
    voice: str
    instructions: str
    transcription: str | None
    languages: tuple[str, ...]


class _Update(msgspec.Struct, tag_field="type", tag="session.update"):
    session: dict[str, Any]


class _Append(msgspec.Struct, tag_field="type", tag="input_audio_buffer.append"):
    audio: bytes


class _Commit(msgspec.Struct, tag_field="type", tag="input_audio_buffer.commit"):
    pass


class _Create(msgspec.Struct, tag_field="type", tag="response.create"):
    event_id: str
    response: dict[str, Any]


class _Cancel(msgspec.Struct, tag_field="type", tag="response.cancel"):
    response_id: str


class _Delete(msgspec.Struct, tag_field="type", tag="conversation.item.delete"):
    item_id: str


class _Retrieve(msgspec.Struct, tag_field="type", tag="conversation.item.retrieve"):
    event_id: str
    item_id: str


_encoder = msgspec.json.Encoder()


def encode_update(wanted: Configuration) -> bytes:
    """The one `session.update` we send."""
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": wanted.instructions,
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "audio": {
            "input": {
                "format": AUDIO_FORMAT,
                "noise_reduction": {"type": "near_field"},
                "transcription": _transcription(wanted),
                "turn_detection": TURN_DETECTION,
            },
            "output": {"format": AUDIO_FORMAT, "voice": wanted.voice},
        },
        "tools": [],
        "tool_choice": "none",
        "tracing": None,
    }
    if wanted.model in REASONING_MODELS:
        session["reasoning"] = {"effort": "minimal"}
    return _encoder.encode(_Update(session))


def _transcription(wanted: Configuration) -> dict[str, Any] | None:
    if wanted.transcription is None:
        return None
    if wanted.transcription not in _HINTED:
        return {"model": wanted.transcription}
    hints = list(dict.fromkeys(_TRANSCRIBED_AS.get(tag, tag) for tag in wanted.languages))
    return {"model": wanted.transcription, "languages": hints}


def encode_append(ulaw: bytes) -> bytes:
    """More of what the speaker says, as it came from the telephone."""
    return _encoder.encode(_Append(ulaw))


def encode_commit() -> bytes:
    """Make an item of what was sent since the last one, although nobody paused."""
    return _encoder.encode(_Commit())


def encode_ask(label: Label, item_id: str) -> bytes:
    """Ask for the translation of one item, outside the conversation: the model hears nothing but it."""
    turn, attempt = label
    response = {
        "conversation": "none",
        "output_modalities": ["audio"],
        "input": [{"type": "item_reference", "id": item_id}],
        "metadata": {"turn": str(turn), "attempt": str(attempt)},
    }
    return _encoder.encode(_Create(f"{turn}.{attempt}", response))


def encode_cancel(response_id: str) -> bytes:
    """End this response."""
    return _encoder.encode(_Cancel(response_id))


def encode_delete(item_id: str) -> bytes:
    """Forget an item."""
    return _encoder.encode(_Delete(item_id))


def encode_probe(event_id: str) -> bytes:
    """Ask for an item that does not exist: the answer, an error with our `event_id`, shows that the server listens."""
    return _encoder.encode(_Retrieve(event_id, NO_ITEM))
