"""What happens when the languages change while a call runs: another agent accepted, who speaks something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
from direction import GERMAN, GONE_WORDS, PAIR, TO_GERMAN, TRANSLATION, WENT, Direction, english, in_frames
from fakes import FakeTranslator, lost, numbers, settle, spoken

from bmv import languages
from bmv.call.alongside import alongside
from bmv.call.ladder import BACKOFF
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
from bmv.call.translator import LanguagePair, TranslatorEvent
from bmv.call.trouble import WITHOUT_SESSION, WITHOUT_TRANSLATION
from bmv.languages import Sentence

TO_FRENCH = LanguagePair(PAIR.source, languages.get("fr"))

pytestmark = pytest.mark.usefixtures("logs")


# -- from one pair to another


async def test_another_session_is_opened_at_once_and_the_old_one_is_closed() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        old = direction.session
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        assert old.closed
        assert direction.translators.asked == [PAIR, TO_GERMAN]
        assert direction.translators.asked_at[1] == direction.clock()
        assert direction.interpreter.pair == TO_GERMAN
        assert direction.interpreter.mode is Mode.TRANSLATING


async def test_nobody_waits_for_the_old_session_to_be_closed() -> None:
    direction = Direction()
    direction.translators.closing.clear()
    async with direction.begun():
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        await direction.say(spoken(0, 5))
        assert direction.session.pair == TO_GERMAN
        assert direction.session.fed == spoken(0, 5)
        direction.translators.closing.set()


async def test_what_the_old_session_had_not_dealt_with_is_fed_to_the_new_one_and_nothing_else() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(2.0)
        await direction.processed(60)
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        said += await direction.speak_on(3.0)
        fed = numbers(direction.session.fed)
        assert fed == said[60 : 60 + len(fed)]
        assert len(fed) == in_frames(1.2 * 3.0)
        assert direction.heard == []
        assert direction.speech.frames(Fate.LOST) == 0


async def test_what_is_too_old_to_be_said_again_is_lost_and_the_listener_is_told_in_his_own_language() -> None:
    direction = Direction(replay_seconds=1.5)
    async with direction.begun():
        await direction.speak_on(3.0)
        direction.party.language = GERMAN
        direction.interpreter.retarget(TO_GERMAN)
        await direction.speak(1.0)
        assert direction.heard == [(Sentence.WORDS_LOST, "de")]
        assert numbers(direction.session.fed)[0] == in_frames(1.5)
        assert direction.seconds(Fate.LOST) == pytest.approx(1.5, abs=0.07)
        assert direction.reasons == {"older than REPLAY_SECONDS when the languages changed"}


async def test_what_the_playout_holds_is_still_heard_and_what_the_old_session_says_later_is_not() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.translate(*english(0, 100))
        direction.session.speak(*english(100, 120))  # which arrives at the same moment
        direction.interpreter.retarget(TO_GERMAN)
        await direction.stall(3.0)
        await direction.translate(*english(200, 220))
        await direction.stall(1.0)
        heard = [*range(100), *range(200, 220)]
        assert direction.heard == [TRANSLATION + number for number in heard]


async def test_a_change_of_languages_is_no_failure() -> None:
    direction = Direction()
    async with direction.begun():
        for pair in (TO_GERMAN, PAIR, TO_GERMAN, PAIR, TO_GERMAN):
            direction.interpreter.retarget(pair)
            await direction.speak(0.2)
            assert direction.translators.asked_at[-1] >= direction.clock() - 0.2
        assert direction.interpreter.untranslated_for(direction.clock()) == 0
        await direction.speak(0.2)
        await direction.lose()
        lost_at = direction.clock()
        await direction.keep_quiet(1.0)
        assert direction.translators.asked_at[-1] - lost_at == pytest.approx(BACKOFF[0], abs=0.05)
        assert direction.heard == []


async def test_trouble_that_there_was_is_forgotten() -> None:
    direction = Direction()
    direction.translators.refusals = [lost()] * 2
    async with direction.begun():
        await direction.speak_on(WITHOUT_TRANSLATION - 2.0)
        direction.translators.opening.clear()
        direction.interpreter.retarget(TO_GERMAN)
        await direction.speak(WITHOUT_SESSION - 0.5)
        assert direction.interpreter.mode is Mode.OPENING
        assert WENT not in direction.heard
        direction.translators.opening.set()


async def test_the_same_languages_change_nothing() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.retarget(LanguagePair(PAIR.source, PAIR.target))
        said += await direction.speak(1.0)
        assert direction.translators.asked == [PAIR]
        assert numbers(direction.session.fed) == said


async def test_what_both_sessions_used_is_counted() -> None:
    direction = Direction()
    async with direction.begun():
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
    assert direction.interpreter.stats.usage.summary()["sessions"] == 2
    assert direction.interpreter.stats.sessions == 2


# -- before anybody listens


@pytest.mark.parametrize("prepared", [False, True])
async def test_before_anybody_listens_a_session_is_replaced_if_one_was_asked_for(prepared: bool) -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        if prepared:
            direction.interpreter.prepare()
            await settle()
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        assert direction.translators.asked == ([PAIR, TO_GERMAN] if prepared else [])
        assert direction.translators.open_sessions == prepared
        await direction.speak(0.5, missed=True)
        assert direction.interpreter.mode is Mode.IDLE
        direction.interpreter.begin()
        said = await direction.speak(0.5)
        assert direction.session.pair == TO_GERMAN
        assert numbers(direction.session.fed)[-1] <= said[-1]
        assert len(direction.translators.asked) == 1 + prepared


async def test_where_nothing_was_to_be_translated_at_first_the_session_is_prepared_as_soon_as_it_is() -> None:
    direction = Direction(pair=None)
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        direction.interpreter.retarget(PAIR)
        await settle()
        assert direction.translators.open_sessions == 1
        direction.interpreter.begin()
        assert direction.interpreter.mode is Mode.TRANSLATING


async def test_what_was_missed_is_told_to_the_session_for_the_new_languages() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        said = await direction.speak(1.0, missed=True)
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        direction.interpreter.begin()
        said += await direction.speak_on(6.0)
        assert direction.session.pair == TO_GERMAN
        assert numbers(direction.session.fed) == said


async def test_before_the_run_has_begun_the_languages_change_as_well() -> None:
    direction = Direction()
    direction.interpreter.retarget(TO_GERMAN)
    direction.interpreter.prepare()
    async with alongside(direction.interpreter.run()):
        await settle()
        assert direction.translators.asked == [TO_GERMAN]


# -- while a session is being opened, or cannot be had


@pytest.mark.parametrize("pair", [TO_GERMAN, None])
async def test_an_attempt_to_open_a_session_is_abandoned_and_not_waited_for(pair: LanguagePair | None) -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.retarget(pair)
        await settle()
        assert direction.translators.asked == ([PAIR, pair] if pair else [PAIR])
        direction.translators.opening.set()
        await direction.speak(0.5)
        assert [session.pair for session in direction.translators.sessions] == ([pair] if pair else [])
        assert said[0] in (numbers(direction.session.fed) if pair else direction.heard)


async def test_of_several_changes_at_once_the_last_one_counts() -> None:
    direction = Direction()
    async with direction.begun():
        for pair in (TO_GERMAN, None, TO_FRENCH):
            direction.interpreter.retarget(pair)
        await direction.speak(0.1)
        assert direction.translators.asked == [PAIR, TO_FRENCH]
        assert direction.session.pair == TO_FRENCH


async def test_a_wait_for_the_next_try_is_over_when_the_languages_change() -> None:
    direction = Direction()
    direction.translators.refusals = [lost(retry_after=60.0)]
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.retarget(TO_GERMAN)
        await direction.speak(0.1)
        assert direction.session.pair == TO_GERMAN
        assert numbers(direction.session.fed)[0] == said[0]


async def test_a_translation_that_was_given_up_is_tried_anew() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.lose(lost(permanent=True))
        before = await direction.speak(2.0)
        await direction.stall(1.0)
        assert direction.heard == [WENT, *before]
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        assert direction.interpreter.untranslated_for(direction.clock()) == 0
        said = await direction.speak(1.0)
        await direction.stall(1.0)
        assert direction.heard == [WENT, *before]
        assert numbers(direction.session.fed) == said


async def test_languages_that_nobody_translates_are_passed_through_and_the_listener_is_told() -> None:
    direction = Direction(speaks=lambda language: language is not GERMAN)
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.party.language = GERMAN
        direction.interpreter.retarget(TO_GERMAN)
        said += await direction.speak(1.0)
        await direction.stall(3.0)
        assert direction.heard == [(Sentence.TRANSLATION_LOST, "de"), *said]
        assert direction.translators.asked == [PAIR]


async def test_a_session_that_is_lost_soon_after_is_followed_by_one_for_the_same_languages() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.retarget(TO_GERMAN)
        said += await direction.speak(0.2)
        await direction.lose()
        said += await direction.speak(3.0)
        assert direction.translators.asked == [PAIR, TO_GERMAN, TO_GERMAN]
        assert numbers(direction.session.fed)[:50] == said[:50]


# -- what must not disturb it


class Sulky(FakeTranslator):
    """Makes a loss of it when nobody listens any more."""

    async def events(self) -> AsyncIterator[TranslatorEvent]:
        try:
            async for event in super().events():
                yield event
        except asyncio.CancelledError:
            raise lost() from None


async def test_a_session_that_calls_its_end_a_loss_is_not_mistaken_for_the_new_one() -> None:
    direction = Direction()
    direction.translators.make = Sulky
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.retarget(TO_GERMAN)
        said += await direction.speak_on(3.0)
        assert direction.translators.asked == [PAIR, TO_GERMAN]
        assert numbers(direction.session.fed)[:50] == said[:50]
        assert direction.interpreter.mode is Mode.TRANSLATING


@pytest.mark.parametrize("error", [lost(), ZeroDivisionError()], ids=["a loss", "a bug"])
async def test_a_session_that_cannot_be_closed_in_order_costs_nothing_but_a_line_in_the_log(
    error: Exception, logs: list[MutableMapping[str, Any]]
) -> None:
    direction = Direction()
    direction.translators.breaks_on_closing = error
    async with direction.begun():
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        assert direction.translators.asked == [PAIR, TO_GERMAN]
        direction.translators.breaks_on_closing = None
        await direction.say(spoken(0, 5))
        assert direction.session.fed == spoken(0, 5)
    assert [entry["event"] for entry in logs].count("translator_not_closed_in_order") == 1


async def test_when_the_speaker_is_gone_the_languages_do_not_change_any_more() -> None:
    direction = Direction()
    run = await direction.running()
    await direction.speak(1.0)
    direction.interpreter.finish()
    direction.interpreter.retarget(TO_GERMAN)
    await settle()
    assert direction.interpreter.pair == PAIR
    assert not direction.session.closed
    direction.session.end()
    await run
    assert direction.translators.asked == [PAIR]
    assert direction.speech.frames(Fate.TRANSLATED) == direction.speech.heard_frames


async def test_a_listener_who_has_heard_it_underneath_does_not_hear_it_again() -> None:
    direction = Direction(replay_seconds=0.0)
    direction.interpreter.forward_original = True
    async with direction.begun():
        said = await direction.speak_on(1.0)
        direction.interpreter.retarget(TO_GERMAN)
        said += await direction.speak(1.0)
        await direction.stall(2.0)
        assert direction.heard == said
        assert GONE_WORDS not in direction.heard
