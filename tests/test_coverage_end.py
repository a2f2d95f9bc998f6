"""What the continuous translator has dealt with once it was told that no more is said, and when it has ended."""

import pytest
from watched_coverage import SECOND, Watched

from bmv.call.translator import Processed
from bmv.translators.coverage import ALL_SAID


def test_when_the_session_ended_in_order_everything_is_dealt_with() -> None:
    watched = Watched()
    watched.talk(3)
    watched.coverage.finish()
    watched.hear(voiced=True)
    watched.end()
    assert [event for _, event in watched.said] == [Processed(3 * SECOND)]


def test_what_is_heard_after_the_end_was_asked_for_can_be_about_everything() -> None:
    """Nobody speaks any more, so the clock does not tell whose translation goes on."""
    watched = Watched()
    watched.talk(1.4)
    watched.talk(1, answer=True)
    watched.pause(1.4, answer=True)
    watched.talk(0.8, answer=True)
    watched.coverage.finish()
    watched.hear(voiced=True)
    watched.end()
    assert watched.given_up == []
    assert watched.covered == watched.fed


def test_words_that_even_the_end_does_not_answer_are_given_up() -> None:
    watched = Watched()
    watched.pause(1)
    watched.talk(1)
    watched.coverage.finish()
    watched.hear(voiced=False)
    watched.end()
    assert watched.said[-1][1] == Processed(100, translated=False)
    assert watched.given_up == [(50, 100)]


def test_a_cough_before_the_end_is_dealt_with() -> None:
    watched = Watched()
    watched.talk(0.3)
    watched.coverage.finish()
    watched.end()
    assert [event for _, event in watched.said] == [Processed(15)]


def test_after_the_end_was_asked_for_silence_goes_on_to_tell_that_all_was_said() -> None:
    watched = Watched()
    watched.talk(2)
    watched.pause(1, answer=True)
    watched.pause(1.3)
    assert watched.covered < 100
    watched.coverage.finish()
    assert watched.coverage.still_for == pytest.approx(ALL_SAID / SECOND - 1.3, abs=0.04)
    watched.still()
    assert watched.covered == watched.fed
    assert watched.given_up == []
    watched.end()
    assert watched.covered == watched.fed


def test_words_that_were_not_answered_by_the_end_are_waited_for_however_still_it_is() -> None:
    watched = Watched()
    watched.talk(2)
    watched.pause(1, answer=True)
    watched.pause(1.3)
    watched.talk(0.8)
    watched.coverage.finish()
    watched.still()
    assert watched.covered <= 215
    assert watched.given_up == []
    watched.end()
    assert watched.given_up == [(210, watched.fed)]  # from the message on in which they began


def test_a_silence_that_would_have_to_be_longer_than_a_stall_proves_nothing() -> None:
    watched = Watched()
    watched.talk(2)
    watched.pause(1, answer=True)
    watched.pause(0.4)
    watched.coverage.finish()
    assert watched.coverage.still_for is None


def test_the_end_of_a_session_that_was_fed_nothing_says_nothing() -> None:
    watched = Watched()
    watched.hear(voiced=True)
    watched.coverage.finish()
    watched.end()
    watched.end()
    assert watched.said == []
