"""What somebody hears who waits: a loop of music or quiet, and now and then a sentence. Knows no clock, only frames."""

from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from typing import Final

from bmv.audio.levels import scale
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE, frames

FADE: Final = tuple(-2.0 * step for step in range(1, 21))
"""Levels in dB of the frames by which the loop goes before a sentence, and comes again after it: 0.4 s each."""


def hold_audio(loop: bytes, say: Callable[[], bytes], every: float, first: float | None = None) -> Iterator[bytes]:
    """Frames of 20 ms without end: the loop (mu-law of any length, silence if empty), again and again.

    Whenever the loop has sounded for `every` seconds, never if that is 0, `say` is asked for a sentence, as mu-law: the
    loop fades out, the sentence comes, and the loop fades in again where it stopped. If `say` gives no bytes the loop
    goes on as if nothing had been. It begins with the loop: who begins to wait has just been spoken to. `first` is how
    long it sounds then, where that is sooner than `every`.
    """
    sounding = _around(loop or SILENCE)
    if every <= 0:
        yield from sounding
    for seconds in chain([every if first is None else min(first, every)], repeat(every)):
        yield from islice(sounding, max(1, round(seconds / FRAME_SECONDS)))
        if sentence := say():
            for level in FADE:
                yield scale(next(sounding), level)
            yield from frames(sentence)
            for level in reversed(FADE):
                yield scale(next(sounding), level)


def _around(loop: bytes) -> Iterator[bytes]:
    """A sound in whole frames for ever, its end joined to its beginning even within a frame."""
    ring = loop * (FRAME_BYTES // len(loop) + 1)
    longer = ring + ring[:FRAME_BYTES]
    start = 0
    while True:
        yield longer[start : start + FRAME_BYTES]
        start = (start + FRAME_BYTES) % len(ring)
