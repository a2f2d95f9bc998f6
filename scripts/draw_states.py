"""Draws the life of a call from its table, so that the diagram in docs/architecture.md is what the code does.

python scripts/draw_states.py             put the diagram into the document
python scripts/draw_states.py --check     change nothing; exit code 1 if the document's diagram is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from runpy import run_path

from bmv.call.state import TRANSITIONS, CallEvent, CallState

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
BEGIN = "<!-- states: drawn by scripts/draw_states.py from bmv.call.state, do not edit -->"
END = "<!-- states: end -->"

CURRENT, STALE, UNUSABLE = 0, 1, 2

between = run_path(str(Path(__file__).parent / "redraw.py"))["between"]  # scripts are no package

Table = Mapping[CallState, Mapping[CallEvent, CallState]]


def diagram(transitions: Table = TRANSITIONS) -> str:
    """The table as a Mermaid state diagram: what nothing leads to begins, what leads nowhere else ends."""
    reached = {after for state, moves in transitions.items() for after in moves.values() if after is not state}
    lines = ["stateDiagram-v2", *(f"    [*] --> {state.value}" for state in transitions if state not in reached)]
    for state, moves in transitions.items():
        lines += [f"    {state.value} --> {after.value}: {event.value}" for event, after in moves.items()]
        if set(moves.values()) <= {state}:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join(lines)


def redrawn(document: str) -> str:
    """The document with the current diagram between its two markers; `ValueError` unless each is there once."""
    return str(between(document, BEGIN, END, f"```mermaid\n{diagram()}\n```"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw or check; returns the exit code: 0 current, 1 stale, 2 not usable."""
    parser = argparse.ArgumentParser(description="Draw the states of a call into the documentation.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 if the diagram is stale")
    parser.add_argument("document", nargs="?", type=Path, default=DOCUMENT, help="default: docs/architecture.md")
    chosen = parser.parse_args(arguments)
    try:
        text = chosen.document.read_text("utf-8")
        current = redrawn(text)
    except (OSError, ValueError) as problem:
        print(f"{chosen.document}: {problem}", file=sys.stderr)
        return UNUSABLE
    if current == text:
        return CURRENT
    if chosen.check:
        print(f"{chosen.document}: the state diagram is stale; run python scripts/draw_states.py", file=sys.stderr)
        return STALE
    chosen.document.write_text(current, "utf-8")
    return CURRENT


if __name__ == "__main__":
    sys.exit(main())
