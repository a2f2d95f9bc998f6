"""A run in words: tables as Markdown has them, so that they can be copied into a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bmv.commands.bench.document import Run
from bmv.commands.bench.figures import DISTURBED, STEADY_SECONDS, Point

HEADINGS = (
    "bridge",
    "kind",
    "calls",
    "CPU-ms per call-second",
    "core",
    "memory",
    "per call",
    "uplink beyond the batch",
    "downlink beyond its beat",
    "unexplained delay",
    "lost",
    "late",
    "load",
)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose columns are as wide as they have to be."""
    cells = [list(headings), *([str(each) for each in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def row(point: Point) -> list[str]:
    """The line of one point, under `HEADINGS`. Times in milliseconds: p50 / p95 / p99 / most."""
    return [
        point.bridge,
        point.kind,
        str(point.calls),
        f"{point.cpu_ms:.2f}",
        f"{point.core:.0%}",
        f"{point.memory_mb:.0f} MB",
        f"{point.memory_per_call_mb:.2f} MB",
        str(point.uplink),
        str(point.downlink),
        str(point.unexplained),
        str(point.lost),
        str(point.late),
        f"{point.generator_core:.0%} of its core, p99 {point.generator_late.p99} ms late",
    ]


def line(point: Point) -> str:
    """One point while a run goes on."""
    told = dict(zip(HEADINGS, row(point), strict=True))
    words = [f"{told['bridge']:5} {told['kind']:6} {told['calls']:>3} calls: {told['CPU-ms per call-second']} CPU-ms"]
    words += [f"core {told['core']}", f"{told['memory']}", f"uplink {told['uplink beyond the batch']} ms"]
    words += [
        f"downlink {told['downlink beyond its beat']} ms",
        f"lost {told['lost']}",
        f"load {point.generator_core:.0%}",
    ]
    return ", ".join([*words, *_doubts(point)])


def _doubts(point: Point) -> Iterator[str]:
    if point.disturbed:
        yield f"DISTURBED: server and load waited for their cores {point.waited:.0%}, {point.generator_waited:.0%}"
    if point.bridge == "plain" and point.at_its_limit:
        yield "THE YARDSTICK IS AT ITS LIMIT: a plain bridge that is late or fills its core gives no ratio to trust"
    if point.saturated:
        yield "the load generator is at its limit"
    if point.broken:
        yield f"{point.broken} sockets broke"
    if point.altered or point.extra:
        yield f"{point.altered} voiced frames replaced, {point.extra} played that are no translation"


HEADLINES = (
    "Kind of call",
    "At once",
    "CPU-ms per call-second",
    "Plain bridge",
    "Share of it",
    "Memory",
    "Uplink p99, ms",
    "Downlink p99, ms",
    "Calls on one core",
)
KIND_NAMES = {
    "mulaw": "turn by turn, mu-law",
    "24k": "continuous, 24 kHz",
    "24k-2x": "continuous, 24 kHz, output at twice its pace",
}


def headline(run: Run) -> str:
    """What matters most of a run: of each kind the largest number of calls that the plain bridge was measured with."""
    both = {kind: calls for kind, calls, _ in sorted(run.ratios(), key=lambda each: each[1])}
    rows = []
    for kind, calls in sorted(both.items(), key=lambda each: run.kinds.index(each[0])):
        point, plain = run.at("bmv", kind, calls), run.at("plain", kind, calls)
        if point is None or plain is None:
            continue
        cells = [KIND_NAMES.get(kind, kind), calls, f"{point.cpu_ms:.1f}", f"{plain.cpu_ms:.1f}"]
        cells += [f"{point.cpu_ms / plain.cpu_ms:.2f}", f"{point.memory_mb:.0f} MB"]
        rows.append([*cells, f"{point.uplink.p99 or 0:.1f}", f"{point.downlink.p99 or 0:.1f}", run.largest[kind]])
    return table(HEADLINES, rows)


def measured_on(run: Run) -> str:
    """Where and when, in a sentence."""
    machine = run.machine
    where = f"two of {machine['cores']} cores" if machine["cores"] > 2 else f"{machine['cores']} cores"
    told = f"Measured on {machine['date'][:10]} with version {machine['version']} and Python {machine['python']}, on "
    told += f"{where} of a machine with {machine['processor']}."
    if any(each.disturbed for each in run.points):
        told += " Other programs ran on it at the same time, so these figures are worse than those of a quiet machine."
    return told


def report(run: Run) -> str:
    """Everything a run found."""
    machine = run.machine
    parts = [
        f"bmv {machine['version']}, Python {machine['python']}, {machine['cores']} cores of {machine['processor']}, "
        f"{machine['date']}; voices: {machine['voices']}",
        *([f"INCOMPLETE: {run.incomplete}"] if run.incomplete else []),
        *_of_calls(run),
        *_without_sockets(run),
    ]
    if any(each.disturbed for each in run.points):
        parts.append(
            f"Other programs had one of the two cores for more than {DISTURBED:.0%} of the time in some of these: run "
            "it again on a quiet machine before believing them."
        )
    return "\n\n".join(parts)


def _of_calls(run: Run) -> Iterator[str]:
    if run.points:
        yield table(HEADINGS, map(row, run.points))
        yield "Times in milliseconds: p50 / p95 / p99 / most. What each column means: docs/performance.md."
    if ratios := [(kind, calls, f"{ratio:.2f}") for kind, calls, ratio in run.ratios()]:
        yield table(("kind", "calls", "processor time as a share of the plain bridge's"), ratios)
        if doubtful := [each.kind for each in run.points if each.bridge == "plain" and each.at_its_limit]:
            yield (
                f"In {', '.join(doubtful)} the plain bridge itself was late or filled its core. A server at its limit "
                "does more at each wake-up, or less than it has to, and seems cheaper: its share says little there."
            )
    if begun := [(each, each.first_ms, each.set_up_ms) for each in run.points if each.first_ms is not None]:
        yield table(
            ("kind", "calls", "CPU-ms to set a call up", f"{STEADY_SECONDS:g} s from the last one on", "from then on"),
            [
                (each.kind, each.calls, f"{set_up:.0f}", f"{first:.2f}", f"{each.cpu_ms:.2f}")
                for each, first, set_up in begun
            ],
        )
    if carried := [(kind, found, found.failed_at or "–") for kind, found in run.largest.items() if found.calls]:
        yield table(("kind", "calls carried on one core", "too many"), carried)
    for what, shares in (("room", run.rooms), ("function", run.functions)):
        for kind, found in shares.items():
            rows = [(name, f"{share:.1%}") for name, share in sorted(found.items(), key=lambda each: -each[1])]
            yield table((f"{what}, {kind}", "share of the server's processor time"), rows)


def _told(name: str, value: float) -> str:
    """A figure of the hand clock; the minute as a clock shows it."""
    return f"{int(value)}:{round(value % 1 * 60):02d}" if name == "minute" else f"{round(value, 3):g}"


def _without_sockets(run: Run) -> Iterator[str]:
    for kind, rows in run.minutes.items():
        names = list(rows[0]) if rows else []
        yield f"One {kind} call on a clock that is turned by hand:\n\n" + table(
            names, [[_told(name, each[name]) for name in names] for each in rows]
        )
    if run.micro:
        yield table(("on the way of a frame", "µs"), [(what, f"{each:.2f}") for what, each in run.micro.items()])
