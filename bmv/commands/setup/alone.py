"""One run at a time in a folder: two would each take what the other has put there for what was there before."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bmv.commands.setup.request import SetupFailed


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other runs out of this folder as long as this lasts; nothing is left behind, whatever ends the process.

    Raises `SetupFailed` where another one is running. Where the system cannot lock a folder, nobody is kept out.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - there is none elsewhere

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupFailed(
                "Another setup runs in this folder, or waits for an answer. Nothing was changed: let it end first."
            ) from None
        except OSError:  # a file system of another machine's, that knows no locks
            pass
        yield
    finally:
        os.close(handle)
