"""The last line of a call: what it took and what became of all that was said, for each speaker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.interpreter import Interpreter
from bmv.call.leg import Role
from bmv.call.party import Party


def figures(interpreters: Mapping[Role, Interpreter], parties: Mapping[Role, Party]) -> dict[str, dict[str, Any]]:
    """What each party's speech took, by the party's role."""
    return {
        role.value: _of(interpreter, parties[role], parties[role.other]) for role, interpreter in interpreters.items()
    }


def _of(interpreter: Interpreter, speaker: Party, listener: Party) -> dict[str, Any]:
    """One speaker's; docs/architecture.md says from where to where each is measured."""
    stats, playout = interpreter.stats, listener.playout
    return {
        "speech_seconds": stats.speech.summary(),
        "average_time_to_first_translated_audio_ms": _milliseconds(stats.first_audio.mean),
        "lag": stats.first_audio.summary(),
        "uplink": stats.uplink.summary(),
        "downlink": stats.downlink.summary(),
        "worst_backlog_ms": _milliseconds(stats.worst_backlog),
        "pauses_shortened_ms": _milliseconds(playout.shed),
        "unplayed_ms": _milliseconds(playout.backlog),
        "playback_corrected_ms": _milliseconds(playout.buffer.corrected),
        "underneath_dropped_ms": _milliseconds(playout.dropped),
        "echo_suppressed_ms": _milliseconds(speaker.echo.suppressed * FRAME_SECONDS),
        "sessions": stats.sessions,
        "used": stats.usage.summary(),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
