"""A playout for which more waits than is heard in time: it shortens pauses, and in the end gives translations up."""

from __future__ import annotations

import pytest
from fakes import loud, numbers, spoken
from listener import NOISE, Listener, heard_of, quiet, talking

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.playout import (
    CUSHION_SECONDS,
    INNER_PAUSE,
    LEAD_SECONDS,
    MOST_FRAMES,
    PACE_STEP_SECONDS,
    PACE_WINDOW_SECONDS,
    SHORT_PAUSE,
    Pace,
)
from bmv.call.translator import TranslatorLost


def test_a_translation_that_is_behind_shortens_its_pauses_and_nothing_else() -> None:
    pause = quiet(INNER_PAUSE)
    heard = heard_of(*spoken(0, 60), *pause, *spoken(60, 120))
    assert heard == [*spoken(0, 60), *pause[-SHORT_PAUSE:], *spoken(60, 120)]


def test_what_was_left_out_to_catch_up_is_counted() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 60), *quiet(INNER_PAUSE), *spoken(60, 120))
    listener.wait(4.0)
    assert listener.playout.shed == pytest.approx((INNER_PAUSE - SHORT_PAUSE) * FRAME_SECONDS)


def test_a_translation_that_is_on_time_keeps_its_pauses() -> None:
    speech = [*spoken(0, 10), *quiet(INNER_PAUSE), *spoken(10, 20)]
    assert heard_of(*speech) == speech


def test_a_translation_after_an_original_keeps_its_pauses_as_before() -> None:
    speech = [*spoken(0, 10), *quiet(INNER_PAUSE), *spoken(10, 20)]
    listener = Listener()
    listener.pass_on(*spoken(100, 120))
    listener.wait(1.0)
    listener.speak(*speech)
    listener.wait(2.0)
    assert listener.heard == [*spoken(100, 120), *speech]


def test_every_pause_is_shortened_by_itself() -> None:
    speech = [*spoken(0, 10), *quiet(9), *spoken(10, 20), *quiet(9), *spoken(20, 120)]
    assert heard_of(*speech) == [
        *spoken(0, 10),
        *quiet(9)[-SHORT_PAUSE:],
        *spoken(10, 20),
        *quiet(9)[-SHORT_PAUSE:],
        *spoken(20, 120),
    ]


def test_the_original_catches_up_in_the_noise_between_words() -> None:
    listener = Listener()
    for frame in [*spoken(0, 30), *[NOISE] * 40, *spoken(30, 50)]:
        listener.playout.overhear(frame, listener.clock(), voiced=talking(frame))  # all at once, after a stall
    listener.wait(3.0)
    assert numbers(listener.heard) == list(range(50))
    assert listener.heard.count(NOISE) == SHORT_PAUSE


def test_the_backlog_is_what_waits_to_be_played() -> None:
    listener = Listener()
    assert listener.playout.backlog == 0
    listener.speak(*spoken(0, 100))
    assert listener.playout.backlog == pytest.approx(2.0)
    listener.wait(1.0 + CUSHION_SECONDS - LEAD_SECONDS)
    assert listener.playout.backlog == pytest.approx(1.0, abs=2 * FRAME_SECONDS)
    listener.wait(2.0)
    assert listener.playout.backlog == 0


def test_of_translations_nothing_is_heard_that_would_wait_for_more_than_ten_minutes_and_the_rest_is() -> None:
    listener = Listener()
    listener.announce(*spoken(100, 130))
    listener.speak(*spoken(0, 30), loud(30)[:100])
    listener.pass_on(*spoken(200, 230))
    with pytest.raises(TranslatorLost, match="601 s would wait"):
        listener.speak(*spoken(0, 1) * (MOST_FRAMES - 40))
    listener.speak(*spoken(30, 60))
    listener.wait(5.0)
    assert numbers(listener.heard) == [*range(100, 130), *range(200, 230), *range(30, 60)]


def test_sentences_of_our_own_without_end_are_said_for_ten_minutes_and_the_rest_is_refused() -> None:
    listener = Listener()
    said = [listener.playout.announce(b"".join(spoken(0, 100)), listener.clock()) for _ in range(400)]
    assert said == [True] * (MOST_FRAMES // 100 + 1) + [False] * (399 - MOST_FRAMES // 100)
    assert listener.playout.backlog <= MOST_FRAMES * FRAME_SECONDS + 2
    listener.wait(4.0)
    assert listener.playout.announce(b"".join(spoken(0, 100)), listener.clock())


def test_deliveries_without_number_take_no_more_memory_than_their_sound() -> None:
    pace = Pace()
    at = 0.0
    for _ in range(20_000):  # 2000 a second
        at += 0.0005
        measured = pace.note(at, 0.001)
    assert measured == pytest.approx(2.0, rel=0.02)
    assert len(pace._sent) <= PACE_WINDOW_SECONDS / PACE_STEP_SECONDS + 1
