"""Trouble with the translation while nobody listens is nobody's trouble, unless it goes on when somebody does."""

from __future__ import annotations

import pytest
from direction import A_WHILE, BACK, GONE_WORDS, PAIR, TRANSLATION, WENT, Direction, english
from fakes import lost, numbers, spoken

from bmv.audio.mulaw import SILENCE
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
from bmv.call.trouble import WITHOUT_SESSION, WITHOUT_TRANSLATION
from bmv.call.watchdog import SILENT_AFTER

pytestmark = pytest.mark.usefixtures("logs")


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
