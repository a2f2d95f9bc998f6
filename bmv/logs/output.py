"""Where the lines of the log go: a disk may be full and a reader stand still, and no call waits for either."""

from __future__ import annotations

import errno
import os
import select
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TextIO

import structlog


class Output:
    """Writes finished lines. A full disk, a closed pipe or a reader that stands still costs lines of log, never a call.

    Behind the first line that can be written again stands how many could not, and again until that finds room itself.
    """

    PIECE = getattr(select, "PIPE_BUF", 4096)
    """Bytes for which a pipe that is ready has room; each character of a line that is not ASCII counts as four."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = _never_waiting(stream)
        self._takes = _readiness(self._stream)
        self._lock = Lock()
        self._missing = 0
        self._torn = False

    def msg(self, line: str) -> bool:
        """Return whether it was written, which structlog hands on to who logs."""
        with self._lock:
            try:
                self._write(line + "\n")
            except (OSError, ValueError):
                self._missing += 1
                return False
            owed, self._missing = self._missing, 0
        # `bmv.logs.Sparing` knows this event. At level error nobody wants to know it, and it gives None.
        if owed and structlog.get_logger().warning("log_lines_missing", lines=owed) is False:
            with self._lock:
                self._missing += owed - 1  # what should have told it was counted, and is not one of them
        return True

    debug = info = warning = error = critical = msg

    def _write(self, text: str) -> None:
        if self._torn:
            text = "\n" + text
        size = self.PIECE if text.isascii() else self.PIECE // 4
        for start in range(0, len(text), size):
            if not self._takes():
                raise BlockingIOError
            try:
                self._stream.write(text[start : start + size])
            except BlockingIOError as error:
                self._torn = self._torn or getattr(error, "characters_written", 0) > 0
                raise
            self._torn = start + size < len(text)
            self._stream.flush()


class _File:
    """What a stream leads to, without the memory in between, where Python keeps what a full disk does not take.

    From there it would come after all, when it has been counted as missing.
    """

    def __init__(self, stream: TextIO) -> None:
        """Raises `AttributeError`, `OSError` or `ValueError` where the stream leads to no file."""
        stream.flush()
        self.fileno = stream.fileno  # asked each time: it fails when the stream is closed
        self.fileno()
        self._encoding = stream.encoding
        self._line_end_owed = b""

    def write(self, text: str) -> None:
        """Raises `BlockingIOError` where not all found room, with the number of bytes if some did.

        A line of which the end alone found none is whole for who reads it, and its end is written before the next.
        """
        data = self._line_end_owed + text.encode(self._encoding, "replace")
        left = data[os.write(self.fileno(), data) :]
        self._line_end_owed = left if left == b"\n" else b""
        if left and not self._line_end_owed:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), len(data) - len(left))

    def flush(self) -> None:
        """Nothing is kept."""


class _Terminal(_File):
    """The terminal of a stream, opened once more, since it is ready for writing where it has room for a single byte.

    The stream itself stays as it is: the shell shares it, and would not wait any more either.
    """

    def __init__(self, stream: TextIO) -> None:
        """Raises as `_File` does, also where the stream is no terminal, or not ours to open."""
        super().__init__(stream)
        file = os.open(os.ttyname(stream.fileno()), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        weakref.finalize(self, os.close, file).atexit = False  # something may be logged up to the very end
        self.fileno = lambda: file


def _never_waiting(stream: TextIO) -> TextIO | _File:
    for kind in (_Terminal, _File) if sys.platform != "win32" else ():  # a terminal of Windows takes no bytes
        with suppress(AttributeError, OSError, ValueError):
            return kind(stream)
    return stream


def _readiness(stream: TextIO | _File) -> Callable[[], object]:
    """Give what tells whether the stream takes some bytes at once; where that cannot be known it says yes."""
    try:
        poll = select.poll()  # not on Windows
        poll.register(stream.fileno(), select.POLLOUT)
    except (AttributeError, OSError, ValueError):
        return lambda: True
    return partial(poll.poll, 0)
