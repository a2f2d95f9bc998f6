"""One direction of a call: what reaches the translator and when, and that the listener is never left with nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from fakes import FakeTranslator, FakeTranslatorFactory, HandClock, cut, loud, numbers, settle

from bmv import languages
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.alongside import alongside
from bmv.call.captions import Caption, CaptionFeed, CaptionLines
from bmv.call.interpreter import FILL_FRAMES, STALLED_AFTER, WAITING_FRAMES, Interpreter, Mode
from bmv.call.leg import Role
from bmv.call.playout import Playout
from bmv.call.translator import CaptionKind, LanguagePair, PairUnsupported, TranslatorLost

PAIR = LanguagePair(languages.get("es"), languages.get("en"))
LOST = TranslatorLost("nobody answers")
TRANSLATION = 1000  # the translator's frames are numbered from here


class Direction:
    """An interpreter between a speaker and a listener, both of them the test."""

    def __init__(self, pair: LanguagePair | None = PAIR) -> None:
        self.clock = HandClock()
        self.translators = FakeTranslatorFactory(self.clock)
        self.playout = Playout(original_level_db=-18.0)
        self.captions: list[Caption] = []
        feed = CaptionFeed()
        self._reading = feed.reading(self.captions.append)
        self._reading.__enter__()
        self.interpreter = Interpreter(
            pair,
            translators=self.translators,
            playout=self.playout,
            captions=CaptionLines(feed, "call-1", Role.CALLER),
            clock=self.clock,
        )
        self._heard = bytearray()

    @property
    def session(self) -> FakeTranslator:
        return self.translators.sessions[-1]

    @property
    def heard(self) -> list[int]:
        """The numbers of the loud frames that the listener got, in order."""
        return numbers(cut(bytes(self._heard)))

    def say(self, frames: Iterable[bytes]) -> None:
        """The speaker's line, 20 ms after 20 ms."""
        for frame in frames:
            self.interpreter.hear(frame, self.clock.turn())
            self._beat()

    def speak(self, *seconds: float) -> None:
        """The speaker talks for a while."""
        self.say(loud(number) for number in range(_frames(*seconds)))

    def keep_quiet(self, seconds: float) -> None:
        self.say([SILENCE] * _frames(seconds))

    def stall(self, seconds: float) -> None:
        """Time passes and no frame comes."""
        for _ in range(_frames(seconds)):
            self.clock.turn()
            self._beat()

    async def translate(self, *frames: bytes) -> None:
        """The translator says something, and it is received."""
        self.session.speak(*frames)
        await settle()

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """The interpreter runs and the agent has accepted."""
        async with alongside(self.interpreter.run()):
            self.interpreter.begin()
            await settle()
            yield

    def _beat(self) -> None:
        self.interpreter.tick(self.clock())
        self._heard += self.playout.take(self.clock())


def _frames(*seconds: float) -> int:
    return round(sum(seconds) / FRAME_SECONDS)


def spoken(first: int, last: int) -> list[bytes]:
    return [loud(number) for number in range(first, last)]


# -- before and while the session opens


async def test_nothing_reaches_a_translator_before_the_agent_accepted() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        direction.speak(1.0)
        direction.stall(1.0)
        assert direction.session.fed == []
        assert direction.heard == []
        direction.interpreter.begin()
        direction.say(spoken(7, 9))
        assert direction.session.fed == spoken(7, 9)


async def test_no_session_is_opened_before_it_is_asked_for() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        await settle()
        assert direction.translators.asked == []


async def test_the_session_is_opened_once_however_often_it_is_prepared() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        for step in (direction.interpreter.prepare, direction.interpreter.prepare, direction.interpreter.begin):
            step()
            await settle()
        assert direction.translators.asked == [PAIR]


async def test_what_is_said_while_the_session_opens_is_fed_afterwards_complete_and_in_order() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        direction.say(spoken(0, 50))
        direction.translators.opening.set()
        await settle()
        direction.say(spoken(50, 400))
        assert direction.session.fed == spoken(0, 400)
        assert direction.interpreter.stats.frames_dropped == 0


async def test_what_waited_is_fed_at_most_a_fifth_faster_than_real_time() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        direction.say(spoken(0, 50))
        direction.translators.opening.set()
        await settle()
        fed = [0]
        for number in range(50, 400):
            direction.say([loud(number)])
            fed.append(len(direction.session.fed))
        assert fed[5] > 5  # it does catch up
        for window in (5, 50, 200):
            assert max(after - before for before, after in zip(fed, fed[window:], strict=False)) <= window * 1.2


async def test_what_waits_is_bounded_and_what_is_lost_is_counted() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        direction.say(spoken(0, WAITING_FRAMES + 10))
        assert direction.interpreter.stats.frames_dropped == 10
        direction.translators.opening.set()
        await settle()
        direction.say(spoken(5000, 5001))
        assert direction.session.fed == [loud(10)]  # the oldest went first


# -- a line that stalls


async def test_a_line_that_stalls_is_filled_with_a_little_silence_once() -> None:
    direction = Direction()
    async with direction.begun():
        direction.say(spoken(0, 3))
        direction.stall(STALLED_AFTER)
        assert direction.session.fed == spoken(0, 3)
        direction.stall(5.0)
        assert direction.session.fed == spoken(0, 3) + [SILENCE] * FILL_FRAMES
        assert pytest.approx(0.4) == FILL_FRAMES * FRAME_SECONDS


async def test_every_stall_is_filled_anew() -> None:
    direction = Direction()
    async with direction.begun():
        direction.say([loud(1)])
        direction.stall(5.0)
        direction.say([loud(2)])
        direction.stall(5.0)
        assert direction.session.fed == [loud(1), *[SILENCE] * FILL_FRAMES, loud(2), *[SILENCE] * FILL_FRAMES]


async def test_a_line_that_has_not_begun_does_not_stall() -> None:
    direction = Direction()
    async with direction.begun():
        direction.stall(5.0)
        assert direction.session.fed == []


# -- where there is no translator


async def test_the_same_language_passes_straight_through_and_no_session_is_asked_for() -> None:
    direction = Direction(pair=None)
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        direction.say(spoken(0, 5))
        assert direction.heard == []
        direction.interpreter.begin()
        await settle()
        direction.say(spoken(5, 60))
        direction.stall(1.0)
        assert direction.heard == list(range(5, 60))
        assert direction.translators.asked == []
        assert direction.interpreter.mode is Mode.PASSING_THROUGH


@pytest.mark.parametrize("refusal", [PairUnsupported("no such voice"), LOST])
async def test_without_a_session_the_original_is_heard_from_the_first_word_on(refusal: Exception) -> None:
    direction = Direction()
    direction.translators.refusals = [refusal]
    direction.translators.opening.clear()
    async with direction.begun():
        direction.say(spoken(0, 40))
        direction.translators.opening.set()
        await settle()
        direction.say(spoken(40, 100))
        direction.stall(3.0)
        assert direction.heard == list(range(100))
        assert direction.translators.open_sessions == 0
        assert direction.translators.asked == [PAIR]


async def test_a_language_that_cannot_be_spoken_is_passed_through_only_once_the_agent_accepted() -> None:
    direction = Direction()
    direction.translators.refusals = [PairUnsupported("no such voice")]
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        direction.say(spoken(0, 5))
        assert direction.heard == []
        direction.interpreter.begin()
        direction.say(spoken(5, 20))
        direction.stall(1.0)
        assert direction.heard == list(range(5, 20))


@pytest.mark.parametrize("way", ["an error", "an end"])
async def test_when_the_session_is_lost_in_a_call_the_original_is_heard_from_there(way: str) -> None:
    direction = Direction()
    async with direction.begun():
        direction.say(spoken(0, 30))
        assert direction.heard == []
        if way == "an error":
            direction.session.lose()
        else:
            direction.session.end()
        await settle()
        direction.say(spoken(30, 90))
        direction.stall(1.0)
        assert direction.heard == list(range(30, 90))  # unchanged: at full level
        assert direction.session.fed == spoken(0, 30)
        assert direction.session.closed
        assert direction.translators.asked == [PAIR]


async def test_when_the_session_is_lost_nothing_that_waited_is_lost_with_it() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        direction.say(spoken(0, 50))
        direction.translators.opening.set()
        await settle()
        direction.say(spoken(50, 60))
        fed = len(direction.session.fed)
        assert fed == 12
        direction.session.lose()
        await settle()
        direction.say(spoken(60, 90))
        direction.stall(3.0)
        assert direction.heard == list(range(fed, 90))


async def test_the_original_does_not_wait_for_the_lost_session_to_be_closed() -> None:
    direction = Direction()
    direction.translators.closing.clear()
    async with direction.begun():
        direction.session.lose()
        await settle()
        direction.say(spoken(0, 20))
        direction.stall(1.0)
        assert direction.heard == list(range(20))
        direction.translators.closing.set()


async def test_a_session_that_is_lost_in_the_queue_is_opened_again_when_it_is_needed() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        direction.session.lose()
        await settle()
        assert direction.translators.asked == [PAIR]
        assert direction.translators.open_sessions == 0
        direction.interpreter.begin()
        direction.say(spoken(0, 5))
        await settle()
        direction.say(spoken(5, 60))
        assert direction.translators.asked == [PAIR, PAIR]
        assert direction.session.fed == spoken(0, 60)
        assert direction.heard == []


async def test_a_session_that_cannot_be_had_in_the_queue_is_asked_for_again_when_it_is_needed() -> None:
    direction = Direction()
    direction.translators.refusals = [LOST]
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        direction.interpreter.begin()
        await settle()
        direction.say(spoken(0, 5))
        assert direction.session.fed == spoken(0, 5)


async def test_a_session_lost_in_the_queue_is_opened_again_though_the_old_one_is_still_closing() -> None:
    direction = Direction()
    direction.translators.closing.clear()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        direction.session.lose()
        await settle()
        direction.interpreter.begin()
        direction.say(spoken(0, 5))
        direction.translators.closing.set()
        await settle()
        direction.say(spoken(5, 60))
        assert direction.session.fed == spoken(0, 60)


async def test_a_bug_in_a_translator_is_not_taken_for_a_loss() -> None:
    direction = Direction()
    run = asyncio.create_task(direction.interpreter.run())
    direction.interpreter.begin()
    await settle()
    direction.session.lose(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await run
    assert direction.session.closed
    assert direction.interpreter.mode is Mode.TRANSLATING


async def test_cancelling_closes_the_session() -> None:
    direction = Direction()
    async with direction.begun():
        assert direction.translators.open_sessions == 1
    assert direction.session.closed


# -- the translation and the original


async def test_the_translation_is_what_the_listener_hears() -> None:
    direction = Direction()
    async with direction.begun():
        direction.say(spoken(0, 20))
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 30))
        direction.say(spoken(20, 80))
        assert direction.heard == list(range(TRANSLATION, TRANSLATION + 30))


async def test_the_original_is_forwarded_where_that_is_wanted() -> None:
    direction = Direction()
    direction.interpreter.forward_original = True
    async with direction.begun():
        direction.say(spoken(0, 50))
        direction.stall(1.0)
        assert direction.heard == list(range(50))
        assert direction.session.fed[:50] == spoken(0, 50)


@pytest.mark.parametrize("moment", ["while it opens", "later"])
async def test_an_original_that_was_forwarded_is_not_heard_twice_when_the_session_is_lost(moment: str) -> None:
    direction = Direction()
    direction.interpreter.forward_original = True
    if moment == "while it opens":
        direction.translators.opening.clear()
        direction.translators.refusals = [LOST]
    async with direction.begun():
        direction.say(spoken(0, 50))
        if moment == "while it opens":
            direction.translators.opening.set()
        else:
            direction.session.lose()
        await settle()
        direction.say(spoken(50, 100))
        direction.stall(1.0)
        assert direction.heard == list(range(100))


async def test_what_is_said_is_captioned_in_both_languages() -> None:
    direction = Direction()
    async with direction.begun():
        direction.session.caption(CaptionKind.ORIGINAL, "hola ")
        direction.session.caption(CaptionKind.TRANSLATION, "hello ")
        await settle()
    assert [(caption.speaker, caption.kind, caption.text) for caption in direction.captions] == [
        (Role.CALLER, CaptionKind.ORIGINAL, "hola "),
        (Role.CALLER, CaptionKind.TRANSLATION, "hello "),
    ]


# -- how long it takes


SOON = 0.25
"""More than the detector of voice and the cushion of the playout take together."""


async def test_a_turns_lag_is_from_the_first_sound_to_the_first_translated_sound() -> None:
    direction = Direction()
    async with direction.begun():
        direction.keep_quiet(1.0)
        direction.speak(1.5)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 40))
        direction.speak(1.0)
        lags = direction.interpreter.stats.first_audio
        assert lags.count == 1
        assert lags.mean == pytest.approx(1.5, abs=SOON)


async def test_the_lag_stands_on_the_caption_of_the_turn() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(1.5)
        direction.session.caption(CaptionKind.TRANSLATION, "hello")
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 40))
        direction.speak(1.0)
    assert direction.captions[-1].lag == pytest.approx(1.5, abs=SOON)
    assert direction.captions[-1].lag == direction.interpreter.stats.first_audio.mean


async def test_each_turn_is_measured_by_itself() -> None:
    direction = Direction()
    async with direction.begun():
        for wait in (1.0, 2.0):
            direction.speak(0.6)
            direction.keep_quiet(wait - 0.6)
            await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
            direction.keep_quiet(3.0)
        lags = direction.interpreter.stats.first_audio
        assert lags.count == 2
        assert lags.mean == pytest.approx(1.5, abs=SOON)
        assert lags.maximum == pytest.approx(2.0, abs=SOON)


async def test_a_breath_inside_a_turn_does_not_begin_another() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(0.5)
        direction.keep_quiet(0.5)
        direction.speak(0.5)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        direction.speak(0.5)
        assert direction.interpreter.stats.first_audio.mean == pytest.approx(1.5, abs=SOON)


async def test_a_pause_in_the_translation_is_not_measured_again() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(1.0)
        for _ in range(3):
            await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
            direction.keep_quiet(2.0)
        assert direction.interpreter.stats.first_audio.count == 1


async def test_a_cough_that_nobody_translates_does_not_spoil_the_next_turn() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(0.2)
        direction.keep_quiet(16.0)
        direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        direction.keep_quiet(1.0)
        assert direction.interpreter.stats.first_audio.maximum == pytest.approx(1.0, abs=SOON)


async def test_a_translation_out_of_nowhere_is_no_turn() -> None:
    direction = Direction()
    async with direction.begun():
        direction.keep_quiet(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        direction.keep_quiet(1.0)
        assert direction.interpreter.stats.first_audio.count == 0
        assert direction.interpreter.stats.first_audio.mean is None


async def test_what_the_bridge_adds_on_the_way_down_is_measured() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        direction.keep_quiet(1.0)
        downlink = direction.interpreter.stats.downlink
        assert downlink.count == 1
        assert 0 < downlink.maximum <= SOON


async def test_the_worst_backlog_is_remembered() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 200))
        direction.stall(6.0)
        assert direction.playout.backlog == 0
        assert direction.interpreter.stats.worst_backlog == pytest.approx(4.0, abs=0.2)


# -- the end


async def test_finishing_lets_the_translator_say_what_is_left_and_then_closes_it() -> None:
    direction = Direction()
    run = asyncio.create_task(direction.interpreter.run())
    direction.interpreter.begin()
    await settle()
    direction.speak(1.0)
    direction.interpreter.finish()
    assert direction.session.finished
    await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
    assert not run.done()
    direction.session.end()
    await run
    direction.stall(1.0)
    assert direction.heard == list(range(TRANSLATION, TRANSLATION + 20))
    assert direction.session.closed
    assert direction.interpreter.mode is not Mode.PASSING_THROUGH


async def test_after_finishing_a_translator_is_fed_nothing_more() -> None:
    direction = Direction()
    async with direction.begun():
        direction.say(spoken(0, 10))
        direction.interpreter.finish()
        direction.stall(2.0)
        assert direction.session.fed == spoken(0, 10)


@pytest.mark.parametrize("moment", ["catching up", "still opening"])
async def test_what_waits_is_fed_before_the_translator_is_finished(moment: str) -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        direction.say(spoken(0, 50))
        if moment == "catching up":
            direction.translators.opening.set()
            await settle()
        direction.interpreter.finish()
        direction.translators.opening.set()
        await settle()
        assert direction.session.fed == spoken(0, 50)
        assert direction.session.finished


async def test_a_session_lost_while_it_finishes_ends_the_run() -> None:
    direction = Direction()
    run = asyncio.create_task(direction.interpreter.run())
    direction.interpreter.begin()
    await settle()
    direction.interpreter.finish()
    direction.session.lose()
    await run
    assert direction.session.closed


async def test_something_is_pending_while_the_listener_may_still_hear_of_it() -> None:
    direction = Direction()
    pending: list[bool] = []

    def note() -> None:
        pending.append(direction.interpreter.pending(direction.clock()))

    async with direction.begun():
        note()
        direction.speak(1.0)
        note()
        direction.keep_quiet(10.0)
        note()
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        note()
        direction.keep_quiet(2.0)
        note()
    assert pending == [False, True, False, True, False]


async def test_what_passes_through_is_pending_until_it_has_left_the_listeners_buffer() -> None:
    direction = Direction(pair=None)
    async with direction.begun():
        direction.speak(1.0)
        assert direction.interpreter.pending(direction.clock())
        direction.stall(0.06)
        assert len(direction.heard) == _frames(1.0)  # all is sent …
        assert direction.interpreter.pending(direction.clock())  # … and the rest not yet heard
        direction.stall(0.2)
        assert not direction.interpreter.pending(direction.clock())


async def test_a_turn_that_begins_under_the_translation_of_the_last_one_is_not_measured() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 150))
        direction.keep_quiet(1.5)
        direction.speak(0.5)  # the translation of the first turn still sounds
        direction.keep_quiet(5.0)
        direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION + 150, TRANSLATION + 190))
        direction.keep_quiet(1.0)
        lags = direction.interpreter.stats.first_audio
        assert lags.count == 2
        assert lags.maximum == pytest.approx(1.0, abs=SOON)


async def test_a_pause_within_a_turn_leaves_no_beginning_behind_for_the_next() -> None:
    direction = Direction()
    async with direction.begun():
        direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        direction.keep_quiet(1.2)  # both pause …
        direction.speak(0.2)
        await direction.translate(*spoken(TRANSLATION + 20, TRANSLATION + 40))  # … and go on
        direction.speak(1.0)
        direction.keep_quiet(4.0)
        direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION + 40, TRANSLATION + 60))
        direction.keep_quiet(1.0)
        assert direction.interpreter.stats.first_audio.maximum == pytest.approx(1.0, abs=SOON)
