"""Listening with numbers: what of a spoken sentence arrived at somebody's ear, in which order and how loud."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from bmv.audio import mulaw
from bmv.audio.compare import align
from bmv.audio.levels import is_silent

PIECE_BYTES = 12 * mulaw.FRAME_BYTES  # 240 ms: about a syllable
CLEAR = 0.9  # correlation above which a piece counts as heard


@dataclass(frozen=True)
class Heard:
    """`share` of the voiced pieces that were heard in order, `gain_db` of them, `first` and `last` in seconds."""

    share: float
    gain_db: float
    first: float
    last: float


def listen(heard: bytes, said: bytes) -> Heard:
    """Find `said` in `heard` (both mu-law), syllable by syllable, each after the one before it.

    Pauses may be shorter or longer; order and sounds may not differ.
    """
    pieces = [said[start : start + PIECE_BYTES] for start in range(0, len(said) - PIECE_BYTES + 1, PIECE_BYTES)]
    voiced = [piece for piece in pieces if not is_silent(piece, 1500)]
    whole = mulaw.decode(heard)
    position, found, gains, times = 0, 0, [], []
    for piece in voiced:
        place = align(whole[position:], mulaw.decode(piece))
        if place.score > CLEAR:
            found += 1
            gains.append(place.gain)
            times.append((position + place.offset) / mulaw.SAMPLE_RATE)
            position += max(place.offset, 0) + len(piece) // 2
    if not found:
        return Heard(0.0, float("-inf"), float("inf"), float("inf"))
    return Heard(found / len(voiced), median(gains), times[0], times[-1])


def assert_heard(heard: bytes, said: bytes) -> None:
    """All of `said` arrived, once, in order and as loud as it was spoken.

    Complete by the seconds of voice; in order by the syllables, of which some may be torn on a busy machine, where the
    real time of these tests gets holes.
    """
    found = listen(heard, said)
    assert found.share >= 0.7, found
    assert abs(found.gain_db) < 1.0, found
    voice = voiced_seconds(said)
    assert abs(voiced_seconds(heard) - voice) < 0.1 * voice + 0.3, (voiced_seconds(heard), voice)


def voiced_seconds(heard: bytes) -> float:
    """How much of it is not silence."""
    return sum(not is_silent(frame) for frame in mulaw.frames(heard)) * mulaw.FRAME_SECONDS
