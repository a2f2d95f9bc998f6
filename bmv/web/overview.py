"""All calls at a glance, as the console is told: how each one is, what they took together, and the last ten minutes.

Once a second the lags are noted, which takes some 2 ms with 50 calls. All else, as much again, is added up only while a
console is open, once for all that are. There is nothing in it that tells a person: no number, no word that was said.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import msgspec
import structlog

from bmv import languages
from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.ledger import Fate
from bmv.call.leg import Role
from bmv.call.registry import CallRegistry
from bmv.call.view import CallView, DirectionView
from bmv.metrics import Histogram
from bmv.web.event_stream import encode

log = structlog.get_logger()

LOOK_SECONDS = 1.0
STEP_SECONDS = 10.0  # of the chart
STEPS = 60
LATE_LOOKS = 10  # over how many looks the lateness of the event loop is averaged


class LagHistory:
    """The lag of every turn of the last ten minutes, by steps and speakers."""

    def __init__(self) -> None:
        self._steps: deque[tuple[int, Mapping[Role, list[float]]]] = deque(maxlen=STEPS)
        self._last: dict[tuple[str, Role], float | None] = {}

    def look(self, views: Iterable[CallView], now: float) -> None:
        """Note the turns that were measured since the last look: those whose lag is another one than before."""
        step, last = int(now // STEP_SECONDS), self._last
        self._last = {(call.id, role): each.lag for call in views for role, each in call.directions.items()}
        for (call_id, role), lag in self._last.items():
            if lag is not None and lag != last.get((call_id, role)):
                self._of(step)[role].append(lag)

    def told(self, now: float) -> Mapping[str, Sequence[tuple[float, float] | None]]:
        """Median and longest lag of each step in seconds, None for a step without turns; the oldest first."""
        newest, steps = int(now // STEP_SECONDS), dict(self._steps)
        return {role.value: [_summary(steps, newest - age, role) for age in reversed(range(STEPS))] for role in Role}

    def _of(self, step: int) -> Mapping[Role, list[float]]:
        if not self._steps or self._steps[-1][0] != step:
            self._steps.append((step, {role: [] for role in Role}))
        return self._steps[-1][1]


def _summary(steps: Mapping[int, Mapping[Role, list[float]]], step: int, role: Role) -> tuple[float, float] | None:
    lags = steps[step][role] if step in steps else []
    return (round(median(lags), 2), round(max(lags), 2)) if lags else None


class Overview:
    """What every open console shows."""

    def __init__(
        self, registry: CallRegistry, *, lateness: Histogram, clock: Callable[[], float] | None = None
    ) -> None:
        """`lateness` is the metronome's; `clock` is the loop's unless a test brings its own."""
        self._registry = registry
        self._lateness = lateness
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._lags = LagHistory()
        self._late: deque[tuple[int, float]] = deque(maxlen=LATE_LOOKS + 1)
        self._began: float | None = None
        self._told: tuple[float, bytes] = (float("-inf"), b"")

    async def run(self) -> None:
        """Note the lags until cancelled."""
        while True:
            try:
                self.look()
            except Exception:  # a console must never be in the way of calls, nor stop for good
                log.exception("console_look_failed")
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Note what is new now."""
        now = self._clock()
        self._began = now if self._began is None else self._began
        self._lags.look(self._registry.views(), now)
        self._late.append((self._lateness.count, self._lateness.total))

    def told(self) -> bytes:
        """The event that says all of it, at most a second old."""
        now = self._clock()
        made_at, event = self._told
        if now - made_at >= LOOK_SECONDS:
            event = encode("now", msgspec.json.encode(self._facts(now)))
            self._told = (now, event)
        return event

    def stale(self) -> None:
        """Something was changed: what is told next is new."""
        self._told = (float("-inf"), b"")

    def _facts(self, now: float) -> Mapping[str, Any]:
        totals, _ = self._registry.measured()
        parties = totals.parties.values()
        return {
            "calls": [_call(view) for view in self._registry.views()],
            "limit": self._registry.limit,
            "draining": self._registry.draining,
            "overloaded": self._registry.overloaded,
            "seconds": int(now - self._began) if self._began is not None else 0,
            "ended": {reason.value: count for reason, count in totals.ended.most_common() if count},
            "refused": sum(totals.refused.values()),
            "speech": {
                fate.value: round(sum(each.speech[fate] for each in parties) * FRAME_SECONDS, 1) for fate in Fate
            },
            "cost": round(sum(each.nanodollars for each in parties) / 1e9, 4),
            "without_price": max(each.without_price for each in parties),
            "late_ms": self._late_ms(),
            "lags": self._lags.told(now),
            "step": STEP_SECONDS,
        }

    def _late_ms(self) -> float:
        """How late the beat of 20 ms came on average, in the last ten seconds."""
        if len(self._late) < 2:
            return 0.0
        (before, total_before), (count, total) = self._late[0], self._late[-1]
        return round(1000 * (total - total_before) / max(1, count - before), 1)


def _call(view: CallView) -> Mapping[str, Any]:
    caller, agent = view.caller_language, view.agent_language
    return {
        "id": view.id,
        "state": view.state,
        "caller": languages.get(caller).english if caller else None,
        "agent": languages.get(agent).english,
        "same": caller is None or caller == agent,
        "seconds": int(view.seconds),
        "secured": view.secured,
        "cost": None if view.cost is None else round(view.cost, 4),
        "worker": view.agent,
        "directions": {role.value: _direction(each) for role, each in view.directions.items()},
    }


def _direction(view: DirectionView) -> Mapping[str, Any]:
    p50, p95 = (None if each is None else round(each, 1) for each in (view.lag_p50, view.lag_p95))
    return {"mode": view.mode, "rung": view.rung, "p50": p50, "p95": p95, "backlog": round(view.backlog, 1)}
