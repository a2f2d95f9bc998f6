"""A run as a file: what was measured, where, when and with which version."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from bmv import __version__
from bmv.commands.bench import sound
from bmv.commands.bench.figures import Point
from bmv.errors import BmvError

BASELINE: Final = Path("bench/baseline.json")
"""The run of the release before, in the folder of this project."""
SCHEMA: Final = 1
_LIBRARIES = ("aiohttp", "msgspec", "numpy", "uvloop")


class NotARun(BmvError):
    """A file that is no run of the bench, or one of another schema."""


@dataclass
class Run:
    """Everything one run found."""

    machine: dict[str, Any] = field(default_factory=dict)
    incomplete: str = ""
    """Why it ended before its time; empty where it did not."""
    points: list[Point] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    """By kind, the number of the call that the server did not take any more, where that ended the search."""
    micro: dict[str, float] = field(default_factory=dict)
    """Microseconds for one time, by what is done."""
    minutes: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    """By kind of call, how cost and memory go on: rows of `minute`, `cpu_ms`, `blocks`."""
    rooms: dict[str, dict[str, float]] = field(default_factory=dict)
    """By kind of call, the share of the processor's time by room."""
    functions: dict[str, dict[str, float]] = field(default_factory=dict)
    """The same by function, of those that took the most."""

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "schema": SCHEMA,
            "machine": self.machine,
            "incomplete": self.incomplete,
            "points": [each.as_json() for each in self.points],
            "refused": self.refused,
            "largest": {kind: carried.as_json() for kind, carried in self.largest.items()},
            "micro": self.micro,
            "minutes": self.minutes,
            "rooms": self.rooms,
            "functions": self.functions,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """From a file. Raises `NotARun`."""
        try:
            if found["schema"] != SCHEMA:
                raise NotARun(f"it has schema {found['schema']}, and this version reads {SCHEMA}")
            points = [Point.from_json(each) for each in found["points"]]
            rest = (found[name] for name in ("refused", "micro", "minutes", "rooms", "functions"))
            return cls(found["machine"], found.get("incomplete", ""), points, *rest)
        except (KeyError, TypeError) as error:
            raise NotARun(f"it is no run of the bench: {error}") from error

    def save(self, path: Path) -> None:
        """Write it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it. Raises `NotARun` where it cannot be."""
        try:
            return cls.from_json(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise NotARun(f"{path} cannot be read: {error}") from error
        except NotARun as error:
            raise NotARun(f"{path}: {error}") from error

    @property
    def kinds(self) -> list[str]:
        """The kinds of calls that were measured, in order."""
        return list(dict.fromkeys(each.kind for each in self.points))

    def of(self, bridge: str, kind: str) -> list[Point]:
        """The points of one bridge and kind, fewest calls first."""
        return sorted(
            (each for each in self.points if (each.bridge, each.kind) == (bridge, kind)), key=lambda each: each.calls
        )

    def at(self, bridge: str, kind: str, calls: int) -> Point | None:
        """One point, if it was measured."""
        return next((each for each in self.of(bridge, kind) if each.calls == calls), None)

    @property
    def largest(self) -> dict[str, Carried]:
        """By kind, how many calls one core carried."""
        return {kind: Carried.of(self.of("bmv", kind), self.refused.get(kind)) for kind in self.kinds}

    def ratios(self) -> Iterator[tuple[str, int, float]]:
        """Kind and calls where both bridges were measured, and the share of the plain bridge's processor time."""
        for point in self.points:
            plain = self.at("plain", point.kind, point.calls)
            if point.bridge == "bmv" and plain and plain.cpu_ms:
                yield point.kind, point.calls, round(point.cpu_ms / plain.cpu_ms, 3)


@dataclass(frozen=True)
class Carried:
    """The most calls that were carried on time and whole, and what ended the search: the next number of calls, or the
    load generator (`at_least`), or nothing."""

    calls: int
    at_least: bool
    failed_at: int | None

    @classmethod
    def of(cls, points: list[Point], refused: int | None = None) -> Self:
        """From the points of one kind, fewest calls first, and the call that was refused. Where the generator was the
        limit, or other programs kept one of the two waiting, nothing is proved against the server."""
        failed_once = {each.calls for each in points if not each.in_bounds}
        good = [each.calls for each in points if each.calls not in failed_once]
        most = max(good, default=0)
        beyond = [each for each in points if each.calls > most and not each.in_bounds]
        failed = [each.calls for each in beyond if not each.saturated and not each.disturbed]
        if refused and points and not points[-1].disturbed:
            failed.append(refused)
        return cls(most, at_least=not failed, failed_at=min(failed, default=None))

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {"calls": self.calls, "at_least": self.at_least, "failed_at": self.failed_at}

    def __str__(self) -> str:
        return f"at least {self.calls}" if self.at_least else str(self.calls)


def machine() -> dict[str, Any]:
    """Where and with what it is measured; nothing of it names the machine."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "voices": sound.source(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    found = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return found or platform.machine()
