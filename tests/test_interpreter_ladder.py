"""What happens when a session is lost: another follows, is given the same words again, and nothing is lost with it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from direction import A_WHILE, FIRST_RETRY, GONE_WORDS, PAIR, Direction, english, in_frames
from fakes import cut, lost, numbers, settle, spoken

from bmv.audio.mulaw import SILENCE
from bmv.call.alongside import alongside
from bmv.call.kept import ONSET_FRAMES, PAUSE_FRAMES
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
from bmv.call.watchdog import SILENT_AFTER

HANG_OVER = 23  # frames after the last loud one that the detector of voice still counts as voiced

pytestmark = pytest.mark.usefixtures("logs")


# -- another session, and the same words again


async def test_a_session_lost_in_mid_speech_is_followed_by_another_within_two_seconds() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.lose()
        lost_at = direction.clock()
        await direction.speak(3.0)
        first, second = direction.translators.sessions
        assert first.closed
        assert second.fed_at[0] - lost_at <= 2.0


async def test_what_a_lost_session_had_not_dealt_with_is_fed_again_in_order_and_then_what_is_said_now() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        await direction.processed(60)
        await direction.lose()
        await direction.speak(3.5)
        fed = direction.session.fed
        assert fed == spoken(60, 60 + len(fed))
        assert len(fed) >= in_frames(1.2 * (3.5 - FIRST_RETRY))
        assert direction.heard == []


async def test_the_last_of_what_a_lost_session_said_is_heard_behind_it_and_not_before_what_the_next_one_says() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        *begun, cut_off = english(0, 10)
        await direction.translate(*begun, cut_off[:100])
        await direction.lose()
        await direction.speak(1.0)
        await direction.translate(*english(10, 20))
        direction.drain()
    heard = cut(bytes(direction.leg.heard))
    last = heard.index(begun[-1])
    assert heard[last + 1] == cut_off[:100] + SILENCE[100:]
    assert heard[last + 2 :] == english(10, 20)


async def test_the_voice_that_is_fed_again_is_marked_as_voice_as_it_was() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        first = direction.session
        await direction.lose()
        await direction.speak(2.0)
        assert direction.session.voiced[: len(first.voiced)] == first.voiced


async def test_it_is_fed_at_most_a_fifth_faster_than_real_time() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(3.0)
        await direction.lose()
        await direction.speak(3.5)
        fed_at = direction.session.fed_at
        for frames in (6, 60, 150):
            shortest = min(last - first for first, last in zip(fed_at, fed_at[frames:], strict=False))
            assert shortest >= (frames / 1.2 - 1) * 0.02 - 1e-6


async def test_in_what_is_fed_again_the_pauses_are_shortened_and_no_voice_is_left_out() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        await direction.keep_quiet(2.0)
        said += await direction.speak(1.0)
        await direction.lose()
        await direction.keep_quiet(3.5)
        fed = direction.session.fed
        assert numbers(fed) == said
        again = fed.index(spoken(50, 51)[0])
        assert fed[:again].count(SILENCE) <= HANG_OVER + PAUSE_FRAMES + ONSET_FRAMES


async def test_a_session_that_has_caught_up_is_fed_as_it_is_said() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(0.4)
        await direction.lose()
        for _ in range(6):
            await direction.speak(1.0)
            direction.session.show_life()
        before = len(direction.session.fed)
        said = await direction.speak(0.2)
        assert direction.session.fed[before:] == spoken(said[0], said[-1] + 1)


async def test_what_is_too_old_to_be_said_again_is_lost_and_the_listener_is_told_so(
    logs: list[MutableMapping[str, Any]],
) -> None:
    direction = Direction(replay_seconds=1.5)
    async with direction.begun():
        await direction.speak(3.5)
        direction.session.show_life()
        await settle()
        await direction.lose()
        await direction.speak(1.0)
        assert direction.heard == [GONE_WORDS]
        assert numbers(direction.session.fed)[0] == in_frames(2.0)
        assert direction.seconds(Fate.LOST) == pytest.approx(2.0, abs=0.07)
        (reason,) = direction.reasons
        (failure,) = (entry["error"] for entry in logs if entry["event"] == "translator_lost")
        assert failure in reason


async def test_pauses_that_are_too_old_are_no_loss() -> None:
    direction = Direction(replay_seconds=1.0)
    async with direction.begun():
        await direction.keep_quiet(5.0)
        await direction.speak(0.5)
        await direction.lose()
        await direction.speak(1.0)
        assert direction.heard == []
        assert direction.seconds(Fate.LOST) == 0


async def test_a_replay_that_is_lost_as_well_is_repeated_and_counted_once() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        heard_of_it = direction.speech.heard_frames
        await direction.lose()
        await direction.keep_quiet(0.8)
        assert len(direction.translators.sessions) == 2
        await direction.lose()
        await direction.keep_quiet(2.5)
        third = direction.session
        assert len(direction.translators.sessions) == 3
        assert numbers(third.fed) == list(range(50))
        assert heard_of_it <= direction.speech.replayed_frames <= heard_of_it + HANG_OVER


# -- a session that is silent


async def test_a_session_that_is_given_speech_and_says_nothing_at_all_is_followed_by_another() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(SILENT_AFTER - 0.1)
        assert len(direction.translators.asked) == 1
        await direction.speak(1.0)
        assert len(direction.translators.asked) == 2
        await direction.speak(2.0)
        fed = numbers(direction.session.fed)
        assert fed == list(range(len(fed)))
        assert direction.heard == []
        assert direction.seconds(Fate.LOST) == 0


async def test_a_session_that_shows_any_life_while_somebody_talks_on_is_left_in_peace() -> None:
    direction = Direction()
    async with direction.begun():
        for _ in range(15):
            await direction.speak(SILENT_AFTER - 0.5)
            direction.session.show_life()
        assert direction.translators.asked == [PAIR]


async def test_a_session_that_has_nothing_to_translate_may_be_silent() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(0.5)
        await direction.keep_quiet(A_WHILE)
        assert direction.translators.asked == [PAIR]


async def test_a_silent_session_that_has_to_finish_is_not_replaced() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        direction.interpreter.finish()
        await direction.stall(A_WHILE)
        assert direction.translators.asked == [PAIR]


# -- before anybody needs it


async def test_a_session_that_is_lost_in_the_queue_is_opened_again_when_it_is_needed() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        await direction.lose()
        await direction.stall(A_WHILE)
        assert direction.translators.asked == [PAIR]
        assert direction.translators.open_sessions == 0
        direction.interpreter.begin()
        await direction.speak(1.0)
        assert direction.translators.asked == [PAIR, PAIR]
        assert direction.session.fed == spoken(0, 50)
        assert direction.heard == []


async def test_a_session_that_cannot_be_had_in_the_queue_is_tried_again_and_nobody_is_told() -> None:
    direction = Direction()
    direction.translators.refusals = [lost(), lost(), lost()]
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.stall(A_WHILE)
        direction.interpreter.begin()
        await direction.speak(0.5)
        assert direction.session.fed == spoken(0, 25)
        assert direction.heard == []


async def test_a_session_lost_in_the_queue_is_opened_again_though_the_old_one_is_still_closing() -> None:
    direction = Direction()
    direction.translators.closing.clear()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await settle()
        await direction.lose()
        direction.interpreter.begin()
        await direction.say(spoken(0, 5))
        direction.translators.closing.set()
        await direction.say(spoken(5, 60))
        assert direction.session.fed == spoken(0, 60)


@pytest.mark.parametrize("where", ["events", "feed", "finish", "open"])
async def test_a_bug_in_a_translator_costs_the_translation_and_not_the_call(
    where: str, logs: list[MutableMapping[str, Any]]
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    direction = Direction()
    if where == "open":
        direction.translators.refusals = [ZeroDivisionError()]
    async with direction.begun():
        if where == "events":
            direction.session.lose(ZeroDivisionError())
        elif where == "feed":
            direction.session.feed = stumble  # type: ignore[method-assign]
        elif where == "finish":
            direction.session.finish = stumble  # type: ignore[method-assign]
            direction.interpreter.finish()
        await settle()
        await direction.speak(1.0)
        assert direction.interpreter.mode is Mode.PASSING_THROUGH
        assert direction.seconds(Fate.LOST) == 0
    assert len(direction.translators.asked) == 1
    assert [entry["event"] for entry in logs].count("translator_broken") == 1
