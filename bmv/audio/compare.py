"""Whether what was heard is what was said: finds a known sound in a recording, however late and loud it came."""

import math
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
    energy = float(np.square(expected, dtype=np.float64).sum())
    if not energy or not heard.any():
        return _NOTHING
    products = _cross_correlation(heard, expected)
    stretches = _stretch_energies(heard, len(expected))
    scores = products / np.sqrt(np.maximum(stretches, _FAINTEST * stretches.max()) * energy)
    best = int(scores.argmax())
    if scores[best] <= 0:
        return _NOTHING
    return Alignment(
        offset=best - len(expected) + 1,
        score=min(1.0, float(scores[best])),
        gain=20 * math.log10(products[best] / energy),
    )


def _cross_correlation(heard: Samples, expected: Samples) -> NDArray[np.float64]:
    """Give the products for each offset from -(len(expected) - 1) to len(heard) - 1."""
    count = len(heard) + len(expected) - 1
    size = 1 << (count - 1).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.fft.rfft(expected[::-1], size)
    return np.fft.irfft(spectrum, size)[:count]


def _stretch_energies(heard: Samples, length: int) -> NDArray[np.float64]:
    """Give the energy of the stretch of `heard` that `length` samples cover, for the same offsets."""
    silence = np.zeros(length - 1)
    sums = np.concatenate(((0.0,), np.cumsum(np.concatenate((silence, np.square(heard, dtype=np.float64), silence)))))
    return sums[length:] - sums[:-length]
