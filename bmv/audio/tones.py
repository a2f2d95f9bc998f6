"""Sounds that machines make: telling a steady tone from a voice, and the ring-back a waiting caller hears."""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bmv.audio import levels, mulaw

LOWEST_TONE: Final = 350
HIGHEST_TONE: Final = 1500
"""Hz between which signalling tones and beeps are looked for. The pitch of most voices lies below."""

_BIN_HZ = mulaw.SAMPLE_RATE // mulaw.FRAME_BYTES
_FIRST_BIN = LOWEST_TONE // _BIN_HZ
_LAST_BIN = HIGHEST_TONE // _BIN_HZ
_LOBE = 2
"""Bins on either side of the highest over which the Hann window spreads a sinusoid."""
_PURITY = 0.98
"""Share of the energy inside the lobe. Mu-law leaves a sinusoid 0.998 of it."""
_STEADINESS = 0.95
"""Least strength of the tone in any part of the frame over the most. Mu-law leaves a sinusoid 0.98."""


def _hann(length: int, start: int = 0) -> NDArray[np.float64]:
    """Give a window of some length within a frame, zero outside of it."""
    window = np.zeros(mulaw.FRAME_BYTES)
    window[start : start + length] = np.hanning(length + 1)[:-1]
    return window


_WHOLE = _hann(mulaw.FRAME_BYTES)
_PARTS = np.stack([_hann(mulaw.FRAME_BYTES // 2, start) for start in (0, 40, 80)], axis=1)
_CARRIERS = np.exp(np.outer(np.arange(_LAST_BIN + 1), np.arange(mulaw.FRAME_BYTES)) * -2j * np.pi / mulaw.FRAME_BYTES)
"""One row for each bin: what turns its tone into a constant."""

_RINGBACK_HZ = 425
_RINGBACK_SECONDS = 1
_RINGBACK_PERIOD = 4
_RINGBACK_LEVEL = -26.0
_FADE_SECONDS = 0.05


def is_tone(frame: bytes) -> bool:
    """Tell whether a frame of 160 bytes is one steady sinusoid of 350 to 1500 Hz. A silent frame is not.

    Nearly all energy of such a frame lies in one narrow peak, and it is as strong in every part of the frame. A voice
    spreads its energy over its harmonics and swells and fades. A frame or two of a high voice may look like a tone, so
    wait for three in a row; a voice held above 350 Hz, as a child's may be, is a tone, and so is a whistle. Two tones
    at once, as the keys of a telephone make, are none.
    """
    if levels.is_silent(frame):
        return False
    samples = mulaw.decode(frame)
    spectrum = np.fft.rfft(samples * _WHOLE)
    power = spectrum.real**2 + spectrum.imag**2
    top = int(power.argmax())
    if not _FIRST_BIN <= top <= _LAST_BIN:
        return False
    if power[top - _LOBE : top + _LOBE + 1].sum() < _PURITY * power.sum():
        return False
    strengths = np.abs((samples * _CARRIERS[top]) @ _PARTS)
    return bool(strengths.min() >= _STEADINESS * strengths.max())


@cache
def ringback() -> bytes:
    """Give one period of a soft ring-back: 1 s of 425 Hz, faded at both ends, then 3 s of silence, as mu-law.

    Much of Europe rings with 425 Hz for a second at a time (ITU-T E.180 is about such tones). It is quieter than
    speech, as somebody may listen to it for minutes.
    """
    time = np.arange(_RINGBACK_SECONDS * mulaw.SAMPLE_RATE) / mulaw.SAMPLE_RATE
    fade = np.minimum(1.0, np.minimum(time, _RINGBACK_SECONDS - time) / _FADE_SECONDS)
    amplitude = 32767 * 10 ** (_RINGBACK_LEVEL / 20)
    tone = np.rint(amplitude * fade * np.sin(2 * np.pi * _RINGBACK_HZ * time)).astype(np.int16)
    return mulaw.encode(tone).ljust(_RINGBACK_PERIOD * mulaw.SAMPLE_RATE, b"\xff")
