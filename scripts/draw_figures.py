"""Puts the figures of bench/baseline.json into README.md and docs/performance.md, so that no other figures stand there.

python scripts/draw_figures.py             put them into the documents
python scripts/draw_figures.py --check     change nothing; exit code 1 if a document's figures are stale

The baseline itself is what `python -m bmv bench --profile --json bench/baseline.json` found on a quiet machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from runpy import run_path

from bmv.commands.bench.document import BASELINE, NotARun, Run
from bmv.commands.bench.tables import headline, measured_on, report

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- figures: drawn by scripts/draw_figures.py from bench/baseline.json, do not edit -->"
END = "<!-- figures: end -->"

CURRENT, STALE, UNUSABLE = 0, 1, 2

between = run_path(str(Path(__file__).parent / "redraw.py"))["between"]  # scripts are no package


def _short(run: Run) -> str:
    return f"{headline(run)}\n\n{measured_on(run)}"


def _whole(run: Run) -> str:
    return f"{_short(run)}\n\n{report(run)}"


DOCUMENTS: Mapping[str, Callable[[Run], str]] = {"README.md": _short, "docs/performance.md": _whole}


def redrawn(document: str, figures: str) -> str:
    """The document with these figures between its two markers; `ValueError` unless each is there once."""
    return str(between(document, BEGIN, END, figures))


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw or check; returns the exit code: 0 current, 1 stale, 2 not usable."""
    parser = argparse.ArgumentParser(description="Put what the bench found into the documents.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 if a document is stale")
    chosen = parser.parse_args(arguments)
    stale = CURRENT
    try:
        run = Run.load(ROOT / BASELINE)
        if run.incomplete:
            raise NotARun(f"{BASELINE} is incomplete: {run.incomplete}")
        for name, draw in DOCUMENTS.items():
            text = (ROOT / name).read_text("utf-8")
            current = redrawn(text, draw(run))
            if current != text:
                stale = STALE
                print(f"{name}: {'its figures are stale' if chosen.check else 'drawn'}", file=sys.stderr)
                if not chosen.check:
                    (ROOT / name).write_text(current, "utf-8")
    except (OSError, ValueError, NotARun) as problem:
        print(problem, file=sys.stderr)
        return UNUSABLE
    return stale if chosen.check else CURRENT


if __name__ == "__main__":
    sys.exit(main())
