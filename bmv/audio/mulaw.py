"""G.711 mu-law, the house format: 8 kHz mono in frames of 20 ms. One byte per sample, tables in both directions."""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.int16]
"""Linear PCM, mono, 16 bits. The sample rate is said where it is not 8 kHz."""

SAMPLE_RATE: Final = 8000
FRAME_MS: Final = 20
FRAME_SECONDS: Final = FRAME_MS / 1000
FRAME_BYTES: Final = SAMPLE_RATE * FRAME_MS // 1000
SILENCE: Final = b"\xff" * FRAME_BYTES
"""One frame of nothing. 0xFF is the positive zero of mu-law; 0x00 would be the loudest click there is."""

_BIAS = 132
_LOUDEST = 32635


def _decoding_table() -> Samples:
    """Give the value of each of the 256 codes, as in ITU-T G.711 table 2a (its 14-bit values times four)."""
    code = ~np.arange(256) & 0xFF
    exponent = code >> 4 & 0x07
    magnitude = (((code & 0x0F) << 3) + _BIAS << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoding_table() -> NDArray[np.uint8]:
    """Give the code of each 16-bit value, indexed by its two's complement: the decision values of the same table."""
    value = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    biased = np.minimum(np.abs(value), _LOUDEST) + _BIAS
    exponent: NDArray[np.int32] = np.log2(biased).astype(np.int32) - 7
    mantissa = biased >> exponent + 3 & 0x0F
    sign = np.where(value < 0, 0x80, 0)
    code: NDArray[np.uint8] = (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)
    return code


_DECODED = _decoding_table()
_ENCODED = _encoding_table()
_FIRST_BYTES, _SECOND_BYTES = _DECODED.tobytes()[::2], _DECODED.tobytes()[1::2]


def decode(ulaw: bytes) -> Samples:
    """Expand mu-law bytes to as many samples, each within ±32124."""
    return _DECODED.take(np.frombuffer(ulaw, np.uint8))


def expand(ulaw: bytes) -> bytearray:
    """Expand as `decode` does, to the bytes of the samples in this machine's order: half the time for a frame."""
    pcm = bytearray(2 * len(ulaw))
    pcm[::2] = ulaw.translate(_FIRST_BYTES)
    pcm[1::2] = ulaw.translate(_SECOND_BYTES)
    return pcm


def encode(pcm: Samples) -> bytes:
    """Compress samples to as many mu-law bytes. Values beyond ±32124 are limited to it."""
    return _ENCODED[pcm.astype(np.intp)].tobytes()  # below 0 from the end of the table on, as two's complement has it


def frames(ulaw: bytes) -> Iterator[bytes]:
    """Cut a recording into whole frames, in order. The last is filled up with silence; no bytes make no frame."""
    for start in range(0, len(ulaw), FRAME_BYTES):
        yield ulaw[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\xff")


def cut(sound: bytes) -> list[bytes]:
    """Cut what is whole frames, of which there is often just one."""
    if len(sound) == FRAME_BYTES:
        return [sound]
    return [sound[start : start + FRAME_BYTES] for start in range(0, len(sound), FRAME_BYTES)]
