"""Who waits hears the loop, and at intervals a sentence between two fades."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import pytest
from fakes import spoken
from loud import peak

from bmv.audio.levels import scale
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.call.hold import FADE, hold_audio

LOOP = spoken(0, 70)
SENTENCE = spoken(1000, 1010)
EVERY = 100 * FRAME_SECONDS


def nothing() -> bytes:
    return b""


def sentence() -> bytes:
    return b"".join(SENTENCE)


def heard(
    count: int, *, loop: list[bytes] = LOOP, say: Callable[[], bytes] = sentence, every: float = EVERY
) -> list[bytes]:
    return list(islice(hold_audio(b"".join(loop), say, every), count))


def looped(start: int, end: int) -> list[bytes]:
    """Those frames of the loop that sound if it is never interrupted."""
    return [LOOP[number % len(LOOP)] for number in range(start, end)]


@pytest.mark.parametrize("say", [nothing, sentence])
def test_the_loop_sounds_again_and_again_where_no_sentence_is_wanted(say: Callable[[], bytes]) -> None:
    assert heard(500, say=say, every=0.0) == looped(0, 500)


def test_without_a_loop_there_is_silence_which_can_be_interrupted() -> None:
    quiet = 100 + len(FADE)
    assert heard(quiet + 10 + quiet, loop=[]) == [*[SILENCE] * quiet, *SENTENCE, *[SILENCE] * quiet]


def test_nothing_is_said_before_the_first_interval_is_over() -> None:
    assert heard(100) == looped(0, 100)
    assert SENTENCE[0] not in heard(100 + len(FADE))
    assert heard(101 + len(FADE))[-1] == SENTENCE[0]


def test_the_loop_fades_out_and_in_and_goes_on_where_it_stopped() -> None:
    fade = len(FADE)
    frames = heard(100 + fade + 10 + fade + 50)
    out, said, back, after = (
        frames[100 : 100 + fade],
        frames[100 + fade : 110 + fade],
        frames[110 + fade : 110 + 2 * fade],
        frames[110 + 2 * fade :],
    )
    assert out == [scale(frame, level) for frame, level in zip(looped(100, 100 + fade), FADE, strict=True)]
    assert said == SENTENCE
    rising = zip(looped(100 + fade, 100 + 2 * fade), FADE[::-1], strict=True)
    assert back == [scale(frame, level) for frame, level in rising]
    assert after == looped(100 + 2 * fade, 150 + 2 * fade)


def test_the_fades_are_steady_and_end_far_down() -> None:
    frames = heard(100 + 2 * len(FADE) + 10)
    out = [peak(frame) for frame in frames[100 : 100 + len(FADE)]]
    assert all(1.15 < before / after < 1.4 for before, after in zip([peak(LOOP[0]), *out], out, strict=False))
    assert out[-1] < peak(LOOP[0]) / 90
    assert [peak(frame) for frame in frames[: -len(FADE) - 1 : -1]] == out


def test_the_interval_begins_anew_when_the_loop_is_back() -> None:
    period = 100 + 2 * len(FADE) + 10
    frames = heard(3 * period)
    starts = [number for number, frame in enumerate(frames) if frame == SENTENCE[0]]
    assert starts == [100 + len(FADE) + turn * period for turn in range(3)]


def test_where_there_is_nothing_to_say_the_loop_goes_on_and_is_asked_again_later() -> None:
    answers = [b"", b"", b"".join(SENTENCE)]
    frames = heard(310 + len(FADE), say=lambda: answers.pop(0))
    assert frames[:300] == looped(0, 300)
    assert frames[-10:] == SENTENCE


def test_it_is_asked_no_sooner_than_it_is_needed() -> None:
    asked: list[bool] = []

    def say() -> bytes:
        asked.append(True)
        return b""

    frames = hold_audio(b"".join(LOOP), say, EVERY)
    list(islice(frames, 100))
    assert not asked
    next(frames)
    assert asked


def test_a_sentence_that_ends_within_a_frame_is_filled_up_with_silence() -> None:
    frames = heard(101 + len(FADE), say=lambda: b"\x80" * 10)
    assert frames[-1] == b"\x80" * 10 + SILENCE[10:]


@pytest.mark.parametrize(("first", "frames"), [(0.5, 25), (50 * FRAME_SECONDS, 50), (60.0, 100)])
def test_the_first_sentence_may_come_sooner_than_the_others_and_never_later(first: float, frames: int) -> None:
    sounds = list(islice(hold_audio(b"".join(LOOP), sentence, EVERY, first), 500))
    begins = frames + len(FADE)
    assert sounds[:frames] == looped(0, frames)
    assert sounds.index(SENTENCE[0]) == begins
    assert sounds.index(SENTENCE[0], begins + 1) == begins + len(SENTENCE) + len(FADE) + 100 + len(FADE)


def test_where_no_sentence_is_wanted_there_is_no_first_one_either() -> None:
    assert list(islice(hold_audio(b"".join(LOOP), sentence, 0.0, 0.5), 300)) == looped(0, 300)


@pytest.mark.parametrize("length", [1, 7, 159, 160, 161, 1000])
def test_the_end_of_a_loop_is_joined_to_its_beginning_whatever_its_length(length: int) -> None:
    loop = bytes(number % 251 for number in range(length))
    frames = list(islice(hold_audio(loop, nothing, 0.0), 50))
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert b"".join(frames) == (loop * 8000)[: 50 * FRAME_BYTES]


@pytest.mark.parametrize("every", [0.001, FRAME_SECONDS])
def test_an_interval_shorter_than_a_frame_is_one_frame(every: float) -> None:
    assert heard(5, say=nothing, every=every) == LOOP[:5]
