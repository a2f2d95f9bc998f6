"""What has to be true of what somebody heard."""

from __future__ import annotations

from itertools import pairwise

from bmv.audio import mulaw
from bmv.audio.levels import is_silent
from bmv.audio.listening import PIECE_BYTES, QUIET_PEAK, listen

__all__ = ["assert_heard", "hardly_heard", "heard_whole", "listen", "voiced_seconds"]

GAP_PIECES = 3  # a second that is missing takes at least so many syllables with it, wherever it begins


def assert_heard(heard: bytes, said: bytes) -> None:
    """All of `said` arrived, once, in order and as loud as it was spoken.

    Complete by the seconds of voice; in order by the syllables, of which some may be torn on a busy machine, where the
    real time of these tests gets holes.
    """
    found = listen(heard, said)
    assert found.share >= 0.5, found
    assert abs(found.gain_db) < 1.0, found
    voice = voiced_seconds(said)
    assert abs(voiced_seconds(heard) - voice) < 0.1 * voice + 0.3, (voiced_seconds(heard), voice)


def heard_whole(heard: bytes, said: bytes) -> bool:
    """All of it, in order. A piece may have come twice and syllables may be torn, but no second is missing."""
    return (
        listen(heard, said).share >= 0.6
        and all(listen(heard, third).share >= 0.5 for third in _thirds(said))
        and _longest_gap(heard, said) < GAP_PIECES
    )


def hardly_heard(heard: bytes, said: bytes) -> bool:
    """Next to nothing of it. Not the contrary of `heard_whole`: half a sentence is neither."""
    return listen(heard, said).share < 0.3


def voiced_seconds(heard: bytes) -> float:
    """How much of it is not silence."""
    return sum(not is_silent(frame) for frame in mulaw.frames(heard)) * mulaw.FRAME_SECONDS


def _thirds(said: bytes) -> list[bytes]:
    frames = list(mulaw.frames(said))
    borders = [len(frames) * third // 3 for third in range(4)]
    return [b"".join(frames[start:end]) for start, end in pairwise(borders)]


def _longest_gap(heard: bytes, said: bytes) -> int:
    """The most voiced pieces in a row that were not heard anywhere; the quiet ones between them do not count."""
    longest = gap = 0
    for start in range(0, len(said) - PIECE_BYTES + 1, PIECE_BYTES):
        piece = said[start : start + PIECE_BYTES]
        if is_silent(piece, QUIET_PEAK):
            continue
        gap = 0 if listen(heard, piece).share else gap + 1
        longest = max(longest, gap)
    return longest
