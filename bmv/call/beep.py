"""The beep with which a conference announces that somebody joined: told from speech by its sound, and muted."""

from __future__ import annotations

from bmv.audio.mulaw import SILENCE
from bmv.audio.tones import is_tone

WINDOW_SECONDS = 6.0  # the audio may lag one to two seconds behind the reservation (Flex), the beep plays at the join


class BeepGate:
    """Mutes tones during the first seconds after an agent accepted; words spoken meanwhile pass.

    A frame is held back until the next one is known, because the first and the last frame of a beep hold it only in
    part; the delay of 20 ms ends with the window.
    """

    def __init__(self) -> None:
        self._closes_at = float("-inf")
        self._held: bytes | None = None
        self._after_tone = False

    def watch(self, now: float) -> None:
        """Somebody joins now: watch for the beep."""
        self._closes_at = now + WINDOW_SECONDS

    def filter(self, frame: bytes, now: float) -> tuple[bytes, ...]:
        """The frames to hear now that `frame` came; none, one or two, none of them a beep."""
        held, self._held = self._held, None
        if now >= self._closes_at:
            return (held, frame) if held is not None else (frame,)
        tone = is_tone(frame)
        if held is not None and (tone or self._after_tone):
            held = SILENCE
        self._held = SILENCE if tone else frame
        self._after_tone = tone
        return (held,) if held is not None else ()
