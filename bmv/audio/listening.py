"""Listening with numbers: what of a spoken sentence arrived at somebody's ear, in which order and how loud."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from statistics import median

from bmv.audio import mulaw
from bmv.audio.compare import align
from bmv.audio.levels import is_silent

PIECE_BYTES = 12 * mulaw.FRAME_BYTES  # 240 ms: about a syllable
QUIET_PEAK = 1500  # on the 16-bit scale; a piece that stays below is no syllable
CLEAR = 0.9  # correlation above which a piece counts as heard


@dataclass(frozen=True)
class Heard:
    """`share` of the voiced pieces that were heard in order, `gain_db` of them, `first` and `last` in seconds."""

    share: float
    gain_db: float
    first: float
    last: float


NOTHING = Heard(share=0.0, gain_db=-inf, first=inf, last=inf)


def listen(heard: bytes, said: bytes) -> Heard:
    """Find `said` in `heard` (both mu-law), syllable by syllable, each after the one before it.

    Pauses may be shorter or longer; order and sounds may not differ.
    """
    pieces = [said[start : start + PIECE_BYTES] for start in range(0, len(said) - PIECE_BYTES + 1, PIECE_BYTES)]
    voiced = [piece for piece in pieces if not is_silent(piece, QUIET_PEAK)]
    whole = mulaw.decode(heard)
    position, gains, times = 0, [], []
    for piece in voiced:
        place = align(whole[position:], mulaw.decode(piece))
        if place.score > CLEAR:
            gains.append(place.gain)
            times.append((position + place.offset) / mulaw.SAMPLE_RATE)
            position += max(place.offset, 0) + len(piece) // 2
    if not times:
        return NOTHING
    return Heard(len(times) / len(voiced), median(gains), times[0], times[-1])
