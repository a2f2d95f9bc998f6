"""What an interpreter does while nobody listens for a while, as on hold or between two agents, and after it."""

from __future__ import annotations

import asyncio

import pytest
from direction import BACK, GONE_WORDS, PAIR, TRANSLATION, WENT, Direction, english, in_frames
from fakes import lost, numbers, settle, spoken

from bmv import languages
from bmv.audio.mulaw import SILENCE
from bmv.call.alongside import alongside
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
from bmv.call.translator import LanguagePair
from bmv.call.trouble import WITHOUT_SESSION, WITHOUT_TRANSLATION
from bmv.call.watchdog import SILENT_AFTER

TO_GERMAN = LanguagePair(PAIR.source, languages.get("de"))
A_WHILE = 60.0  # seconds

pytestmark = pytest.mark.usefixtures("logs")


# -- while all is well


async def test_the_session_stays_open_and_is_fed_nothing_until_somebody_listens_again() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(1.0)
        direction.interpreter.pause()
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(A_WHILE, missed=True)
        await direction.stall(A_WHILE)
        assert numbers(direction.session.fed) == before
        direction.interpreter.begin()
        after = await direction.speak(1.0)
        assert direction.session.fed == spoken(before[0], before[-1] + 1) + spoken(after[0], after[-1] + 1)
        assert direction.translators.asked == [PAIR]
        assert direction.interpreter.mode is Mode.TRANSLATING


async def test_what_the_session_still_says_of_earlier_words_is_played() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        direction.interpreter.pause()
        await direction.translate(*english(0, 30))
        await direction.processed(60)
        await direction.processed(100, translated=False)
        await direction.stall(3.0)
        assert direction.heard == [*range(TRANSLATION, TRANSLATION + 30), *range(60, 100)]
        assert direction.speech.frames(Fate.PASSED_THROUGH) == 40
        assert direction.speech.pending == 0


async def test_what_is_said_meanwhile_is_missed_but_for_the_utterance_that_is_under_way_at_the_end() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.keep_quiet(1.0)
        await direction.processed()
        heard = direction.speech.heard_frames
        direction.interpreter.pause()
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        missed = direction.speech.heard_frames - heard
        said = await direction.speak(1.0, missed=True)
        direction.interpreter.begin()
        fed = len(direction.session.fed)
        said += await direction.speak_on(6.0)
        assert numbers(direction.session.fed[fed:]) == said
        assert direction.speech.frames(Fate.NOT_TRANSLATABLE) == missed


async def test_who_went_on_talking_across_the_pause_is_heard_from_its_beginning_on() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.pause()
        said += await direction.speak(1.0, missed=True)
        direction.interpreter.begin()
        direction.session.show_life()
        said += await direction.speak_on(6.0)
        assert direction.session.fed == spoken(said[0], said[-1] + 1)


async def test_from_a_moment_on_everything_is_taken_up() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(1.0)
        direction.interpreter.pause()
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        since = direction.clock()
        said = await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        direction.interpreter.begin(since)
        await direction.keep_quiet(4.0)
        assert numbers(direction.session.fed) == before + said


async def test_what_passes_straight_through_does_so_again_afterwards_and_not_before() -> None:
    direction = Direction(pair=None)
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.pause()
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        assert direction.heard == said
        direction.interpreter.begin()
        said += await direction.speak(1.0)
        await direction.stall(1.0)
        assert direction.heard == said


# -- what waited to be fed


async def test_what_still_waited_when_the_pause_began_is_fed_first_when_it_ends() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.translators.opening.set()
        said += await direction.speak(0.2)
        fed = len(direction.session.fed)
        assert fed < len(said)
        direction.interpreter.pause()
        await direction.keep_quiet(2.0, missed=True)
        said += await direction.speak(0.2, missed=True)
        assert len(direction.session.fed) == fed
        direction.interpreter.begin()
        said += await direction.speak_on(7.0)
        assert numbers(direction.session.fed) == said


async def test_a_session_that_opens_meanwhile_is_fed_when_somebody_listens() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with direction.begun():
        said = await direction.speak(0.5)
        direction.interpreter.pause()
        direction.translators.opening.set()
        await direction.keep_quiet(5.0, missed=True)
        assert direction.session.fed == []
        direction.interpreter.begin()
        assert direction.interpreter.mode is Mode.TRANSLATING
        said += await direction.speak_on(3.0)
        assert direction.session.fed == spoken(said[0], said[-1] + 1)


# -- what is nobody's trouble


async def test_a_line_that_stalls_meanwhile_is_not_filled() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        direction.interpreter.pause()
        await direction.stall(5.0)
        assert SILENCE not in direction.session.fed
        direction.interpreter.begin()
        await direction.stall(5.0)
        assert SILENCE in direction.session.fed


async def test_a_session_that_is_silent_meanwhile_is_not_taken_for_dead() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(SILENT_AFTER - 0.5)
        direction.interpreter.pause()
        await direction.keep_quiet(A_WHILE, missed=True)
        direction.interpreter.begin()
        await direction.keep_quiet(1.0)
        assert direction.translators.asked == [PAIR]
        await direction.speak(SILENT_AFTER + 0.5)
        assert direction.translators.asked == [PAIR, PAIR], "but when it owes an answer again"


async def test_a_session_that_is_lost_meanwhile_is_followed_by_another_which_is_fed_when_somebody_listens() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.pause()
        await direction.lose()
        await direction.keep_quiet(5.0, missed=True)
        assert direction.translators.asked == [PAIR, PAIR]
        assert direction.session.fed == []
        direction.interpreter.begin()
        said += await direction.speak_on(6.0)
        assert direction.session.fed == spoken(said[0], said[-1] + 1)
        assert direction.heard == []


async def test_what_is_lost_with_it_is_told_when_somebody_listens() -> None:
    direction = Direction(replay_seconds=0.5)
    async with direction.begun():
        await direction.speak_on(2.0)
        direction.interpreter.pause()
        for _ in range(2):
            await direction.lose()
            await direction.keep_quiet(5.0, missed=True)
        assert direction.heard == []
        assert direction.seconds(Fate.LOST) == pytest.approx(1.5, abs=0.07)
        direction.interpreter.begin()
        await direction.keep_quiet(1.0)
        assert direction.heard == [GONE_WORDS]
        direction.interpreter.pause()
        direction.interpreter.begin()
        await direction.keep_quiet(1.0)
        assert direction.heard == [GONE_WORDS], "and once"


async def test_nobody_is_given_the_original_or_told_anything_while_nobody_listens() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.pause()
        direction.translators.refuses_always = lost()
        await direction.lose()
        await direction.keep_quiet(A_WHILE, missed=True)
        assert direction.interpreter.mode is Mode.PAUSED
        assert direction.heard == []
        direction.interpreter.begin()
        said += await direction.speak(WITHOUT_SESSION - 0.1)
        assert direction.heard == []
        said += await direction.speak(1.0)
        await direction.stall(5.0)
        assert direction.heard == [WENT, *said]


async def test_a_translation_that_is_lost_for_good_meanwhile_is_the_original_as_soon_as_somebody_listens() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak_on(7.0)  # more than would be replayed
        direction.interpreter.pause()
        await direction.lose(lost(permanent=True))
        await direction.keep_quiet(A_WHILE, missed=True)
        assert direction.heard == []
        said += await direction.speak(1.0, missed=True)
        direction.interpreter.begin()
        said += await direction.speak(1.0)
        await direction.stall(10.0)
        assert direction.heard == [WENT, *said]
        assert direction.speech.frames(Fate.LOST) == 0


@pytest.mark.parametrize("patience", [WITHOUT_SESSION, WITHOUT_TRANSLATION], ids=["no session", "no answer"])
async def test_trouble_that_is_not_over_begins_anew_afterwards(patience: float) -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(0.5)
        if patience is WITHOUT_SESSION:
            direction.translators.refuses_always = lost()
        await direction.lose()
        for _ in range(2):
            await direction.speak_on(patience - 1.0)
            direction.interpreter.pause()
            await direction.keep_quiet(A_WHILE, missed=True)
            direction.interpreter.begin()
            assert direction.heard == []
        await direction.speak_on(patience + 1.0)
        assert direction.heard[0] == WENT


async def test_the_original_goes_on_afterwards_and_the_pause_does_not_count_as_time_without_a_translation() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.lose(lost(permanent=True))
        said = await direction.speak(5.0)
        before = direction.interpreter.untranslated_for(direction.clock())
        assert before == pytest.approx(5.0, abs=0.1)
        direction.interpreter.pause()
        await direction.keep_quiet(A_WHILE, missed=True)
        assert direction.interpreter.untranslated_for(direction.clock()) == pytest.approx(before)
        direction.interpreter.begin()
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        said += await direction.speak(1.0)
        await direction.stall(1.0)
        assert direction.interpreter.untranslated_for(direction.clock()) == pytest.approx(before + 2.0)
        assert direction.heard == [WENT, *said]


async def test_a_session_that_has_still_to_prove_itself_has_to_do_so_afterwards() -> None:
    direction = Direction()
    direction.translators.refuses_always = lost()
    async with direction.begun():
        said = await direction.speak(WITHOUT_SESSION + 1.0)
        direction.interpreter.pause()
        direction.translators.refuses_always = None
        await direction.keep_quiet(A_WHILE, missed=True)
        assert direction.translators.open_sessions == 1
        direction.interpreter.begin()
        during = await direction.speak(1.0)
        await direction.translate(*english(0, 10))
        await direction.stall(3.0)
        assert direction.heard == [WENT, *said, *during, BACK, *range(TRANSLATION, TRANSLATION + 10)]
        assert numbers(direction.session.fed) == during


async def test_no_turn_is_measured_across_a_pause() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        direction.interpreter.pause()
        await direction.keep_quiet(5.0, missed=True)
        direction.interpreter.begin()
        await direction.translate(*english(0, 20))
        await direction.keep_quiet(1.0)
        assert direction.interpreter.stats.first_audio.count == 0


# -- other languages meanwhile


async def test_another_agent_may_speak_another_language() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.pause()
        direction.interpreter.retarget(TO_GERMAN)
        await settle()
        assert direction.translators.asked == [PAIR, TO_GERMAN]
        assert direction.interpreter.mode is Mode.PAUSED
        await direction.keep_quiet(5.0, missed=True)
        assert direction.session.fed == []
        direction.interpreter.begin()
        said += await direction.speak_on(6.0)
        assert direction.session.fed == spoken(said[0], said[-1] + 1)


async def test_where_nothing_needs_translating_afterwards_what_was_left_is_given_as_it_is_when_somebody_listens() -> (
    None
):
    direction = Direction(replay_seconds=0.0)
    async with direction.begun():
        said = await direction.speak_on(2.0)
        direction.interpreter.pause()
        direction.interpreter.retarget(None)
        await direction.keep_quiet(5.0, missed=True)
        assert direction.heard == []
        said += await direction.speak(0.5, missed=True)
        direction.interpreter.begin()
        said += await direction.speak(1.0)
        await direction.stall(4.0)
        assert direction.heard == said


# -- the order of things


async def test_before_anybody_has_listened_there_is_nothing_to_pause() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        said = await direction.speak(1.0, missed=True)
        direction.interpreter.pause()
        assert direction.interpreter.mode is Mode.IDLE
        direction.interpreter.begin()
        await settle()
        said += await direction.speak_on(6.0)
        assert numbers(direction.session.fed) == said


async def test_what_is_missed_while_somebody_listens_is_not_heard_out_of_order_later() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0, missed=True)
        said = await direction.speak(1.0)
        direction.interpreter.pause()
        direction.interpreter.begin(0.0)
        said += await direction.speak(1.0)
        assert numbers(direction.session.fed) == said


async def test_a_speaker_who_leaves_meanwhile_is_translated_to_the_end() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    run = asyncio.create_task(direction.interpreter.run())
    direction.interpreter.begin()
    said = await direction.speak(1.0)
    direction.interpreter.pause()
    direction.translators.opening.set()
    await direction.stall(1.0)
    direction.interpreter.finish()
    await settle()
    assert direction.interpreter.pending(direction.clock())
    assert numbers(direction.session.fed) == said
    assert direction.session.finished
    direction.session.end()
    await run
    assert direction.speech.frames(Fate.TRANSLATED) == direction.speech.heard_frames


async def test_when_the_call_ends_meanwhile_what_waited_is_lost_and_what_was_missed_was_not_translatable() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.keep_quiet(1.0)
        heard = direction.speech.heard_frames
        direction.interpreter.pause()
        await direction.speak(1.0, missed=True)
    direction.interpreter.settle(Fate.LOST, "the call ended: shutdown")
    assert direction.speech.frames(Fate.LOST) == heard
    assert direction.speech.frames(Fate.NOT_TRANSLATABLE) == pytest.approx(in_frames(1.0), abs=3)
    assert direction.speech.pending == 0
