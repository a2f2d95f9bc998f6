"""A turn to which the model has nothing to say is translated only if there was hardly any voice in it."""

import pytest

from bmv.translators.hearing import VOICED_FRAMES
from bmv.translators.turns import Ask, Forget, Label, Settled, Step, Turns


def say_nothing(turns: Turns, label: Label) -> list[Step]:
    """Let the response to an `Ask` be completed without a sound; give what is to be done then."""
    turns.created(f"resp_{label}", label, 0)
    turns.done(f"resp_{label}", label, 0, completed=True)
    return turns.take()


def heard(*stretches: tuple[int, bool]) -> Turns:
    turns = Turns()
    for frames, voiced in stretches:
        for _ in range(frames):
            turns.feed(voiced=voiced)
    return turns


def turn(turns: Turns, item_id: str, start: int, end: int) -> None:
    turns.started(start)
    turns.ended(item_id, end, now=0)
    turns.committed(item_id, None, now=0)


@pytest.mark.parametrize(("length", "declined"), [(VOICED_FRAMES - 1, False), (VOICED_FRAMES, True)])
def test_silence_is_the_answer_to_a_cough_but_leaves_voice_untranslated_without_a_second_try(
    length: int, declined: bool
) -> None:
    turns = heard((20, False), (length, True), (100, False))
    turn(turns, "a", 10, 100)
    assert turns.take() == [Ask((1, 1), "a")]
    assert say_nothing(turns, (1, 1)) == [Forget("a"), Settled(100, not declined, declined)]
    assert len(turns) == 0


def test_voice_counts_for_the_turn_it_is_in_and_for_no_other() -> None:
    turns = heard((100, True), (50, False), (10, True), (40, False), (60, True), (40, False))
    turn(turns, "cough", 110, 180)
    turn(turns, "words", 170, 290)  # its padding reaches into the turn before
    turns.take()
    assert say_nothing(turns, (1, 1))[:2] == [Forget("cough"), Settled(180, True)]
    assert say_nothing(turns, (2, 1)) == [Forget("words"), Settled(290, False, declined=True)]


def test_voice_is_counted_from_where_speech_without_a_pause_was_cut() -> None:
    turns = heard((200, True), (10, True), (30, False))
    turns.started(0)
    turns.committed("music", 200, now=0)
    turns.ended("end of it", 240, now=0)
    turns.committed("end of it", None, now=0)
    turns.take()
    assert say_nothing(turns, (1, 1))[:2] == [Forget("music"), Settled(200, False, declined=True)]
    assert say_nothing(turns, (2, 1)) == [Forget("end of it"), Settled(240, True)]


def test_voice_is_counted_where_the_end_of_a_turn_is_told_after_it_is_committed_or_twice() -> None:
    turns = heard((60, True), (40, False))
    turns.started(0)
    turns.committed("a", None, now=0)
    turns.ended("a", 90, now=0)
    turns.ended("a", 90, now=0)
    turns.take()
    assert say_nothing(turns, (1, 1)) == [Forget("a"), Settled(90, False, declined=True)]


def test_voice_is_found_after_half_an_hour() -> None:
    turns = heard((90_000, False), (60, True), (40, False))
    turn(turns, "a", 89_990, 90_090)
    turns.take()
    assert say_nothing(turns, (1, 1)) == [Forget("a"), Settled(90_090, False, declined=True)]


def test_an_answer_that_is_heard_is_a_translation_however_much_voice_there_was() -> None:
    turns = heard((200, True))
    turn(turns, "a", 0, 200)
    turns.take()
    turns.created("resp_(1, 1)", (1, 1), 0)
    turns.heard("resp_(1, 1)", 0, spoke=True)
    turns.done("resp_(1, 1)", (1, 1), 0, completed=True)
    assert turns.take() == [Forget("a"), Settled(200, True)]
