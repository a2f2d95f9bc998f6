"""How this program is typed on this machine, for commands that somebody is told to type."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def invocation() -> str:
    """`bmv` or `python -m bmv`, with the path of what a shell would not find by that name.

    So it is `.venv/bin/python -m bmv` where `make` has installed it and nobody has activated that environment.
    """
    if Path(sys.argv[0]).stem == "bmv":
        return _found(Path(sys.argv[0]))
    return f"{_found(Path(sys.executable), 'python')} -m bmv"


def _found(program: Path, name: str = "") -> str:
    name = name or program.stem
    known = shutil.which(name)
    if known and Path(known).parent == program.parent:
        return name
    below = program.parent.parent  # a name without a folder would be looked for in PATH again
    return str(program.relative_to(Path.cwd()) if below.is_relative_to(Path.cwd()) else program)
