"""Whether what was heard is what was said: finds a known sound in a recording, however late and loud it came."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bmv.audio.mulaw import Samples

_FAINTEST = 1e-8
"""Share of the loudest stretch's energy below which a stretch counts as mute: there only rounding would be compared."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the expected sound lies in the heard one, and how much it is alike."""

    offset: int
    """Samples of `heard` before `expected` begins; negative if its beginning was cut off."""
    score: float
    """0 to 1. In a clean copy, its square is the share of the expected energy that was heard."""
    gain: float
    """Level of the copy against the expected sound in dB, minus infinity if nothing was found."""


_NOTHING = Alignment(offset=0, score=0.0, gain=-math.inf)


def align(heard: Samples, expected: Samples) -> Alignment:
    """Find where `expected` fits best into `heard`, both at the same rate: normalised cross-correlation.

    Each place is judged against the energy of the stretch of `heard` that it covers, so the level does not matter and
    loud other sounds before or after do not either. What lies outside of `heard` counts as silence, which is why a
    partial copy has a lower score. If either is mute or empty, the score is 0.
    """
    return next(Recording(heard).best_first(expected), _NOTHING)


class Recording:
    """What was heard, made ready to look for many sounds of one length in it: each costs a third of an `align`."""

    def __init__(self, heard: Samples) -> None:
        self._heard = heard
        self._size = self._length = 0
        self._spectrum: NDArray[np.complex128]
        self._energies: NDArray[np.float64]

    def best_first(self, expected: Samples) -> Iterator[Alignment]:
        """Give every place where `expected` fits at all, the best one first; see `align`.

        They are at least half its length apart: nearer ones are the same sound, a little beside its place.
        """
        energy = float(np.square(expected, dtype=np.float64).sum())
        if not energy or not self._heard.any():
            return
        products = self._products(expected)
        scores = products / np.sqrt(self._stretches(len(expected)) * energy)
        apart = (len(expected) + 1) // 2
        while scores[best := int(scores.argmax())] > 0:
            yield Alignment(
                offset=best - len(expected) + 1,
                score=min(1.0, float(scores[best])),
                gain=20 * math.log10(products[best] / energy),
            )
            scores[max(best - apart + 1, 0) : best + apart] = 0

    def _products(self, expected: Samples) -> NDArray[np.float64]:
        """Give the cross-correlation for each offset from -(len(expected) - 1) to len(heard) - 1."""
        count = len(self._heard) + len(expected) - 1
        size = 1 << (count - 1).bit_length()
        if size != self._size:
            self._size, self._spectrum = size, np.fft.rfft(self._heard, size)
        return np.fft.irfft(self._spectrum * np.fft.rfft(expected[::-1], size), size)[:count]

    def _stretches(self, length: int) -> NDArray[np.float64]:
        """Give the energy of the stretch that `length` samples cover, for the same offsets; of a mute one, a trace."""
        if length != self._length:
            silence = np.zeros(length - 1)
            squares = np.square(self._heard, dtype=np.float64)
            sums = np.concatenate(((0.0,), np.cumsum(np.concatenate((silence, squares, silence)))))
            stretches = sums[length:] - sums[:-length]
            self._length, self._energies = length, np.maximum(stretches, _FAINTEST * stretches.max())
        return self._energies
