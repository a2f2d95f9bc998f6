"""The original voice under a translation: turned down smoothly, and not up and down between the words above it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.call.playout import DUCK_STEP_DB, RELEASE_STEP_DB, Playout

DUCKED = -18.0
ORIGINAL_HZ, TRANSLATION_HZ = 1000, 500
"""Both have whole periods in a frame, so that each can be measured under the other."""
ROUNDING_DB = 0.5  # of mu-law, whose steps are that fine


def tone(hertz: float, amplitude: float) -> bytes:
    time = np.arange(FRAME_BYTES) / mulaw.SAMPLE_RATE
    return mulaw.encode(np.rint(amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.int16))


ORIGINAL = tone(ORIGINAL_HZ, 8000)
WORD = tone(TRANSLATION_HZ, 8000)


def level(frame: bytes) -> float:
    """Of the original within a frame, in dB against the one that is not turned down."""
    carrier = np.exp(-2j * np.pi * ORIGINAL_HZ / mulaw.SAMPLE_RATE * np.arange(FRAME_BYTES))
    heard, full = (abs(mulaw.decode(each) @ carrier) for each in (frame, ORIGINAL))
    return float(20 * np.log10(max(heard, 1e-3) / full))


def envelope(translation: list[bytes], seconds: float = 5.0) -> NDArray[np.float64]:
    """The level of a steady original, frame by frame, under a translation that arrives from the first second on."""
    playout = Playout(original_level_db=DUCKED)
    heard = b""
    for number in range(round(seconds / FRAME_SECONDS)):
        now = 10 + number * FRAME_SECONDS
        playout.overhear(ORIGINAL, now, voiced=True)
        if 0 <= number - 50 < len(translation):
            playout.speak(translation[number - 50], now)
        sent = playout.take(now)
        playout.buffer.add(len(sent) // FRAME_BYTES)
        heard += sent
    levels = np.array([level(frame) for frame in mulaw.frames(heard)])
    # Where speech begins, the listener's buffer is filled further than the original reaches: once it misses a frame.
    holes = levels < DUCKED - 20
    assert holes.sum() <= sum(pair == (SILENCE, WORD) for pair in pairwise([SILENCE, *translation]))
    return levels[~holes]


def words(length: int, pause: int, count: int) -> list[bytes]:
    """Words and pauses of so many frames each, and a second of silence."""
    return ([WORD] * length + [SILENCE] * pause) * count + [SILENCE] * 50


@pytest.mark.parametrize(("length", "pause"), [(10, 3), (15, 8), (20, 12), (12, 20), (8, 30), (1, 1)])
def test_no_frame_of_the_original_differs_from_the_last_by_more_than_a_step(length: int, pause: int) -> None:
    steps = np.diff(envelope(words(length, pause, 4)))
    assert steps.min() >= -DUCK_STEP_DB - ROUNDING_DB
    assert steps.max() <= RELEASE_STEP_DB + ROUNDING_DB


@pytest.mark.parametrize(("length", "pause"), [(10, 3), (15, 8), (20, 12), (20, 20)])
def test_between_the_words_of_a_sentence_the_original_stays_down(length: int, pause: int) -> None:
    levels = envelope(words(length, pause, 4))
    down = np.flatnonzero(levels < DUCKED + 1)
    assert down[-1] - down[0] + 1 >= 4 * (length + pause) - pause - 10
    assert levels[down[0] : down[-1] + 1].max() < DUCKED + 1


@pytest.mark.parametrize("pause", [30, 40])
def test_in_a_longer_pause_the_original_comes_up_once_and_goes_down_once(pause: int) -> None:
    levels = envelope(words(20, pause, 3), seconds=8.0)
    steps = np.diff(levels)
    directions = np.sign(steps[np.abs(steps) > 0.75])  # of mu-law, whose rounding differs with what sounds above
    assert np.count_nonzero(np.diff(directions)) == 2 * 3 - 1


def test_a_single_word_is_ducked_within_120_ms_and_the_original_is_back_after_half_a_second() -> None:
    levels = envelope(words(25, 0, 1))
    assert levels[:50] == pytest.approx(0, abs=ROUNDING_DB)
    first = int(np.flatnonzero(levels < -1)[0])
    down = int(np.flatnonzero(levels < DUCKED + 1)[0])
    assert (down - first) * FRAME_SECONDS <= 0.12
    last = int(np.flatnonzero(levels < DUCKED + 1)[-1])
    back = last + int(np.flatnonzero(levels[last:] > -1)[0])
    assert 0.3 <= (back - last) * FRAME_SECONDS <= 0.5
    assert levels[-25:] == pytest.approx(0, abs=ROUNDING_DB)


def test_without_a_translation_the_original_is_left_as_it_is() -> None:
    assert envelope([]) == pytest.approx(0, abs=1e-6)
