"""The bench's listener: what is lost of a translation is counted, and only the wait that nothing explains is one."""

from __future__ import annotations

import pytest

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.commands.bench.mouth import Listener, Played, Stretch

VOICE = b"\x10" * 160


@pytest.fixture
def listener() -> Listener:
    return Listener(Played())


def expect(listener: Listener, frames: int, *sent: float, first: bool = True) -> None:
    listener.expected.append(Stretch(frames, first, list(sent)))


def test_a_translation_that_arrives_whole_is_matched(listener: Listener) -> None:
    expect(listener, 20, 10.0, 10.2)
    listener.hear(VOICE * 20 + SILENCE * 5, 10.01)
    listener.settle()
    assert (listener.played.matched, listener.played.lost, listener.played.extra) == (20, 0, 0)
    assert listener.played.downlink == [pytest.approx(0.01)]


def test_the_tail_of_a_filter_is_no_addition(listener: Listener) -> None:
    expect(listener, 20, 10.0, 10.2)
    listener.hear(VOICE * 21, 10.01)
    listener.settle()
    assert (listener.played.matched, listener.played.lost, listener.played.extra) == (20, 0, 0)


def test_what_is_missing_at_the_end_of_a_stretch_is_lost(listener: Listener) -> None:
    expect(listener, 20, 10.0, 10.2)
    expect(listener, 10, 10.6, first=False)
    listener.hear(VOICE * 15 + SILENCE * 3 + VOICE * 10, 10.01)
    listener.settle()
    assert (listener.played.matched, listener.played.lost) == (25, 5)


def test_sound_that_nobody_sent_is_extra(listener: Listener) -> None:
    listener.hear(VOICE * 7, 10.0)
    assert listener.played.extra == 7


def test_a_gap_in_time_is_no_end_of_a_stretch(listener: Listener) -> None:
    """A server that is late by half a second in the middle of a word has lost nothing."""
    expect(listener, 20, 10.0, 10.2)
    listener.hear(VOICE * 10, 10.01)
    listener.hear(VOICE * 10, 10.71)
    listener.settle()
    assert (listener.played.matched, listener.played.lost, listener.played.extra) == (20, 0, 0)
    assert max(listener.played.unexplained) == pytest.approx(0.5)


def test_waiting_behind_voice_is_explained_and_waiting_behind_silence_is_not(listener: Listener) -> None:
    expect(listener, 10, 10.0)
    expect(listener, 10, 10.1, first=False)
    listener.hear(VOICE * 10, 10.0)  # sounds until 10.2
    listener.hear(SILENCE * 10, 10.05)  # until 10.4
    listener.hear(VOICE * 10, 10.1)
    waits = listener.played.unexplained
    assert waits[:10] == pytest.approx([0.0] * 10)
    assert waits[10] == pytest.approx(0.2)  # it could have sounded at 10.2
    assert waits[11:] == pytest.approx([0.0] * 9)


def test_only_the_beginning_of_a_translation_measures_the_way_down(listener: Listener) -> None:
    expect(listener, 10, 10.0)
    expect(listener, 10, 10.2, first=False)
    listener.hear(VOICE * 10 + SILENCE * 3 + VOICE * 10, 10.25)
    assert listener.played.downlink == [pytest.approx(0.25)]


def test_the_player_plays_in_order_and_at_once(listener: Listener) -> None:
    listener.hear(SILENCE * 5, 10.0)
    assert listener.plays_until == pytest.approx(10.0 + 5 * FRAME_SECONDS)
    listener.hear(SILENCE * 5, 10.01)
    assert listener.plays_until == pytest.approx(10.0 + 10 * FRAME_SECONDS)


def test_what_is_still_to_come_is_due_and_lost_when_it_is_given_up(listener: Listener) -> None:
    """The end of one stretch, and a whole one; what was sent later may still come."""
    expect(listener, 20, 10.0, 10.2)
    expect(listener, 10, 10.6, first=False)
    expect(listener, 30, 12.0, 12.2, 12.4)
    listener.hear(VOICE * 15, 10.01)
    assert listener.due(11.0) == 5 + 10
    listener.give_up(11.0)
    assert (listener.played.matched, listener.played.lost) == (15, 15)
    assert listener.due(11.0) == 0
    listener.hear(SILENCE * 3 + VOICE * 30, 12.5)
    assert listener.due(13.0) == 0
    listener.settle()
    assert (listener.played.matched, listener.played.lost, listener.played.extra) == (45, 15, 0)


def test_a_translation_that_never_came_is_not_taken_for_the_next_one(listener: Listener) -> None:
    """Both are alike, so nothing but the time tells which of them it is."""
    for sent in (10.0, 20.0):
        expect(listener, 20, sent, sent + 0.2)
    listener.hear(VOICE * 20 + SILENCE * 5, 20.01)
    listener.settle()
    assert (listener.played.matched, listener.played.lost) == (20, 20)
    assert listener.played.downlink == [pytest.approx(0.01)]
    assert listener.due(30.0) == 0
