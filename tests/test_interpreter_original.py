"""What a listener hears where there is no translation: the original, in order, once, and that it is so."""

from __future__ import annotations

import pytest
from direction import A_WHILE, BACK, PAIR, TRANSLATION, WENT, Direction, english, in_frames
from fakes import lost, numbers, settle, spoken

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.alongside import alongside
from bmv.call.kept import LONGEST
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
from bmv.call.playout import LEAD_SECONDS
from bmv.call.trouble import WITHOUT_SESSION

pytestmark = pytest.mark.usefixtures("logs")


# -- the original in the place of a translation


async def test_after_three_seconds_without_a_session_the_original_is_heard_from_the_first_lost_word_on() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        await direction.processed(60)
        direction.translators.refuses_always = lost()
        await direction.lose()
        await direction.speak(WITHOUT_SESSION - 0.1)
        assert direction.heard == []
        await direction.speak(3.0)
        await direction.stall(5.0)
        assert direction.heard == [WENT, *range(60, in_frames(2.0 + WITHOUT_SESSION - 0.1 + 3.0))]
        assert direction.interpreter.mode is Mode.PASSING_THROUGH


async def test_the_notice_is_heard_as_soon_as_the_patience_is_over() -> None:
    direction = Direction()
    async with direction.begun():
        direction.translators.refuses_always = lost()
        await direction.lose()
        lost_at = direction.clock()
        await direction.speak(5.0)
        first = direction.leg.frames[0]
        assert WITHOUT_SESSION < direction.heard_at(first) - lost_at <= WITHOUT_SESSION + 0.06


async def test_when_a_session_is_back_the_translation_is_and_the_listener_is_told_before_its_first_word() -> None:
    direction = Direction()
    async with direction.begun():
        direction.translators.refuses_always = lost()
        await direction.lose()
        before = await direction.speak(6.0)
        direction.translators.refuses_always = None
        while not direction.translators.open_sessions:
            before += await direction.speak(0.02)
        during = await direction.speak(1.0)  # it has to speak first, before it is relied on
        await direction.translate(*english(0, 20))
        assert direction.interpreter.mode is Mode.TRANSLATING
        await direction.speak(1.0)
        await direction.translate(*english(20, 40))
        await direction.stall(8.0)
        assert direction.heard == [WENT, *before, *during, BACK, *range(TRANSLATION, TRANSLATION + 40)]
        assert numbers(direction.session.fed)[0] == during[0]


async def test_what_was_heard_as_it_is_is_not_translated_when_the_session_that_was_fed_it_is_lost_too() -> None:
    direction = Direction()
    async with direction.begun():
        direction.translators.refusals = [lost()] * 3
        await direction.lose()
        said = await direction.speak(WITHOUT_SESSION + 4.0)
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        second = direction.session
        await direction.lose()
        said += await direction.speak(6.0)
        assert numbers(direction.session.fed)[0] > numbers(second.fed)[-1]
        await direction.stall(5.0)
        assert direction.heard == [WENT, *said]


async def test_when_the_speaker_leaves_a_session_that_has_still_to_speak_is_not_waited_for() -> None:
    direction = Direction()
    run = await direction.running()
    direction.translators.refusals = [lost()] * 3
    await direction.lose()
    await direction.speak(7.0)
    assert direction.translators.open_sessions
    direction.interpreter.finish()
    await run
    assert not direction.translators.open_sessions
    assert direction.interpreter.mode is Mode.PASSING_THROUGH


async def test_silence_from_a_new_session_is_not_announced_as_a_translation() -> None:
    direction = Direction()
    async with direction.begun():
        direction.translators.refusals = [lost()] * 3
        await direction.lose()
        await direction.speak(7.0)
        assert direction.translators.open_sessions
        await direction.translate(*[SILENCE] * 50)
        await direction.stall(8.0)
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        assert BACK not in direction.heard


@pytest.mark.parametrize("lasting", [False, True])
async def test_sessions_that_come_and_go_are_announced_once_until_one_translates_for_good(lasting: bool) -> None:
    direction = Direction()
    async with direction.begun():
        for _ in range(3):
            direction.translators.refuses_always = lost()
            await direction.lose()
            await direction.keep_quiet(8.0)
            direction.translators.refuses_always = None
            while not direction.translators.open_sessions:
                await direction.keep_quiet(0.02)
        assert direction.heard == [WENT]
        await direction.translate(*english(0, 5))
        await direction.speak(0.2)
        if lasting:
            direction.session.process()
        direction.translators.refuses_always = lost()
        await direction.keep_quiet(1.0)
        await direction.lose()
        await direction.keep_quiet(WITHOUT_SESSION + 1.0)
        heard = [each for each in direction.heard if not isinstance(each, int)]
        assert heard == ([WENT, BACK, WENT] if lasting else [WENT, BACK])


async def test_sessions_that_say_a_word_and_die_are_no_translation() -> None:
    direction = Direction()
    async with direction.begun():
        for number in range(8):
            await direction.speak(1.5)
            if direction.translators.open_sessions:
                await direction.translate(*english(number, number + 1))
                await direction.lose()
        await direction.speak(2.0)
        assert WENT in direction.heard
        originals = [each for each in direction.heard if isinstance(each, int) and each < TRANSLATION]
        assert len(originals) * FRAME_SECONDS > 4.0
        assert direction.interpreter.untranslated_for(direction.clock()) > 1.0
    assert direction.seconds(Fate.LOST) < 6.0


async def test_for_a_session_that_has_still_to_speak_no_more_is_kept_than_for_any_other() -> None:
    direction = Direction()
    async with direction.begun():
        direction.translators.refusals = [lost()] * 3
        await direction.lose()
        await direction.keep_quiet(7.0)
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        assert direction.translators.open_sessions
        await direction.keep_quiet((LONGEST + 100) * FRAME_SECONDS)
        assert len(direction.interpreter._speech._kept) == LONGEST


async def test_sessions_that_open_and_answer_nothing_leave_nobody_in_silence() -> None:
    direction = Direction()
    async with direction.begun():
        for _ in range(10):
            await direction.speak(1.5)
        assert direction.heard[0] == WENT
        assert len(direction.heard) * FRAME_SECONDS > 5.0
        assert direction.seconds(Fate.LOST) == 0


@pytest.mark.parametrize("seconds", [WITHOUT_SESSION - 0.1, WITHOUT_SESSION + 0.1])
async def test_a_session_that_opens_late_is_fed_from_the_first_word_on_or_from_where_it_can_still_help(
    seconds: float,
) -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        before = await direction.speak(seconds)
        direction.translators.opening.set()
        await settle()
        after = await direction.speak(3.0)
        direction.session.show_life()
        await direction.stall(5.0)
        late = seconds > WITHOUT_SESSION
        assert direction.heard == ([WENT, *before, *after] if late else [])
        fed = numbers(direction.session.fed)
        assert fed[0] == (before[-1] + 1 if late else 0)
        assert fed == list(range(fed[0], fed[0] + len(fed)))


# -- nobody left to try


async def test_after_a_permanent_failure_the_original_is_heard_at_once_and_nobody_is_asked_again() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.processed(30)
        await direction.lose(lost(permanent=True))
        await direction.speak(0.2)
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        assert direction.leg.frames
        await direction.speak(2.0)
        await direction.stall(3.0)
        assert direction.heard == [WENT, *range(30, in_frames(3.2))]
        await direction.stall(A_WHILE)
        assert direction.translators.asked == [PAIR]


@pytest.mark.parametrize("moment", ["in the queue", "as it is needed"])
async def test_without_any_hope_of_a_session_the_original_is_heard_from_the_first_word_on(moment: str) -> None:
    direction = Direction()
    direction.translators.refusals = [lost(permanent=True)]
    async with alongside(direction.interpreter.run()):
        if moment == "in the queue":
            direction.interpreter.prepare()
            await settle()
            assert direction.heard == []
        direction.interpreter.begin()
        await direction.speak(2.0)
        await direction.stall(2.0)
        assert direction.heard == [WENT, *range(in_frames(2.0))]
        assert direction.translators.asked == [PAIR]


async def test_a_language_that_no_translator_speaks_is_passed_through_once_the_agent_accepted() -> None:
    direction = Direction(speaks=lambda _language: False)
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.say(spoken(0, 5), missed=True)
        await direction.keep_quiet(1.0, missed=True)
        assert direction.heard == []
        direction.interpreter.begin()
        await direction.say(spoken(5, 50))
        await direction.stall(2.0)
        assert direction.heard == [WENT, *range(5, 50)]
        assert direction.translators.asked == []


async def test_what_still_waited_for_a_session_that_is_lost_is_heard_behind_what_it_was_fed() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        await direction.speak(2.0)
        direction.translators.opening.set()
        await direction.speak(0.5)
        assert len(direction.session.fed) < in_frames(1.0)  # it has not caught up
        await direction.lose(lost(permanent=True))
        await direction.speak(1.0)
        await direction.stall(4.0)
        assert direction.heard == [WENT, *range(in_frames(3.5))]


async def test_the_original_does_not_wait_for_the_lost_session_to_be_closed() -> None:
    direction = Direction()
    direction.translators.closing.clear()
    async with direction.begun():
        await direction.lose(lost(permanent=True))
        await direction.speak(0.5)
        await direction.stall(1.0)
        assert direction.heard == [WENT, *range(in_frames(0.5))]
        direction.translators.closing.set()
        await settle()


# -- a session that is well and does not translate


async def test_what_a_session_does_not_translate_is_heard_in_the_original_and_nothing_else_of_it() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        await direction.processed(30)
        await direction.processed(70, translated=False)
        await direction.processed(100)
        await direction.stall(2.0)
        assert direction.heard == list(range(30, 70))
        assert direction.translators.asked == [PAIR]
        assert direction.speech.frames(Fate.PASSED_THROUGH) == 40


async def test_what_is_not_translated_is_heard_between_the_translations_around_it() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        await direction.translate(*english(0, 10))
        await direction.processed(50, translated=False)
        await direction.translate(*english(10, 20))
        await direction.stall(4.0)
        assert direction.heard == [
            *range(TRANSLATION, TRANSLATION + 10),
            *range(50),
            *range(TRANSLATION + 10, TRANSLATION + 20),
        ]


# -- the original underneath


async def test_an_original_that_was_heard_underneath_is_not_heard_again_when_it_is_not_translated() -> None:
    direction = Direction()
    direction.interpreter.forward_original = True
    async with direction.begun():
        await direction.speak(1.0)
        await direction.processed(translated=False)
        await direction.speak(1.0)
        await direction.stall(2.0)
        assert direction.heard == list(range(100))


@pytest.mark.parametrize("way", ["late", "lost", "lost for good"])
async def test_an_original_that_was_heard_underneath_is_not_heard_again_when_the_session_is_lost(way: str) -> None:
    direction = Direction()
    direction.interpreter.forward_original = True
    if way == "late":
        direction.translators.opening.clear()
    async with direction.begun():
        await direction.speak(1.0)
        direction.translators.refuses_always = lost()
        if way != "late":
            await direction.lose(lost(permanent=way == "lost for good"))
        await direction.speak(5.0)
        await direction.stall(3.0)
        # Two loud frames together are as loud as can be, which is number 0.
        originals = [number for number in numbers(direction.leg.frames) if 0 < number < TRANSLATION]
        assert originals == sorted(set(originals))
        under_the_notice = set(range(1, in_frames(6.0))) - set(originals)
        assert len(under_the_notice) <= LEAD_SECONDS / FRAME_SECONDS + 1
        direction.translators.opening.set()


async def test_an_original_that_was_turned_down_under_a_translation_is_heard_again_when_it_is_not_translated() -> None:
    direction = Direction()
    direction.interpreter.forward_original = True
    async with direction.begun():
        await direction.translate(*english(0, 100))
        await direction.stall(0.5)
        said = await direction.speak(1.0)
        await direction.stall(1.5)
        assert not set(numbers(direction.leg.frames)) & set(said[1:])
        await direction.processed(translated=False)
        await direction.stall(1.5)
        assert direction.heard[-len(said) :] == said
