"""Frames that come as they like and go out on the tick: a small jitter buffer. No asyncio and no clock in here."""

from collections import deque
from typing import Final

import numpy as np

from bmv.audio import mulaw
from bmv.audio.levels import is_silent

PREFILL: Final = 3
"""Frames that are gathered before the first goes out: what the arrival may be late by, 60 ms."""
LONGEST: Final = 25
"""Frames that may wait, half a second; of more the oldest are thrown away, voice or not."""

_FALLING = np.linspace(1, 0, mulaw.FRAME_BYTES)


class JitterBuffer:
    """Takes mu-law in pieces of any length and gives a frame of 20 ms whenever it is asked for one.

    When it has run dry it fades out, and gathers `PREFILL` frames before it goes on. What a burst has piled up is
    worked off in the pauses: while more than twice the prefill waits, silent frames are left out.
    """

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._piece = b""
        self._flowing = False
        self._last = mulaw.SILENCE
        self.dropped = 0
        """Frames with voice in them that were thrown away."""

    def __len__(self) -> int:
        """Whole frames that wait."""
        return len(self._waiting)

    def put(self, ulaw: bytes) -> None:
        """Take what has arrived."""
        self._piece += ulaw
        while len(self._piece) >= mulaw.FRAME_BYTES:
            self._waiting.append(self._piece[: mulaw.FRAME_BYTES])
            self._piece = self._piece[mulaw.FRAME_BYTES :]
        while len(self._waiting) > LONGEST:
            self.dropped += not is_silent(self._waiting.popleft())

    def take(self) -> bytes:
        """Give the next frame; silence where there is none."""
        self._flowing = self._flowing or len(self._waiting) >= PREFILL
        while self._flowing and len(self._waiting) > 2 * PREFILL and is_silent(self._waiting[0]):
            self._waiting.popleft()
        if self._flowing and self._waiting:
            self._last = self._waiting.popleft()
            return self._last
        self._flowing = False
        dying, self._last = self._last, mulaw.SILENCE
        return dying if is_silent(dying) else _dying_away(dying)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._piece = b""


def _dying_away(frame: bytes) -> bytes:
    """The frame backwards, so that it goes on where it has ended, and down to nothing: no click."""
    faded = mulaw.decode(frame)[::-1] * _FALLING
    return mulaw.encode(np.rint(faded).astype(np.int16))
