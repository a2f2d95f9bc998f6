"""Sound on its way to a service: collected frame by frame, sent as messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Batch:
    """Frames of mu-law that become one message when there are `size` bytes of them.

    Frames come several at once (`bmv.telephony.gathering`). Those that come with the one that fills a message go with
    it: from then on each message ends with what came last, and nothing of it has waited for longer than it takes to be
    complete. So a message may be longer than `size`, but only one that is added to in large pieces is longer than two.
    """

    def __init__(self, size: int, send: Callable[[bytes], None], broken: Callable[[Exception], None]) -> None:
        """What `send` raises later than in `add` or `flush` is told to `broken`."""
        self._size = size
        self._send = send
        self._broken = broken
        self._sound = bytearray()
        self._due: asyncio.Handle | None = None
        self._call_soon = asyncio.get_running_loop().call_soon

    def add(self, frame: bytes) -> None:
        """The next frame. A full message is sent before the event loop does anything else."""
        self._sound += frame
        if len(self._sound) < self._size:
            return
        if len(self._sound) >= 2 * self._size:
            self.flush()
        elif self._due is None:
            self._due = self._call_soon(self._flush_late)

    def flush(self) -> None:
        """Send now what there is."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._sound:
            sound = bytes(self._sound)
            self._sound.clear()
            self._send(sound)

    def _flush_late(self) -> None:
        try:
            self.flush()
        except Exception as error:
            self._broken(error)
