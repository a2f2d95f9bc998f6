"""Between the telephone's 8 kHz and a translator's 24 kHz: streaming FIR filters that keep their memory between blocks.

One low-pass serves both ways: a windowed sinc of 72 taps at 24 kHz. Going up it removes the images above 4 kHz, going
down it removes what would fold back below 4 kHz. The result does not depend on how a stream was cut into blocks.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bmv.audio.mulaw import SAMPLE_RATE, Samples

WIDE_RATE: Final = 24000
"""The sample rate of the translator's side."""
ROUND_TRIP_DELAY: Final = 23
"""Samples at 8 kHz by which up and down again delays a signal: 35.5 samples at 24 kHz up, 33.5 down."""

_RATIO = WIDE_RATE // SAMPLE_RATE
_TAPS = 72
_PHASE_TAPS = _TAPS // _RATIO
_CUT_OFF = 3600
_KAISER_BETA = 6.0
_TAP_UNIT = 2.0**-20
_SAMPLE_BYTES = 2


def _low_pass(gain: int) -> NDArray[np.float64]:
    """Compute the filter with its gain at 0 Hz, each tap rounded to a multiple of 2^-20.

    A tap then has at most 21 bits and a sample 16, so each sum of 72 products is exact in a double. The order in which
    the sum is made, which differs with the block's length, cannot change a bit of it.
    """
    time = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(2 * _CUT_OFF / WIDE_RATE * time) * np.kaiser(_TAPS, _KAISER_BETA)
    rounded: NDArray[np.float64] = np.rint(taps * gain / taps.sum() / _TAP_UNIT) * _TAP_UNIT
    return rounded


def _windows(signal: NDArray[np.float64], count: int, length: int, *, step: int) -> NDArray[np.float64]:
    """Lay `count` overlapping windows over a contiguous signal, without a copy: each begins `step` after the last."""
    size = signal.itemsize
    return np.ndarray((count, length), signal.dtype, signal, strides=(step * size, size))


def _to_samples(filtered: NDArray[np.float64]) -> Samples:
    """Round and limit: a filter may overshoot a signal that is at full scale."""
    np.rint(filtered, out=filtered)
    np.minimum(filtered, 32767.0, out=filtered)
    np.maximum(filtered, -32768.0, out=filtered)
    return filtered.astype(np.int16)


_UP = np.ascontiguousarray(_low_pass(_RATIO).reshape(_PHASE_TAPS, _RATIO)[::-1])
"""Row k, column p: the weight of the sample 23 - k steps ago in output p of the three that belong to one input."""
_DOWN = _low_pass(1)[::-1].copy()


class Upsampler:
    """One stream from 8 kHz to 24 kHz."""

    def __init__(self) -> None:
        self._past: NDArray[np.float64] = np.zeros(_PHASE_TAPS - 1)

    def process(self, pcm: Samples) -> Samples:
        """Turn n samples at 8 kHz into exactly 3n at 24 kHz, 35.5 of them (1.5 ms) late. Any n will do, 0 too."""
        signal: NDArray[np.float64] = np.concatenate((self._past, pcm))
        windows = _windows(signal, len(pcm), _PHASE_TAPS, step=1)
        self._past = signal[len(pcm) :]
        return _to_samples((windows @ _UP).reshape(-1))


class Downsampler:
    """One stream from 24 kHz to 8 kHz, in bytes as they come off the wire."""

    def __init__(self) -> None:
        self._past = bytes((_TAPS - _RATIO) * _SAMPLE_BYTES)

    def process(self, pcm: bytes) -> Samples:
        """Turn PCM16 little-endian at 24 kHz into samples at 8 kHz, 33.5 samples at 24 kHz (1.4 ms) late.

        Any number of bytes will do: half a sample and one or two thirds of an output wait for the next block. A stream
        of n samples so far has given exactly n // 3.
        """
        stream = self._past + pcm
        count = (len(stream) // _SAMPLE_BYTES - _TAPS) // _RATIO + 1
        self._past = stream[count * _RATIO * _SAMPLE_BYTES :]
        signal = np.frombuffer(stream, "<i2", len(stream) // _SAMPLE_BYTES).astype(np.float64)
        return _to_samples(_windows(signal, count, _TAPS, step=_RATIO) @ _DOWN)
