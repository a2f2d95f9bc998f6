"""The failure ladder: who is tried next and when, after whatever has failed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.call.ladder import BACKOFF, TRIES, Ladder
from bmv.call.translator import LanguagePair, Translator, TranslatorFactory, TranslatorLost
from bmv.languages import Language, get
from bmv.metrics import Histogram

PAIR = LanguagePair(get("es"), get("en"))
LOST = TranslatorLost("the line to the provider broke")
HOPELESS = TranslatorLost("no credit is left", permanent=True)


class Kind:
    """A kind of translator that speaks only one language, if it is limited to it. It is never opened here."""

    problem = None

    def __init__(self, name: str, only: Language | None = None) -> None:
        self.name = name
        self.only = only

    def __repr__(self) -> str:
        return self.name

    def can_speak(self, language: Language) -> bool:
        return self.only in (None, language)

    def open(self, pair: LanguagePair, uplink: Histogram) -> AbstractAsyncContextManager[Translator]:
        raise AssertionError("a ladder opens nothing")


A, B, C = Kind("A"), Kind("B"), Kind("C")


def ladder(*kinds: TranslatorFactory, chance: Callable[[], float] = lambda: 1.0) -> Ladder:
    return Ladder(PAIR, kinds, chance=chance)


def fail(steps: Ladder, error: TranslatorLost = LOST) -> tuple[TranslatorFactory | None, float]:
    """The next try fails: who is tried after it, and after how many seconds."""
    steps.trying()
    steps.failed(error)
    return steps.factory, steps.delay


def test_the_first_choice_is_tried_at_once() -> None:
    steps = ladder(A, B)
    assert (steps.factory, steps.delay) == (A, 0.0)


def test_each_translator_has_its_rung_wherever_it_has_moved_to() -> None:
    steps = ladder(A, B)
    assert steps.rung == 1
    for _ in range(TRIES):
        fail(steps)
    assert (steps.factory, steps.rung) == (B, 2)
    for _ in range(TRIES):
        fail(steps)
    assert (steps.factory, steps.rung) == (A, 1)
    fail(steps, HOPELESS)
    assert (steps.factory, steps.rung) == (B, 2)
    fail(steps, HOPELESS)
    assert (steps.factory, steps.rung) == (None, 0)


def test_after_each_failure_the_next_try_waits_longer() -> None:
    steps = ladder(A)
    waits = [fail(steps)[1] for _ in range(len(BACKOFF) + 2)]
    assert waits == [*BACKOFF, BACKOFF[-1], BACKOFF[-1]]


def test_a_lost_session_is_back_within_two_seconds_where_one_or_two_tries_are_enough() -> None:
    steps = ladder(A)
    assert fail(steps)[1] + fail(steps)[1] < 1


def test_three_failures_in_a_row_give_the_next_one_its_turn_at_once() -> None:
    steps = ladder(A, B)
    assert [fail(steps) for _ in range(TRIES)] == [(A, 0.3), (A, 0.6), (B, 0.0)]


def test_they_take_turns_round_and_round() -> None:
    steps = ladder(A, B, C)
    tried = [A, *(fail(steps)[0] for _ in range(4 * TRIES - 1))]
    assert tried == [*[A] * TRIES, *[B] * TRIES, *[C] * TRIES, *[A] * TRIES]


def test_the_second_time_round_nobody_is_tried_at_once() -> None:
    steps = ladder(A, B)
    for _ in range(2 * TRIES - 1):
        fail(steps)
    assert fail(steps) == (A, BACKOFF[2 * TRIES - 1])


def test_a_single_one_is_tried_again_and_again() -> None:
    steps = ladder(A)
    assert {fail(steps)[0] for _ in range(50)} == {A}


def test_a_permanent_failure_takes_it_out_for_good() -> None:
    steps = ladder(A, B, C)
    assert fail(steps, HOPELESS) == (B, 0.0)
    tried = {fail(steps)[0] for _ in range(10 * TRIES)}
    assert tried == {B, C}


def test_after_a_permanent_failure_the_next_one_has_all_its_tries() -> None:
    steps = ladder(A, B, C)
    fail(steps)
    fail(steps)
    fail(steps, HOPELESS)
    assert [fail(steps)[0] for _ in range(TRIES)] == [B, B, C]


def test_when_the_last_one_is_out_nobody_is_left() -> None:
    steps = ladder(A, B)
    fail(steps, HOPELESS)
    assert fail(steps, HOPELESS) == (None, 0.0)


def test_what_the_provider_asks_for_is_waited_for_where_there_is_nobody_else() -> None:
    steps = ladder(A)
    assert fail(steps, TranslatorLost("busy", retry_after=90.0)) == (A, 90.0)
    assert fail(steps) == (A, BACKOFF[1]), "and only once"
    assert fail(steps, TranslatorLost("busy", retry_after=0.01)) == (A, BACKOFF[2]), "nobody is asked sooner than usual"


def test_where_there_is_somebody_else_nobody_is_waited_for() -> None:
    steps = ladder(A, B)
    assert fail(steps, TranslatorLost("busy", retry_after=90.0)) == (B, 0.0)
    assert [fail(steps)[0] for _ in range(TRIES)] == [B, B, A]


def test_a_translation_proves_that_it_is_well() -> None:
    steps = ladder(A, B)
    for _ in range(10):
        fail(steps)
        fail(steps)
        steps.trying()
        steps.worked()
        assert fail(steps) == (A, BACKOFF[0])
        steps.trying()
        steps.worked()


def test_a_session_that_only_opens_proves_nothing() -> None:
    steps = ladder(A, B)
    for _ in range(TRIES):
        steps.trying()
        assert steps.factory is A
        steps.failed(LOST)
    assert steps.factory is B


def test_who_was_switched_to_stays() -> None:
    steps = ladder(A, B)
    for _ in range(TRIES):
        fail(steps)
    steps.trying()
    steps.worked()
    assert fail(steps) == (B, BACKOFF[0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_calls_that_failed_together_do_not_come_back_together(chances: list[float]) -> None:
    steps = ladder(A, chance=iter(chances).__next__)
    for number, chance in enumerate(chances):
        most = BACKOFF[min(number, len(BACKOFF) - 1)]
        _, delay = fail(steps)
        assert most / 2 <= delay <= most
        assert delay == pytest.approx(most * (0.5 + chance / 2))
        assert steps.delay == delay, "asked twice, it says the same"


def test_chance_is_left_to_chance_unless_a_test_says_otherwise() -> None:
    delays = set()
    for _ in range(20):
        steps = Ladder(PAIR, [A])
        delays.add(fail(steps)[1])
    assert len(delays) > 1


@pytest.mark.parametrize("kinds", [[], [Kind("Spanish only", get("es"))]])
def test_without_anybody_who_speaks_the_language_nobody_is_tried(kinds: list[Kind]) -> None:
    steps = ladder(*kinds)
    assert (steps.factory, steps.delay) == (None, 0.0)


def test_who_cannot_speak_the_language_is_passed_over() -> None:
    steps = ladder(Kind("Spanish only", get("es")), B)
    assert (steps.factory, steps.delay) == (B, 0.0)


def test_where_there_is_nothing_to_translate_nobody_is_tried() -> None:
    assert Ladder(None, [A]).factory is None
