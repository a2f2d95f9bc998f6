"""What a run found: the figures of one number of calls, and their arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np

BOUND_MS: Final = 20.0
"""One message of a hundred may take so long beyond its batch or cushion, or there are too many calls."""
STEADY_SECONDS: Final = 20.0
"""From the beginning of a call until it costs what it does from then on. Till then an echo is looked for eagerly."""
FULL_CORE: Final = 0.95
"""Of its core: beyond it a server is at its limit, and does less for each call than it has to."""
SATURATED_CORE: Final = 0.90
SATURATED_MS: Final = 8.0
"""Of its core, and of lateness at p99: beyond either, the load generator is what is measured."""
DISTURBED: Final = 0.05
"""Share of the time that server or load waited for a core that others used: beyond it no figure is worth much."""


@dataclass(frozen=True)
class Spread:
    """How a quantity is distributed, in milliseconds; of nothing it is None."""

    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """From values in seconds."""
        if not seconds:
            return cls(None, None, None, None, 0)
        p50, p95, p99, most = (round(float(each) * 1000, 2) for each in np.percentile(seconds, (50, 95, 99, 100)))
        return cls(p50, p95, p99, most, len(seconds))

    def __str__(self) -> str:
        """The four, shortly."""
        return "–" if self.count == 0 else " / ".join(_short(each) for each in (self.p50, self.p95, self.p99, self.max))


@dataclass(frozen=True)
class Point:
    """What was measured with so many calls at once."""

    bridge: str
    """`bmv` or `plain`."""
    kind: str
    calls: int
    seconds: float
    cpu_ms: float
    """Processor milliseconds of the server for each second of each call."""
    core: float
    """Share of a core."""
    memory_mb: float
    memory_per_call_mb: float
    """What it takes more than without a call, for each call."""
    uplink: Spread
    downlink: Spread
    unexplained: Spread
    heard: int
    """Voiced frames that arrived at the model as they were said."""
    played: int
    """Voiced frames of translations that arrived at the listeners."""
    lost: int
    """Voiced frames that arrived nowhere, of both directions."""
    altered: int
    """Voiced frames in whose place something else arrived at the model."""
    extra: int
    """Voiced frames that were played and belong to no translation: the original, for one."""
    late: int
    """Messages to the model that took more than 100 ms beyond their batch."""
    broken: int
    """Sockets that were closed, and sessions opened anew, though nobody wanted that."""
    waited: float
    """Share of the time for which the server was ready and others had its core."""
    generator_core: float
    """Share of a core that the load generator used."""
    generator_waited: float
    """Share of the time for which it was ready and others had its core."""
    generator_late: Spread
    """By how much what it had to send came too late."""
    set_up_ms: float | None = None
    """Processor milliseconds of the server to set one call up; None where most calls were there before."""
    first_ms: float | None = None
    """As `cpu_ms`, from the last call's beginning to the measuring; None likewise, or where that was short."""

    @property
    def saturated(self) -> bool:
        """Whether the load generator itself was at its limit."""
        late = (self.generator_late.p99 or 0) > SATURATED_MS and self.generator_waited < DISTURBED
        return self.generator_core > SATURATED_CORE or late

    @property
    def disturbed(self) -> bool:
        """Whether other programs kept the server or the load waiting."""
        return max(self.waited, self.generator_waited) > DISTURBED

    @property
    def on_time(self) -> bool:
        """Whether both ways are within their bound."""
        return all(each.p99 is not None and each.p99 < BOUND_MS for each in (self.uplink, self.downlink))

    @property
    def at_its_limit(self) -> bool:
        """Whether the server fills its core or is late by itself: then what it takes for a call measures nothing."""
        return self.core > FULL_CORE or not (self.on_time or self.disturbed)

    @property
    def in_bounds(self) -> bool:
        """Whether the server carries so many calls: on time, and nothing lost, replaced or added."""
        return self.on_time and not (self.lost or self.altered or self.extra or self.broken)

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """From a file. Raises `TypeError` for what is no point."""
        spreads = {name: Spread(**found[name]) for name in ("uplink", "downlink", "unexplained", "generator_late")}
        return cls(**(found | spreads))


def _short(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{round(value, 1) + 0.0:.1f}" if value < 100 else f"{value:.0f}"  # minus nothing is nothing
