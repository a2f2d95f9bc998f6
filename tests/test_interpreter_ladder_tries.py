"""One try after the other to have a session again: how long each waits, and which kind of translator has its turn."""

from __future__ import annotations

from collections.abc import MutableMapping
from itertools import pairwise
from typing import Any

import pytest
from direction import A_WHILE, FIRST_RETRY, GONE_WORDS, TRANSLATION, WENT, Direction, english
from fakes import lost, numbers, settle

from bmv.call.ladder import BACKOFF, TRIES
from bmv.call.trouble import WITHOUT_SESSION

pytestmark = pytest.mark.usefixtures("logs")


# -- one try after the other


async def test_every_further_try_waits_longer() -> None:
    direction = Direction()
    direction.translators.refuses_always = lost()
    async with direction.begun():
        await direction.speak(30.0)
        waits = [after - before for before, after in pairwise(direction.translators.asked_at)]
        assert len(waits) > 4
        for wait, expected in zip(waits, BACKOFF, strict=False):
            assert expected <= wait <= expected + 0.05


async def test_a_session_that_opens_and_translates_nothing_is_no_proof_that_all_is_well() -> None:
    direction = Direction()
    async with direction.begun():
        waits = []
        for _ in range(4):
            before = len(direction.translators.asked)
            await direction.lose()
            lost_at = direction.clock()
            while len(direction.translators.asked) == before:
                await direction.speak(0.02)
            waits.append(direction.translators.asked_at[-1] - lost_at)
        assert waits == pytest.approx(BACKOFF[:4], abs=0.05)


async def test_after_a_session_that_translated_the_next_try_comes_soon_again() -> None:
    direction = Direction()
    direction.translators.refusals = [lost(), lost(), lost()]
    async with direction.begun():
        await direction.speak(4.0)
        await direction.translate(*english(0, 5))
        direction.session.process()
        await settle()
        await direction.lose()
        lost_at = direction.clock()
        await direction.speak(1.0)
        assert direction.translators.asked_at[-1] - lost_at == pytest.approx(BACKOFF[0], abs=0.05)


async def test_a_provider_that_asks_for_time_is_given_it() -> None:
    direction = Direction()
    direction.translators.refusals = [lost(retry_after=7.0)]
    async with direction.begun():
        await direction.speak(9.0)
        first, second = direction.translators.asked_at
        assert second - first == pytest.approx(7.0, abs=0.05)


async def test_a_translator_that_says_more_than_anybody_can_hear_is_given_up_and_its_words_are_said_again(
    logs: list[MutableMapping[str, Any]],
) -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await say_for_an_hour(direction)
        await direction.speak(FIRST_RETRY + 1.5)
        first, second = direction.translators.sessions
        assert first.closed
        assert numbers(second.fed)[:50] == list(range(50))
        assert "660 s would wait" in next(entry["error"] for entry in logs if entry["event"] == "translator_lost")
        second.speak(*english(0, 50))
        await direction.speak(2.0)
        assert direction.heard[-50:] == list(range(TRANSLATION, TRANSLATION + 50)), "it is heard at once"
        assert direction.speaker.said == [GONE_WORDS], "and nobody thinks that he has heard all"
        assert not second.closed


async def test_words_that_are_lost_on_hold_because_there_were_too_many_are_told_of_afterwards() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        direction.interpreter.pause()
        await say_for_an_hour(direction)
        assert direction.speaker.said == []
        direction.interpreter.begin()
        assert direction.speaker.said == [GONE_WORDS]


async def say_for_an_hour(direction: Direction) -> None:
    """In a burst."""
    for _ in range(60):
        direction.session.speak(english(0, 1)[0] * 3000)
    await settle()


async def test_a_minute_at_once_is_no_reason_to_give_a_translator_up() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        for _ in range(5):
            await direction.translate(english(0, 1)[0] * 3000)
        await direction.speak(1.0)
        assert len(direction.translators.sessions) == 1
        assert direction.playout.backlog == pytest.approx(300, abs=3.0)


# -- another kind of translator


async def test_after_three_failures_in_a_row_the_next_kind_of_translator_has_its_turn() -> None:
    direction = Direction(kinds=2)
    first, second = direction.kinds
    async with direction.begun():
        await direction.speak(1.0)
        first.refuses_always = lost()
        await direction.lose()
        await direction.speak(WITHOUT_SESSION - 0.5)
        assert len(first.asked) == TRIES  # the one that was lost, and two in vain
        assert len(second.asked) == 1
        second.sessions[0].speak(*english(0, 20))
        await direction.speak(2.0)
        assert direction.heard == list(range(TRANSLATION, TRANSLATION + 20))
        assert numbers(second.sessions[0].fed)[:50] == list(range(50))


@pytest.mark.parametrize("error", [lost(permanent=True), lost(retry_after=30.0)], ids=["permanent", "asks for time"])
async def test_a_failure_that_would_last_gives_the_next_kind_its_turn_at_once(error: Exception) -> None:
    direction = Direction(kinds=2)
    first, second = direction.kinds
    async with direction.begun():
        await direction.speak(1.0)
        await direction.lose(error)
        await direction.speak(0.02)
        assert len(first.asked) == len(second.asked) == 1
        await direction.speak(3.0)
        assert numbers(second.sessions[0].fed)[:50] == list(range(50))
        assert direction.heard == []


async def test_when_the_last_kind_has_failed_for_good_the_original_is_heard() -> None:
    direction = Direction(kinds=2)
    for kind in direction.kinds:
        kind.refuses_always = lost(permanent=True)
    async with direction.begun():
        await direction.speak(1.0)
        await direction.stall(A_WHILE)
        assert [len(kind.asked) for kind in direction.kinds] == [1, 1]
        assert direction.heard == [WENT, *range(50)]


async def test_kinds_that_fail_for_a_while_take_turns() -> None:
    direction = Direction(kinds=2)
    for kind in direction.kinds:
        kind.refuses_always = lost()
    async with direction.begun():
        await direction.keep_quiet(2 * A_WHILE)
        tries = sorted((at, number) for number, kind in enumerate(direction.kinds) for at in kind.asked_at)
        assert [number for _, number in tries][: 3 * TRIES] == [0] * TRIES + [1] * TRIES + [0] * TRIES
