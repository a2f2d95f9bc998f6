"""Languages that change to and from where nothing is translated: the voice passes, in order and whole."""

from __future__ import annotations

import asyncio

import pytest
from direction import PAIR, Direction
from fakes import numbers, settle, spoken

from bmv.call.ledger import Fate
from bmv.call.mode import Mode

pytestmark = pytest.mark.usefixtures("logs")


async def test_where_both_speak_the_same_from_now_on_the_voice_passes_at_once_behind_what_was_not_dealt_with() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(2.0)
        await direction.processed(60)
        direction.interpreter.retarget(None)
        await settle()
        assert direction.translators.open_sessions == 0
        said += await direction.speak(1.0)
        await direction.stall(3.0)
        assert direction.heard == said[60:]
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        assert direction.speech.frames(Fate.PASSED_THROUGH) == direction.speech.heard_frames - 60 + 3
        assert direction.speech.pending == 0


@pytest.mark.parametrize("moment", ["while the session opens", "after it was lost", "while it catches up"])
async def test_what_still_waited_is_given_as_it_is_too(moment: str) -> None:
    direction = Direction()
    if moment != "after it was lost":
        direction.translators.opening.clear()
    async with direction.begun():
        said = await direction.speak(1.0)
        match moment:
            case "after it was lost":
                await direction.lose()
            case "while it catches up":
                direction.translators.opening.set()
                said += await direction.speak(0.2)
        direction.interpreter.retarget(None)
        said += await direction.speak(1.0)
        await direction.stall(3.0)
        assert direction.heard == said
        assert direction.speech.pending == 0
        direction.translators.opening.set()


async def test_however_old_it_is_it_is_given_where_no_session_will_say_it_again() -> None:
    direction = Direction(replay_seconds=0.0)
    async with direction.begun():
        said = await direction.speak_on(2.0)
        direction.interpreter.retarget(None)
        await direction.stall(3.0)
        assert direction.heard == said
        assert direction.speech.frames(Fate.LOST) == 0


async def test_translating_begins_when_it_is_needed_and_what_is_said_meanwhile_is_kept() -> None:
    direction = Direction(pair=None)
    direction.translators.opening.clear()
    async with direction.begun():
        before = await direction.speak(1.0)
        await direction.keep_quiet(1.0)
        direction.interpreter.retarget(PAIR)
        assert direction.interpreter.mode is Mode.OPENING
        said = await direction.speak(1.0)
        direction.translators.opening.set()
        await settle()
        said += await direction.speak_on(5.0)
        assert direction.heard == before
        assert direction.session.fed == spoken(said[0], said[-1] + 1)


async def test_back_and_forth_costs_no_word() -> None:
    direction = Direction()
    async with direction.begun():
        first = await direction.speak(1.0)
        direction.interpreter.retarget(None)
        await settle()
        second = await direction.speak(1.0)
        direction.interpreter.retarget(PAIR)
        await settle()
        third = await direction.speak(1.0)
        await direction.processed()
        await direction.stall(2.0)
        assert direction.heard == first + second
        assert numbers(direction.session.fed) == third
        assert direction.speech.pending == 0
        assert direction.speech.frames(Fate.LOST) == 0


async def test_where_nothing_is_translated_the_run_goes_on_until_it_is_finished() -> None:
    direction = Direction(pair=None)
    run = asyncio.create_task(direction.interpreter.run())
    direction.interpreter.begin()
    await direction.speak(1.0)
    assert not run.done()
    direction.interpreter.finish()
    await run
