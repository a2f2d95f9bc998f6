"""The ear of a turn-based session: the buffer of what was appended, and where speech begins and ends in it.

Speech is told by its level, as OpenAI's package says of `server_vad` ("based on audio volume"). All positions count
audio that was written, never wall-clock time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples

SHORTEST_COMMIT_MS: Final = 100
"""What is less cannot be committed (the message of the real service names this figure)."""

_START_FRAMES = 3  # a click is no speech
_QUIETEST_DBFS = -50.0
_LOUDEST_DBFS = -30.0
"""The root mean square of a frame that counts as voice, at threshold 0 and at 1; it is our own choice. The usual 0.5
means -40 dBFS, which speech on the telephone exceeds by 15 to 20 dB and an idle line does not reach."""
_KEPT_SECONDS = 15
_PER_MS = mulaw.SAMPLE_RATE // 1000


@dataclass(frozen=True, slots=True)
class Detection:
    """The settings of `server_vad`; the defaults are those of the service."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody speaks."""

    start_ms: int
    """Where the audio for the model begins, padding included."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Somebody has spoken, and it was quiet for long enough since."""

    start_ms: int
    end_ms: int
    """Where the audio for the model ends, the silence included."""
    audio: Samples
    """8 kHz."""


Heard: TypeAlias = SpeechStarted | SpeechStopped


class Ear:
    """One input buffer. Without a detection it only collects, until it is committed or cleared."""

    def __init__(self, detection: Detection | None) -> None:
        self.detection = detection
        self._buffer: Samples = np.zeros(0, np.int16)
        self._origin = 0  # position of the buffer's first sample
        self._looked = 0  # position up to which was looked for speech
        self._row = 0  # frames in a row that speak against the present state
        self._start: int | None = None

    @property
    def speaking(self) -> bool:
        """Whether speech is going on."""
        return self._start is not None

    def configure(self, detection: Detection | None) -> None:
        """Use other settings from now on. Speech under way goes on, unless detection is switched off."""
        self.detection = detection
        self._row = 0
        self._looked = max(self._looked, self._end)
        if detection is None:
            self._start = None

    def append(self, audio: Samples) -> Iterator[Heard]:
        """Take in sound of any length at 8 kHz, and tell what was heard. Must be iterated to its end."""
        self._buffer = np.concatenate((self._buffer, audio))
        if self.detection is None:
            return
        while self._looked + mulaw.FRAME_BYTES <= self._end:
            begin = self._looked - self._origin
            frame = self._buffer[begin : begin + mulaw.FRAME_BYTES]
            self._looked += mulaw.FRAME_BYTES
            yield from self._look(frame, self.detection)

    def commit(self) -> SpeechStopped:
        """Take everything since the last commit, or since speech began. ValueError with the milliseconds if too few."""
        start = self._origin if self._start is None else self._start
        length_ms = (self._end - start) // _PER_MS
        if length_ms < SHORTEST_COMMIT_MS:
            raise ValueError(length_ms)
        return self._take(start, self._end)

    def clear(self) -> None:
        """Throw away what is in the buffer."""
        self._looked = self._end
        self._forget(self._end)
        self._start = None
        self._row = 0

    @property
    def _end(self) -> int:
        return self._origin + len(self._buffer)

    def _look(self, frame: Samples, detection: Detection) -> Iterator[Heard]:
        loud = _level(frame) >= _QUIETEST_DBFS + detection.threshold * (_LOUDEST_DBFS - _QUIETEST_DBFS)
        self._row = 0 if loud == self.speaking else self._row + 1
        if self._start is not None:
            if self._row * mulaw.FRAME_MS >= detection.silence_duration_ms:
                yield self._take(self._start, self._looked)
        elif self._row == _START_FRAMES:
            onset = self._looked - _START_FRAMES * mulaw.FRAME_BYTES
            self._start = max(onset - detection.prefix_padding_ms * _PER_MS, self._origin)
            self._row = 0
            yield SpeechStarted(self._start // _PER_MS)
        else:
            self._forget(max(self._origin, self._looked - _KEPT_SECONDS * mulaw.SAMPLE_RATE))

    def _take(self, start: int, end: int) -> SpeechStopped:
        audio = self._buffer[start - self._origin : end - self._origin].copy()
        self._forget(end)
        self._start = None
        self._row = 0
        self._looked = max(self._looked, end)
        return SpeechStopped(start // _PER_MS, end // _PER_MS, audio)

    def _forget(self, until: int) -> None:
        """Drop what is before this position."""
        self._buffer = self._buffer[until - self._origin :]
        self._origin = until


def _level(frame: Samples) -> float:
    """Give the root mean square against full scale."""
    power = float(np.square(frame.astype(np.float64)).mean())
    return 10 * np.log10(power / 32768**2) if power else -np.inf
