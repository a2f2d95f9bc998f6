"""The conference's beep is muted, and what is said around it is not."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import cut, loud
from hypothesis import given
from hypothesis import strategies as st
from speech import SENTENCES, say

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.call.beep import WINDOW_SECONDS, BeepGate

JOINED = 5000.0


def tone(milliseconds: int, *, hertz: int = 440) -> bytes:
    time = np.arange(8 * milliseconds) / mulaw.SAMPLE_RATE
    return mulaw.encode(np.rint(8000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16))


TONE = cut(tone(20, hertz=500))[0]


def heard(frames: list[bytes], *, since: float = 0.0, gate: BeepGate | None = None) -> list[bytes]:
    """What passes of frames that come every 20 ms, from so many seconds after the agent joined."""
    if gate is None:
        gate = BeepGate()
        gate.watch(JOINED)
    passed: list[bytes] = []
    for number, frame in enumerate(frames):
        passed += gate.filter(frame, JOINED + since + number * FRAME_SECONDS)
    return passed


@pytest.mark.parametrize("begins", [0, 1, 40, 80, 159])
@pytest.mark.parametrize("milliseconds", [100, 200, 450])
def test_a_beep_is_muted_wherever_in_a_frame_it_begins_and_ends(begins: int, milliseconds: int) -> None:
    quiet = SILENCE * 5
    beep = quiet + b"\xff" * begins + tone(milliseconds)
    frames = cut(beep + b"\xff" * (-len(beep) % FRAME_BYTES) + quiet)
    passed = heard(frames)
    assert levels.is_silent(b"".join(passed))
    assert len(passed) >= len(frames) - 1  # muted, not cut out: time goes on for the translator


def test_words_before_and_after_a_beep_pass_but_for_the_frames_it_touches() -> None:
    before = [loud(number) for number in range(10)]
    after = [loud(number) for number in range(100, 110)]
    beep = [TONE] * 6
    passed = heard([*before, *beep, *after])
    assert passed == [*before[:-1], *[SILENCE] * 8, *after[1:-1]]


@pytest.mark.parametrize("count", [1, 2])
def test_a_frame_or_two_of_a_high_voice_are_no_beep(count: int) -> None:
    frames = [loud(1), loud(2), *[TONE] * count, loud(3), loud(4), loud(5)]
    assert heard(frames) == frames[:-1]


@pytest.mark.parametrize("voice", SENTENCES)
def test_a_greeting_spoken_while_the_beep_is_awaited_is_heard_whole(voice: str) -> None:
    frames = list(mulaw.frames(mulaw.encode(say(SENTENCES[voice], voice))))[:200]
    assert heard(frames) == frames[:-1]


def test_a_frame_is_held_back_for_one_frame_only() -> None:
    gate = BeepGate()
    gate.watch(JOINED)
    assert gate.filter(loud(1), JOINED) == ()
    assert gate.filter(loud(2), JOINED) == (loud(1),)
    assert gate.filter(loud(3), JOINED) == (loud(2),)


def test_when_the_window_closes_the_held_frame_comes_and_nothing_is_held_any_more() -> None:
    gate = BeepGate()
    gate.watch(JOINED)
    gate.filter(loud(1), JOINED)
    assert gate.filter(loud(2), JOINED + WINDOW_SECONDS) == (loud(1), loud(2))
    assert gate.filter(loud(3), JOINED + WINDOW_SECONDS + FRAME_SECONDS) == (loud(3),)


def test_a_tone_long_after_the_join_is_none_of_our_business() -> None:
    assert heard([TONE] * 5, since=WINDOW_SECONDS) == [TONE] * 5


def test_before_anybody_joins_everything_passes_at_once() -> None:
    assert heard([TONE] * 5, gate=BeepGate()) == [TONE] * 5


def test_the_beep_of_a_transfer_is_muted_again() -> None:
    gate = BeepGate()
    gate.watch(JOINED - 1000)
    heard([loud(1)] * 3, gate=gate)
    gate.watch(JOINED)
    assert heard([TONE] * 10, gate=gate) == [SILENCE] * 10


@given(st.lists(st.sampled_from([loud(1), TONE, SILENCE]), max_size=30))
def test_no_frame_is_lost_or_added(frames: list[bytes]) -> None:
    gate = BeepGate()
    gate.watch(JOINED)
    passed = heard(frames, gate=gate) + list(gate.filter(loud(9), JOINED + WINDOW_SECONDS))
    assert len(passed) == len(frames) + 1
    assert all(after in {before, SILENCE} for before, after in zip([*frames, loud(9)], passed, strict=True))
