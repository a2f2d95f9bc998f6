"""The echo gate on simulated lines: no second translation of what was played, and no word of the listener lost."""

from __future__ import annotations

import tracemalloc
from itertools import permutations
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loud import peak

from bmv.audio import mulaw
from bmv.audio.echo import AFTERMATH, EchoGate, Timeline
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE

SCRIPT = Path(__file__).parent.parent / "scripts" / "measure_echo.py"
lab = SimpleNamespace(**run_path(str(SCRIPT)))  # scripts are no package

LINES = lab.LINES
PLAYED = lab.talk("en", 12.0)
SAID = lab.talk("es", 12.0, 0.35)
HEADSET = LINES["no echo"]


def over(decibels: float) -> np.ndarray:
    """Somebody who speaks at that level against what is played to him."""
    return np.asarray(lab.as_loud(SAID, PLAYED, decibels))


# -- an echo


@pytest.mark.parametrize("delay", [0.06, 0.2, 0.45, 0.8])
@pytest.mark.parametrize("level", [-6, -12, -20, -30])
def test_an_echo_of_any_delay_and_level_is_not_heard_once_it_is_known(delay: float, level: float) -> None:
    outcome = lab.gate(PLAYED, 0 * PLAYED, lab.Line(level=level, delay=delay))
    assert outcome.suppressed > 100
    assert outcome.longest_leak() < 3
    assert outcome.leaked() < 0.03
    assert outcome.taken_for_speech() == 0


@pytest.mark.parametrize("name", ["wire, loud", "loudspeaker in a room", "loudspeaker, far from it", "faint room"])
def test_rooms_and_wires_change_nothing_about_that(name: str) -> None:
    outcome = lab.gate(PLAYED, 0 * PLAYED, LINES[name])
    assert outcome.suppressed > 100
    assert outcome.longest_leak() < 3
    assert outcome.leaked() < 0.03
    assert outcome.taken_for_speech() == 0


def test_an_echo_among_the_noise_of_the_line_is_not_heard() -> None:
    outcome = lab.gate(PLAYED, 0 * PLAYED, LINES["faint, in noise"])
    assert outcome.suppressed > 100
    assert outcome.leaked() < 0.03


def test_of_the_first_echo_of_a_call_a_third_of_a_second_passes_at_most() -> None:
    for name, line in LINES.items():
        if line.level is not None:
            assert lab.gate(PLAYED, 0 * PLAYED, line).first_echo() < 0.34, name


@pytest.mark.parametrize("seed", [2, 5, 6])
def test_an_echo_whose_delay_changes_at_every_start_is_not_heard_for_all_that(seed: int) -> None:
    outcome = lab.gate(PLAYED, 0 * PLAYED, lab.Line(refill=0.04), seed=seed)
    assert outcome.suppressed > 200
    assert outcome.longest_leak() < 3
    assert outcome.taken_for_speech() == 0


@pytest.mark.parametrize("drift", [-5e-4, 2e-4])
def test_an_echo_whose_clock_runs_fast_or_slow_is_followed(drift: float) -> None:
    played = lab.talk("en", 30.0)
    outcome = lab.gate(played, 0 * played, lab.Line(drift=drift))
    assert outcome.suppressed > 500
    assert outcome.leaked() < 0.06
    assert outcome.longest_leak() < 6


def test_frames_that_come_in_bunches_change_nothing() -> None:
    late = np.random.default_rng(1).uniform(0, 0.015, 600)
    late[::50] += 0.2
    for number in range(1, 10):  # those behind a late frame cannot overtake it
        late[number::50] = np.maximum(late[number::50], 0.2 - number * FRAME_SECONDS)
    outcome = lab.gate(PLAYED, 0 * PLAYED, lab.Line(), late=late)
    assert outcome.suppressed > 200
    assert outcome.longest_leak() < 3
    assert outcome.taken_for_speech() == 0


def test_an_echo_that_moves_is_found_again_at_its_new_place() -> None:
    frames = lab.coded(lab.talk("en", 20.0))
    early, late = (lab.echo_of(frames, lab.Line(delay=delay), np.random.default_rng(1)) for delay in (0.2, 0.5))
    half = len(early) // 2
    passed = listen(frames, lab.coded(np.concatenate((early[:half], late[half:]))))
    audible = np.abs(late).reshape(-1, mulaw.FRAME_BYTES).max(axis=1) >= 200
    settled = np.arange(len(frames)) > len(frames) // 2 + 75
    assert passed[settled & audible].mean() < 0.03


def test_lost_frames_let_it_pass_for_a_second_at_most() -> None:
    frames = lab.coded(PLAYED)
    echo = lab.coded(lab.echo_of(frames, lab.Line(), np.random.default_rng(1)))
    gate = EchoGate()
    passed = 0
    for number, (frame, heard) in enumerate(zip(frames, echo, strict=True)):
        gate.played(frame, number * FRAME_SECONDS)
        if not 300 <= number < 305:
            same = gate.filter(heard, (number + 1) * FRAME_SECONDS) is heard
            passed += same and number >= 300 and peak(heard) >= 200
    assert passed < 50


# -- another voice


@pytest.mark.parametrize("name", ["wire, loud", "handset, loud", "handset", "loudspeaker in a room", "faint room"])
@pytest.mark.parametrize(("decibels", "share"), [(0, 0.93), (-6, 0.8), (-12, 0.55)])
def test_who_speaks_over_his_echo_is_heard(name: str, decibels: float, share: float) -> None:
    assert lab.gate(PLAYED, over(decibels), LINES[name]).kept() > share


@pytest.mark.parametrize(("played", "said"), list(permutations(lab.TALK, 2)))
@pytest.mark.parametrize("decibels", [6, -15, -30])
def test_without_an_echo_nothing_at_all_is_gated(played: str, said: str, decibels: float) -> None:
    what = lab.talk(played, 8.0)
    outcome = lab.gate(what, lab.as_loud(lab.talk(said, 8.0, 0.45), what, decibels), HEADSET)
    assert outcome.suppressed == 0
    assert outcome.passed.all()


def test_who_speaks_while_nothing_plays_is_never_gated_even_on_a_line_with_an_echo() -> None:
    played = np.concatenate((PLAYED, np.zeros_like(SAID)))
    said = np.concatenate((np.zeros_like(PLAYED), over(-12)))
    outcome = lab.gate(played, said, lab.Line(level=-6))
    assert outcome.suppressed > 100
    assert outcome.passed[len(outcome.passed) // 2 + 60 :].all()


def test_an_echo_that_ceases_is_forgotten_and_a_soft_voice_is_heard_again() -> None:
    frames = lab.coded(lab.talk("en", 36.0))
    echo = lab.echo_of(frames, lab.Line(level=-6), np.random.default_rng(1))
    said = lab.as_loud(lab.talk("es", 36.0, 0.35), lab.talk("en", 36.0), -15)
    third = len(echo) // 3
    passed = listen(frames, lab.coded(np.concatenate((echo[:third], said[third:]))))
    assert not passed[: third // 160].all()
    assert passed[2 * third // 160 :].mean() > 0.99


# -- what it costs


def test_while_nothing_plays_frames_go_through_untouched_and_nothing_is_allocated() -> None:
    frames = lab.coded(SAID)
    gate = EchoGate()
    gate.filter(frames[0], 50.0)
    tracemalloc.start()
    try:
        for number, frame in enumerate(frames):
            assert gate.filter(frame, 50 + number * FRAME_SECONDS) is frame
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2000


def test_silence_played_is_nothing_played() -> None:
    gate = EchoGate()
    tracemalloc.start()
    try:
        for number in range(500):
            gate.played(mulaw.SILENCE, number * FRAME_SECONDS)
            gate.filter(mulaw.SILENCE, number * FRAME_SECONDS)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4000


def test_what_was_kept_for_the_comparison_is_let_go_when_no_echo_can_come_any_more() -> None:
    frames = lab.coded(PLAYED)
    tracemalloc.start()
    try:
        gate = EchoGate()
        for number, frame in enumerate(frames[:300]):
            gate.played(frame, number * FRAME_SECONDS)
            gate.filter(mulaw.SILENCE, number * FRAME_SECONDS)
        playing, _ = tracemalloc.get_traced_memory()
        for number in range(300, 301 + AFTERMATH // mulaw.FRAME_BYTES + 2):
            gate.filter(mulaw.SILENCE, number * FRAME_SECONDS)
        afterwards, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 20_000 < playing < 40_000
    assert afterwards < 4_000


def test_replaced_frames_are_silence_and_are_counted() -> None:
    outcome = lab.gate(PLAYED, 0 * PLAYED, LINES["handset"])
    replaced = [frame for frame, same in zip(outcome.frames, outcome.passed, strict=True) if not same]
    assert set(replaced) == {mulaw.SILENCE}
    assert outcome.suppressed == len(replaced)


def test_what_is_kept_does_not_grow_while_somebody_is_played_to_and_speaks_without_end() -> None:
    played, said = lab.coded(PLAYED), lab.coded(SAID)
    gate = EchoGate()
    kept = []
    tracemalloc.start()
    try:
        for number in range(3000):
            gate.played(played[number % len(played)], number * FRAME_SECONDS)
            gate.filter(said[number % len(said)], (number + 1) * FRAME_SECONDS)
            if number % 100 == 99:
                kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(kept[3:]) < 40_000
    assert np.mean(kept[-10:]) < np.mean(kept[5:15]) + 2000


def compared(silent: int, *, pause: int = 0) -> int:
    """How often a gate compares when somebody listens so many frames, then talks; `pause` parts what is played then."""
    played, said = lab.coded(lab.talk("en", 20.0)), lab.coded(lab.talk("es", 20.0))
    gate = EchoGate()
    for number in range(silent + pause + 50):
        if not silent <= number < silent + pause:
            gate.played(played[number], number * FRAME_SECONDS)
        gate.filter(said[number] if number >= silent + pause else SILENCE, (number + 1) * FRAME_SECONDS)
    return gate.comparisons


def test_who_has_listened_without_a_sound_is_hardly_compared_until_something_else_plays() -> None:
    assert compared(150) <= 1
    assert compared(50) > 2, "a delay may be longer than that"
    assert compared(150, pause=50) > 2, "what plays now is another sound, and may come back"


def test_an_echo_that_comes_after_a_mute_while_the_same_sound_goes_on_is_found_within_two_seconds_of_it() -> None:
    chance = np.random.default_rng(1)
    swells = np.repeat(np.abs(chance.normal(1.0, 0.4, 1000)) + 0.2, 160)
    played = chance.normal(0, 3000, len(swells)) * swells
    echo = np.concatenate((np.zeros(1440), 0.3 * played))[: len(played)]
    gate = EchoGate()
    before = 0
    for number, (frame, back) in enumerate(zip(lab.coded(played), lab.coded(echo), strict=True)):
        gate.played(frame, number * FRAME_SECONDS)
        gate.filter(SILENCE if number < 200 else back, (number + 1) * FRAME_SECONDS)
        before = gate.suppressed if number < 300 else before
    assert gate.suppressed - before > 0.95 * 700


def test_who_has_had_no_echo_for_long_is_compared_with_what_is_played_ever_more_rarely() -> None:
    played, said = lab.coded(lab.talk("en", 40.0)), lab.coded(over(0.0))
    gate = EchoGate()
    comparisons = []
    for number, frame in enumerate(played):
        gate.played(frame, number * FRAME_SECONDS)
        gate.filter(said[number % len(said)], (number + 1) * FRAME_SECONDS)
        comparisons.append(gate.comparisons)
    first, last = comparisons[500], comparisons[-1] - comparisons[-501]
    assert first > 2 * last > 0


def test_a_fifth_of_a_second_handed_over_at_once_is_compared_like_single_frames() -> None:
    frames = lab.coded(PLAYED)
    heard = lab.coded(lab.echo_of(frames, lab.Line(), np.random.default_rng(1)))
    gate = EchoGate()
    for number, frame in enumerate(heard):
        if number % 10 == 0:
            gate.played(b"".join(frames[number : number + 10]), number * FRAME_SECONDS)
        gate.filter(frame, (number + 1) * FRAME_SECONDS)
    assert gate.suppressed > 100


@pytest.mark.parametrize("name", ["handset", "handset, each start other", "no echo"])
def test_frames_that_are_handed_over_five_at_a_time_pass_or_do_not_like_single_ones(name: str) -> None:
    frames = lab.coded(PLAYED)
    chance = np.random.default_rng(1)
    heard = lab.coded(lab.echo_of(frames, LINES[name], chance) + over(-6.0))
    single, five = EchoGate(), EchoGate()
    for number, frame in enumerate(frames):
        now = 100 + number * FRAME_SECONDS
        for gate in (single, five):
            gate.played(frame, now + 0.14)  # as a playout does, ahead of time
        if number % 5 == 4:
            bunch = heard[number - 4 : number + 1]
            passed = [single.filter(each, now + (place - 3) * FRAME_SECONDS) for place, each in enumerate(bunch)]
            assert five.filter(b"".join(bunch), now + FRAME_SECONDS) == b"".join(passed)
    assert five.comparisons == single.comparisons
    assert (five.suppressed > 20) == (name != "no echo")


def test_two_legs_do_not_know_of_each_other() -> None:
    gates = EchoGate(), EchoGate()
    frames = lab.coded(PLAYED)
    heard = lab.coded(lab.echo_of(frames, lab.Line(), np.random.default_rng(1)))
    for number, (frame, echo) in enumerate(zip(frames, heard, strict=True)):
        gates[0].played(frame, number * FRAME_SECONDS)
        for gate in gates:
            gate.filter(echo, (number + 1) * FRAME_SECONDS)
    assert gates[0].suppressed > 100
    assert gates[1].suppressed == 0


# -- the timeline


@given(st.lists(st.tuples(st.integers(-15, 15), st.integers(0, 12)), max_size=40))
def test_a_timeline_holds_each_sample_at_its_place_and_silence_between(steps: list[tuple[int, int]]) -> None:
    span, begin = 10, 1000
    timeline = Timeline(span)
    expected: dict[int, int] = {}
    end, value = begin, 0
    for ahead, length in steps:
        start = end + ahead
        sound = bytes((value + number) % 200 for number in range(1, 1 + length))
        value += length
        timeline.write(sound, start)
        expected |= dict(enumerate(sound, start))
        end = max(end, start + length)
        window = [expected.get(place, 0xFF) for place in range(end - span, end + 3)]
        assert list(timeline.read(end - span, end + 3)) == window
        assert list(timeline.read(end - 4, end - 1)) == window[-7:-4]


def listen(frames: list[bytes], heard: list[bytes]) -> np.ndarray:
    """Which frames pass when one list is played while the other is heard."""
    gate = EchoGate()
    passed = []
    for number, (frame, sound) in enumerate(zip(frames, heard, strict=True)):
        gate.played(frame, number * FRAME_SECONDS)
        passed.append(gate.filter(sound, (number + 1) * FRAME_SECONDS) is sound)
    return np.array(passed)
