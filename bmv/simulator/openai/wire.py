"""What is said on the translation socket, as JSON: the three events of a client, and the seven of the server.

Sources: the types of OpenAI's Python package 3.54 (`types/realtime/realtime_translation_*.py`) for the shapes; for the
refusals the answers that clients reported of the real service. A client's event is checked field by field: one unknown
field and the whole event is refused.
"""

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bmv.simulator.openai.checks import RefusedEvent, Shape, base64_text, nullable, number, one_of, read, record
from bmv.simulator.openai.events import EventWriter

MODEL: Final = "gpt-realtime-translate"
TRANSCRIBER: Final = "gpt-realtime-whisper"
SAMPLE_RATE: Final = 24000
LANGUAGES: Final = ("es", "pt", "fr", "ja", "ru", "zh", "de", "ko", "hi", "id", "vi", "it", "en")
"""The documented target languages. The real service takes some more, but promises only these."""


@dataclass(frozen=True, slots=True)
class NoiseReduction:
    """What is done about noise in the input. It changes nothing here; it is only echoed."""

    kind: str
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings of a session; the defaults are those of the service."""

    language: str = "es"
    transcriber: str | None = None
    noise_reduction: NoiseReduction | None = None


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """`session.update`: only what is named changes."""

    body: Mapping[str, Any]
    """The `session` object, checked."""

    def applied_to(self, settings: Settings) -> Settings:
        """Give the settings that result. A strength that is not named is kept, 1 at first."""
        audio = self.body.get("audio", {})
        if "language" in audio.get("output", {}):
            settings = replace(settings, language=audio["output"]["language"])
        heard = audio.get("input", {})
        if "transcription" in heard:
            wanted = heard["transcription"]
            settings = replace(settings, transcriber=wanted and wanted["model"])
        if "noise_reduction" in heard:
            before = settings.noise_reduction.strength if settings.noise_reduction else 1.0
            wanted = heard["noise_reduction"]
            quiet = wanted and NoiseReduction(wanted["type"], wanted.get("strength", before))
            settings = replace(settings, noise_reduction=quiet)
        return settings


@dataclass(frozen=True, slots=True)
class AudioAppend:
    """`session.input_audio_buffer.append`: whole samples, 24 kHz PCM16 little-endian, any number of them."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class SessionClose:
    """`session.close`: no more audio will come."""


ClientEvent = SessionUpdate | AudioAppend | SessionClose


def decode(message: str | bytes) -> ClientEvent:
    """Read and check one event of a client. RefusedEvent says what is wrong with it, and with which field."""
    match read(message, _EVENTS):
        case {"type": "session.update", "session": session}:
            return SessionUpdate(session)
        case {"audio": audio}:
            return AudioAppend(base64.b64decode(audio))
        case _:
            return SessionClose()


def _whole_samples(value: object, path: str) -> None:
    base64_text(value, path)
    if len(base64.b64decode(str(value))) % 2:
        raise RefusedEvent("invalid_value", f"Invalid '{path}': expected whole 16-bit samples.", path)


_TRANSCRIPTION = record({"model": one_of(TRANSCRIBER)}, required=("model",))
_NOISE = record({"type": one_of("near_field", "far_field"), "strength": number(0, 1)}, required=("type",))
_AUDIO = record(
    {
        "input": record({"transcription": nullable(_TRANSCRIPTION), "noise_reduction": nullable(_NOISE)}),
        "output": record({"language": one_of(*LANGUAGES)}),
    }
)
_EVENTS: Mapping[str, tuple[Shape, Collection[str]]] = {
    "session.update": ({"session": record({"audio": _AUDIO})}, ("session",)),
    "session.input_audio_buffer.append": ({"audio": _whole_samples}, ("audio",)),
    "session.close": ({}, ()),
}


class ServerEvents(EventWriter):
    """Writes the events of one session, each with an id of its own."""

    def __init__(self, *, session_id: str, model: str, expires_at: int) -> None:
        super().__init__()
        self._session = {"id": session_id, "type": "translation", "model": model, "expires_at": expires_at}

    def created(self, settings: Settings) -> str:
        """`session.created`, the first event of all."""
        return self.event("session.created", session=self._effective(settings))

    def updated(self, settings: Settings) -> str:
        """`session.updated`, with the full effective session."""
        return self.event("session.updated", session=self._effective(settings))

    def closed(self) -> str:
        """`session.closed`, the last event."""
        return self.event("session.closed")

    def input_transcript(self, delta: str, elapsed_ms: int) -> str:
        """`session.input_transcript.delta`: a few words more of what was heard."""
        return self.event("session.input_transcript.delta", delta=delta, elapsed_ms=elapsed_ms)

    def output_transcript(self, delta: str, elapsed_ms: int) -> str:
        """`session.output_transcript.delta`: a few words more of the translation."""
        return self.event("session.output_transcript.delta", delta=delta, elapsed_ms=elapsed_ms)

    def output_audio(self, pcm: bytes, elapsed_ms: int) -> str:
        """`session.output_audio.delta`: the next stretch of sound, 24 kHz PCM16 little-endian, silence included."""
        return self.event(
            "session.output_audio.delta",
            delta=base64.b64encode(pcm).decode(),
            sample_rate=SAMPLE_RATE,
            channels=1,
            format="pcm16",
            elapsed_ms=elapsed_ms,
        )

    def _effective(self, settings: Settings) -> dict[str, Any]:
        noise = settings.noise_reduction
        heard = {
            "transcription": settings.transcriber and {"model": settings.transcriber},
            "noise_reduction": noise and {"type": noise.kind, "strength": noise.strength},
        }
        return {**self._session, "audio": {"input": heard, "output": {"language": settings.language}}}
