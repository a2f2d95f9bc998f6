"""Captions: one line grows while somebody speaks, and each lag stands on the line it belongs to."""

from __future__ import annotations

import pytest

from bmv.call.captions import LONGEST_PIECE, NEW_LINE_AFTER, Caption, CaptionFeed, CaptionLines
from bmv.call.leg import Role
from bmv.call.translator import CaptionKind

ORIGINAL, TRANSLATION = CaptionKind.ORIGINAL, CaptionKind.TRANSLATION
PAUSE = NEW_LINE_AFTER + 0.1


class Reading:
    """The lines of one speaker, and what a reader of the feed sees of them."""

    def __init__(self) -> None:
        self.seen: list[Caption] = []
        feed = CaptionFeed()
        self._reading = feed.reading(self.seen.append)
        self._reading.__enter__()
        self.lines = CaptionLines(feed.publish, "call-1", Role.CALLER)

    def page(self, kind: CaptionKind = TRANSLATION) -> dict[int, tuple[str, float | None]]:
        """Each line of a kind as it stood last."""
        return {caption.line: (caption.text, caption.lag) for caption in self.seen if caption.kind is kind}


def test_a_line_comes_again_and_longer_while_it_grows() -> None:
    reading = Reading()
    for number, piece in enumerate(("Where ", "is ", "my parcel?")):
        reading.lines.append(TRANSLATION, piece, 10.0 + number)
    assert [caption.text for caption in reading.seen] == ["Where ", "Where is ", "Where is my parcel?"]
    assert {caption.line for caption in reading.seen} == {1}


def test_a_word_that_comes_in_two_pieces_is_one_word() -> None:
    reading = Reading()
    for piece in ("my par", "cel"):
        reading.lines.append(TRANSLATION, piece, 10.0)
    assert reading.page() == {1: ("my parcel", None)}


def test_a_caption_says_whose_words_it_holds() -> None:
    reading = Reading()
    reading.lines.append(ORIGINAL, "hola", 10.0)
    assert reading.seen == [Caption("call-1", Role.CALLER, ORIGINAL, 1, "hola", None)]


def test_a_pause_begins_a_new_line_without_the_space_before_it() -> None:
    reading = Reading()
    reading.lines.append(ORIGINAL, "uno", 10.0)
    reading.lines.append(ORIGINAL, " dos", 10.0 + NEW_LINE_AFTER)
    reading.lines.append(ORIGINAL, " tres", 10.0 + NEW_LINE_AFTER + PAUSE)
    assert reading.page(ORIGINAL) == {1: ("uno dos", None), 2: ("tres", None)}


def test_original_and_translation_are_counted_and_paused_apart() -> None:
    reading = Reading()
    reading.lines.append(ORIGINAL, "uno ", 10.0)
    reading.lines.append(TRANSLATION, "one", 10.0 + PAUSE)
    reading.lines.append(ORIGINAL, "dos", 10.1 + PAUSE)
    assert reading.page(ORIGINAL) == {1: ("uno ", None), 2: ("dos", None)}
    assert reading.page(TRANSLATION) == {1: ("one", None)}


def test_the_translation_of_a_line_stays_beside_it_wherever_either_pauses() -> None:
    reading = Reading()
    reading.lines.append(ORIGINAL, "uno", 10.0)
    reading.lines.append(TRANSLATION, "one ", 11.0)
    reading.lines.append(TRANSLATION, " more", 11.0 + PAUSE)  # the original goes on, and so does its line
    reading.lines.append(ORIGINAL, "dos", 15.0)
    reading.lines.append(ORIGINAL, "tres", 20.0)  # of which the translation made one
    reading.lines.append(TRANSLATION, "two and three", 21.0)
    assert reading.page(ORIGINAL) == {1: ("uno", None), 2: ("dos", None), 3: ("tres", None)}
    assert reading.page() == {1: ("one more", None), 3: ("two and three", None)}


def test_somebody_who_never_pauses_gets_a_new_line_in_the_end() -> None:
    reading = Reading()
    for number in range(100):
        reading.lines.append(ORIGINAL, "palabra ", 10.0 + number / 10)
    assert [len(text) for text, _ in reading.page(ORIGINAL).values()] == [408, 392]


def test_a_lag_is_shown_on_the_running_line_at_once() -> None:
    reading = Reading()
    reading.lines.append(TRANSLATION, "one", 10.0)
    reading.lines.heard_after(1.4, 10.2)
    assert reading.page() == {1: ("one", 1.4)}
    reading.lines.append(TRANSLATION, " two", 10.4)
    assert reading.page() == {1: ("one two", 1.4)}


def test_a_lag_that_is_known_before_the_words_stands_on_the_line_they_begin() -> None:
    reading = Reading()
    reading.lines.append(TRANSLATION, "one", 10.0)
    reading.lines.heard_after(1.4, 20.0)
    reading.lines.append(TRANSLATION, "two", 20.2)
    assert reading.page() == {1: ("one", None), 2: ("two", 1.4)}


def test_a_lag_never_stands_on_the_original() -> None:
    reading = Reading()
    reading.lines.heard_after(1.4, 10.0)
    reading.lines.append(ORIGINAL, "hola", 10.1)
    reading.lines.append(TRANSLATION, "hello", 10.2)
    assert reading.page(ORIGINAL) == {1: ("hola", None)}
    assert reading.page(TRANSLATION) == {1: ("hello", 1.4)}


def test_a_line_keeps_the_lag_it_has_when_the_next_turn_runs_into_it() -> None:
    reading = Reading()
    reading.lines.append(TRANSLATION, "one", 10.0)
    reading.lines.heard_after(1.4, 10.1)
    reading.lines.heard_after(3.0, 11.0)
    reading.lines.append(TRANSLATION, " two", 11.1)
    assert reading.page() == {1: ("one two", 1.4)}


def test_a_turn_without_words_leaves_its_lag_to_no_later_line() -> None:
    reading = Reading()
    reading.lines.heard_after(1.4, 10.0)
    reading.lines.append(TRANSLATION, "much later", 10.0 + PAUSE)
    assert reading.page() == {1: ("much later", None)}
    reading.lines.append(TRANSLATION, "and later still", 10.0 + 2 * PAUSE)
    assert reading.page()[2] == ("and later still", None)


def test_a_new_line_does_not_inherit_the_lag_of_the_last() -> None:
    reading = Reading()
    reading.lines.append(TRANSLATION, "one", 10.0)
    reading.lines.heard_after(1.4, 10.1)
    reading.lines.append(TRANSLATION, "two", 10.0 + PAUSE)
    assert reading.page() == {1: ("one", 1.4), 2: ("two", None)}


def test_every_reader_gets_every_caption_until_it_stops_reading() -> None:
    feed = CaptionFeed()
    first: list[Caption] = []
    second: list[Caption] = []
    caption = Caption("call-1", Role.AGENT, ORIGINAL, 1, "hello")
    with feed.reading(first.append):
        with feed.reading(second.append):
            feed.publish(caption)
        feed.publish(caption)
    feed.publish(caption)
    assert (len(first), len(second)) == (2, 1)


def test_a_reader_that_fails_elsewhere_reads_no_more() -> None:
    feed = CaptionFeed()
    seen: list[Caption] = []
    with pytest.raises(ZeroDivisionError), feed.reading(seen.append):
        raise ZeroDivisionError
    feed.publish(Caption("call-1", Role.AGENT, ORIGINAL, 1, "hello"))
    assert seen == []


def test_a_reader_may_stop_reading_while_it_reads() -> None:
    feed = CaptionFeed()
    seen: list[Caption] = []

    def once(_caption: Caption) -> None:
        reading.__exit__(None, None, None)

    reading = feed.reading(once)
    reading.__enter__()
    with feed.reading(seen.append):
        feed.publish(Caption("call-1", Role.AGENT, ORIGINAL, 1, "hello"))
    assert len(seen) == 1


def test_of_a_piece_without_end_the_beginning_is_kept() -> None:
    reading = Reading()
    reading.lines.append(TRANSLATION, "x" * 10_000_000, 10.0)
    assert reading.page() == {1: ("x" * LONGEST_PIECE, None)}
