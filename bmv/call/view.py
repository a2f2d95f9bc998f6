"""How a call is right now, for people who look on: numbers and states, never a word that was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bmv.call.interpreter import Interpreter
from bmv.call.leg import Role
from bmv.call.mode import Mode
from bmv.call.party import Party
from bmv.call.state import CallState, EndReason

SOUNDS_FOR = 0.5  # seconds after its last sound for which somebody counts as talking: a pause between two words


@dataclass(frozen=True)
class DirectionView:
    """What one party says, on its way to the other; times in seconds, None before there was one to measure."""

    speaking: bool
    """The party's voice is heard on the line now."""
    translating: bool
    """A translation of it sounds to the other one now."""
    mode: str
    """idle, opening (or reconnecting), translating, passing through, paused: see `Mode`."""
    lag: float | None
    """From the first sound of the last turn that was measured to the first sound of its translation."""
    lag_p50: float | None
    lag_p95: float | None
    backlog: float
    """How much waits to be heard by the other one."""
    rung: int
    """Which translator is tried or used, 1 for the first choice; 0 for none: see `DirectionStats`."""


@dataclass(frozen=True)
class CallView:
    """One call as it is now."""

    id: str
    state: CallState
    caller_language: str | None
    """A tag, as all languages here; None where the caller's is not known."""
    agent_language: str
    seconds: float
    """Since the call began."""
    directions: Mapping[Role, DirectionView]
    """By who speaks."""
    secured: bool
    """The secure pause: nothing is translated or transcribed."""
    cost: float | None
    """What the translation has cost so far in US dollars; None where a price is not known."""
    reason: EndReason | None
    """Why it ended, if it did."""
    agent: str | None
    """The carrier's name of the worker who is there, where it is known."""


def directions(
    interpreters: Mapping[Role, Interpreter], parties: Mapping[Role, Party], now: float
) -> Mapping[Role, DirectionView]:
    """Both directions, by who speaks."""
    return {role: _direction(interpreter, parties[role.other], now) for role, interpreter in interpreters.items()}


def cost(interpreters: Mapping[Role, Interpreter]) -> float | None:
    """US dollars so far, both directions; None where a price is not known."""
    spent = [interpreter.usage.usd for interpreter in interpreters.values()]
    known = [usd for usd in spent if usd is not None]
    return sum(known) if len(known) == len(spent) else None


def _direction(interpreter: Interpreter, listener: Party, now: float) -> DirectionView:
    stats, mode = interpreter.stats, interpreter.mode
    return DirectionView(
        speaking=now - interpreter.voiced_at < SOUNDS_FOR,
        translating=now - listener.playout.translated_until < SOUNDS_FOR,
        mode=(Mode.PASSING_THROUGH if mode is Mode.SECURED else mode).value,
        lag=stats.last_lag,
        lag_p50=stats.first_audio.percentile(50),
        lag_p95=stats.first_audio.percentile(95),
        backlog=listener.playout.backlog,
        rung=stats.rung,
    )
