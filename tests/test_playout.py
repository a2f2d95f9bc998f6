"""What one listener hears: all that was said, in order, on time, at the right level, and none of the filler."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
from fakes import hush, loud, numbers, spoken
from hypothesis import given
from hypothesis import strategies as st
from listener import NOISE, SOUNDS, Listener, heard_of, numbered, quiet, talking
from loud import peak

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.call.playout import (
    CUSHION_SECONDS,
    INNER_PAUSE,
    PRE_ROLL,
    RELEASE_AFTER,
    SHORT_PAUSE,
    Playout,
)

# -- the translator's silence


@pytest.mark.parametrize("silence", [SILENCE, b"\x7f" * FRAME_BYTES, hush(1), hush(77), hush(511)])
def test_a_translators_silence_is_dropped_by_its_level(silence: bytes) -> None:
    assert peak(silence) <= 63
    assert heard_of(*[silence] * 200) == []
    assert heard_of(*[silence] * 200, *spoken(0, 5), *[silence] * 200) == [
        *[silence] * PRE_ROLL,
        *spoken(0, 5),
        *[silence] * INNER_PAUSE,
    ]


@pytest.mark.parametrize("frames", range(1, 15))
def test_a_pause_inside_speech_stays_as_long_as_it_is(frames: int) -> None:
    speech = [*spoken(0, 5), *quiet(frames), *spoken(5, 10)]
    assert heard_of(*speech)[: len(speech)] == speech


def test_pauses_up_to_240_milliseconds_stay_and_long_ones_are_cut_to_about_that() -> None:
    assert pytest.approx(0.24) == INNER_PAUSE * FRAME_SECONDS
    heard = heard_of(*spoken(0, 5), *quiet(100), *spoken(5, 10))
    assert heard[:24] == [*spoken(0, 5), *quiet(100)[:INNER_PAUSE], *quiet(100)[-PRE_ROLL:], *spoken(5, 10)]


def test_the_soft_onset_of_a_word_is_kept() -> None:
    whispered = [hush(1), hush(2)]
    heard = heard_of(*[SILENCE] * 50, *whispered, *spoken(0, 3))
    assert heard[:5] == [*whispered, *spoken(0, 3)]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=40))
def test_the_size_of_the_translators_frames_does_not_matter(sizes: list[int]) -> None:
    speech = [*quiet(20), *spoken(0, 20), *quiet(8), *spoken(20, 30), *quiet(40), *spoken(30, 40), *quiet(20)]
    listener = Listener()
    audio = b"".join(speech)
    for size in sizes:
        piece, audio = audio[:size], audio[size:]
        listener.speak(piece)
    listener.speak(audio)
    listener.wait(3.0)
    assert listener.heard == heard_of(*speech)


@given(SOUNDS, st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 40)), max_size=30))
def test_a_voiced_frame_is_never_dropped_and_all_stay_in_order(
    sounds: list[tuple[str, int]], deliveries: list[tuple[int, int]]
) -> None:
    frames = list(numbered(sounds))
    listener = Listener()
    audio = b"".join(frames)
    for size, beats in deliveries:
        piece, audio = audio[:size], audio[size:]
        listener.speak(piece)
        listener.wait(beats * FRAME_SECONDS)
    listener.speak(audio)
    listener.wait(len(frames) * FRAME_SECONDS + 1.0)
    assert numbers(listener.heard) == numbers(frames)


@given(SOUNDS, st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=30))
def test_a_voiced_frame_of_the_original_is_heard_in_order_or_counted_as_dropped(
    sounds: list[tuple[str, int]], deliveries: list[tuple[int, int]]
) -> None:
    frames = list(numbered(sounds))
    listener = Listener()
    waiting = list(frames)
    for count, beats in [*deliveries, (len(frames), 0)]:
        for frame in waiting[:count]:
            listener.playout.overhear(frame, listener.clock(), voiced=talking(frame))
        del waiting[:count]
        listener.wait(beats * FRAME_SECONDS)
    listener.wait(len(frames) * FRAME_SECONDS + 1.0)
    heard, said = numbers(listener.heard), numbers(frames)
    assert heard == sorted(set(heard) & set(said))
    assert (len(said) - len(heard)) * FRAME_SECONDS <= listener.playout.dropped + 1e-9
    if listener.playout.dropped == 0:
        assert heard == said


def test_of_the_original_only_the_newest_two_seconds_wait() -> None:
    listener = Listener()
    for frame in spoken(0, 150):
        listener.playout.overhear(frame, listener.clock(), voiced=True)
    listener.wait(4.0)
    assert numbers(listener.heard) == list(range(50, 150))
    assert listener.playout.dropped == pytest.approx(1.0)


# -- when a translation starts


def test_whoever_asks_is_told_when_a_translation_breaks_a_silence_and_when_it_was_received() -> None:
    listener = Listener()
    told: list[tuple[float, float]] = []
    listener.playout.when_translation_starts(
        lambda received_at, _silent_for: told.append((listener.clock(), received_at))
    )
    listener.speak(*quiet(20))
    listener.wait(1.0)
    assert told == []
    for _ in range(2):
        received_at = listener.clock()
        listener.speak(*spoken(0, 20))
        listener.wait(3.0)
        started, said = told.pop()
        assert told == []
        assert said == pytest.approx(received_at, abs=PRE_ROLL * FRAME_SECONDS + 1e-6)  # the onset was received before
        assert 0 < started - received_at <= CUSHION_SECONDS + FRAME_SECONDS


def test_where_nobody_asks_nobody_is_told() -> None:
    assert heard_of(*spoken(0, 3))[:3] == spoken(0, 3)


# -- the original


def test_the_original_alone_is_heard_as_it_is() -> None:
    listener = Listener()
    listener.overhear(*spoken(0, 50))
    listener.wait(1.0)
    assert listener.heard == spoken(0, 50)


ORIGINAL = mulaw.encode(np.rint(6000 * np.sin(np.arange(FRAME_BYTES) * 0.7)).astype(np.int16))
TRANSLATED = mulaw.encode(np.rint(9000 * np.sin(np.arange(FRAME_BYTES) * 0.3)).astype(np.int16))


@pytest.mark.parametrize("decibels", [-3.0, -10.0, -18.0, -40.0])
def test_the_original_is_turned_down_under_a_translation_as_far_as_was_set_and_comes_back(decibels: float) -> None:
    listener = Listener(Playout(original_level_db=decibels))
    listener.overhear(*[ORIGINAL] * 20)
    listener.speak(*[TRANSLATED] * 100)
    listener.overhear(*[ORIGINAL] * 300)
    under = levels.mix(TRANSLATED, levels.scale(ORIGINAL, decibels))
    going_down = round(-decibels / 3) + PRE_ROLL
    assert listener.heard.count(under) >= 100 - going_down
    assert listener.heard[0] == listener.heard[-1] == ORIGINAL


def test_the_original_goes_down_quickly_and_comes_back_slowly_after_a_pause_inside_a_translation() -> None:
    listener = Listener(Playout(original_level_db=-18.0))
    listener.overhear(*[ORIGINAL] * 20)
    listener.speak(*[TRANSLATED] * 100)
    listener.overhear(*[ORIGINAL] * 300)
    down = [levels.mix(TRANSLATED, levels.scale(ORIGINAL, -float(decibels))) for decibels in range(3, 18, 3)]
    back = [levels.scale(ORIGINAL, -float(decibels)) for decibels in range(17, 0, -1)]
    held = [levels.scale(ORIGINAL, -18.0)] * RELEASE_AFTER
    steady = {levels.mix(TRANSLATED, levels.scale(ORIGINAL, -18.0)), ORIGINAL, TRANSLATED}
    assert [frame for frame in listener.heard if frame not in steady] == [*down, *held, *back]


def test_two_loud_voices_do_not_wrap_round() -> None:
    loudest = b"\x80" * FRAME_BYTES
    listener = Listener(Playout(original_level_db=0.0))
    listener.overhear(*[loudest] * 10)
    listener.speak(*[loudest] * 50)
    listener.overhear(*[loudest] * 100)
    assert set(listener.heard) == {loudest}


def test_the_translation_is_heard_at_its_own_level_over_the_original() -> None:
    listener = Listener(Playout(original_level_db=-60.0))
    listener.overhear(*[ORIGINAL] * 10)
    listener.speak(*[TRANSLATED] * 100)
    listener.overhear(*[ORIGINAL] * 300)
    middle = mulaw.decode(listener.heard[100]).astype(float)
    assert np.abs(middle - mulaw.decode(TRANSLATED)).max() <= 600


# -- all in one line


def test_translations_our_own_sentences_and_the_original_are_heard_in_the_order_in_which_they_came() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 30))
    listener.announce(*spoken(100, 130))
    listener.pass_on(*spoken(200, 230))
    listener.announce(*spoken(130, 160))
    listener.speak(*spoken(30, 60))
    listener.wait(5.0)
    assert numbers(listener.heard) == [
        *range(30),
        *range(100, 130),
        *range(200, 230),
        *range(130, 160),
        *range(30, 60),
    ]


def test_a_sentence_of_our_own_is_heard_at_once_and_to_its_end() -> None:
    listener = Listener()
    listener.wait(1.0)
    asked_at = listener.clock()
    listener.playout.announce(b"".join(spoken(0, 10)) + loud(10)[:100], asked_at)
    listener.wait(1.0)
    assert listener.heard == [*spoken(0, 10), loud(10)[:100] + SILENCE[:60]]
    assert listener.sounds[0][0] - asked_at <= FRAME_SECONDS + 1e-6


def test_the_last_of_a_translation_that_is_over_is_heard_behind_it_and_nothing_of_it_before_the_next_one() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 30), loud(30)[:100])
    for _ in range(2):  # the second time nothing is left of it
        listener.playout.end_translation(listener.clock())
    listener.announce(*spoken(100, 130))
    listener.speak(*spoken(40, 70))
    listener.wait(5.0)
    assert listener.heard == [*spoken(0, 30), loud(30)[:100] + SILENCE[100:], *spoken(100, 130), *spoken(40, 70)]


@given(SOUNDS, st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=30))
def test_of_an_original_in_the_place_of_a_translation_no_voiced_frame_is_dropped_however_long_it_waits(
    sounds: list[tuple[str, int]], deliveries: list[tuple[int, int]]
) -> None:
    frames = list(numbered(sounds))
    listener = Listener()
    waiting = list(frames)
    for count, beats in [*deliveries, (len(frames), 0)]:
        listener.pass_on(*waiting[:count])
        del waiting[:count]
        listener.wait(beats * FRAME_SECONDS)
    listener.wait(len(frames) * FRAME_SECONDS + 1.0)
    assert numbers(listener.heard) == numbers(frames)
    assert listener.playout.dropped == 0


def test_an_original_that_is_behind_catches_up_in_its_pauses() -> None:
    listener = Listener()
    listener.pass_on(*spoken(0, 30), *[NOISE] * 40, *spoken(30, 60))
    listener.wait(3.0)
    assert numbers(listener.heard) == list(range(60))
    assert listener.heard.count(NOISE) == SHORT_PAUSE
    assert listener.playout.shed == pytest.approx((40 - SHORT_PAUSE) * FRAME_SECONDS)


def test_nobody_is_told_of_a_translation_when_what_breaks_the_silence_is_none() -> None:
    listener = Listener()
    told: list[float] = []
    listener.playout.when_translation_starts(lambda received_at, _silent_for: told.append(received_at))
    listener.announce(*spoken(0, 20))
    listener.wait(2.0)
    listener.pass_on(*spoken(0, 20))
    listener.wait(2.0)
    assert told == []


def test_the_original_underneath_is_turned_down_under_a_sentence_of_our_own_as_well() -> None:
    listener = Listener(Playout(original_level_db=-18.0))
    listener.overhear(*[ORIGINAL] * 20)
    listener.announce(*[TRANSLATED] * 100)
    listener.overhear(*[ORIGINAL] * 300)
    under = levels.mix(TRANSLATED, levels.scale(ORIGINAL, -18.0))
    assert listener.heard.count(under) >= 90
    assert listener.heard[0] == listener.heard[-1] == ORIGINAL


def test_what_waits_or_sounds_is_known_until_the_listener_has_heard_it() -> None:
    listener = Listener()
    playout, clock = listener.playout, listener.clock
    assert not playout.speaking(clock())
    assert not playout.sounding(clock())
    listener.announce(*spoken(0, 10))
    assert playout.speaking(clock())
    assert playout.sounding(clock())
    listener.wait(0.14)
    assert playout.backlog == 0
    assert playout.sounding(clock())  # in the listener's buffer
    listener.wait(0.1)
    assert not playout.speaking(clock())
    assert not playout.sounding(clock())


# -- what sounds while there is nothing else


LOOP = [loud(900), loud(901), loud(902)]


def test_the_loop_on_hold_sounds_again_and_again_in_order() -> None:
    listener = Listener()
    listener.playout.hold(cycle(LOOP))
    listener.wait(1.0)
    assert numbers(listener.heard)[:7] == [900, 901, 902, 900, 901, 902, 900]
    assert len(listener.heard) == pytest.approx(1.0 / FRAME_SECONDS, abs=6)


def test_the_loop_on_hold_sounds_only_while_nothing_else_does() -> None:
    listener = Listener()
    listener.playout.hold(cycle(LOOP))
    listener.wait(1.0)
    listener.speak(*spoken(0, 50))
    listener.wait(3.0)
    listener.overhear(*spoken(100, 150))
    listener.wait(1.0)
    heard = numbers(listener.heard)
    first, last = heard.index(0), heard.index(49)
    assert heard[first : last + 1] == list(range(50))
    first, last = heard.index(100), heard.index(149)
    assert heard[first : last + 1] == list(range(100, 150))
    assert set(heard[:50]) <= {900, 901, 902}
    assert set(heard[-30:]) <= {900, 901, 902}


def test_the_loop_on_hold_does_not_sound_between_two_words() -> None:
    listener = Listener()
    listener.playout.hold(cycle(LOOP))
    listener.wait(1.0)
    listener.speak(*spoken(0, 50))
    listener.wait(1.4)  # nothing is said for 0.4 s
    listener.speak(*spoken(50, 100))
    listener.wait(3.0)
    heard = numbers(listener.heard)
    assert heard[heard.index(0) : heard.index(99) + 1] == list(range(100))
    assert set(heard[-50:]) <= {900, 901, 902}


def test_the_loop_on_hold_ends_when_it_is_taken_away() -> None:
    listener = Listener()
    listener.playout.hold(cycle(LOOP))
    listener.wait(1.0)
    count = len(listener.heard)
    listener.playout.hold(None)
    listener.wait(1.0)
    assert len(listener.heard) == count
