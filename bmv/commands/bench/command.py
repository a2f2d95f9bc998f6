"""`python -m bmv bench`: how many calls one core carries, and what the bridge adds to latency.

The server under test is a process of its own on a core of its own, as in production. This process is the load: people,
Twilio and OpenAI. A plain bridge under the same load, in the same run, says how fast the machine is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bmv import logs
from bmv.commands.bench.comparison import comparison
from bmv.commands.bench.document import BASELINE, Run, machine
from bmv.commands.bench.figures import Point
from bmv.commands.bench.micro import micro
from bmv.commands.bench.minutes import MARKS, hour
from bmv.commands.bench.picture import picture
from bmv.commands.bench.processes import take_own_core
from bmv.commands.bench.sweep import Course, hold, profile, run_course
from bmv.commands.bench.tables import line, report
from bmv.commands.bench.world import KINDS, Kind
from bmv.commands.exits import DONE, FAILED
from bmv.errors import BmvError

PROFILED_CALLS = 50


@dataclass(frozen=True)
class BenchRequest:
    """What to measure, and what to make of it. Without anything: everything there is, in about twelve minutes."""

    kinds: Sequence[Kind] = KINDS
    calls: int | None = None
    """Measure with so many calls alone."""
    seconds: float | None = None
    """How long each number of calls is measured."""
    quick: bool = False
    profile: bool = False
    minutes: int | None = None
    """Hold the calls for so many minutes, and measure each of them."""
    json: Path | None = None
    plot: Path | None = None
    compare: tuple[Path, Path] | None = None
    """Compare two runs, and measure nothing."""
    baseline: Path = BASELINE


def bench(request: BenchRequest) -> int:
    """Measure and print. Returns the exit code: 0, or 1 where it could not be measured."""
    try:
        if request.compare:
            before, now = map(Run.load, request.compare)
            print(comparison(before, now))
            return DONE
        if sys.platform != "linux":
            print("The bench measures on Linux alone: it reads there what a process uses.", file=sys.stderr)
            return FAILED
        return _measured(request)
    except BmvError as error:
        print(error, file=sys.stderr)
        return FAILED


def _measured(request: BenchRequest) -> int:
    import uvloop  # noqa: PLC0415 - not installed on Windows

    logs.configure("error", "console", ())
    take_own_core()
    run = Run(machine=machine())
    with kept(run, request.json):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_calls(request, run))
        if request.calls is None and request.minutes is None:
            _without_sockets(request, run)
    if request.plot:
        request.plot.parent.mkdir(parents=True, exist_ok=True)
        request.plot.write_text(picture(run), "utf-8")
    if request.baseline.exists():
        print(f"\n{comparison(Run.load(request.baseline), run)}")
    return DONE


@contextmanager
def kept(run: Run, file: Path | None) -> Iterator[None]:
    """Print what is found inside, and save it to a file: however it ends, minutes of measuring are not lost with it."""
    try:
        yield
    except BaseException as error:
        run.incomplete = str(error).partition("\n")[0] or type(error).__name__
        raise
    finally:
        print(f"\n{report(run)}")
        if file:
            run.save(file)


async def _calls(request: BenchRequest, run: Run) -> None:
    def tell(point: Point) -> None:
        run.points.append(point)
        print(line(point), flush=True)

    for kind in _kinds(request):
        course = _course(request, kind)
        if request.minutes is not None:
            await hold(kind, request.calls or 100, request.minutes, tell)
            continue
        if refused := await run_course(kind, course, tell):
            run.refused[kind] = refused
            print(f"      {kind:6} the server refused call {refused}", flush=True)
        if request.profile:
            found = await profile(kind, request.calls or PROFILED_CALLS, course)
            run.rooms[kind], run.functions[kind] = found.rooms, found.functions


def _kinds(request: BenchRequest) -> Sequence[Kind]:
    """A quick run leaves out one of the two that are nearly the same."""
    return [kind for kind in request.kinds if not request.quick or len(request.kinds) == 1 or kind != "24k"]


def _course(request: BenchRequest, kind: Kind) -> Course:
    if request.calls is not None:
        return Course.at(request.calls, request.seconds)
    return Course.quick() if request.quick else Course.whole(kind, request.seconds)


def _without_sockets(request: BenchRequest, run: Run) -> None:
    """What is measured in this process."""
    run.micro = micro()
    marks = MARKS[:4] if request.quick else MARKS
    for kind, wide in (("mulaw", False), ("24k", True)):
        if any(each.startswith(kind) for each in request.kinds):
            run.minutes[kind] = hour(wide=wide, marks=marks)
