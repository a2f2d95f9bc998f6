"""Several frames at a wake-up: the kernel is asked to tell of a party's sound when 100 ms of it are there.

Each time that a process is woken for a socket costs more than to read, decode and hear the frame that came. Where a
translator is sent 100 ms at a time nothing is gained by knowing of the first 20 earlier.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

FRAMES: Final = 5
"""That are waited for: what is sent to a translator as one message, or half of it."""
WATCH_SECONDS: Final = 0.15
"""After so long without a frame all that has come is read: what ends a stream is shorter than five frames, and so is a
key or a mark that comes last."""


class Watch:
    """Over all lines that gather: one timer, for the one that has been silent longest.

    A timer for each line would wake the process as often as the line's sound does.
    """

    def __init__(self) -> None:
        self._heard_at: dict[Gathering, float] = {}  # the longest ago first
        self._timer: asyncio.TimerHandle | None = None
        self._context = contextvars.Context()  # no line's, which may be over long before the timer is

    def heard(self, line: Gathering) -> None:
        """A line that gathers was heard now."""
        self._heard_at.pop(line, None)
        self._heard_at[line] = line.loop.time()
        if self._timer is None:
            self._look()

    def leave(self, line: Gathering) -> None:
        """A line gathers no more."""
        self._heard_at.pop(line, None)
        if not self._heard_at and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Do the lines live? Asked again when the first of them would have been silent for too long."""
        self._timer = None
        while self._heard_at:
            line, heard_at = next(iter(self._heard_at.items()))
            if line.loop.time() < heard_at + WATCH_SECONDS:
                self._timer = line.loop.call_at(heard_at + WATCH_SECONDS, self._look, context=self._context)
                return
            line.be_quick()


class Gathering:
    """Of one socket. On anything but Linux, whose `SO_RCVLOWAT` an event loop's poll heeds, it does nothing."""

    def __init__(self, sock: Any, watch: Watch | None = None) -> None:
        """`sock` is a TCP socket of the event loop's, or None: then nothing is gathered.

        Share the `watch` with the others of this event loop.
        """
        self._socket = sock if sys.platform == "linux" else None
        self._watch = watch or Watch()
        self.loop = asyncio.get_running_loop()
        self.on = False
        """Whether frames are gathered at present."""
        self._stopped = False

    def heard(self, size: int, *, patient: bool) -> None:
        """A frame came in a message of so many bytes; whether the next ones may come together."""
        if not patient:
            self.be_quick()
        elif not self._stopped:
            if not self.on:
                self.on = True
                self._set(round((FRAMES - 0.5) * size))
            self._watch.heard(self)

    def stop(self) -> None:
        """Whatever comes is read at once from now on, and nothing is watched any more, whatever is still heard."""
        self._stopped = True
        self.be_quick()

    def be_quick(self) -> None:
        """Whatever comes is read at once, until a frame is `heard` after which the next ones may come together."""
        if self.on:
            self.on = False
            self._watch.leave(self)
            self._set(1)

    def _set(self, least: int) -> None:
        """Ask to be told when so many bytes are there; what is there is told of at once."""
        if self._socket is None:
            return
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least)
        except (OSError, ValueError):  # it is closed (uvloop says so by the latter), or has no such thing
            self._socket = None


class Bunch:
    """Frames that were read together, handed to `hear` in one piece: to deal with five at once costs half as much.

    `hear` returns whether the next ones may be gathered. What it raises where nobody else is told comes out with the
    next frame, or by `flush`.
    """

    def __init__(self, hear: Callable[[bytes], bool | None], gathering: Gathering) -> None:
        self._hear = hear
        self._gathering = gathering
        self._frames: list[bytes] = []
        self._size = 0
        self._due: asyncio.Handle | None = None
        self._call_soon = asyncio.get_running_loop().call_soon
        self._bug: Exception | None = None

    def add(self, frame: bytes, size: int) -> None:
        """The next frame, in a message of so many bytes. It is handed over before the event loop waits again."""
        self._frames.append(frame)
        self._size = size
        if len(self._frames) == FRAMES or not self._gathering.on or self._bug:
            self.flush()
        elif self._due is None:
            self._due = self._call_soon(self._flush_late)

    def add_odd(self, frames: list[bytes], size: int) -> None:
        """The next frames, in a message that has not just one in it: what comes after them is not gathered."""
        self.flush()
        for frame in frames:
            self._hear(frame)
        self._gathering.heard(size, patient=False)

    def flush(self) -> None:
        """Hand over what there is."""
        if self._bug:
            raise self._bug
        if self._frames:
            sound = b"".join(self._frames)
            self._frames.clear()
            self._gathering.heard(self._size, patient=bool(self._hear(sound)))

    def close(self) -> None:
        """Nobody hears any more."""
        self._frames.clear()
        self._gathering.stop()

    def _flush_late(self) -> None:
        self._due = None
        try:
            self.flush()
        except Exception as bug:
            self._bug = bug
