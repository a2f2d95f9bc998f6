"""Frames of one speaker with what is noted on each in a byte: an object for each would take 80 bytes more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bmv.audio import mulaw
from bmv.audio.mulaw import SILENCE

Frame = tuple[bytes, int]
"""20 ms of a speaker, and what is noted on it."""

VOICED: Final = 1
"""Somebody is talking in it. It is 1, so that what a `VoiceDetector` gives is marks already."""
OVERHEARD: Final = 2
"""The listener has heard it at full level."""
SETTLED: Final = 4
"""The ledger knows what became of it."""
DOUBTFUL: Final = 8
"""It may be music on hold."""
FED, FED_AGAIN = 16, 32
"""One session was given it, and a second one."""


def is_open(mark: int) -> bool:
    """Whether somebody is talking in a frame, and the ledger does not know yet what became of it."""
    return mark & (VOICED | SETTLED) == VOICED


_MARKS: Final = range(256)
_VOICED: Final = bytes(mark & VOICED for mark in _MARKS)
_OPEN: Final = bytes(map(is_open, _MARKS))
_DOUBTED: Final = bytes(mark | DOUBTFUL for mark in _MARKS)
_FED: Final = bytes(mark | (FED_AGAIN if mark & FED else FED) for mark in _MARKS)
_REPLAYED: Final = bytes(is_open(mark) and mark & (FED | FED_AGAIN) == FED for mark in _MARKS)


class Frames:
    """Frames in a row, oldest first."""

    __slots__ = ("_audio", "_marks")

    def __init__(self) -> None:
        self._audio: list[bytes] = []
        self._marks = bytearray()

    @classmethod
    def cut(cls, sound: bytes, marks: bytes) -> Frames:
        """Those of a sound, and a mark for each."""
        frames = cls()
        frames._audio = mulaw.cut(sound)
        if SILENCE in frames._audio:  # a line that is quiet costs no memory
            frames._audio = [SILENCE if audio == SILENCE else audio for audio in frames._audio]
        frames._marks += marks
        return frames

    def __len__(self) -> int:
        return len(self._marks)

    def __iter__(self) -> Iterator[Frame]:
        return zip(self._audio, self._marks, strict=True)

    def extend(self, frames: Frames) -> None:
        """Put others to the end."""
        self._audio += frames._audio
        self._marks += frames._marks

    def extend_fed(self, frames: Frames) -> None:
        """Put others to the end, which a session is given now."""
        self._audio += frames._audio
        self._marks += frames._marks.translate(_FED)

    def runs(self) -> Iterator[tuple[bytes, bool]]:
        """The sound of those that come one after the other and are alike in whether somebody is talking."""
        voiced, start = self.voiced, 0
        while start < len(voiced):
            end = voiced.find(1 - voiced[start], start)
            end = len(voiced) if end < 0 else end
            yield b"".join(self._audio[start:end]), bool(voiced[start])
            start = end

    def take(self, count: int) -> Frames:
        """Take the oldest so many of them out."""
        taken = Frames()
        taken._audio, taken._marks = self._audio[:count], self._marks[:count]
        del self._audio[:count], self._marks[:count]
        return taken

    @property
    def sound(self) -> bytes:
        """All of them in one piece."""
        return b"".join(self._audio)

    @property
    def voiced(self) -> bytearray:
        """1 or 0 for each: whether somebody is talking in it."""
        return self._marks.translate(_VOICED)

    @property
    def open(self) -> int:
        """How many of them are open; see `is_open`."""
        return self._marks.translate(_OPEN).count(1)

    @property
    def replayed(self) -> int:
        """How many open ones have been given to one session, and to no second one."""
        return self._marks.translate(_REPLAYED).count(1)

    def doubt(self) -> None:
        """All of them are doubtful."""
        self._marks = self._marks.translate(_DOUBTED)
