"""One direction of a call: what reaches the translator and when, and that the listener is never left with nothing."""

from __future__ import annotations

import asyncio

import pytest
from direction import PAIR, TRANSLATION, Direction, in_frames
from fakes import loud, settle, spoken

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.alongside import alongside
from bmv.call.leg import Role
from bmv.call.mode import Mode
from bmv.call.stall import FILL_FRAMES, STALLED_AFTER
from bmv.call.translator import CaptionKind

# -- before and while the session opens


async def test_nothing_reaches_a_translator_before_the_agent_accepted() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        assert direction.session.fed == []
        assert direction.heard == []
        direction.interpreter.begin()
        await direction.say(spoken(7, 9))
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
        await direction.say(spoken(0, 30))
        direction.translators.opening.set()
        await settle()
        await direction.say(spoken(30, 180))
        assert direction.session.fed == spoken(0, 180)  # 1.2 times as fast: it has just caught up


async def test_what_waited_is_fed_at_most_a_fifth_faster_than_real_time() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        await direction.say(spoken(0, 30))
        direction.translators.opening.set()
        await settle()
        fed = [0]
        for number in range(30, 180):
            await direction.say([loud(number)])
            fed.append(len(direction.session.fed))
        assert fed[5] > 5  # it does catch up
        for window in (5, 50, 100):
            assert max(after - before for before, after in zip(fed, fed[window:], strict=False)) <= window * 1.2


# -- a line that stalls


async def test_a_line_that_stalls_is_filled_with_a_little_silence_once() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.say(spoken(0, 3))
        await direction.stall(STALLED_AFTER)
        assert direction.session.fed == spoken(0, 3)
        await direction.stall(5.0)
        assert direction.session.fed == spoken(0, 3) + [SILENCE] * FILL_FRAMES
        assert pytest.approx(0.4) == FILL_FRAMES * FRAME_SECONDS


async def test_every_stall_is_filled_anew() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.say([loud(1)])
        await direction.stall(5.0)
        await direction.say([loud(2)])
        await direction.stall(5.0)
        assert direction.session.fed == [loud(1), *[SILENCE] * FILL_FRAMES, loud(2), *[SILENCE] * FILL_FRAMES]


async def test_a_line_that_has_not_begun_does_not_stall() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.stall(5.0)
        assert direction.session.fed == []


# -- where there is nothing to translate


async def test_the_same_language_passes_straight_through_and_no_session_is_asked_for() -> None:
    direction = Direction(pair=None)
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.say(spoken(0, 5), missed=True)
        await direction.keep_quiet(1.0, missed=True)
        assert direction.heard == []
        direction.interpreter.begin()
        await settle()
        await direction.say(spoken(5, 60))
        await direction.stall(1.0)
        assert direction.heard == list(range(5, 60))
        assert direction.translators.asked == []
        assert direction.interpreter.mode is Mode.PASSING_THROUGH


# -- the translation and the original


async def test_the_translation_is_what_the_listener_hears() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.say(spoken(0, 20))
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 30))
        await direction.say(spoken(20, 80))
        assert direction.heard == list(range(TRANSLATION, TRANSLATION + 30))


async def test_the_original_is_forwarded_where_that_is_wanted() -> None:
    direction = Direction()
    direction.interpreter.forward_original = True
    async with direction.begun():
        await direction.say(spoken(0, 50))
        await direction.stall(1.0)
        assert direction.heard == list(range(50))
        assert direction.session.fed[:50] == spoken(0, 50)


async def test_frames_may_come_together_only_where_a_translator_alone_waits_for_them() -> None:
    direction = Direction()
    patient = [direction.interpreter.is_patient]
    async with direction.begun():
        await settle()
        for mode in (Mode.TRANSLATING, Mode.SECURED, Mode.TRANSLATING, Mode.PAUSED):
            direction.interpreter.secure(mode is Mode.SECURED)
            if mode is Mode.PAUSED:
                direction.interpreter.pause()
            assert direction.interpreter.mode is mode
            patient.append(direction.interpreter.is_patient)
        direction.interpreter.begin()
        direction.interpreter.forward_original = True
        patient.append(direction.interpreter.is_patient)
    assert patient == [False, True, False, True, False, False]


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


# -- the end


async def test_cancelling_closes_the_session() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.begin()
        await settle()
        assert direction.translators.open_sessions == 1
    assert direction.session.closed


async def test_finishing_lets_the_translator_say_what_is_left_and_then_closes_it() -> None:
    direction = Direction()
    run = await direction.running()
    await direction.speak(1.0)
    direction.interpreter.finish()
    assert direction.session.finished
    await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
    assert not run.done()
    direction.session.end()
    await run
    await direction.stall(1.0)
    assert direction.heard == list(range(TRANSLATION, TRANSLATION + 20))
    assert direction.session.closed
    assert direction.interpreter.mode is not Mode.PASSING_THROUGH


async def test_after_finishing_a_translator_is_fed_nothing_more() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.say(spoken(0, 10))
        direction.interpreter.finish()
        await direction.stall(2.0)
        await direction.say(spoken(10, 20))
        direction.interpreter.finish()
        assert direction.session.fed == spoken(0, 10)
        assert direction.session.finished == 1
        assert direction.interpreter.mode is Mode.TRANSLATING


async def test_when_the_speaker_leaves_before_anybody_listens_the_session_is_closed_and_that_is_all() -> None:
    direction = Direction()
    run = asyncio.create_task(direction.interpreter.run())
    direction.interpreter.prepare()
    await settle()
    direction.interpreter.finish()
    await run
    assert direction.session.closed


@pytest.mark.parametrize("moment", ["catching up", "still opening"])
async def test_what_waits_is_fed_before_the_translator_is_finished(moment: str) -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        await direction.say(spoken(0, 50))
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
    run = await direction.running()
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
        await direction.speak(1.0)
        note()
        await direction.keep_quiet(10.0)
        note()
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        note()
        await direction.keep_quiet(2.0)
        note()
    assert pending == [False, True, False, True, False]


async def test_what_passes_through_is_pending_until_it_has_left_the_listeners_buffer() -> None:
    direction = Direction(pair=None)
    async with direction.begun():
        await direction.speak(1.0)
        assert direction.interpreter.pending(direction.clock())
        await direction.stall(0.06)
        assert len(direction.heard) == in_frames(1.0)  # all is sent …
        assert direction.interpreter.pending(direction.clock())  # … and the rest not yet heard
        await direction.stall(0.2)
        assert not direction.interpreter.pending(direction.clock())
