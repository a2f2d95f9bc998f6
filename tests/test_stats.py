"""How long a turn waited for its translation: measured where it can be told, and not at all where it cannot."""

from __future__ import annotations

import pytest
from fakes import HandClock

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.stats import FORGOTTEN_AFTER, NEW_TURN_AFTER, DirectionStats, TurnClock
from bmv.metrics import Histogram

LONG_SILENCE = 60.0


class Conversation:
    """A speaker who is heard frame by frame, and translations that begin when the test says so."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.lags = Histogram()
        self.turns = TurnClock(self.lags)

    def talk(self, seconds: float, *, translating: bool = False) -> None:
        self._hear(seconds, talking=True, translating=translating)

    def pause(self, seconds: float) -> None:
        self._hear(seconds, talking=False)

    def translation(self, *, after_silence: float = LONG_SILENCE) -> float | None:
        return self.turns.translated(self.clock(), silent_for=after_silence)

    def _hear(self, seconds: float, *, talking: bool, translating: bool = False) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.turns.heard(talking, self.clock(), translating=translating)
            self.clock.turn()


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()


def test_a_turn_is_measured_from_its_first_sound_to_its_first_translated_sound(conversation: Conversation) -> None:
    conversation.pause(3)
    conversation.talk(1.2)
    conversation.pause(0.8)
    assert conversation.translation() == pytest.approx(2.0)
    assert conversation.lags.count == 1
    assert conversation.lags.maximum == pytest.approx(2.0)


def test_a_translation_may_begin_while_the_speaker_still_talks(conversation: Conversation) -> None:
    conversation.talk(1.5)
    assert conversation.translation() == pytest.approx(1.5)
    conversation.talk(5)
    assert conversation.translation() is None, "it goes on, and no other turn has begun"


def test_each_turn_is_measured_once(conversation: Conversation) -> None:
    for _ in range(5):
        conversation.talk(1)
        conversation.pause(1)
        assert conversation.translation() == pytest.approx(2.0)
        assert conversation.translation() is None
    assert conversation.lags.count == 5


def test_a_short_pause_begins_no_new_turn(conversation: Conversation) -> None:
    conversation.talk(1)
    conversation.translation()
    conversation.pause(NEW_TURN_AFTER - 0.1)
    conversation.talk(1)
    assert conversation.translation() is None
    conversation.pause(NEW_TURN_AFTER + 0.1)
    conversation.talk(1)
    assert conversation.translation() == pytest.approx(1.0)


def test_a_turn_of_several_breaths_is_measured_from_the_first(conversation: Conversation) -> None:
    conversation.talk(1)
    conversation.pause(2)
    conversation.talk(1)
    assert conversation.translation() == pytest.approx(4.0)


def test_a_turn_that_begins_while_the_last_translation_sounds_is_not_measured(conversation: Conversation) -> None:
    conversation.talk(1)
    conversation.pause(1)
    conversation.translation()
    conversation.talk(1, translating=True)
    conversation.pause(2)
    assert conversation.translation() is None
    assert conversation.lags.count == 1


def test_after_a_short_silence_it_is_rather_the_last_translation_that_goes_on(conversation: Conversation) -> None:
    conversation.talk(1)
    assert conversation.translation(after_silence=NEW_TURN_AFTER - 0.01) is None
    assert conversation.translation() is None, "whose it was cannot be told any more"
    assert not conversation.lags.count


def test_a_sound_that_nobody_translated_is_forgotten(conversation: Conversation) -> None:
    conversation.talk(0.2)
    conversation.pause(FORGOTTEN_AFTER)
    assert conversation.translation() is None


def test_the_turn_after_a_forgotten_sound_is_measured_from_its_own_beginning(conversation: Conversation) -> None:
    conversation.talk(0.2)
    conversation.pause(FORGOTTEN_AFTER)
    conversation.talk(1)
    assert conversation.translation() == pytest.approx(1.0)


def test_a_translation_that_nobody_spoke_for_is_not_measured(conversation: Conversation) -> None:
    assert conversation.translation() is None
    conversation.pause(10)
    assert conversation.translation() is None
    assert conversation.lags.summary() == {}


def test_two_directions_share_no_figures() -> None:
    one, other = DirectionStats(), DirectionStats()
    one.first_audio.add(1.0)
    one.speech.hear()
    assert (other.first_audio.count, other.speech.heard_frames) == (0, 0)
    assert (other.usage.amounts, other.usage.usd, other.sessions) == ({}, 0.0, 0)
