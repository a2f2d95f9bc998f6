"""Whether a line carries somebody who talks, or music, or nothing: a hint, from how often the sound comes to a pause.

Who speaks pauses: between sentences, between words, and in the middle of them, before each p, t or k. Music sounds on.
So what goes on for longer than speech hardly ever does, without one soft frame, is taken for music. It costs two
microseconds a frame, and is wrong now and then (docs/audio.md): ask somebody who knows before you act on it.
"""

from typing import Final

from bmv.audio import mulaw
from bmv.audio.levels import loudness

SOUND_FRAMES: Final = 660 // mulaw.FRAME_MS
"""Frames without a pause that are no speech any more."""
SILENCE_FRAMES: Final = 5000 // mulaw.FRAME_MS
"""Frames of silence that are nobody speaking any more."""

# Steps of mu-law, as `loudness` counts them.
_PAUSE = 30.0  # below the loudest of late: some 12 dB
_FORGOTTEN = 1.0  # a frame: what was loud half a second ago asks for less
_SILENT = 7.0
_ABOVE_NOISE = 3.0  # of the line, which is the least that was heard of late
_NOISE_RISE = 0.3  # a frame, and only in pauses: else music would become the noise of its line


class SpeechLikeness:
    """Follows one line, frame by frame. At first, while there is nothing to go by, it hears speech."""

    def __init__(self) -> None:
        self._loudest = 0.0
        self._noise = _SILENT
        self._sounding = 0
        self._silent = 0

    def feed(self, frame: bytes) -> None:
        """Take the next 20 ms: 160 bytes of mu-law."""
        level = loudness(frame)
        self._loudest = max(level, self._loudest - _FORGOTTEN)
        softer = level < self._loudest - _PAUSE
        if softer:
            self._noise += _NOISE_RISE
        self._noise = max(_SILENT, min(level, self._noise))
        pausing = softer or level < self._noise + _ABOVE_NOISE
        self._sounding = 0 if pausing else self._sounding + 1
        self._silent = self._silent + 1 if level < _SILENT else 0

    @property
    def sounds_like_speech(self) -> bool:
        """False while music plays, as far as that can be told, and after five seconds of silence."""
        return self._sounding <= SOUND_FRAMES and self._silent <= SILENCE_FRAMES
