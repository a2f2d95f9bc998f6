"""`python -m bmv soak` as it is typed: what is printed meanwhile and at the end, the JSON, and the exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bmv import logs
from bmv.commands.exits import DONE, FAILED, WARNED
from bmv.commands.invocation import invocation
from bmv.commands.soak import invariants
from bmv.commands.soak.evidence import Evidence
from bmv.commands.soak.invariants import Judgement, Verdict
from bmv.commands.soak.plan import NONE
from bmv.commands.soak.run import SoakRequest, soak
from bmv.errors import BmvError

COLOURS = {Judgement.OK: "green", Judgement.BROKEN: "red", Judgement.OPEN: "yellow"}


@dataclass(frozen=True)
class SoakOptions:
    """What was typed; `report` is where the JSON goes, `log` the server's log."""

    seed: int
    minutes: float
    calls_at_once: int
    only: Sequence[str] = ()
    report: Path | None = None
    log: Path | None = None


def run_soak(options: SoakOptions) -> int:
    """Soak, print what came of it, and return the exit code: 0 held, 1 broken, 3 the machine was too slow to tell."""
    if sys.platform != "linux":
        print("The soak looks into /proc, which this system does not have: run it on Linux.", file=sys.stderr)
        return FAILED
    console = Console(highlight=False)
    console.print(
        f"Seed {options.seed}: {options.calls_at_once} calls at once for {options.minutes:g} minutes, and faults among "
        "them. Telephone company, translator and people are simulated; the server is a process of its own."
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left behind
    logs.configure("critical", "auto", ())  # what the simulated world suffers is its own affair
    log = options.log or Path(os.devnull)
    request = SoakRequest(options.seed, options.minutes, options.calls_at_once, options.only, log)
    try:
        evidence = asyncio.run(soak(request, console.print))
    except (BmvError, OSError, aiohttp.ClientError) as failure:  # the server did not start, for one
        console.print(f"[red]The soak could not be held:[/] {escape(str(failure) or repr(failure))}", soft_wrap=True)
        console.print(f"To have it again: {_again(options)}", soft_wrap=True)
        return FAILED
    verdicts = invariants.judge(evidence)
    if options.report:
        options.report.write_text(as_json(evidence, verdicts), "utf-8")
    _show(console, evidence, verdicts)
    code = exit_code(verdicts)
    if code == FAILED:
        console.print(f"[red]Broken.[/] To have it again: {_again(options)}", soft_wrap=True)
    elif code == WARNED:
        console.print("[yellow]The machine was too slow for so many calls to judge what was heard.[/]")
    return code


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """What the verdicts come to."""
    if any(each.judgement is Judgement.BROKEN for each in verdicts):
        return FAILED
    return WARNED if invariants.saturated(verdicts) else DONE


def as_json(evidence: Evidence, verdicts: Sequence[Verdict]) -> str:
    """Everything, for a program: verdicts, the two counts, and each call."""
    told = [asdict(each) | {"judgement": each.judgement.value} for each in verdicts]
    return json.dumps({"verdicts": told, **asdict(evidence)}, indent=1, ensure_ascii=False)


def _show(console: Console, evidence: Evidence, verdicts: Sequence[Verdict]) -> None:
    calls = Counter(each.plan.fault for each in evidence.outcomes)
    noticed = Counter(each.plan.fault for each in evidence.outcomes if each.warnings)
    faults = Table("fault", "calls", "that warn in the log", box=None)
    for name, number in sorted(calls.items(), key=lambda item: (item[0] != NONE, item[0])):
        faults.add_row(name, str(number), str(noticed[name]))
    judged = Table("", "invariant", "evidence", box=None)
    for each in verdicts:
        judged.add_row(f"[{COLOURS[each.judgement]}]{each.judgement.value}[/]", each.invariant, escape(each.evidence))
    pace = evidence.pace
    weather = ", ".join(f"{name} {number} times" for name, number in sorted(evidence.weather.items())) or "nothing"
    console.print("", faults, "", judged, "")
    console.print(
        f"{len(evidence.outcomes)} calls in {evidence.minutes:g} minutes, seed {evidence.seed}. What befell everybody: "
        f"{weather}. Late, 99 % of the time at most: the simulator {pace.simulator_p99 * 1000:.0f} "
        f"ms (once {pace.simulator_worst * 1000:.0f} ms), the server {pace.server_p99 * 1000:.0f} ms.",
        soft_wrap=True,
    )


def _again(options: SoakOptions) -> str:
    only = "".join(f" --only {name}" for name in options.only)
    return (
        f"{invocation()} soak --seed {options.seed} --minutes {options.minutes:g} "
        f"--calls-at-once {options.calls_at_once}{only}"
    )
