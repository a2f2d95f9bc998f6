"""When the carrier is asked about hold, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from fakes import HandClock, loud

from bmv.audio.levels import is_silent
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.holdwatch import (
    ABSENT_SECONDS,
    ASK_AGAIN,
    ASK_HELD,
    ASK_SPEECH,
    EARLIER,
    FAILURES,
    ONSET_SECONDS,
    SETTLED_SECONDS,
    HoldWatch,
)


@dataclass
class FakeHint:
    """Says what the test wants it to say, and remembers what it was fed."""

    sounds_like_speech: bool = False
    fed: list[bytes] = field(default_factory=list)

    def feed(self, frame: bytes) -> None:
        self.fed.append(frame)


class Line:
    """An agent's line in the time of a hand clock, and a carrier that answers as it is told."""

    def __init__(self, *, speech: bool = False) -> None:
        self.clock = HandClock()
        self.hint = FakeHint(speech)
        self.watch = HoldWatch(self.hint)
        self.held: bool | None = False
        """What the carrier answers; None: nothing."""
        self.asked_at: list[float] = []
        self.watch.joined(self.clock())

    def pass_time(self, seconds: float, frame: bytes = SILENCE) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            now = self.clock.turn()
            self.watch.hear(frame, now, silent=is_silent(frame))
            if self.watch.due(now):
                self.asked_at.append(now)
                self.answer()

    def answer(self) -> None:
        if self.held is None:
            self.watch.failed(self.clock())
        else:
            self.watch.answered(self.clock(), held=self.held)

    @property
    def nobody_listens(self) -> bool:
        return self.watch.nobody_listens(self.clock())


def test_while_the_agent_talks_the_carrier_is_asked_seldom() -> None:
    line = Line(speech=True)
    line.pass_time(1, loud(1))
    line.asked_at.clear()  # that he joined
    line.pass_time(60, loud(1))
    assert len(line.asked_at) == 60 // ASK_SPEECH
    assert len(line.hint.fed) == 3050


def test_music_that_is_taken_for_speech_is_noticed_in_the_end() -> None:
    line = Line(speech=True)
    line.pass_time(30, loud(1))
    line.held = True
    line.pass_time(ASK_SPEECH + FRAME_SECONDS, loud(1))
    assert line.nobody_listens


def test_when_it_stops_to_sound_like_speech_the_carrier_is_asked_at_once() -> None:
    line = Line(speech=True)
    line.pass_time(10, loud(1))
    line.pass_time(2, loud(1))
    line.asked_at.clear()
    line.hint.sounds_like_speech = False
    line.pass_time(FRAME_SECONDS, loud(1))
    assert len(line.asked_at) == 1


@pytest.mark.parametrize("frame", [SILENCE, loud(1)], ids=["silence", "music"])
def test_what_stays_unlike_speech_is_asked_about_less_and_less_often(frame: bytes) -> None:
    line = Line()
    line.pass_time(60, frame)
    waits = [after - before for before, after in pairwise(line.asked_at)]
    assert [round(wait, 1) for wait in waits[: len(ASK_AGAIN)]] == list(ASK_AGAIN)
    assert all(wait < ASK_AGAIN[-1] + 0.1 for wait in waits)


def test_a_new_sound_after_silence_is_asked_about_soon() -> None:
    line = Line()
    line.pass_time(60)
    asked, began = len(line.asked_at), line.clock()
    line.pass_time(3.0, loud(1))
    assert line.asked_at[asked] - began <= ONSET_SECONDS + 0.1


@pytest.mark.parametrize("speech", [True, False])
@pytest.mark.parametrize("happens", [HoldWatch.stirred, HoldWatch.joined, HoldWatch.deserted])
def test_when_agents_come_and_go_the_carrier_is_asked_at_once_whatever_it_sounds_like(
    speech: bool, happens: Callable[[HoldWatch, float], None]
) -> None:
    line = Line(speech=speech)
    line.pass_time(55)
    asked = len(line.asked_at)
    happens(line.watch, line.clock())
    line.pass_time(FRAME_SECONDS)
    assert len(line.asked_at) == asked + 1
    line.pass_time(ASK_AGAIN[0] + FRAME_SECONDS)
    again = not speech or happens is HoldWatch.deserted  # which may be an end, a hold, or a colleague who talks
    assert len(line.asked_at) == asked + (2 if again else 1)


def test_on_hold_the_carrier_is_asked_every_second_until_it_is_over() -> None:
    line = Line()
    line.held = True
    line.pass_time(10, loud(1))
    assert line.nobody_listens
    assert {round(after - before, 1) for before, after in pairwise(line.asked_at)} == {ASK_HELD}
    line.held = False
    line.pass_time(ASK_HELD + 0.1, loud(1))
    assert not line.nobody_listens


def test_what_is_heard_since_the_last_word_of_hold_may_be_the_agent() -> None:
    line = Line()
    line.held = True
    line.pass_time(5, loud(1))
    last_held, line.held = line.asked_at[-1], False
    line.pass_time(2, loud(1))
    assert line.watch.listened_since == last_held


def test_a_question_that_waits_for_its_answer_is_not_asked_again() -> None:
    line = Line()
    assert line.watch.due(line.clock.turn())
    assert not any(line.watch.due(line.clock.turn()) for _ in range(500))
    line.watch.answered(line.clock(), held=False)
    assert line.watch.due(line.clock.turn(ASK_AGAIN[0] + 0.1))


def test_an_answer_that_cannot_be_had_keeps_nobody_on_hold_for_ever() -> None:
    line = Line()
    line.held = True
    line.pass_time(3)
    line.held = None
    line.asked_at.clear()
    for _ in range(FAILURES):
        assert line.nobody_listens
        line.pass_time(ASK_HELD + FRAME_SECONDS)
    assert not line.nobody_listens
    assert len(line.asked_at) == FAILURES


def test_failures_with_an_answer_between_them_end_no_hold() -> None:
    line = Line()
    for _ in range(3):
        for answer in (True, *[None] * (FAILURES - 1)):
            line.held = answer
            line.pass_time(ASK_HELD + FRAME_SECONDS)
            assert line.nobody_listens


def test_an_answer_that_took_long_tells_of_when_it_was_asked_for() -> None:
    line = Line()
    asked_at = line.clock.turn()
    assert line.watch.due(asked_at)
    line.watch.answered(line.clock.turn(5.0), held=True)
    assert line.watch.listened_since == asked_at, "he may have been there since"


def test_an_answer_to_what_was_asked_when_the_last_agent_left_proves_nothing_however_late_it_is() -> None:
    line = Line()
    line.watch.deserted(line.clock())
    assert line.watch.due(line.clock.turn())
    line.watch.answered(line.clock.turn(ABSENT_SECONDS), held=False)
    assert line.nobody_listens


def test_one_failure_changes_nothing() -> None:
    line = Line()
    line.held = True
    line.pass_time(3)
    line.watch.due(line.clock.turn(ASK_HELD))
    line.watch.failed(line.clock())
    assert line.nobody_listens


def test_when_the_last_agent_has_left_for_a_while_nobody_listens() -> None:
    line = Line(speech=True)
    line.held = None
    line.watch.deserted(line.clock())
    line.pass_time(ABSENT_SECONDS - 0.1)
    assert not line.nobody_listens  # it may be the end of the call, which needs no music
    line.pass_time(0.2)
    assert line.nobody_listens


@pytest.mark.parametrize("speech", [True, False])
def test_whom_no_event_names_is_listened_to_when_the_carrier_says_that_the_caller_is_not_on_hold(speech: bool) -> None:
    line = Line(speech=speech)
    line.pass_time(20, loud(1))
    line.watch.deserted(line.clock())
    for _ in range(10):
        line.pass_time(1.0, loud(1))
        assert not line.nobody_listens


def test_what_the_carrier_said_when_the_last_agent_left_proves_nothing_yet() -> None:
    line = Line()
    line.pass_time(20)
    line.watch.deserted(line.clock())
    line.pass_time(SETTLED_SECONDS - 0.1)
    line.held = None
    line.pass_time(ABSENT_SECONDS)
    assert line.nobody_listens


def test_the_next_agent_is_listened_to_from_a_moment_before_he_accepted() -> None:
    line = Line()
    line.held = None
    line.watch.deserted(line.clock())
    line.pass_time(10)
    line.watch.joined(line.clock())
    assert not line.nobody_listens
    assert line.watch.listened_since == line.clock() - EARLIER


def test_an_agent_who_joins_a_held_caller_is_asked_about_at_once() -> None:
    line = Line()
    line.held = True
    line.pass_time(5, loud(1))
    asked = len(line.asked_at)
    line.watch.joined(line.clock())
    assert line.nobody_listens  # the caller is taken off hold after the agent has joined, not before
    line.pass_time(FRAME_SECONDS)
    assert len(line.asked_at) == asked + 1
