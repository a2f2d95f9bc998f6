"""What may stand behind `python -m bmv bench`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bmv.commands.manual import checked
from bmv.config import parsers

LONGEST_MINUTES = 45
"""Sessions are replaced after 50, and whose words the new one translates is nothing that OpenAI's end of it is told."""


def bench_options(parser: argparse.ArgumentParser) -> None:
    """What to measure, and what to make of it: `BenchRequest`."""
    what = parser.add_argument_group("what to measure")
    what.add_argument("--quick", action="store_true", help="20 calls at once alone: about a minute")
    what.add_argument(
        "--only",
        choices=("mulaw", "24k", "24k-2x"),
        help="one kind of call alone: turn-based in mu-law, or continuous at 24 kHz with its output at one or two "
        "seconds a second",
    )
    what.add_argument("--calls", type=checked(parsers.whole_number(1, 2000)), help="so many calls at once alone")
    what.add_argument(
        "--seconds",
        type=checked(parsers.number(1, 3600)),
        help="how long each number of calls is looked at (default: 10)",
    )
    what.add_argument(
        "--minutes",
        type=checked(parsers.whole_number(1, LONGEST_MINUTES)),
        help=f"hold the calls (--calls, or 100) for so long, {LONGEST_MINUTES} at most, and measure each minute",
    )
    what.add_argument("--profile", action="store_true", help="also find out in which rooms the time goes")
    how = parser.add_argument_group("what to make of it")
    how.add_argument("--json", metavar="FILE", type=Path, help="write everything that was found")
    how.add_argument("--plot", metavar="FILE", type=Path, help="draw a picture of it (SVG)")
    how.add_argument(
        "--compare",
        metavar="FILE",
        nargs=2,
        type=Path,
        help="measure nothing; give the second of two such files as ratios to the first",
    )
    how.add_argument(
        "--baseline",
        metavar="FILE",
        type=Path,
        default=Path("bench/baseline.json"),
        help="what a run is compared with in the end (default: %(default)s, if there is one)",
    )
