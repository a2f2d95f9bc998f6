"""Sound on its way to a service: collected as it comes, sent as messages."""

from __future__ import annotations

from collections.abc import Callable


class Batch:
    """Sound that becomes one message when there are `size` bytes of it.

    Several frames may come at once (`bmv.telephony.gathering`). All that comes with the frame that fills a message goes
    into it: so each message ends with what came last, and nothing waits longer than until its message is full. A
    message may therefore be longer than `size`, but is shorter than two. (Frames among which somebody begins or ceases
    to talk come in parts: what follows the part that fills a message goes into the next one.)
    """

    def __init__(self, size: int, send: Callable[[bytes], None]) -> None:
        self._size = size
        self._send = send
        self._sound = bytearray()

    def add(self, sound: bytes) -> bool:
        """What comes next; sends what is complete. Whether that was anything: then it was all there is."""
        self._sound += sound
        while len(self._sound) >= 2 * self._size:
            self._send_first(self._size)
        complete = len(self._sound) >= self._size
        if complete:
            self.flush()
        return complete

    def flush(self) -> None:
        """Send now what there is."""
        if self._sound:
            self._send_first(len(self._sound))

    def _send_first(self, size: int) -> None:
        sound = bytes(self._sound[:size])
        del self._sound[:size]
        self._send(sound)
