"""Turns are answered one at a time and in order, whatever the service does; each ends exactly once."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.translators.turns import (
    CANCEL_SECONDS,
    SILENT_SECONDS,
    Ask,
    Cancel,
    Forget,
    Label,
    Settled,
    Step,
    Turns,
)


def spoken(*item_ids: str) -> Turns:
    """Give turns that were said, each of 100 frames, with the first one asked for."""
    turns = Turns()
    for place, item_id in enumerate(item_ids, 1):
        turns.ended(item_id, 100 * place, now=0)
        turns.committed(item_id, None, now=0)
    return turns


def answer(turns: Turns, label: Label, now: float, *, completed: bool = True) -> list[Step]:
    """Let the response to an `Ask` begin, sound and end; give what is to be done then."""
    name = f"resp_{label}"
    turns.created(name, label, now)
    assert turns.heard(name, now, spoke=True, wrote=True)
    turns.done(name, label, now, completed=completed)
    return turns.take()


# -- in order -------------------------------------------------------------------------------------------------------


def test_a_turn_is_asked_for_when_it_is_committed_and_forgotten_when_it_is_answered() -> None:
    turns = Turns()
    turns.ended("a", 120, now=0)
    assert turns.take() == []
    turns.committed("a", None, now=0.1)
    assert turns.take() == [Ask((1, 1), "a")]
    assert answer(turns, (1, 1), now=1) == [Forget("a"), Settled(120, translated=True)]
    assert len(turns) == 0
    assert turns.deadline == math.inf


def test_who_goes_on_talking_is_answered_in_order_one_response_at_a_time() -> None:
    turns = spoken("a", "b", "c")
    assert turns.take() == [Ask((1, 1), "a")]
    assert answer(turns, (1, 1), now=1) == [Forget("a"), Settled(100, True), Ask((2, 1), "b")]
    assert answer(turns, (2, 1), now=2) == [Forget("b"), Settled(200, True), Ask((3, 1), "c")]
    assert answer(turns, (3, 1), now=3) == [Forget("c"), Settled(300, True)]


def test_a_turn_that_is_committed_before_the_one_spoken_first_waits_for_it() -> None:
    turns = Turns()
    turns.ended("a", 100, now=0)
    turns.ended("b", 200, now=0)
    turns.committed("b", None, now=0)
    assert turns.take() == []
    turns.committed("a", None, now=1)
    assert turns.take() == [Ask((1, 1), "a")]


def test_a_turn_committed_by_hand_ends_where_it_was_cut() -> None:
    turns = Turns()
    turns.committed("a", 77, now=0)
    turns.take()
    assert answer(turns, (1, 1), now=0)[-1] == Settled(77, True)


def test_a_second_commit_of_the_same_item_is_no_second_turn() -> None:
    turns = spoken("a")
    turns.committed("a", None, now=0)
    assert turns.take() == [Ask((1, 1), "a")]
    assert len(turns) == 1
    assert answer(turns, (1, 1), now=0) == [Forget("a"), Settled(100, True)]
    turns.committed("a", None, now=0)
    assert turns.take() == [Forget("a")]
    assert len(turns) == 0


def test_an_item_that_is_announced_and_never_comes_does_not_hold_up_the_others() -> None:
    turns = Turns()
    turns.ended("a", 100, now=0)
    turns.ended("b", 200, now=1)
    turns.committed("b", None, now=1)
    turns.tick(SILENT_SECONDS - 0.1)
    assert turns.take() == []
    assert turns.deadline == SILENT_SECONDS
    turns.tick(SILENT_SECONDS)
    assert turns.take() == [Settled(100, False), Ask((2, 1), "b")]
    turns.committed("a", None, now=9)
    assert turns.take() == [Forget("a")]  # its original was passed on: it must not be said once more


# -- what is for the listener ---------------------------------------------------------------------------------------


def test_only_what_belongs_to_the_living_response_is_for_the_listener() -> None:
    turns = spoken("a", "b")
    assert not turns.heard("resp_1", 0)  # nobody said that it began
    turns.created("resp_1", (1, 1), 0)
    assert turns.heard("resp_1", 0)
    assert not turns.heard("resp_2", 0)
    turns.done("resp_1", (1, 1), 0, completed=True)
    assert not turns.heard("resp_1", 0)


def test_an_answer_of_words_without_sound_is_none() -> None:
    mute = spoken("a")
    mute.take()
    mute.created("r", (1, 1), 0)
    mute.heard("r", 0, wrote=True)
    mute.done("r", (1, 1), 0, completed=True)
    assert mute.take() == [Ask((1, 2), "a")]


def test_a_response_without_metadata_is_the_one_that_was_asked_for() -> None:
    turns = spoken("a")
    turns.take()
    turns.created("r", None, 0)
    assert turns.heard("r", 0, spoke=True)
    turns.done("r", None, 0, completed=True)
    assert turns.take() == [Forget("a"), Settled(100, True)]


# -- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("audible", [False, True])
def test_a_response_that_failed_is_tried_once_more_also_when_part_of_it_was_heard(audible: bool) -> None:
    turns = spoken("a", "b")
    turns.take()
    turns.created("r", (1, 1), 0)
    turns.heard("r", 0, spoke=audible)
    turns.done("r", (1, 1), 0, completed=False)
    assert turns.take() == [Ask((1, 2), "a")]
    assert answer(turns, (1, 2), now=1) == [Forget("a"), Settled(100, True), Ask((2, 1), "b")]


def test_a_turn_that_failed_twice_is_given_up_and_the_next_has_its_own_tries() -> None:
    turns = spoken("a", "b")
    turns.take()
    assert answer(turns, (1, 1), 0, completed=False) == [Ask((1, 2), "a")]
    assert answer(turns, (1, 2), 0, completed=False) == [Forget("a"), Settled(100, False), Ask((2, 1), "b")]
    assert answer(turns, (2, 1), 0, completed=False) == [Ask((2, 2), "b")]


def test_a_response_that_may_be_asked_for_again_after_a_pause_is_asked_for_then() -> None:
    turns = spoken("a")
    turns.take()
    turns.created("r", (1, 1), 0)
    turns.done("r", (1, 1), 10, completed=False, pause=1.5)
    assert turns.take() == []
    assert turns.deadline == 11.5
    turns.tick(11.4)
    assert turns.take() == []
    turns.done("another", None, 11.4, completed=True)
    assert turns.take() == []
    turns.tick(11.5)
    assert turns.take() == [Ask((1, 2), "a")]


def test_a_response_that_ends_without_having_begun_is_no_answer() -> None:
    turns = spoken("a")
    turns.take()
    turns.done("r", (1, 1), 0, completed=True)
    assert turns.take() == [Ask((1, 2), "a")]


def test_an_ask_that_cannot_be_answered_is_tried_once_more_and_given_up() -> None:
    turns = spoken("a")
    turns.take()
    turns.refused((1, 1), 0, busy=False)
    assert turns.take() == [Ask((1, 2), "a")]
    turns.refused((1, 1), 0, busy=False)  # late news of the first
    assert turns.take() == []
    turns.refused((1, 2), 0, busy=False)
    assert turns.take() == [Forget("a"), Settled(100, False)]


def test_an_error_about_a_response_that_has_begun_leaves_it_its_own_end() -> None:
    turns = spoken("a")
    turns.take()
    turns.created("r", (1, 1), 0)
    turns.refused((1, 1), 0, busy=False)
    assert turns.take() == []
    assert turns.heard("r", 0, spoke=True)


def test_a_response_that_stops_halfway_is_cancelled_and_tried_again_when_it_has_ended() -> None:
    turns = spoken("a")
    turns.take()
    turns.created("r", (1, 1), 0)
    turns.heard("r", 5, spoke=True)
    assert turns.deadline == 5 + SILENT_SECONDS
    turns.tick(5 + SILENT_SECONDS)
    assert turns.take() == [Cancel("r")]
    assert not turns.heard("r", 13.1, spoke=True)
    turns.done("r", (1, 1), 13.2, completed=False)
    assert turns.take() == [Ask((1, 2), "a")]


def test_a_response_that_does_not_even_end_when_it_is_cancelled_is_not_waited_for_long() -> None:
    turns = spoken("a")
    turns.take()
    turns.created("r", (1, 1), 0)
    turns.tick(SILENT_SECONDS)
    assert turns.take() == [Cancel("r")]
    assert turns.deadline == SILENT_SECONDS + CANCEL_SECONDS
    turns.tick(turns.deadline)
    assert turns.take() == [Ask((1, 2), "a")]
    turns.done("r", (1, 1), 11, completed=True)  # at last; it is not the answer to the second attempt
    assert turns.take() == []


def test_a_response_that_shows_after_it_was_given_up_is_cancelled_by_its_id() -> None:
    turns = spoken("a")
    turns.take()
    turns.tick(SILENT_SECONDS)
    assert turns.take() == [Ask((1, 2), "a")]
    turns.created("late", (1, 1), 9)
    assert turns.take() == [Cancel("late")]
    assert not turns.heard("late", 9, spoke=True)
    assert answer(turns, (1, 2), now=9) == [Forget("a"), Settled(100, True)]
    turns.created("later still", None, 10)
    assert turns.take() == [Cancel("later still")]


# -- any interleaving -----------------------------------------------------------------------------------------------


@dataclass
class Service:
    """A service that does what it likes, and checks what is asked of it."""

    turns: Turns = field(default_factory=Turns)
    now: float = 0.0
    said: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    committed: list[str] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    running: dict[str, Label] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    settled: list[Settled] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    count: int = 0

    def look(self) -> None:
        for step in self.turns.take():
            match step:
                case Ask():
                    assert set(self.running) <= self.cancelled, "two responses at a time"
                    assert step.item_id in self.committed
                    assert step.item_id not in self.forgotten
                    self.asked.append(step)
                case Cancel(response_id):
                    self.cancelled.add(response_id)
                case Forget(item_id):
                    assert item_id not in self.forgotten, "forgotten twice"
                    self.forgotten.append(item_id)
                case Settled():
                    self.settled.append(step)

    def speak(self) -> None:
        self.count += 1
        self.announced.append(f"item_{self.count}")
        self.said.append(f"item_{self.count}")
        self.turns.ended(f"item_{self.count}", 10 * self.count, self.now)

    def commit(self) -> None:
        if self.announced:
            self.committed.append(self.announced.pop(0))
            self.turns.committed(self.committed[-1], None, self.now)

    def begin(self) -> None:
        if self.asked:
            label = self.asked.pop(0).label
            response_id = f"resp_{len(self.running)}_{self.now}_{label}"
            self.running[response_id] = label
            self.turns.created(response_id, label, self.now)

    def sound(self) -> None:
        for response_id in [*self.running, "stranger"]:
            heard = self.turns.heard(response_id, self.now, spoke=True, wrote=True)
            assert not (heard and (response_id in self.cancelled or response_id == "stranger"))

    def complete(self, *, completed: bool = True) -> None:
        if self.running:
            response_id, label = next(iter(self.running.items()))
            del self.running[response_id]
            self.turns.done(response_id, label, self.now, completed=completed)

    def fail(self) -> None:
        self.complete(completed=False)

    def never_begun(self) -> None:
        if self.asked:
            self.turns.done("resp_unseen", self.asked.pop(0).label, self.now, completed=False)

    def busy(self) -> None:
        if self.asked:
            self.turns.refused(self.asked.pop(0).label, self.now, busy=True)

    def refuse(self) -> None:
        if self.asked:
            self.turns.refused(self.asked.pop(0).label, self.now, busy=False)

    def stranger(self) -> None:
        self.turns.created("stranger", (99, 1), self.now)
        self.turns.done("stranger", (99, 1), self.now, completed=True)

    def wait(self) -> None:
        self.now += 3.0
        self.turns.tick(self.now)


ACTIONS = [
    Service.speak,
    Service.commit,
    Service.begin,
    Service.sound,
    Service.complete,
    Service.fail,
    Service.never_begun,
    Service.busy,
    Service.refuse,
    Service.stranger,
    Service.wait,
]


@given(st.lists(st.sampled_from(ACTIONS), max_size=80))
def test_every_turn_ends_exactly_once_and_in_order_whatever_happens(actions: list[Callable[[Service], None]]) -> None:
    service = Service()
    for action in actions:
        action(service)
        service.look()
    for _ in range(60 * (len(service.said) + 1)):  # from now on it behaves
        for action in (Service.commit, Service.begin, Service.sound, Service.complete, Service.wait):
            action(service)
            service.look()
        if not len(service.turns):
            break
    assert len(service.turns) == 0
    assert service.turns.deadline == math.inf
    assert [settled.end for settled in service.settled] == [10 * place for place in range(1, service.count + 1)]
    assert sorted(service.forgotten) == sorted(service.committed)
