"""Between the telephone's 8 kHz and a translator's 24 kHz: streaming FIR filters that keep their memory between blocks.

One low-pass serves both ways: a windowed sinc of 72 taps at 24 kHz. Going up it removes the images above 4 kHz, going
down it removes what would fold back below 4 kHz. The result does not depend on how a stream was cut into blocks.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.mulaw import SAMPLE_RATE, SILENCE, Samples

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
_ULAW_SILENCE = SILENCE[:1]
_BLOCK = 8  # steps in one product: fewer make more products, more make more zeros


def _low_pass(gain: int) -> NDArray[np.float64]:
    """Compute the filter with its gain at 0 Hz, each tap rounded to a multiple of 2^-20.

    A tap then has at most 21 bits and a sample 16, so each sum of 72 products is exact in a double. The order in which
    the sum is made, which differs with the block's length, cannot change a bit of it.
    """
    time = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(2 * _CUT_OFF / WIDE_RATE * time) * np.kaiser(_TAPS, _KAISER_BETA)
    rounded: NDArray[np.float64] = np.rint(taps * gain / taps.sum() / _TAP_UNIT) * _TAP_UNIT
    return rounded


class _Filter:
    """Gives `outputs` values for each step of so many samples: each weighs as many samples as a column has weights.

    A block of steps is one product with a matrix that has the weights again and again, each time a step further down.
    Most of its entries are 0, and it is still three to eight times faster than a row of its own for each step.
    """

    def __init__(self, weights: NDArray[np.float64], *, step: int) -> None:
        """`weights` has a row for each sample and a column for each output of a step."""
        self._weights = weights
        self._step = step
        length, outputs = weights.shape
        self._block = np.zeros((length + (_BLOCK - 1) * step, _BLOCK * outputs))
        for place in range(_BLOCK):
            start = place * step
            self._block[start : start + length, place * outputs : (place + 1) * outputs] = weights

    def apply(self, signal: Samples, steps: int) -> Samples:
        """Filter a contiguous signal that is long enough for so many steps."""
        outputs = self._weights.shape[1]
        filtered = np.empty(steps * outputs)
        whole = steps - steps % _BLOCK
        done = whole * outputs
        self._product(signal, self._block, self._step * _BLOCK, filtered[:done])
        self._product(signal[whole * self._step :], self._weights, self._step, filtered[done:])
        return _to_samples(filtered)

    @staticmethod
    def _product(signal: Samples, matrix: NDArray[np.float64], step: int, into: NDArray[np.float64]) -> None:
        """Lay overlapping windows over the signal, each beginning `step` after the last, and weigh them."""
        if not len(into):
            return
        length, width = matrix.shape
        size = signal.itemsize
        rows = len(into) // width
        windows = np.ndarray((rows, length), signal.dtype, signal, strides=(step * size, size))
        np.matmul(windows.astype(np.float64, order="C"), matrix, out=into.reshape(rows, width))


def _to_samples(filtered: NDArray[np.float64]) -> Samples:
    """Round and limit: a filter may overshoot a signal that is at full scale."""
    np.rint(filtered, out=filtered)
    filtered.clip(-32768.0, 32767.0, out=filtered)
    return filtered.astype(np.int16)


_UP = _Filter(np.ascontiguousarray(_low_pass(_RATIO).reshape(_PHASE_TAPS, _RATIO)[::-1]), step=1)
"""Row k, column p: the weight of the sample 23 - k steps ago in output p of the three that belong to one input."""
_DOWN = _Filter(_low_pass(1)[::-1].reshape(_TAPS, 1).copy(), step=_RATIO)


class Upsampler:
    """One stream from 8 kHz to 24 kHz."""

    def __init__(self) -> None:
        self._past: Samples = np.zeros(_PHASE_TAPS - 1, np.int16)

    def process(self, pcm: Samples) -> Samples:
        """Turn n samples at 8 kHz into exactly 3n at 24 kHz, 35.5 of them (1.5 ms) late. Any n will do, 0 too."""
        signal: Samples = np.concatenate((self._past, pcm))
        self._past = signal[len(pcm) :].copy()  # not a view, which would keep the whole signal
        return _UP.apply(signal, len(pcm))


class Downsampler:
    """One stream from 24 kHz to 8 kHz, in bytes as they come off the wire."""

    def __init__(self) -> None:
        self._past = bytes((_TAPS - _RATIO) * _SAMPLE_BYTES)

    def process(self, pcm: bytes) -> Samples:
        """Turn PCM16 little-endian at 24 kHz into samples at 8 kHz, 33.5 samples at 24 kHz (1.4 ms) late.

        Any number of bytes will do: half a sample and one or two thirds of an output wait for the next block. A stream
        of n samples so far has given exactly n // 3.
        """
        signal, count = self._append(pcm)
        return _DOWN.apply(signal, count)

    def to_ulaw(self, pcm: bytes, *, floor: int) -> bytes:
        """The same in mu-law. What is quieter than `floor`, of 32767, becomes silence, at a quarter of the cost.

        That is a block of which all that weighs in it is so quiet.
        """
        signal, count = self._append(pcm)
        if signal.max() < floor and signal.min() > -floor:
            return _ULAW_SILENCE * count
        return mulaw.encode(_DOWN.apply(signal, count))

    def _append(self, pcm: bytes) -> tuple[Samples, int]:
        """Give the samples that weigh in the next outputs, and how many outputs these are."""
        stream = self._past + pcm
        count = (len(stream) // _SAMPLE_BYTES - _TAPS) // _RATIO + 1
        self._past = stream[count * _RATIO * _SAMPLE_BYTES :]
        return np.frombuffer(stream, "<i2", len(stream) // _SAMPLE_BYTES), count
