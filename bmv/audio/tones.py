"""Sounds that machines make: telling a steady tone from a voice, the ring-back of a waiting caller, telephone keys."""

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
_PART_STARTS = (0, 40, 80)
_PART_SECONDS = (_PART_STARTS[-1] - _PART_STARTS[0]) / mulaw.SAMPLE_RATE
"""From the middle of the first part to that of the last: the tone's phase between them tells how far off its bin it is,
as long as that is less than 50 Hz."""


def _hann(length: int, start: int = 0) -> NDArray[np.float64]:
    """Give a window of some length within a frame, zero outside of it."""
    window = np.zeros(mulaw.FRAME_BYTES)
    window[start : start + length] = np.hanning(length + 1)[:-1]
    return window


_WHOLE = _hann(mulaw.FRAME_BYTES)
_PARTS = np.stack([_hann(mulaw.FRAME_BYTES // 2, start) for start in _PART_STARTS], axis=1)
_CARRIERS = np.exp(np.outer(np.arange(_LAST_BIN + 1), np.arange(mulaw.FRAME_BYTES)) * -2j * np.pi / mulaw.FRAME_BYTES)
"""One row for each bin: what turns its tone into a constant."""

_RINGBACK_HZ = 425
_RINGBACK_SECONDS = 1
_RINGBACK_PERIOD = 4
_RINGBACK_LEVEL = -26.0
_FADE_SECONDS = 0.05

KEYS = {
    key: (row, column)
    for row, keys in {697: "123A", 770: "456B", 852: "789C", 941: "*0#D"}.items()
    for key, column in zip(keys, (1209, 1336, 1477, 1633), strict=True)
}
"""The keys of a telephone and the Hz of their two tones (ITU-T Q.23)."""
_ROW_DBM0, _COLUMN_DBM0 = -13.0, -11.0
_KEY_SECONDS = _GAP_SECONDS = 0.1
_KEY_FADE_SECONDS = 0.004  # soft enough for people, steep enough for a detector
_LOUDEST_DBM0 = 3.17
_LOUDEST = 32636
"""G.711: the loudest sinusoid that mu-law holds, as level and as peak (8159 of its 14 bits)."""


def is_tone(frame: bytes) -> bool:
    """Tell whether a frame of 160 bytes is one steady sinusoid of 350 to 1500 Hz. A silent frame is not."""
    return steady_tone(frame) is not None


def steady_tone(frame: bytes) -> float | None:
    """Give the frequency, in Hz, of the one steady sinusoid of 350 to 1500 Hz that a frame of 160 bytes is, or None.

    Nearly all energy of such a frame lies in one narrow peak, and it is as strong in every part of the frame. A voice
    spreads its energy over its harmonics and swells and fades. A few frames of a high voice may look like a tone, as a
    whistle does, but its frequency does not stand still from one to the next. That of a machine does: it is told to
    within 1.5 Hz if noise is 20 dB below the tone. Two tones at once, as the keys of a telephone make, are none.
    """
    if levels.is_silent(frame):
        return None
    samples = mulaw.decode(frame)
    spectrum = np.fft.rfft(samples * _WHOLE)
    power = spectrum.real**2 + spectrum.imag**2
    top = int(power.argmax())
    if not _FIRST_BIN <= top <= _LAST_BIN:
        return None
    if power[top - _LOBE : top + _LOBE + 1].sum() < _PURITY * power.sum():
        return None
    parts = (samples * _CARRIERS[top]) @ _PARTS
    strengths = np.abs(parts)
    if strengths.min() < _STEADINESS * strengths.max():
        return None
    return top * _BIN_HZ + float(np.angle(parts[-1] / parts[0])) / (2 * np.pi * _PART_SECONDS)


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


@cache
def dtmf(digit: str) -> bytes:
    """Give one key of a telephone, 0 to 9, * # or A to D, as 0.1 s of its two tones and 0.1 s of silence, in mu-law.

    The higher tone has -11 dBm0, the lower 2 dB less. Telephones may send -7 to -13 dBm each, the higher one 1 to 4 dB
    above the other, for 40 ms and more with as much silence between (BT SIN 351); receivers have to take 0 to -36 dBm0
    (RFC 2833, after ITU-T Q.24). This is the soft end of what is sent and far above what is refused, for people hear it
    too. 0.1 s is what browsers send (W3C, WebRTC). ValueError for any other key.
    """
    if digit not in KEYS:
        raise ValueError(f"a telephone has the keys {' '.join(KEYS)} and no other")
    time = np.arange(round(_KEY_SECONDS * mulaw.SAMPLE_RATE)) / mulaw.SAMPLE_RATE
    fade = np.minimum(1.0, np.minimum(time, _KEY_SECONDS - time) / _KEY_FADE_SECONDS)
    tones = sum(
        _LOUDEST * 10 ** ((level - _LOUDEST_DBM0) / 20) * np.sin(2 * np.pi * hertz * time)
        for hertz, level in zip(KEYS[digit], (_ROW_DBM0, _COLUMN_DBM0), strict=True)
    )
    silence = mulaw.SILENCE * round(_GAP_SECONDS / mulaw.FRAME_SECONDS)
    return mulaw.encode(np.rint(fade * tones).astype(np.int16)) + silence
