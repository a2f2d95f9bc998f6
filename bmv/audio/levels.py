"""How loud mu-law is, and how to make it quieter or lay one over another, by tables of codes."""

from functools import lru_cache
from typing import Final

import numpy as np

from bmv.audio import mulaw
from bmv.audio.mulaw import FRAME_BYTES

SILENCE_PEAK: Final = 200
"""Below this peak, of 32767, sound is silence: the upper end of the 64 to 200 advised for a translator's output. Users
of the translation service measured peaks of 63 or less in its silence, and of 1024 or more in its speech."""

_MAGNITUDES = np.abs(mulaw.decode(bytes(range(256))))
_RANKS = bytes(~code & 0x7F for code in range(256))
"""The 7 bits of a code without its sign, turned round so that a louder code has a higher rank."""


def _mixing_table() -> bytes:
    values = mulaw.decode(bytes(range(256))).astype(np.int32)
    sums = np.clip(values[:, None] + values[None, :], -32768, 32767)
    return mulaw.encode(sums.astype(np.int16).reshape(-1))


# Symmetric, so it does not matter which byte of an index comes first in memory.
_MIXED = np.frombuffer(_mixing_table(), np.uint8)


def is_silent(ulaw: bytes, below: int = SILENCE_PEAK) -> bool:
    """Tell whether every sample is quieter than `below` on the 16-bit scale."""
    return not ulaw.translate(None, _SILENT_CODES if below == SILENCE_PEAK else _codes_below(below))


def silent_frames(ulaw: bytes) -> list[bool]:
    """Tell of each frame whether `is_silent`; cheaper than to ask for each. Of whole frames, any number of them."""
    if len(ulaw) == FRAME_BYTES:
        return [is_silent(ulaw)]
    loud = ulaw.translate(_LOUDER)
    return [1 not in loud[start : start + FRAME_BYTES] for start in range(0, len(ulaw), FRAME_BYTES)]


def loudness(ulaw: bytes) -> float:
    """Tell how loud a sound is on mu-law's own scale: the mean step of its samples without their signs, 0 to 127.

    The scale is logarithmic where it is loud, 15 steps for 6 dB, and more and more linear below: a tone with a peak of
    16000 has 95, of 4000 65, of 1000 37, of `SILENCE_PEAK` 14, and silence 0. It costs a microsecond a frame.
    ValueError for no bytes.
    """
    if not ulaw:
        raise ValueError("no sound has no loudness")
    return sum(ulaw.translate(_RANKS)) / len(ulaw)


def scale(ulaw: bytes, decibels: float) -> bytes:
    """Change the level: below 0 dB is quieter, above is louder and saturates, minus infinity is silence.

    One table per level is kept, so use a few set levels rather than a sliding one.
    """
    return ulaw.translate(_scaling_table(decibels))


def mix(first: bytes, second: bytes) -> bytes:
    """Add two sounds of the same length; the sum saturates instead of wrapping round. ValueError if lengths differ."""
    if len(first) != len(second):
        raise ValueError(f"cannot mix {len(first)} bytes with {len(second)}")
    pairs = np.empty((len(first), 2), np.uint8)
    pairs[:, 0] = np.frombuffer(first, np.uint8)
    pairs[:, 1] = np.frombuffer(second, np.uint8)
    return _MIXED.take(pairs.view(np.uint16)).tobytes()


@lru_cache(maxsize=64)
def _codes_below(limit: int) -> bytes:
    return bytes(code for code in range(256) if _MAGNITUDES[code] < limit)


_SILENT_CODES: Final = _codes_below(SILENCE_PEAK)
_LOUDER: Final = bytes(code not in _SILENT_CODES for code in range(256))


@lru_cache(maxsize=64)
def _scaling_table(decibels: float) -> bytes:
    factor = 10.0 ** (decibels / 20)
    scaled = np.clip(np.rint(mulaw.decode(bytes(range(256))) * factor), -32768, 32767)
    return mulaw.encode(scaled.astype(np.int16))
