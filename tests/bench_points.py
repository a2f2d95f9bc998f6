"""Points of the bench for tests that are about what is made of them."""

from __future__ import annotations

from typing import Any

from bmv.commands.bench.document import Run
from bmv.commands.bench.figures import Point, Spread

QUICK = Spread(0.5, 1.0, 2.0, 3.0, 100)
SLOW = Spread(5.0, 18.0, 25.0, 90.0, 100)


def point(**changes: Any) -> Point:
    """A point at which all is well, unless something is said otherwise."""
    usual: dict[str, Any] = {
        "bridge": "bmv",
        "kind": "mulaw",
        "calls": 100,
        "seconds": 12.0,
        "cpu_ms": 2.5,
        "core": 0.25,
        "memory_mb": 95.0,
        "memory_per_call_mb": 0.2,
        "uplink": QUICK,
        "downlink": QUICK,
        "unexplained": QUICK,
        "heard": 20000,
        "played": 19000,
        "lost": 0,
        "altered": 0,
        "extra": 0,
        "late": 0,
        "broken": 0,
        "waited": 0.01,
        "generator_core": 0.4,
        "generator_waited": 0.01,
        "generator_late": Spread(0.3, 0.8, 1.5, 4.0, 600),
    }
    return Point(**(usual | changes))


def run(*points: Point) -> Run:
    """A run that found these."""
    machine = {"version": "0.1.0", "date": "2026-11-27T01:00+00:00", "python": "3.11.7", "processor": "a <processor>"}
    return Run(machine | {"cores": 2, "voices": "SVOX Pico"}, points=list(points), micro={"media.decode": 0.5})
