"""A telephone sends no more sound than there was time for: what bounds all that is kept of what a party says.

Whatever holds sound back, on its way or before it, hands over no more in the end than has been said since the stream
began, however long it stood still. So a burst, late by seconds, is heard; and a stream that is far ahead of the clock
is no telephone, but would fill the memory behind it in minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bmv.audio.mulaw import SAMPLE_RATE
from bmv.errors import ProtocolError

AHEAD_SECONDS: Final = 30.0
"""By so much sound may be ahead. Clocks that differ by 0.01 % are 1.4 s apart after four hours. The rest is for a
machine that was stopped for a moment, clock and all, while its peers went on."""

Hear = Callable[[bytes], bool | None]


class Headway:
    """Of one stream, which begins now."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._clock = clock
        self._began = clock()
        self._heard = 0  # bytes
        self._enough = AHEAD_SECONDS * SAMPLE_RATE  # may have been heard by now; asked anew when that is reached

    def limiting(self, hear: Hear) -> Hear:
        """Make `hear` raise `ProtocolError` at sound that is too far ahead. It costs a sum for each piece of sound."""

        def limited(sound: bytes) -> bool | None:
            self._heard += len(sound)
            if self._heard > self._enough:
                self._look()
            return hear(sound)

        return limited

    def _look(self) -> None:
        elapsed = self._clock() - self._began
        self._enough = (elapsed + AHEAD_SECONDS) * SAMPLE_RATE
        if self._heard > self._enough:
            seconds = self._heard / SAMPLE_RATE
            raise ProtocolError(f"the media stream sent {seconds:.0f} s of sound within {elapsed:.1f} s")
