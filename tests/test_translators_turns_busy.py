"""A turn whose place is taken, by a response that nobody asked for, has it a moment later, or is given up in time."""

from test_translators_turns import answer, spoken

from bmv.translators.turns import PAUSE_SECONDS, SILENT_SECONDS, Ask, Settled


def test_a_place_that_is_taken_costs_no_attempt_and_is_asked_for_again_after_a_moment() -> None:
    turns = spoken("a")
    turns.take()
    for second in range(3):
        turns.refused((1, 1), float(second), busy=True)
        assert turns.take() == []
        assert turns.deadline == second + PAUSE_SECONDS
        turns.tick(turns.deadline)
        assert turns.take() == [Ask((1, 1), "a")]
    assert answer(turns, (1, 1), 3, completed=False) == [Ask((1, 2), "a")]


def test_a_place_that_is_taken_is_asked_for_as_soon_as_the_other_response_is_done() -> None:
    turns = spoken("a")
    turns.take()
    turns.refused((1, 1), 0, busy=True)
    turns.done("the other", None, 0.2, completed=True)
    assert turns.take() == [Ask((1, 1), "a")]


def test_a_place_that_stays_taken_is_a_failure_in_the_end() -> None:
    turns = spoken("a")
    now, asked = 0.0, 0
    while len(turns) and now < 60:
        asked += sum(isinstance(step, Ask) for step in turns.take())
        turns.refused(None, now, busy=True)
        now += PAUSE_SECONDS
        turns.tick(now)
    assert turns.take()[-1] == Settled(100, False)
    assert SILENT_SECONDS <= now <= SILENT_SECONDS + 3 * PAUSE_SECONDS
    assert asked >= SILENT_SECONDS / PAUSE_SECONDS


def test_a_place_that_was_had_in_between_may_be_taken_for_as_long_again() -> None:
    turns = spoken("a")
    turns.refused((1, 1), 0, busy=True)
    turns.tick(PAUSE_SECONDS)
    turns.created("r", (1, 1), SILENT_SECONDS)
    assert turns.deadline == 2 * SILENT_SECONDS, "it has begun only now"
    turns.done("r", (1, 1), SILENT_SECONDS, completed=False)
    turns.refused((1, 2), SILENT_SECONDS, busy=True)
    turns.take()
    turns.tick(SILENT_SECONDS + PAUSE_SECONDS)
    assert turns.take() == [Ask((1, 2), "a")]
