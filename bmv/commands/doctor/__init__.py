"""`python -m bmv doctor`: finds out why calls do not work, and says how to mend it. Changes nothing and costs nothing.

Each check is a line: ok, warning or fault. The modules: `check` makes them, `examination` puts them together, the
`…_checks` know what each is about, `surroundings` are the roads to the world.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from bmv import logs
from bmv.commands.doctor.check import examine
from bmv.commands.doctor.examination import all_checks
from bmv.commands.doctor.findings import EXIT_CODES, Finding, worst
from bmv.commands.doctor.printout import Printout, write_json
from bmv.commands.doctor.surroundings import Roads, surroundings
from bmv.config import read_environment, secrets_in
from bmv.errors import SettingsError

__all__ = ["doctor", "examination_of"]

Teller = Callable[[Sequence[str]], Callable[[Finding], None]]
"""Given the names of all checks, gives what each finding is told to."""


def doctor(*, as_json: bool, folder: Path = Path(), roads: Roads | None = None) -> int:
    """Examine everything, with the .env of a folder and the environment; print the report to standard output.

    Returns the exit code: 0 all is well, 3 there are warnings, 1 there is a fault.
    """
    environ, unreadable = _environment(folder)
    logs.configure("error", "auto", secrets_in(environ))
    console = Console(highlight=False)
    printout: Printout | None = None

    def tell(names: Sequence[str]) -> Callable[[Finding], None]:
        nonlocal printout
        printout = None if as_json else Printout(names, console)
        return printout.show if printout else lambda _: None

    found = asyncio.run(examination_of(environ, unreadable, tell=tell, roads=roads))
    if printout is not None:
        printout.conclude(found)
    elif sys.stdout is not None:  # it is where standard output is closed
        write_json(found, sys.stdout)
    return EXIT_CODES[worst(found)]


async def examination_of(
    environ: Mapping[str, str], unreadable: Sequence[str] = (), *, tell: Teller, roads: Roads | None = None
) -> list[Finding]:
    """Make every check and give what was found; each finding is told as soon as those before it are there.

    `unreadable` is what is wrong with the file that settings should have come from.
    """
    async with surroundings(roads or Roads()) as around:
        checks = await all_checks(environ, unreadable, around)
        return await examine(checks, tell([check.name for check in checks]))


def _environment(folder: Path) -> tuple[dict[str, str], list[str]]:
    try:
        return read_environment(folder / ".env", os.environ), []
    except SettingsError as error:
        return dict(os.environ), error.problems
