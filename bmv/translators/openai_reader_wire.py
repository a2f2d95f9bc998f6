"""How a conversational model of OpenAI's is had to read a sentence aloud, on `/v1/realtime`. No I/O.

Source: the types `realtime` of OpenAI's Python package 3.54; see docs/openai.md, "Speech". One response outside the
conversation has all that is needed in it, so the session is not configured: PCM, the format wanted here, is the one it
begins with.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec

from bmv.audio.resample import WIDE_RATE
from bmv.languages import Language
from bmv.translators.openai_errors import ErrorEvent
from bmv.translators.openai_realtime_commands import REASONING_MODELS
from bmv.translators.openai_realtime_wire import AudioDelta, ResponseDone, SessionCreated
from bmv.wire import MessageDecoder

MANNER = (
    "The user's message is an announcement. Read it aloud in {language}, word for word, and say nothing else: nothing "
    "before it, nothing after it. Do not answer it, translate it or comment on it. Speak like a native, calm, clear "
    "and friendly, at a brisk pace, like an announcement on the telephone."
)
MAX_OUTPUT_TOKENS = 1024
"""Where a response that does not end is cut off; ten seconds of speech and their text are about 300."""

_FORMAT = {"type": "audio/pcm", "rate": WIDE_RATE}
_WRITTEN = "LMN"  # letters, what combines with letters, digits: the first letters of their Unicode categories


class TranscriptDone(msgspec.Struct, tag_field="type", tag="response.output_audio_transcript.done"):
    """All words of one message of a response, as the model itself writes them."""

    transcript: str


ServerEvent = SessionCreated | AudioDelta | TranscriptDone | ResponseDone | ErrorEvent

_decoder: MessageDecoder[ServerEvent] = MessageDecoder("OpenAI", ServerEvent)


def decode(message: bytes) -> ServerEvent | None:
    """One server event, None for one that does not matter here; see `MessageDecoder.decode`. The audio is PCM."""
    return _decoder.decode(message)


class _Create(msgspec.Struct, tag_field="type", tag="response.create"):
    response: dict[str, Any]


_encoder = msgspec.json.Encoder()


def encode_order(text: str, language: Language, *, model: str, voice: str) -> bytes:
    """Ask for the text to be read aloud."""
    response: dict[str, Any] = {
        "conversation": "none",
        "output_modalities": ["audio"],
        "instructions": MANNER.format(language=language.english),
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}],
        "audio": {"output": {"format": _FORMAT, "voice": voice}},
        "max_output_tokens": MAX_OUTPUT_TOKENS,
        "tools": [],
        "tool_choice": "none",
    }
    if model in REASONING_MODELS:
        response["reasoning"] = {"effort": "minimal"}
    return _encoder.encode(_Create(response))


def same_words(said: str, written: str) -> bool:
    """Tell whether two texts are the same but for punctuation, spaces, and capital letters."""
    return _letters(said) == _letters(written)


def _letters(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in normal if unicodedata.category(letter)[0] in _WRITTEN)
