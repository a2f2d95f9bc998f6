"""What is said on the translation socket, as JSON: the three events of a client, and the seven of the server.

Sources: the types of OpenAI's Python package 3.54 (`types/realtime/realtime_translation_*.py`) for the shapes; for the
refusals the answers that clients reported of the real service. A client's event is checked field by field: one unknown
field and the whole event is refused.
"""

import base64
import binascii
import itertools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

MODEL: Final = "gpt-realtime-translate"
TRANSCRIBER: Final = "gpt-realtime-whisper"
SAMPLE_RATE: Final = 24000
LANGUAGES: Final = ("es", "pt", "fr", "ja", "ru", "zh", "de", "ko", "hi", "id", "vi", "it", "en")
"""The documented target languages. The real service takes some more, but promises only these."""

_CLIENT_EVENTS = ("session.update", "session.input_audio_buffer.append", "session.close")
_NOISE_REDUCTIONS = ("near_field", "far_field")
_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer", float: "a number"}


class RefusedEvent(Exception):
    """A client's event that is answered with an `error` event and otherwise ignored."""

    def __init__(self, code: str, message: str, param: str | None = None, event_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id = event_id


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


def decode(text: str) -> ClientEvent:
    """Read and check one event of a client. RefusedEvent says what is wrong with it, and with which field."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise RefusedEvent("invalid_json", f"Invalid event: failed to parse JSON value. {error}") from error
    if not isinstance(event, dict):
        raise RefusedEvent("invalid_event", "Invalid event: expected a JSON object.")
    event_id = event.get("event_id")
    try:
        return _checked(event)
    except RefusedEvent as refusal:
        refusal.event_id = event_id if isinstance(event_id, str) else None
        raise


def _checked(event: dict[str, Any]) -> ClientEvent:
    kind = event.get("type")
    if kind is None:
        raise _missing("type")
    if kind not in _CLIENT_EVENTS:
        supported = f"'{_CLIENT_EVENTS[0]}', '{_CLIENT_EVENTS[1]}', and '{_CLIENT_EVENTS[2]}'"
        raise RefusedEvent("invalid_value", f"Invalid value: '{kind}'. Supported values are: {supported}.", "type")
    if "event_id" in event:
        _typed(event["event_id"], "event_id", str)
    if kind == "session.update":
        _only(event, "", {"type", "event_id", "session"}, required="session")
        return SessionUpdate(_checked_session(event["session"]))
    if kind == "session.close":
        _only(event, "", {"type", "event_id"})
        return SessionClose()
    _only(event, "", {"type", "event_id", "audio"}, required="audio")
    return AudioAppend(_checked_audio(event["audio"]))


def _checked_session(session: object) -> Mapping[str, Any]:
    body = _object(session, "session", {"audio"})
    if "audio" not in body:
        return body
    audio = _object(body["audio"], "session.audio", {"input", "output"})
    if "output" in audio:
        output = _object(audio["output"], "session.audio.output", {"language"})
        if "language" in output:
            _one_of(output["language"], "session.audio.output.language", LANGUAGES)
    if "input" in audio:
        _check_input(_object(audio["input"], "session.audio.input", {"transcription", "noise_reduction"}))
    return body


def _check_input(heard: Mapping[str, Any]) -> None:
    path = "session.audio.input"
    if heard.get("transcription") is not None:
        wanted = _object(heard["transcription"], f"{path}.transcription", {"model"}, required="model")
        _one_of(wanted["model"], f"{path}.transcription.model", (TRANSCRIBER,))
    if heard.get("noise_reduction") is not None:
        path += ".noise_reduction"
        wanted = _object(heard["noise_reduction"], path, {"type", "strength"}, required="type")
        _one_of(wanted["type"], f"{path}.type", _NOISE_REDUCTIONS)
        if "strength" in wanted:
            _check_strength(wanted["strength"], f"{path}.strength")


def _check_strength(strength: object, path: str) -> None:
    if isinstance(strength, bool) or not isinstance(strength, int | float):
        raise _mistyped(strength, path, "a number")
    if not 0 <= strength <= 1:
        raise RefusedEvent("invalid_value", f"Invalid '{path}': expected a value from 0 to 1.", path)


def _checked_audio(audio: object) -> bytes:
    _typed(audio, "audio", str)
    try:
        pcm = base64.b64decode(str(audio), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedEvent("invalid_value", "Invalid 'audio': expected base64-encoded bytes.", "audio") from error
    if len(pcm) % 2:
        raise RefusedEvent("invalid_value", "Invalid 'audio': expected whole 16-bit samples.", "audio")
    return pcm


def _object(value: object, path: str, known: Collection[str], *, required: str = "") -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _mistyped(value, path, "an object")
    _only(value, path, known, required=required)
    return value


def _only(value: Mapping[str, Any], path: str, known: Collection[str], *, required: str = "") -> None:
    within = f"{path}." if path else ""
    for name in value:
        if name not in known:
            raise RefusedEvent("unknown_parameter", f"Unknown parameter: '{within}{name}'.", within + name)
    if required and required not in value:
        raise _missing(within + required)


def _typed(value: object, path: str, kind: type) -> None:
    if not isinstance(value, kind):
        raise _mistyped(value, path, _KINDS[kind])


def _one_of(value: object, path: str, values: tuple[str, ...]) -> None:
    _typed(value, path, str)
    if value not in values:
        supported = ", ".join(f"'{one}'" for one in values)
        raise RefusedEvent("invalid_value", f"Invalid value: '{value}'. Supported values are: {supported}.", path)


def _missing(path: str) -> RefusedEvent:
    return RefusedEvent("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def _mistyped(value: object, path: str, wanted: str) -> RefusedEvent:
    got = "null" if value is None else _KINDS[type(value)]
    return RefusedEvent("invalid_type", f"Invalid type for '{path}': expected {wanted}, but got {got} instead.", path)


class ServerEvents:
    """Writes the events of one session, each with an id of its own."""

    def __init__(self, *, session_id: str, model: str, expires_at: int) -> None:
        self._session = {"id": session_id, "type": "translation", "model": model, "expires_at": expires_at}
        self._count = itertools.count(1)

    def created(self, settings: Settings) -> str:
        """`session.created`, the first event of all."""
        return self._event("session.created", session=self._effective(settings))

    def updated(self, settings: Settings) -> str:
        """`session.updated`, with the full effective session."""
        return self._event("session.updated", session=self._effective(settings))

    def closed(self) -> str:
        """`session.closed`, the last event."""
        return self._event("session.closed")

    def input_transcript(self, delta: str, elapsed_ms: int) -> str:
        """`session.input_transcript.delta`: a few words more of what was heard."""
        return self._event("session.input_transcript.delta", delta=delta, elapsed_ms=elapsed_ms)

    def output_transcript(self, delta: str, elapsed_ms: int) -> str:
        """`session.output_transcript.delta`: a few words more of the translation."""
        return self._event("session.output_transcript.delta", delta=delta, elapsed_ms=elapsed_ms)

    def output_audio(self, pcm: bytes, elapsed_ms: int) -> str:
        """`session.output_audio.delta`: the next stretch of sound, 24 kHz PCM16 little-endian, silence included."""
        return self._event(
            "session.output_audio.delta",
            delta=base64.b64encode(pcm).decode(),
            sample_rate=SAMPLE_RATE,
            channels=1,
            format="pcm16",
            elapsed_ms=elapsed_ms,
        )

    def error(self, error: Mapping[str, Any]) -> str:
        """`error`, with what `error_body` gives."""
        return self._event("error", error=error)

    def _event(self, kind: str, **fields: object) -> str:
        return json.dumps({"type": kind, "event_id": f"event_{next(self._count):08d}", **fields})

    def _effective(self, settings: Settings) -> dict[str, Any]:
        noise = settings.noise_reduction
        heard = {
            "transcription": settings.transcriber and {"model": settings.transcriber},
            "noise_reduction": noise and {"type": noise.kind, "strength": noise.strength},
        }
        return {**self._session, "audio": {"input": heard, "output": {"language": settings.language}}}


def error_body(
    message: str,
    *,
    kind: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    event_id: str | None = None,
) -> dict[str, str | None]:
    """Give the object inside an `error` event."""
    return {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
