"""The beep with which a conference announces that somebody joined: told from speech by its sound, and muted.

Nobody documents its pitch, its length, or how long after the acceptance it comes. So it is looked for by what every
such signal is, a tone that stands still, and not by the clock but until somebody has spoken.
"""

from __future__ import annotations

from typing import Final

from bmv.audio.levels import is_silent
from bmv.audio.mulaw import SILENCE
from bmv.audio.tones import steady_tone
from bmv.audio.voice import VoiceDetector

LOWEST_BEEP: Final = 400
"""Hz. Below it a voice may hold a pitch like a machine; signals are seldom that low."""
BEEP_FRAMES: Final = 3
"""Frames in a row at one frequency: a high voice looks like a tone for one or two (docs/audio.md)."""
SPEECH_FRAMES: Final = 25
"""Voiced frames (0.5 s in all) that are taken for somebody speaking. A beep's ends, a click, and noise the detector
does not know yet count for some frames each; the first sentence of anybody has more."""

_STANDS_STILL = 2.0  # Hz between two frames; noise 20 dB below a tone shifts what is found by 0.3 Hz, seldom by 1
_BEEPING = 2  # and after a beep 1: its last frame holds it only in part, or it goes on at another pitch


class BeepGate:
    """Mutes tones from the moment at which somebody joins until speech has been heard; words pass all the while.

    A frame is held back until the next one is known, because the first and the last frame of a beep hold it only in
    part, and two frames longer while it may be the beginning of one. The delay ends with the watch.
    """

    def __init__(self) -> None:
        self._watching = False
        self._held: list[bytes] = []
        self._hertz = 0.0
        self._row = 0  # frames in a row with a tone of about these hertz
        self._beeping = 0
        self._spoken = 0
        self._voice = VoiceDetector()

    def watch(self) -> None:
        """Somebody joins: watch for the beep until there was speech."""
        self._watching = True
        self._spoken = 0
        self._voice = VoiceDetector()

    @property
    def busy(self) -> bool:
        """Whether `filter` may change anything; else every frame would come out as it is."""
        return self._watching or bool(self._held)

    def filter(self, frame: bytes) -> tuple[bytes, ...]:
        """The frames to hear now that `frame` came, in order; none of them a beep."""
        self._held.append(frame)
        if not self._watching:
            return self._let_go(all_but=0)
        self._follow_tone(frame)
        if self._beeping:
            return tuple(SILENCE for _ in self._let_go(all_but=0))
        if self._has_spoken(frame):
            self._watching = False
            return self._let_go(all_but=0)
        return self._let_go(all_but=1 + self._row)

    def release(self) -> tuple[bytes, ...]:
        """The frames that are held back, which cannot wait for the next one."""
        return self._let_go(all_but=0)

    def _follow_tone(self, frame: bytes) -> None:
        hertz = steady_tone(frame)
        if hertz is None or hertz < LOWEST_BEEP:
            self._row = 0
        else:
            self._row = self._row + 1 if self._row and abs(hertz - self._hertz) <= _STANDS_STILL else 1
            self._hertz = hertz
        if self._row >= BEEP_FRAMES or (self._row and self._beeping):
            self._beeping = _BEEPING
        else:
            self._beeping = max(0, self._beeping - 1)

    def _has_spoken(self, frame: bytes) -> bool:
        self._voice.feed(frame)
        voiced = self._voice.voiced and not is_silent(frame)  # it holds on for three frames after any sound
        if voiced and not self._row:
            self._spoken += 1
        return self._spoken >= SPEECH_FRAMES

    def _let_go(self, *, all_but: int) -> tuple[bytes, ...]:
        count = max(0, len(self._held) - all_but)
        frames, self._held = tuple(self._held[:count]), self._held[count:]
        return frames
