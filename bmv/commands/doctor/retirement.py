"""Which of OpenAI's models end, and when. The service says so as well (`shutdown_date` of a model), but not of all.

Source: OpenAI's page "Deprecations" and the notes in its Python package 3.54; see docs/openai.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True)
class Retirement:
    """The end of a model, and what OpenAI names to follow it."""

    on: date
    successor: str = ""


_TALKING = Retirement(date(2027, 1, 20), "gpt-realtime-2.1")
_TALKING_MINI = Retirement(date(2027, 1, 20), "gpt-realtime-2.1-mini")
_PREVIEW = Retirement(date(2026, 5, 7), "gpt-realtime-2.1")  # with the beta interface, five days before it
_SPEECH = Retirement(date(2027, 1, 6), "gpt-realtime-2.1-mini")
_WRITING = Retirement(date(2027, 2, 26), "gpt-transcribe")

_EXACTLY: Final = {"gpt-realtime": _TALKING, "whisper-1": _WRITING}
_BEGINNING: Final = {
    "gpt-realtime-2025-": _TALKING,
    "gpt-realtime-mini": _TALKING_MINI,
    "gpt-4o-realtime-preview": _PREVIEW,
    "gpt-4o-mini-realtime-preview": _PREVIEW,
    "tts-1": _SPEECH,
    "gpt-4o-mini-tts": _SPEECH,
    "gpt-4o-transcribe": _WRITING,
    "gpt-4o-mini-transcribe": _WRITING,
}


def retirement_of(model: str, shutdown_date: object = None) -> Retirement | None:
    """When a model ends; what the service says counts more than what we know. None where no end is known.

    `shutdown_date` is what `GET /models/{model}` says: an ISO date, perhaps with a time behind it, or nothing.
    """
    known = _EXACTLY.get(model) or next((end for start, end in _BEGINNING.items() if model.startswith(start)), None)
    try:
        told = date.fromisoformat(str(shutdown_date)[:10])
    except ValueError:
        return known
    return Retirement(told, known.successor if known else "")
