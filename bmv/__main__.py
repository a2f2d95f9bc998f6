"""The entry point: `python -m bmv` serves; a word after it does something else."""

from __future__ import annotations

import importlib
import io
import os
import sys


def main() -> int:
    """Run what was typed and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a letter that the terminal does not have is no reason to fail
    try:
        _slim()
        from bmv.commands import main as run  # noqa: PLC0415 - an interruption may come while this is loaded

        try:
            return run()
        finally:
            _give_up_unwritten_log()
            if sys.stdout:
                sys.stdout.flush()  # now, not when Python ends and complains
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read it, such as `head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left goes nowhere, without a word
        return 1


def _slim() -> None:
    """Keep out what nobody needs, before it is loaded: together some megabytes of every process.

    NumPy's threads, for no product of ours is large; and structlog's rendering of tracebacks, for which it loads all of
    rich if there is such a module.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
        try:
            importlib.import_module("structlog")
        finally:
            del sys.modules["rich"]


def _give_up_unwritten_log() -> None:
    """Lines that a full disk does not take: Python would try them once more at its end, and make the exit code 120."""
    try:
        if sys.stderr:
            sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    sys.exit(main())
