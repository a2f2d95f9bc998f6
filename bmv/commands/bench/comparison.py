"""Two runs side by side, as ratios: this one's figures divided by that one's."""

from __future__ import annotations

from collections.abc import Iterator

from bmv.commands.bench.document import Run
from bmv.commands.bench.tables import table


def ratio(now: float | None, before: float | None) -> str:
    """How many times as much it is; a dash where one of them is not known or nothing."""
    return f"{now / before:.2f}" if now is not None and before else "–"


def comparison(before: Run, now: Run) -> str:
    """What both runs have in common. Below 1 is better.

    Machines differ. So beside the plain ratio of processor time stands that of the ratios to the plain bridge, which
    each run measured on its own machine.
    """
    rows = list(_rows(before, now))
    when = f"{before.machine.get('version')} of {before.machine.get('date')} on {before.machine.get('processor')}"
    if not rows:
        return f"Nothing was measured in both this run and that of {when}."
    headings = ("kind", "calls", "CPU", "CPU by the plain bridge", "memory per call", "memory", "uplink p99")
    told = [f"Compared with {when} (below 1 is better):", table(headings, rows)]
    carried = [
        (kind, was, run.largest[kind])
        for run, kind, was in ((now, kind, was) for kind, was in before.largest.items() if kind in now.largest)
        if was.calls and run.largest[kind].calls
    ]
    if carried:
        told.append(table(("kind", "calls carried then", "now"), carried))
    return "\n\n".join(told)


def _rows(before: Run, now: Run) -> Iterator[list[str]]:
    by_plain = [{(kind, calls): share for kind, calls, share in each.ratios()} for each in (now, before)]
    for point in now.points:
        was = before.at("bmv", point.kind, point.calls)
        if point.bridge != "bmv" or was is None:
            continue
        key = point.kind, point.calls
        yield [
            point.kind,
            str(point.calls),
            ratio(point.cpu_ms, was.cpu_ms),
            ratio(by_plain[0].get(key), by_plain[1].get(key)),
            ratio(point.memory_per_call_mb, was.memory_per_call_mb),
            ratio(point.memory_mb, was.memory_mb),
            ratio(point.uplink.p99, was.uplink.p99),
        ]
