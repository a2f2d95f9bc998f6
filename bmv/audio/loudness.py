"""How loud speech is, and how a recording of one sentence is made fit for the telephone: level, ends, format."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import Samples
from bmv.audio.resample import WIDE_RATE, Downsampler

LEVEL_DB: Final = -20.0
"""Of the spoken 20 ms, RMS against full scale: as loud as people recorded for telephones (docs/openai.md)."""
LOUDEST_DB: Final = -3.0
"""No peak is made louder than this, whatever it does to the level."""
SHORTEST_SECONDS: Final = 0.3
LONGEST_SECONDS: Final = 10.0
"""What a spoken sentence may last."""

_SAMPLE_BYTES = 2
LARGEST_WIDE: Final = round(2 * LONGEST_SECONDS * WIDE_RATE * _SAMPLE_BYTES)
"""Bytes of PCM16 at 24 kHz above which a recording need not be looked at: half of it would have to be silence."""

_NOISE_DB = -8.0  # speech stays below it; text, or a compressed format, read as samples does not
_ACTIVE_DB = 30.0  # what is within this of the loudest frame counts as spoken
_LEAD_FRAMES, _TAIL_FRAMES = 1, 3  # kept before and after what is audible: soft consonants, breath
_FLUSH = bytes(128 * _SAMPLE_BYTES)  # pushes the last of the sound out of the resampler


def for_telephone(pcm: bytes) -> bytes:
    """Turn PCM16 little-endian at 24 kHz into mu-law in whole frames, at the usual level, without silence around it.

    Raises ValueError for what cannot be one spoken sentence: silence, noise, too short or too long.
    """
    wide = np.frombuffer(pcm, "<i2", len(pcm) // _SAMPLE_BYTES)
    if not wide.size or _decibels(wide) > _NOISE_DB:
        raise ValueError("it is no speech")
    speech = _trimmed(mulaw.encode(_levelled(Downsampler().process(pcm[: wide.nbytes] + _FLUSH))))
    seconds = len(speech) / mulaw.SAMPLE_RATE
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"it lasts {seconds:.1f} s")
    return speech


def _levelled(pcm: Samples) -> Samples:
    """Bring what is spoken to the usual level, and no peak above the loudest. Silence stays silence."""
    whole = pcm[: len(pcm) // mulaw.FRAME_BYTES * mulaw.FRAME_BYTES].reshape(-1, mulaw.FRAME_BYTES)
    power = (whole.astype(np.float64) ** 2).mean(axis=1)
    if not power.any():
        return pcm
    active = whole[power >= power.max() / 10 ** (_ACTIVE_DB / 10)]
    peak_db = 20 * np.log10(np.abs(pcm.astype(np.int32)).max() / 32768)
    gain_db = min(LEVEL_DB - _decibels(active), LOUDEST_DB - peak_db)
    levelled: Samples = np.rint(pcm * 10 ** (gain_db / 20)).astype(np.int16)
    return levelled


def _decibels(pcm: NDArray[np.int16]) -> float:
    """Tell the RMS against full scale; digital silence is very far below."""
    return float(10 * np.log10((pcm.astype(np.float64) ** 2).mean() / 32768**2 + 1e-12))


def _trimmed(ulaw: bytes) -> bytes:
    frames = list(mulaw.frames(ulaw))
    audible = [number for number, frame in enumerate(frames) if not levels.is_silent(frame)]
    if not audible:
        return b""
    return b"".join(frames[max(audible[0] - _LEAD_FRAMES, 0) : audible[-1] + 1 + _TAIL_FRAMES])
