"""The configuration of a turn-based session: what may be asked for, the defaults, and how an update changes it.

Sources: the types of OpenAI's Python package 3.54 (`types/realtime/realtime_session_create_request.py` and those named
in it) for the fields, their bounds and their defaults. Which error code belongs to which refusal is known only in part,
from what clients reported.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

from bmv.simulator.openai.checks import (
    Check,
    array,
    either,
    flag,
    not_simulated,
    nullable,
    number,
    one_of,
    record,
    refuse_unless,
    text,
    variants,
    whole,
)
from bmv.simulator.openai.hearing import Detection

REASONING_MODELS: Final = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2")
MODELS: Final = (
    *REASONING_MODELS,
    "gpt-realtime-1.5",
    "gpt-realtime",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-12-15",
)
"""What can be connected to. `gpt-realtime` and `-mini` end on 20 January 2027; the previews ended in May 2026."""

VOICES: Final = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")

_PCM: Final = {"type": "audio/pcm", "rate": 24000}
_WHISPER = "gpt-realtime-whisper"
_KEYWORD_MODELS = ("gpt-transcribe", "gpt-live-transcribe")
_OTHER_TRANSCRIBERS = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "gpt-4o-mini-transcribe")
_TRANSCRIBERS = (_WHISPER, *_KEYWORD_MODELS, *_OTHER_TRANSCRIBERS)
_TAKEN_BY = {
    "delay": (_WHISPER,),
    "keywords": _KEYWORD_MODELS,
    "languages": _KEYWORD_MODELS,
    "prompt": (*_KEYWORD_MODELS, *_OTHER_TRANSCRIBERS),
}
"""Fields of a transcription that not every model takes."""
_TRANSCRIBED: Final = (
    "af ar az be bg bs ca cs cy da de el en es et fa fi fr gl he hi hr hu hy id is it ja kk kn ko lt lv mi mk mr ms ne "
    "nl no pl pt ro ru sk sl sr sv sw ta th tl tr uk ur vi zh"
)
"""ISO 639-1 codes, as the real service lists them when it refuses another one (jambonz/jambonz-api-server#402)."""
_LONGEST_MS = 60_000  # our own bound, none is documented

_FORMAT = variants(
    "type",
    {
        "audio/pcm": record({"type": text, "rate": whole(24000, 24000)}, required=("rate",)),
        "audio/pcmu": record({"type": text}),
        "audio/pcma": not_simulated,
    },
)
_VOICE = either(record({"id": text}, required=("id",)), one_of(*VOICES))
_EFFORT = one_of("minimal", "low", "medium", "high", "xhigh")
_SERVER_VAD = record(
    {
        "type": text,
        "threshold": number(0, 1),
        "prefix_padding_ms": whole(0, _LONGEST_MS),
        "silence_duration_ms": whole(0, _LONGEST_MS),
        "create_response": flag,
        "interrupt_response": flag,
        "idle_timeout_ms": nullable(not_simulated),
    }
)


def _modalities(value: object, path: str) -> None:
    array(one_of("audio", "text"), most=1)(value, path)
    if value != ["audio"]:
        not_simulated(value, path)


def _speed(value: object, path: str) -> None:
    number(0.25, 1.5)(value, path)
    if value != 1:
        not_simulated(value, path)


def _transcription(value: object, path: str) -> None:
    language, delay = one_of(*_TRANSCRIBED.split()), one_of("minimal", "low", "medium", "high", "xhigh")
    fields = {"model": one_of(*_TRANSCRIBERS), "language": language, "prompt": text, "delay": delay}
    record({**fields, "languages": array(language), "keywords": array(text)}, required=("model",))(value, path)
    model = value["model"] if isinstance(value, dict) else ""
    for name in value if isinstance(value, dict) else ():
        refuse_unless(model in _TAKEN_BY.get(name, _TRANSCRIBERS), f"{path}.{name}", f"'{model}' has no such field")


RESPONSE_FIELDS: Final[Mapping[str, Check]] = {
    "instructions": text,
    "output_modalities": _modalities,
    "tools": array(not_simulated),
    "tool_choice": one_of("none", "auto", "required"),
    "max_output_tokens": either(one_of("inf"), whole(1, 4096)),
    "parallel_tool_calls": flag,
    "reasoning": record({"effort": _EFFORT}),
    "prompt": nullable(not_simulated),
}
"""What may be said for the session, and otherwise for a single response."""

OUTPUT_FIELDS: Final[Mapping[str, Check]] = {"format": _FORMAT, "voice": _VOICE}

SESSION: Final = record(
    {
        **RESPONSE_FIELDS,
        "type": one_of("realtime"),
        "model": text,
        "audio": record(
            {
                "input": record(
                    {
                        "format": _FORMAT,
                        "noise_reduction": nullable(
                            record({"type": one_of("near_field", "far_field"), "strength": number(0, 1)})
                        ),
                        "transcription": nullable(_transcription),
                        "turn_detection": nullable(
                            variants("type", {"server_vad": _SERVER_VAD, "semantic_vad": not_simulated})
                        ),
                    }
                ),
                "output": record({**OUTPUT_FIELDS, "speed": _speed}),
            }
        ),
        "include": nullable(array(one_of("item.input_audio_transcription.logprobs"))),
        "tracing": nullable(either(one_of("auto"), not_simulated)),
        "truncation": either(
            one_of("auto", "disabled"),
            record(
                {
                    "type": one_of("retention_ratio"),
                    "retention_ratio": number(0, 1),
                    "token_limits": record({"post_instructions": whole(0, 128_000)}),
                },
                required=("type", "retention_ratio"),
            ),
        ),
    },
    required=("type",),
)
"""The `session` of an update. The beta's names (`modalities`, `voice` at the top ...) and `temperature` are unknown."""


def defaults(model: str) -> dict[str, Any]:
    """Give the configuration of a session that was never updated: PCM, and a model that answers by itself."""
    heard = {"format": _PCM, "transcription": None, "noise_reduction": None, "turn_detection": _default_detection()}
    return {
        "type": "realtime",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a friendly assistant. Answer in the language of the user.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {"input": heard, "output": {"format": _PCM, "voice": "alloy", "speed": 1.0}},
    }


def in_pcm(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same configuration with both formats as they are before any update."""
    changed = copy.deepcopy(dict(settings))
    for side in ("input", "output"):
        changed["audio"][side]["format"] = _PCM
    return changed


def updated(settings: Mapping[str, Any], body: Mapping[str, Any], *, forgets_formats: bool = False) -> dict[str, Any]:
    """Give the configuration after an update that was checked: what it does not name stays. RefusedEvent."""
    model = settings["model"]
    refuse_unless(body.get("model", model) == model, "session.model", "the model of a session cannot be changed")
    check_reasoning(model, body, "session")
    after = copy.deepcopy({**settings, **{name: value for name, value in body.items() if name != "audio"}})
    for side, changes in body.get("audio", {}).items():
        audio = after["audio"][side]
        if forgets_formats:
            audio["format"] = _PCM
        for name, value in changes.items():
            audio[name] = _merged(name, audio[name], value)
    return after


def check_reasoning(model: str, body: Mapping[str, Any], path: str) -> None:
    """Refuse the settings of reasoning to a model that has none."""
    refuse_unless(
        "reasoning" not in body or model in REASONING_MODELS, f"{path}.reasoning", f"'{model}' does not reason"
    )


def _merged(name: str, before: Any, value: Any) -> Any:
    """Give one field of the audio after an update; where the documents say so, its own fields are kept."""
    if name == "turn_detection" and value is not None:
        return {**(before or _default_detection()), **value}
    if name == "noise_reduction" and value is not None:
        return {"strength": 1.0, **(before or {}), **value}
    return copy.deepcopy(value)


def detection(settings: Mapping[str, Any]) -> Detection | None:
    """Give what the ear needs to know of the configuration."""
    wanted = settings["audio"]["input"]["turn_detection"]
    if wanted is None:
        return None
    return Detection(wanted["threshold"], wanted["prefix_padding_ms"], wanted["silence_duration_ms"])


def _default_detection() -> dict[str, Any]:
    usual = Detection()
    return {
        "type": "server_vad",
        "threshold": usual.threshold,
        "prefix_padding_ms": usual.prefix_padding_ms,
        "silence_duration_ms": usual.silence_duration_ms,
        "create_response": True,
        "interrupt_response": True,
        "idle_timeout_ms": None,
    }
