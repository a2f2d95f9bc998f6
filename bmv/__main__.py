"""The entry point: `python -m bmv` serves; a word after it does something else."""

from __future__ import annotations

import io
import os
import sys


def main() -> int:
    """Run what was typed and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a letter that the terminal does not have is no reason to fail
    try:
        from bmv.commands import main as run  # noqa: PLC0415 - an interruption may come while this is loaded

        try:
            return run()
        finally:
            if sys.stdout:
                sys.stdout.flush()  # now, not when Python ends and complains
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read it, such as `head`, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left goes nowhere, without a word
        return 1


if __name__ == "__main__":
    sys.exit(main())
