"""What an interpreter does while nobody listens for a while, as on hold or between two agents, and after it."""

from __future__ import annotations

import asyncio

import pytest
from direction import A_WHILE, PAIR, TO_GERMAN, TRANSLATION, Direction, english, in_frames
from fakes import numbers, settle, spoken

from bmv.call.alongside import alongside
from bmv.call.ledger import Fate
from bmv.call.mode import Mode

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
