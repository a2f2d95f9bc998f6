"""The conference's beep is muted however late it comes, and what is said around it is not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from fakes import cut, loud
from hypothesis import given
from hypothesis import strategies as st
from speech import SENTENCES, say

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import FRAME_BYTES, SILENCE
from bmv.audio.tones import is_tone
from bmv.call.beep import BEEP_FRAMES, LOWEST_BEEP, SPEECH_FRAMES, BeepGate


def tone(milliseconds: int, *, hertz: float = 440) -> bytes:
    time = np.arange(8 * milliseconds) / mulaw.SAMPLE_RATE
    return mulaw.encode(np.rint(8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16))


def speech(voice: str, pitch: float = 1.0) -> list[bytes]:
    return list(mulaw.frames(mulaw.encode(say(SENTENCES[voice], voice, pitch))))


TONE = cut(tone(20, hertz=500))[0]
WORDS = speech("en-US")
WHILE_WATCHING = 10  # frames of speech that never end the watch


def watching() -> BeepGate:
    gate = BeepGate()
    gate.watch()
    return gate


def heard(frames: list[bytes], *, gate: BeepGate | None = None) -> list[bytes]:
    """What passes of frames of which the first comes as somebody joins, unless a gate is given."""
    if gate is None:
        gate = watching()
    return [passed for frame in frames for passed in gate.filter(frame)]


@pytest.mark.parametrize("begins", [0, 1, 40, 80, 159])
@pytest.mark.parametrize("milliseconds", [80, 100, 200, 450])
@pytest.mark.parametrize("hertz", [410, 440, 777, 1480])
def test_a_beep_is_muted_wherever_in_a_frame_it_begins_and_ends(begins: int, milliseconds: int, hertz: int) -> None:
    quiet = SILENCE * 5
    beep = quiet + b"\xff" * begins + tone(milliseconds, hertz=hertz)
    frames = cut(beep + b"\xff" * (-len(beep) % FRAME_BYTES) + quiet)
    passed = heard(frames)
    assert levels.is_silent(b"".join(passed))
    assert len(passed) >= len(frames) - 1  # muted, not cut out: time goes on for the translator


@pytest.mark.parametrize("begins", [0, 40, 80, 120])
@pytest.mark.parametrize("pitches", [(440, 660), (880, 587), (500, 750, 1000)])
@pytest.mark.parametrize("milliseconds", [50, 100, 150])
def test_a_chirp_of_several_tones_is_muted_as_one_beep(
    begins: int, pitches: tuple[int, ...], milliseconds: int
) -> None:
    first, *others = pitches
    chirp = b"\xff" * begins + tone(100, hertz=first)
    chirp += b"".join(tone(milliseconds, hertz=hertz) for hertz in others)
    frames = cut(SILENCE * 3 + chirp + b"\xff" * (-len(chirp) % FRAME_BYTES) + SILENCE * 3)
    passed = heard(frames)
    assert levels.is_silent(b"".join(passed))
    assert len(passed) >= len(frames) - 1


def test_a_beep_that_comes_ten_seconds_late_is_muted_as_long_as_nobody_has_spoken() -> None:
    beep = [TONE] * 20
    assert levels.is_silent(b"".join(heard([*[SILENCE] * 500, *beep, SILENCE, SILENCE])))


@pytest.mark.parametrize("decibels", [0.0, -6.0])  # 21 to 27 dB above the noise
def test_it_is_found_on_a_line_with_noise_which_is_not_taken_for_speech(decibels: float) -> None:
    noise = np.random.default_rng(1).normal(scale=250, size=11 * mulaw.SAMPLE_RATE)
    sound = noise + 0.0
    beep = mulaw.decode(levels.scale(tone(400), decibels))
    sound[10 * 8000 : 10 * 8000 + len(beep)] += beep
    passed = heard(list(mulaw.frames(mulaw.encode(np.rint(sound).astype(np.int16)))))
    assert not any(is_tone(frame) for frame in passed)
    assert passed[500:520].count(SILENCE) == 20


@pytest.mark.parametrize("people", [2, 12])
def test_when_several_people_join_all_their_beeps_are_muted(people: int) -> None:
    frames = cut((SILENCE * 50 + SILENCE[:37] + tone(400) + SILENCE[37:]) * people + SILENCE)
    assert levels.is_silent(b"".join(heard(frames)))


def test_words_before_and_after_a_beep_pass_but_for_the_frames_it_touches() -> None:
    before = WORDS[10:20]
    after = WORDS[60:70]
    beep = [TONE] * 6
    passed = heard([*before, *beep, *after])
    assert passed == [*before[:-1], *[SILENCE] * 8, *after[1:-1]]


@pytest.mark.parametrize("count", [1, 2])
def test_a_frame_or_two_of_a_high_voice_are_no_beep(count: int) -> None:
    frames = [loud(1), loud(2), *[TONE] * count, loud(3), loud(4), loud(5)]
    assert heard(frames) == frames[:-1]


def test_a_pitch_that_drifts_is_a_voice_and_not_a_beep() -> None:
    time = np.arange(8 * 400) / mulaw.SAMPLE_RATE
    glide = np.rint(8000 * np.sin(2 * np.pi * (440 * time + 75 * time**2))).astype(np.int16)  # 3 Hz a frame
    frames = cut(mulaw.encode(glide))
    assert all(is_tone(frame) for frame in frames)
    assert SILENCE not in heard(frames)


@pytest.mark.parametrize("pitch", [1.0, 1.3, 1.6, 1.8, 2.0])
@pytest.mark.parametrize("voice", SENTENCES)
def test_a_greeting_spoken_while_the_beep_is_awaited_is_heard_whole(voice: str, pitch: float) -> None:
    frames = speech(voice, pitch)
    assert heard(frames) == frames  # the delay has ended: nothing of it is still held


@pytest.mark.parametrize("pitch", [1.6, 2.0])
@pytest.mark.parametrize("voice", SENTENCES)
def test_a_high_voice_is_no_beep_wherever_it_begins(voice: str, pitch: float) -> None:
    """What the watch would meet if somebody spoke too little for it, again and again."""
    frames = speech(voice, pitch)
    for start in range(0, len(frames), WHILE_WATCHING):
        few = frames[start : start + WHILE_WATCHING + BEEP_FRAMES]
        passed = heard(few)
        assert passed == few[: len(passed)]


@pytest.mark.parametrize("voice", SENTENCES)
def test_words_right_after_the_beep_are_heard(voice: str) -> None:
    frames = speech(voice)
    passed = heard([*[TONE] * 20, *frames])
    assert passed == [*[SILENCE] * 21, *frames[1:]]


def test_a_frame_is_held_back_for_one_frame_only() -> None:
    gate = watching()
    assert gate.filter(loud(1)) == ()
    assert gate.filter(loud(2)) == (loud(1),)
    assert gate.filter(loud(3)) == (loud(2),)


@pytest.mark.parametrize("hertz", [440, LOWEST_BEEP - 20])
def test_nothing_is_ever_held_back_for_more_than_three_frames(hertz: float) -> None:
    """Not even while a high voice looks like a tone that never stands still for as long as a beep."""
    gate = watching()
    glide = [cut(tone(20, hertz=hertz + 5 * (number % 2)))[0] for number in range(50)]
    passed: list[bytes] = []
    for number, frame in enumerate(glide):
        passed += gate.filter(frame)
        assert number + 1 - len(passed) <= BEEP_FRAMES
    assert passed == glide[: len(passed)]


@pytest.mark.parametrize("voice", SENTENCES)
def test_when_somebody_has_spoken_nothing_is_held_any_more_and_tones_pass(voice: str) -> None:
    gate = watching()
    frames = speech(voice)
    held = [0]
    for frame in frames:
        held.append(held[-1] + 1 - len(gate.filter(frame)))
    ends = max(number for number, count in enumerate(held) if count) + 1
    assert set(held[1:ends]) <= {1, 2, 3}
    assert SPEECH_FRAMES <= ends <= 75  # within a second and a half of the first word
    assert heard([TONE] * 5, gate=gate) == [TONE] * 5


def test_clicks_and_knocks_are_not_taken_for_speech() -> None:
    rng = np.random.default_rng(1)
    knock = rng.normal(size=400) * 8000 * np.exp(-np.arange(400) / 100)
    sound = mulaw.encode(np.tile(np.concatenate((knock, np.zeros(7600))), 5).clip(-32768, 32767).astype(np.int16))
    gate = watching()
    heard(cut(sound), gate=gate)
    assert set(heard([SILENCE, *[TONE] * 5, SILENCE], gate=gate)) == {SILENCE}


def test_before_anybody_joins_everything_passes_at_once() -> None:
    assert heard([TONE] * 5, gate=BeepGate()) == [TONE] * 5


def test_the_beep_of_a_transfer_is_muted_again() -> None:
    gate = watching()
    heard(WORDS, gate=gate)
    assert gate.filter(TONE) == (TONE,)
    gate.watch()
    few = WORDS[20:30]
    assert heard([*few, *[TONE] * 10], gate=gate) == [*few[:-1], *[SILENCE] * 11]


@given(st.lists(st.sampled_from([loud(1), TONE, SILENCE, *WORDS[20:23]]), max_size=60))
def test_no_frame_is_lost_or_added(frames: list[bytes]) -> None:
    gate = watching()
    counts = [0]
    passed: list[bytes] = []
    for frame in frames:
        passed += gate.filter(frame)
        counts.append(len(passed))
    assert all(before <= after for before, after in pairwise(counts))
    assert len(frames) - BEEP_FRAMES <= len(passed) <= len(frames)
    assert all(after in {before, SILENCE} for before, after in zip(frames, passed, strict=False))
