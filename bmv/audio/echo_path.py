"""The way a sound takes from a listener's ear-piece back into his microphone: found by correlation, known by its taps.

All times are counts of samples at 8 kHz. What is played and what is heard are compared as waveforms, so another voice
is not taken for an echo, however loud or similar; the echo's own delay, level and colour come out of the comparison.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.mulaw import SAMPLE_RATE

Signal: TypeAlias = NDArray[np.float64]

HEARD: Final = SAMPLE_RATE
"""Samples of what was heard that one comparison takes: a second."""
SHORTEST_DELAY: Final = 320
"""Samples between a sound being played and its coming back: 40 ms, less than any telephone takes there and back."""
LONGEST_DELAY: Final = 8192
"""A little more than a second."""
PLAYED: Final = HEARD + LONGEST_DELAY
"""Samples of what was played that one comparison takes, both ending at the same time."""
TAPS: Final = 128
"""Length of a path: 16 ms, which holds a handset's echo and the strongest part of a room's."""
EARLY: Final = 16
"""Taps that lie before the delay found: a low-pass on the way spreads a sound to both sides of it."""

_FFT = 16384
_OVERLAP = 400  # samples of what was played that have to be compared at least
_ENOUGH = 400  # delays to choose from, so that chance can be told
_NORMAL_MEDIAN = 0.6745  # of the magnitude of normally distributed numbers, against their deviation
_FLATTENING = 0.7  # how far the spectra are flattened: a voice's harmonics would else give a peak at every period
_LOWEST, _HIGHEST = 300, 3400  # Hz that a telephone carries; beyond is noise that flattening would raise
_ROUGH_HIGHEST = 1900  # Hz: what is left of the band of every other sample
_EMPHASIS = 0.9  # so that the weak upper half of a voice's spectrum is learnt as well as the strong lower one
_MEMORY = 0.7  # what an earlier comparison weighs against the next: a path that changed is learnt in about a second
_RIDGE = 1e-3
_NOTHING = 1e-9

_HZ = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
_BAND = slice(int((_HZ <= _LOWEST).sum()), int((_HZ < _HIGHEST).sum()))
_EMPHASIS_POWER: Signal = np.abs(1 - _EMPHASIS * np.exp(-2j * np.pi * _HZ / SAMPLE_RATE)) ** 2
_SHORT_FFT = _FFT // 2  # room for what was heard and as many lags as there are taps
_SHORT_EMPHASIS_POWER = _EMPHASIS_POWER[::2]
_TOEPLITZ = np.abs(np.subtract.outer(np.arange(TAPS), np.arange(TAPS)))
_VALUES: Signal = mulaw.decode(bytes(range(256))).astype(np.float64)
_ROUGH_VALUES = _VALUES.astype(np.float32)
_ROUGH_BAND = slice(_BAND.start, int((_HZ < _ROUGH_HIGHEST).sum()))  # the same frequencies at half the rate


def signal(ulaw: bytes) -> Signal:
    """Expand mu-law to be computed with."""
    return _VALUES.take(np.frombuffer(ulaw, np.uint8))


def glimpse(played: bytes, heard: bytes, lasting: int, *, least: float) -> bool:
    """Tell whether a `Comparison` of the same may have so much clarity, roughly, at a third of its cost.

    Every other sample is looked at. A clarity of 7 it has one time out of ten where there is no echo, and 98 times out
    of a hundred where a comparison is clear (measured on the lines of `scripts/measure_echo.py`). What lies above the
    lower band is folded down in both alike.
    """
    longest = min(LONGEST_DELAY, lasting - _OVERLAP) // 2
    if longest - SHORTEST_DELAY // 2 < _ENOUGH // 2:
        return False
    both = np.zeros((2, _SHORT_FFT), np.float32)
    for sound, row in zip((played, heard), both, strict=True):
        row[: len(sound) // 2] = _ROUGH_VALUES.take(np.frombuffer(sound, np.uint8)[::2])
    both[0, : max(0, len(played) - lasting) // 2] = 0
    cross, other = np.fft.rfft(both, norm="ortho")  # only where it has to scale NumPy stays in single precision
    cross *= np.conj(other, out=other)
    inside = cross[_ROUGH_BAND]
    inside *= (np.abs(inside) + np.float32(_NOTHING)) ** np.float32(-_FLATTENING)
    cross[: _ROUGH_BAND.start] = 0
    cross[_ROUGH_BAND.stop :] = 0
    fit = np.fft.irfft(cross, _SHORT_FFT)[LONGEST_DELAY // 2 - longest : (LONGEST_DELAY - SHORTEST_DELAY) // 2 + 1]
    chance = (fit.max() / least - _NOTHING) * _NORMAL_MEDIAN  # so much at the most in the middle one of all the fits
    return bool(np.count_nonzero(np.abs(fit) <= chance) > len(fit) // 2)


class Comparison:
    """`PLAYED` samples played against `HEARD` samples heard, up to the same moment: the likeliest delay of an echo.

    Both are mu-law. Only the last `lasting` samples played are looked at, those before count as silence. `clarity` is
    how far the best fit stands out, in units of what chance gives. None is clear until the playing has lasted for some
    time.
    """

    def __init__(self, played: bytes, heard: bytes, lasting: int) -> None:
        self.played = signal(played)
        self.played[: max(0, len(played) - lasting)] = 0
        self.heard = signal(heard)
        self.cross = np.fft.rfft(self.heard, _FFT)
        np.conj(self.cross, out=self.cross)
        self.cross *= np.fft.rfft(self.played, _FFT)
        inside = self.cross[_BAND]
        flattened = np.zeros_like(self.cross)
        flattened[_BAND] = inside * np.maximum(np.abs(inside), _NOTHING) ** -_FLATTENING
        longest = min(LONGEST_DELAY, lasting - _OVERLAP)
        fit = np.fft.irfft(flattened, _FFT)[LONGEST_DELAY - longest : LONGEST_DELAY - SHORTEST_DELAY + 1]
        self.delay, self.clarity = 0, 0.0
        if len(fit) >= _ENOUGH:
            best = int(fit.argmax())
            self.delay = longest - best
            self.clarity = float(fit[best] / (_median(np.abs(fit)) / _NORMAL_MEDIAN + _NOTHING))


def _median(values: NDArray[np.floating]) -> float:
    """Tell the middle one of the values, which change their places. (NumPy's own loads a module of some megabytes.)"""
    middle = len(values) // 2
    values.partition(middle)
    return float(values[middle])


class EchoPath:
    """What becomes of a sound on its way back: a delay and a filter of `TAPS` taps, learnt from comparisons.

    The delay may be set to another: then all of the path moves there.
    """

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self._taps: Signal = np.zeros(TAPS)
        self._own: Signal = np.zeros(TAPS)
        self._shared: Signal = np.zeros(TAPS)
        self._all = 0.0

    @property
    def reach(self) -> int:
        """Samples before a sound is heard at which the first of what `predict` needs was played."""
        return self.delay - EARLY + TAPS - 1

    @property
    def gain(self) -> float:
        """Energy of the echo against that of a sound with all frequencies in it."""
        return float(self._taps @ self._taps)

    @property
    def explained(self) -> float:
        """Share of what was heard, 0 to 1, that the path explains: most if there was nothing but the echo."""
        return float(self._shared @ self._taps) / (self._all + _NOTHING)

    def follow(self, delay: int) -> None:
        """Take another delay for the middle of the path, which stays what it is: clocks drift against each other."""
        moved = np.zeros(TAPS)
        places = np.arange(TAPS) + delay - self.delay
        within = (places >= 0) & (places < TAPS)
        moved[within] = self._shared[places[within]]
        self._shared = moved
        self.delay = delay

    def learn(self, seen: Comparison) -> None:
        """Fit the taps to one more comparison: least squares, older ones fading.

        Another voice in it counts as noise, which averages out. If there is no echo any more the taps fade to nothing.
        """
        offset = LONGEST_DELAY - self.delay
        places = offset + EARLY - np.arange(TAPS)
        products = np.fft.irfft(seen.cross * _EMPHASIS_POWER, _FFT)
        own_spectrum = np.fft.rfft(seen.played[offset : offset + HEARD], _SHORT_FFT)
        own_power = (own_spectrum.real**2 + own_spectrum.imag**2) * _SHORT_EMPHASIS_POWER
        own = np.fft.irfft(own_power, _SHORT_FFT)[:TAPS]
        heard = float(np.square(seen.heard[1:] - _EMPHASIS * seen.heard[:-1]).sum())
        scale = 1 / (np.sqrt(own[0] * heard) + _NOTHING)  # so that each counts alike
        self._own = _MEMORY * self._own + scale * own
        self._shared = _MEMORY * self._shared + scale * np.where(places >= 0, products[places], 0.0)
        equations = self._own[_TOEPLITZ]
        equations[np.diag_indices(TAPS)] += _RIDGE * self._own[0] + _NOTHING
        self._all = _MEMORY * self._all + scale * heard
        self._taps[:] = np.linalg.solve(equations, self._shared)

    def predict(self, played: Signal) -> Signal:
        """Give the echo of n + `TAPS` - 1 samples played, the first of them `reach` before the echo: n samples."""
        return np.convolve(played, self._taps, "valid")
