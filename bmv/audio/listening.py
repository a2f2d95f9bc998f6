"""Listening with numbers: what of a spoken sentence arrived at somebody's ear, in which order and how loud."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from math import inf
from statistics import median
from typing import NamedTuple

from bmv.audio import mulaw
from bmv.audio.compare import Alignment, Recording
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
    whole = Recording(mulaw.decode(heard))
    found = _in_order(_clear_places(whole, piece) for piece in voiced)
    if not found:
        return NOTHING
    times = [place.offset / mulaw.SAMPLE_RATE for place in found]
    return Heard(len(found) / len(voiced), median(place.gain for place in found), times[0], times[-1])


def _clear_places(heard: Recording, piece: bytes) -> list[Alignment]:
    return list(takewhile(lambda place: place.score > CLEAR, heard.best_first(mulaw.decode(piece))))


class _Row(NamedTuple):
    """Pieces that were heard one after the other: how many, how well in sum, the last of them, and those before it."""

    pieces: int
    likeness: float
    last: Alignment
    before: _Row | None


def _in_order(pieces: Iterable[Iterable[Alignment]]) -> list[Alignment]:
    """Choose a place for as many pieces as possible, each after the one before it; for so many, where they fit best.

    Where each fits best by itself is not enough: of a piece whose pause was shortened, another syllable may be more
    like it than what is left of it, and if that is far behind, everything between would count as unheard.
    """
    rows: list[_Row] = []  # each ends later than the one before it, and is the better for it
    for places_of_one in pieces:
        longer = []
        for place in places_of_one:
            till = bisect_right(rows, place.offset - PIECE_BYTES // 2, key=_end)
            before = rows[till - 1] if till else None
            number, likeness = (before.pieces, before.likeness) if before else (0, 0.0)
            longer.append(_Row(number + 1, likeness + place.score, place, before))
        for row in longer:
            _keep(rows, row)
    found: list[Alignment] = []
    best = rows[-1] if rows else None
    while best:
        found.append(best.last)
        best = best.before
    return found[::-1]


def _keep(rows: list[_Row], row: _Row) -> None:
    place = bisect_right(rows, _end(row), key=_end)
    if place and rows[place - 1][:2] >= row[:2]:
        return
    while place < len(rows) and rows[place][:2] <= row[:2]:
        del rows[place]
    rows.insert(place, row)


def _end(row: _Row) -> int:
    return row.last.offset
