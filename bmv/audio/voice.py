"""When somebody is speaking: WebRTC's voice detector over single frames, steadied at both ends of an utterance."""

from typing import Final

import webrtcvad

from bmv.audio import levels, mulaw

START_FRAMES: Final = 3
"""Voiced frames in a row that begin speech: a click or a knock is shorter."""
HANG_OVER_FRAMES: Final = 400 // mulaw.FRAME_MS
"""Unvoiced frames in a row that end speech: the pauses inside a sentence are shorter."""

_PCM_BYTES = 2 * mulaw.FRAME_BYTES  # of a frame, as the detector wants it
_MODE = 3  # the strictest of 0 to 3; the lower ones take line noise for voice


class VoiceDetector:
    """Follows one stream of frames. Not to be shared: the detector adapts to the noise it has heard so far.

    It knows voice from noise, not from tones: a loud steady tone passes for voice (see `tones.is_tone`), and so do the
    first frames of any new sound.
    """

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(_MODE)
        self.voiced = False
        """Whether the last frame passed for voice by itself, before any steadying."""
        self._speaking = False
        self._row = 0
        """Frames in a row that speak against the present state."""

    def feed(self, frame: bytes) -> bool:
        """Take the next frame of 160 bytes and tell whether speech is going on. ValueError for any other length.

        True from the third voiced frame in a row on, until 400 ms have passed without a voiced one. The detector counts
        the first 60 ms after a sound as voiced, too.
        """
        if len(frame) != mulaw.FRAME_BYTES:
            raise ValueError(f"a frame has {mulaw.FRAME_BYTES} bytes, not {len(frame)}")
        return bool(self.follow(frame)[0])

    def follow(self, sound: bytes) -> bytes:
        """Take any number of frames as `feed` does; gives 1 or 0 for each. ValueError for what is no whole frames."""
        if len(sound) % mulaw.FRAME_BYTES:
            raise ValueError(f"frames have {mulaw.FRAME_BYTES} bytes each, and {len(sound)} are no multiple of that")
        if not self._speaking and levels.is_silent(sound):  # most frames of a line: nothing more is computed for them
            self.voiced = False
            self._row = 0
            return bytes(len(sound) // mulaw.FRAME_BYTES)
        pcm = mulaw.expand(sound)
        pieces = [pcm[start : start + _PCM_BYTES] for start in range(0, len(pcm), _PCM_BYTES)]
        return bytes(map(self._next, levels.silent_frames(sound), pieces))

    def _next(self, silent: bool, pcm: bytearray) -> bool:
        if not self._speaking and silent:
            self.voiced = False
            self._row = 0
            return False
        voiced = self._vad.is_speech(pcm, mulaw.SAMPLE_RATE)
        self.voiced = voiced
        if voiced is self._speaking:
            self._row = 0
            return voiced
        self._row += 1
        if self._row == (HANG_OVER_FRAMES if self._speaking else START_FRAMES):
            self._speaking = voiced
            self._row = 0
        return self._speaking
