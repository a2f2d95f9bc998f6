"""Transcripts: lines grow until they are final, readers miss nothing and wait for no longer than a call lasts."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from fakes import HandClock, settle

from bmv.call.captions import NEW_LINE_AFTER, Caption, CaptionLines
from bmv.call.leg import Role
from bmv.call.transcript import FINAL_AFTER, LINES_KEPT, LONGEST_TEXT, MOST_OVER, Line, Transcript, Transcripts
from bmv.call.translator import CaptionKind

CALLER, AGENT = Role.CALLER, Role.AGENT
ORIGINAL, TRANSLATION = CaptionKind.ORIGINAL, CaptionKind.TRANSLATION
CALL = "call-1"


class Call:
    """A call in the time of a hand clock, in which pieces of text arrive."""

    def __init__(self, *, retention: float = 0.0) -> None:
        self.clock = HandClock()
        self.all = Transcripts(self.clock, retention=retention)
        self.transcript = self.all.open(CALL)
        self.speakers = {role: CaptionLines(self._show, CALL, role) for role in Role}

    def says(self, text: str, kind: CaptionKind = ORIGINAL, speaker: Role = CALLER) -> None:
        self.speakers[speaker].append(kind, text, self.clock())

    def passes(self, seconds: float) -> None:
        self.clock.turn(seconds)
        self.transcript.tick()
        self.all.tick(self.clock())

    @property
    def texts(self) -> list[tuple[int, str, bool]]:
        """Every line as it stands: its number, its text, and whether it is final."""
        return [(line.line, line.text, line.final) for line in self.transcript.lines()]

    def _show(self, caption: Caption) -> None:
        self.transcript.show(caption, "es")


def test_a_line_that_grows_is_there_once_with_its_newest_text_and_the_time_at_which_it_began() -> None:
    call = Call()
    call.passes(3.0)
    call.says("Hola")
    call.passes(1.0)
    call.says(" buenas")
    assert call.transcript.lines() == [Line(2, CALLER, ORIGINAL, 1, "Hola buenas", False, 3.0, None, "es")]
    assert call.transcript.latest == 2


def test_a_reader_gets_what_changed_after_the_event_it_knows_in_order() -> None:
    call = Call()
    call.says("uno")
    call.says("hello", speaker=AGENT)
    known = call.transcript.latest
    call.says("one", TRANSLATION)
    call.says(" dos")
    changed = call.transcript.lines(known)
    assert [(line.speaker, line.kind, line.text) for line in changed] == [
        (CALLER, TRANSLATION, "one"),
        (CALLER, ORIGINAL, "uno dos"),
    ]
    assert [line.event for line in changed] == [known + 1, known + 2]
    assert call.transcript.lines(call.transcript.latest) == []


def test_a_line_is_final_when_the_next_one_of_its_speaker_begins() -> None:
    call = Call()
    call.says("uno")
    call.clock.turn(NEW_LINE_AFTER + 0.1)
    call.says("dos")
    assert call.texts == [(1, "uno", True), (2, "dos", False)]


@pytest.mark.parametrize("kind", CaptionKind)
def test_a_line_is_final_after_a_time_without_words_and_that_is_told_once(kind: CaptionKind) -> None:
    call = Call()
    call.says("uno", kind)
    call.passes(FINAL_AFTER[kind])
    assert call.texts == [(1, "uno", False)]
    call.passes(0.1)
    assert call.texts == [(1, "uno", True)]
    latest = call.transcript.latest
    call.passes(60.0)
    assert call.transcript.latest == latest


def test_each_line_is_final_in_its_own_time_whatever_else_is_said_meanwhile() -> None:
    call = Call()
    call.says("one", TRANSLATION)
    call.passes(FINAL_AFTER[TRANSLATION] - 0.1)
    call.says("uno")
    call.says("hello", speaker=AGENT)
    call.passes(0.2)
    assert call.texts == [(1, "uno", False), (1, "hello", False), (1, "one", True)]
    call.says(" mas")
    call.passes(FINAL_AFTER[ORIGINAL] - 0.1)
    assert call.texts == [(1, "one", True), (1, "uno mas", False), (1, "hello", True)]
    call.passes(0.2)
    assert call.texts == [(1, "one", True), (1, "hello", True), (1, "uno mas", True)]


def test_a_translation_that_goes_on_after_all_is_not_lost() -> None:
    call = Call()
    call.says("uno dos")
    call.says("one", TRANSLATION)
    call.passes(FINAL_AFTER[TRANSLATION] + 0.1)
    call.says("two", TRANSLATION)
    assert call.texts == [(1, "uno dos", True), (1, "one two", False)]


def test_the_lag_comes_with_the_translation() -> None:
    call = Call()
    call.says("one", TRANSLATION)
    call.speakers[CALLER].heard_after(1.5, call.clock())
    assert [line.lag for line in call.transcript.lines()] == [1.5]


def test_an_inserted_line_is_final_at_once_and_what_runs_goes_on_beside_it() -> None:
    call = Call()
    call.says("I will", speaker=AGENT)
    call.says("Voy", TRANSLATION, AGENT)
    call.speakers[AGENT].insert({ORIGINAL: "One moment, please.", TRANSLATION: "Un momento, por favor."})
    call.says(" look.", speaker=AGENT)
    call.says(" a ver.", TRANSLATION, AGENT)
    call.clock.turn(NEW_LINE_AFTER + 0.1)
    call.says("So.", speaker=AGENT)
    call.says("Bien.", TRANSLATION, AGENT)
    lines = {(line.line, line.kind): (line.text, line.final) for line in call.transcript.lines()}
    assert lines == {
        (2, ORIGINAL): ("One moment, please.", True),
        (2, TRANSLATION): ("Un momento, por favor.", True),
        (1, ORIGINAL): ("I will look.", True),
        (1, TRANSLATION): ("Voy a ver.", True),
        (3, ORIGINAL): ("So.", False),
        (3, TRANSLATION): ("Bien.", False),
    }


def test_an_inserted_line_does_not_make_final_what_runs() -> None:
    call = Call()
    call.says("I will", speaker=AGENT)
    call.speakers[AGENT].insert({ORIGINAL: "One moment, please."})
    assert call.texts == [(1, "I will", False), (2, "One moment, please.", True)]


# -- who waits for news


async def test_who_waits_is_woken_by_the_next_change_and_not_before() -> None:
    call = Call()
    call.says("uno")
    await call.transcript.changed(0)  # there is something already
    waiting = asyncio.create_task(call.transcript.changed(call.transcript.latest))
    await settle()
    assert not waiting.done()
    call.says(" dos")
    await settle()
    assert waiting.done()


async def test_every_reader_is_woken() -> None:
    call = Call()
    waiting = [asyncio.create_task(call.transcript.changed(0)) for _ in range(3)]
    await settle()
    call.says("uno")
    await settle()
    assert all(task.done() for task in waiting)


async def test_who_stops_waiting_keeps_nobody_else_from_the_news() -> None:
    call = Call()
    first, second = (asyncio.create_task(call.transcript.changed(0)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    call.says("uno")
    await settle()
    assert first.cancelled()
    assert second.done()


async def test_at_the_end_of_the_call_every_line_is_final_and_nobody_waits_any_more() -> None:
    call = Call()
    call.says("uno")
    waiting = asyncio.create_task(call.transcript.changed(call.transcript.latest))
    await settle()
    call.all.close(CALL)
    await settle()
    assert waiting.done()
    assert call.transcript.over
    assert call.texts == [(1, "uno", True)]  # for whoever has the page open, though the call is forgotten
    await call.transcript.changed(call.transcript.latest)


async def test_who_waits_when_nothing_is_running_any_more_does_not_wait_beyond_the_end_of_the_call() -> None:
    call = Call()
    waiting = asyncio.create_task(call.transcript.changed(0))
    await settle()
    call.all.close(CALL)
    await settle()
    assert waiting.done()
    await waiting


# -- how long anything is kept


def test_nothing_is_kept_after_the_call() -> None:
    call = Call()
    call.says("uno")
    assert call.all.of(CALL) is call.transcript
    call.all.close(CALL)
    assert call.all.of(CALL) is None
    assert len(call.all) == 0


def test_or_for_as_long_as_was_set_and_not_longer() -> None:
    call = Call(retention=60.0)
    call.says("uno")
    call.all.close(CALL)
    call.passes(59.9)
    assert call.all.of(CALL) is call.transcript
    call.passes(0.1)
    assert call.all.of(CALL) is None
    assert len(call.all) == 0


def test_calls_are_forgotten_in_the_order_in_which_they_ended() -> None:
    call = Call(retention=10.0)
    call.all.open("call-2")
    call.all.close("call-2")
    call.passes(5.0)
    call.all.close(CALL)
    call.passes(5.0)
    assert (call.all.of("call-2"), call.all.of(CALL)) == (None, call.transcript)
    call.all.close("call-3")  # of which nobody knows


def test_of_a_very_long_call_the_oldest_lines_are_dropped_and_counted_and_the_log_says_so_once(
    logs: list[MutableMapping[str, Any]],
) -> None:
    transcript = Transcript(HandClock())
    for number in range(LINES_KEPT + 5):
        transcript.show(Caption(CALL, CALLER, ORIGINAL, number, str(number), whole=True), "es")
    assert [line.line for line in transcript.lines()] == list(range(5, LINES_KEPT + 5))
    assert transcript.dropped == 5
    assert [entry["event"] for entry in logs] == ["captions_dropped"]


def test_a_piece_of_text_without_end_is_cut_off() -> None:
    call = Call()
    call.says("a" * 10 * LONGEST_TEXT)
    assert len(call.transcript.lines()[0].text) == LONGEST_TEXT


def test_of_calls_without_end_the_captions_of_the_last_ones_are_kept_however_long_they_shall_be() -> None:
    calls = Transcripts(HandClock(), retention=86_400)
    running = calls.open("running")
    for number in range(MOST_OVER + 10):
        calls.open(f"call-{number}")
        calls.close(f"call-{number}")
    assert len(calls) == MOST_OVER + 1
    assert calls.of("call-9") is None
    assert calls.of("call-10")
    assert calls.of("running") is running
