"""The beep with which a conference announces that somebody joined: told from speech by its sound, and muted."""

from __future__ import annotations

from bmv.audio.mulaw import SILENCE
from bmv.audio.tones import is_tone

WINDOW_SECONDS = 6.0  # the audio may lag one to two seconds behind the reservation (Flex), the beep plays at the join
BEEP_FRAMES = 3  # a high voice looks like a tone for a frame or two (`tones.is_tone`)


class BeepGate:
    """Mutes tones during the first seconds after an agent accepted; words spoken meanwhile pass.

    A frame is held back until the next one is known, because the first and the last frame of a beep hold it only in
    part, and two frames longer while it may be the beginning of one. The delay ends with the window.
    """

    def __init__(self) -> None:
        self._closes_at = float("-inf")
        self._held: list[bytes] = []
        self._tones = 0  # in a row

    def watch(self, now: float) -> None:
        """Somebody joins now: watch for the beep."""
        self._closes_at = now + WINDOW_SECONDS
        self._tones = 0

    def filter(self, frame: bytes, now: float) -> tuple[bytes, ...]:
        """The frames to hear now that `frame` came, in order; none of them a beep."""
        self._held.append(frame)
        if now >= self._closes_at:
            return self._let_go(all_but=0)
        within = self._tones >= BEEP_FRAMES
        self._tones = self._tones + 1 if is_tone(frame) else 0
        if within or self._tones >= BEEP_FRAMES:
            return tuple(SILENCE for _ in self._let_go(all_but=0))
        return () if self._tones else self._let_go(all_but=1)

    def _let_go(self, *, all_but: int) -> tuple[bytes, ...]:
        count = len(self._held) - all_but
        frames, self._held = tuple(self._held[:count]), self._held[count:]
        return frames
