"""The course of a run: which numbers of calls are measured, and in which order."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bmv.commands.bench.figures import STEADY_SECONDS, Point
from bmv.commands.bench.point import SETTLING_SECONDS, Bench, bench_of
from bmv.commands.bench.processes import ServerFailed, last_words
from bmv.commands.bench.world import CallFailed, Kind

FIRST_SHARE: Final = 0.65
STEP: Final = 1.15
"""Beyond the fixed numbers of calls the search goes on at this share of what would fill a core, by this factor."""
MOST: Final = 600
FUNCTIONS: Final = 25


@dataclass(frozen=True)
class Course:
    """What is measured of each kind of call. Times in seconds."""

    growth: Sequence[int] = (1, 10, 100)
    plain: int | None = 100
    """With how many calls the plain bridge is measured; None for not at all."""
    seconds: float = 10.0
    settling: float = STEADY_SECONDS
    """How long calls have lasted when they are measured; in the search it is shorter, and most of them were there."""
    searches: bool = True
    """Whether the largest number of calls is looked for."""

    @classmethod
    def whole(cls, kind: Kind, seconds: float | None) -> Course:
        """Everything; how cost grows with the number of calls is left to the kinds that differ more."""
        growth = (100,) if kind == "24k-2x" else cls.growth
        return cls(growth=growth, seconds=seconds or cls.seconds)

    @classmethod
    def quick(cls) -> Course:
        """For a first impression: one number of calls."""
        return cls(growth=(20,), plain=20, seconds=5.0, searches=False)

    @classmethod
    def at(cls, calls: int, seconds: float | None) -> Course:
        """For one number of calls, with both bridges."""
        return cls(growth=(calls,), plain=calls, seconds=seconds or cls.seconds, searches=False)


Tell = Callable[[Point], None]


async def run_course(kind: Kind, course: Course, tell: Tell) -> int | None:
    """Measure one kind of call; `tell` gets each point when it is done.

    Returns the number of the call that the server did not take any more, if that was the end of it. Raises `CallFailed`
    where not even the first calls came about.
    """
    if course.plain is not None:
        async with _bench("plain", kind) as bench:
            tell(await _measure(bench, course.plain, course.seconds, SETTLING_SECONDS))
    async with _bench("bmv", kind) as bench:
        last: Point | None = None
        while calls := _next(course, last):
            try:
                settling = course.settling if calls in course.growth else SETTLING_SECONDS
                last = await _measure(bench, calls, course.seconds, settling)
            except CallFailed:
                if last is None:
                    raise
                return len(bench.world.conversations) + 1
            tell(last)
    return None


def _next(course: Course, last: Point | None) -> int | None:
    """How many calls are measured after `last`: the fixed numbers, then more and more until they are too many for the
    server or for the load; None at the end."""
    done = 0 if last is None else last.calls
    if (fixed := next((calls for calls in course.growth if calls > done), None)) or last is None:
        return fixed
    if not course.searches or not last.in_bounds or last.saturated:
        return None
    first = FIRST_SHARE * last.calls / max(last.core, 0.01) if last.calls == course.growth[-1] else 0
    calls = round(max(first, last.calls * STEP))
    return calls if calls <= MOST else None


async def hold(kind: Kind, calls: int, minutes: int, tell: Tell) -> None:
    """Hold so many calls for so many minutes, and measure each minute of it.

    Raises `CallFailed` after a minute in which one of them broke: what the others cost is no cost of so many.
    """
    async with _bench("bmv", kind) as bench:
        await bench.reach(calls)
        await bench.measure(1.0, settling=SETTLING_SECONDS)
        for minute in range(1, minutes + 1):
            tell(point := await bench.measure(60.0, settling=0.0))
            if point.broken:
                raise CallFailed(f"in minute {minute} calls broke: {point.broken} sockets were closed or opened anew")


@dataclass(frozen=True)
class Profile:
    """Where the server's time goes, as shares of it: by room of ours or library, and by function, the dearest ones."""

    rooms: dict[str, float]
    functions: dict[str, float]

    @classmethod
    def load(cls, file: Path) -> Profile:
        """From what `profiled` counted."""
        counts: dict[str, dict[str, int]] = json.loads(file.read_bytes())
        total = max(sum(counts["rooms"].values()), 1)
        shares = {
            kind: {name: round(count / total, 4) for name, count in each.items()} for kind, each in counts.items()
        }
        return cls(shares["rooms"], dict(list(shares["functions"].items())[:FUNCTIONS]))


async def profile(kind: Kind, calls: int, course: Course) -> Profile:
    """Where the server's time goes with so many calls, or with as many of them as it takes."""
    with tempfile.TemporaryDirectory(prefix="bmv-bench-") as folder:
        found = Path(folder, "profile.json")
        async with bench_of("bmv", kind, Path(folder), found) as bench:
            try:
                await bench.reach(calls)
            except CallFailed:
                if not bench.world.conversations:
                    raise
            await bench.look(course.seconds, settling=course.settling)
        return Profile.load(found)


async def _measure(bench: Bench, calls: int, seconds: float, settling: float) -> Point:
    await bench.reach(calls)
    return await bench.measure(seconds, settling=settling)


@asynccontextmanager
async def _bench(bridge: str, kind: Kind) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="bmv-bench-") as folder:
        async with bench_of(bridge, kind, Path(folder)) as bench:
            try:
                yield bench
            except (CallFailed, ServerFailed) as error:
                raise type(error)("\n".join([str(error), *last_words(Path(folder))])) from error
