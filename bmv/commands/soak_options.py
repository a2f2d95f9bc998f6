"""What may stand behind `python -m bmv soak`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bmv.commands.manual import checked
from bmv.commands.soak.plan import FAULTS, WEATHER
from bmv.config import parsers


def soak_options(parser: argparse.ArgumentParser) -> None:
    """How long, how many calls, and which faults: `SoakOptions`."""
    parser.add_argument(
        "--minutes",
        type=checked(parsers.number(0.05, 10_080)),
        default=10.0,
        help="how long calls are begun (default: 10)",
    )
    parser.add_argument(
        "--calls-at-once",
        metavar="N",
        type=checked(parsers.whole_number(1, 9)),
        default=8,
        help="how many calls run at a time, up to 9, each in languages of its own (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=checked(parsers.whole_number(0, 10**9)),
        help="what the plan follows from; without it one is drawn, and printed",
    )
    parser.add_argument(
        "--only",
        metavar="FAULT",
        type=checked(parsers.choice(*FAULTS, *WEATHER)),
        action="append",
        default=[],
        help="this fault alone, or these where it is given several times; none is one, too; docs/faults.md lists them",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all that was found, for programs")
    parser.add_argument("--log", metavar="FILE", type=Path, help="keep the server's log")
