"""What an interpreter does in the secure pause: the listener hears the speaker, and no session hears anything."""

from __future__ import annotations

import pytest
from direction import A_WHILE, GONE_WORDS, PAIR, TRANSLATION, WENT, Direction, english
from fakes import lost, numbers, settle

from bmv import languages
from bmv.call.alongside import alongside
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
from bmv.call.translator import LanguagePair
from bmv.call.trouble import WITHOUT_SESSION, WITHOUT_TRANSLATION
from bmv.call.watchdog import SILENT_AFTER

pytestmark = pytest.mark.usefixtures("logs")


async def test_what_is_said_is_heard_as_it_is_and_given_to_nobody_else() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(1.0)
        await direction.processed()
        direction.interpreter.secure(True)
        secret = await direction.speak(3.0)
        await direction.stall(1.0)
        assert direction.interpreter.mode is Mode.SECURED
        assert direction.heard == secret
        direction.interpreter.secure(False)
        after = await direction.speak(1.0)
        assert numbers(direction.session.fed) == before + after
        assert direction.heard == secret
        assert direction.translators.asked == [PAIR]  # by one session, which was open all the while
        assert str(direction.interpreter.mode) == str(Mode.TRANSLATING)
    assert direction.speech.frames(Fate.PASSED_THROUGH) == len(secret)


async def test_the_session_is_not_even_fed_silence_however_long_it_lasts_and_that_is_no_trouble() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        fed = len(direction.session.fed)
        direction.interpreter.secure(True)
        await direction.speak(SILENT_AFTER + WITHOUT_TRANSLATION)
        await direction.keep_quiet(A_WHILE)
        await direction.stall(A_WHILE)
        assert len(direction.session.fed) == fed
        assert direction.interpreter.untranslated_for(direction.clock()) == 0
        direction.interpreter.secure(False)
        await direction.keep_quiet(1.0)
        assert direction.interpreter.mode is Mode.TRANSLATING
        assert WENT not in direction.heard


async def test_what_a_session_says_of_earlier_words_is_still_heard_and_in_line() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        direction.interpreter.secure(True)
        await direction.translate(*english(0, 20))
        await direction.processed()
        secret = await direction.speak(1.0)
        await direction.stall(2.0)
        assert direction.heard == [*range(TRANSLATION, TRANSLATION + 20), *secret]


async def test_what_waits_for_a_session_when_it_begins_is_given_as_it_is() -> None:
    direction = Direction()
    direction.translators.opening.clear()  # no session comes about
    async with direction.begun():
        before = await direction.speak(1.0)
        assert direction.heard == []
        direction.interpreter.secure(True)
        secret = await direction.speak(1.0)
        direction.translators.opening.set()
        await settle()
        secret += await direction.speak(1.0)
        await direction.stall(2.0)
        assert direction.heard == before + secret
        assert direction.session.fed == []
        direction.interpreter.secure(False)
        after = await direction.speak(1.0)
        assert numbers(direction.session.fed) == after


async def test_a_session_that_is_lost_meanwhile_is_followed_by_one_that_is_told_nothing() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(1.0)
        direction.interpreter.secure(True)
        await direction.lose()
        secret = await direction.speak(WITHOUT_SESSION + 1.0)
        await direction.stall(2.0)
        assert direction.heard == before + secret  # what the lost session had not dealt with, and all that followed
        assert len(direction.translators.sessions) == 2
        assert direction.session.fed == []
        direction.interpreter.secure(False)
        after = await direction.speak(1.0)
        assert numbers(direction.session.fed) == after
        assert WENT not in direction.heard
        assert GONE_WORDS not in direction.heard


async def test_of_what_was_said_before_it_nothing_is_lost_with_the_session_however_long_ago() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak_on(8.0)
        direction.interpreter.secure(True)
        await direction.lose()
        await direction.stall(9.0)
        assert direction.heard == before


async def test_where_the_translator_was_lost_before_the_original_is_heard_on_and_the_time_does_not_count() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        await direction.speak(WITHOUT_SESSION + 0.5)
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        direction.interpreter.secure(True)
        await direction.speak(A_WHILE)
        assert direction.interpreter.untranslated_for(direction.clock()) < 1.0
        direction.interpreter.secure(False)
        assert str(direction.interpreter.mode) == str(Mode.PASSING_THROUGH)
        direction.translators.opening.set()
        await direction.stall(1.0)
        await direction.speak(0.5)
        await direction.translate(*english(0, 5))
        assert str(direction.interpreter.mode) == str(Mode.TRANSLATING)


async def test_where_no_translator_is_left_that_is_told_after_it() -> None:
    direction = Direction()
    async with direction.begun():
        direction.interpreter.secure(True)
        await direction.lose(lost(permanent=True))
        await direction.speak(A_WHILE)
        assert WENT not in direction.heard
        direction.interpreter.secure(False)
        await direction.stall(1.0)
        assert WENT in direction.heard


async def test_it_goes_on_after_a_hold_and_what_is_taken_up_then_is_given_to_nobody_else() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(1.0)
        await direction.processed()
        direction.interpreter.secure(True)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(10.0, missed=True)
        said = await direction.speak(1.0, missed=True)
        direction.interpreter.begin()
        said += await direction.speak(1.0)
        await direction.stall(1.0)
        assert direction.heard == said
        assert direction.interpreter.mode is Mode.SECURED
        direction.interpreter.secure(False)
        after = await direction.speak(1.0)
        assert numbers(direction.session.fed) == before + after


async def test_begun_and_ended_during_a_hold_it_leaves_no_trace() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(1.0)
        direction.interpreter.pause()
        direction.interpreter.secure(True)
        await direction.keep_quiet(1.0, missed=True)
        assert direction.interpreter.mode is Mode.PAUSED
        direction.interpreter.secure(False)
        direction.interpreter.begin()
        after = await direction.speak(1.0)
        assert numbers(direction.session.fed) == before + after


@pytest.mark.parametrize("on_hold", [True, False], ids=["on hold", "before anybody listens"])
async def test_what_is_said_in_it_while_nobody_listens_is_given_to_nobody_when_it_ends_before(on_hold: bool) -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        if on_hold:
            direction.interpreter.begin()
            direction.interpreter.pause()
        direction.interpreter.secure(True)
        secret = await direction.speak(2.0, missed=True)
        direction.interpreter.secure(False)
        after = await direction.speak(1.0, missed=True)
        direction.interpreter.begin(since=0.0)
        after += await direction.speak(0.5)
        await direction.keep_quiet(1.0)
        fed = set(numbers(direction.session.fed))
        assert fed.isdisjoint(secret)
        assert fed.issuperset(after)
    direction.interpreter.settle(Fate.LOST, "the call ended")
    assert direction.speech.frames(Fate.NOT_TRANSLATABLE) > 0
    assert direction.speech.pending == 0


async def test_from_the_moment_it_begins_even_a_hold_feeds_no_silence() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(0.2, missed=True)
        fed = len(direction.session.fed)
        direction.interpreter.secure(True)
        await direction.keep_quiet(2.0, missed=True)
        assert len(direction.session.fed) == fed
        direction.interpreter.secure(False)
        await direction.keep_quiet(1.0, missed=True)
        assert len(direction.session.fed) == fed + 50


async def test_other_languages_do_not_end_it() -> None:
    direction = Direction()
    async with direction.begun():
        direction.interpreter.secure(True)
        direction.interpreter.retarget(LanguagePair(PAIR.source, languages.get("de")))
        await direction.stall(1.0)
        secret = await direction.speak(1.0)
        direction.interpreter.retarget(None)
        secret += await direction.speak(1.0)
        direction.interpreter.retarget(PAIR)
        await direction.stall(1.0)
        secret += await direction.speak(1.0)
        await direction.stall(1.0)
        assert direction.heard == secret
        assert [session.fed for session in direction.translators.sessions] == [[]] * 3


async def test_where_nothing_is_translated_it_changes_nothing_that_is_heard() -> None:
    direction = Direction(pair=None)
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.secure(True)
        said += await direction.speak(1.0)
        direction.interpreter.secure(False)
        said += await direction.speak(1.0)
        await direction.stall(1.0)
        assert direction.heard == said


async def test_a_call_that_ends_in_it_closes_the_session_in_order() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(1.0)
        direction.interpreter.secure(True)
        secret = await direction.speak(1.0)
        direction.interpreter.finish()
        await settle()
        assert direction.session.finished
        assert numbers(direction.session.fed) == before
    direction.interpreter.settle(Fate.LOST, "the call ended")
    assert direction.speech.frames(Fate.PASSED_THROUGH) == len(secret)
    assert direction.speech.pending == 0
