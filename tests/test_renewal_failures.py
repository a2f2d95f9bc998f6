"""Renewed sessions when something fails, or when they are left: no word is lost in silence, no session stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from fakes import settle
from renewals import LOST, PAIR, Broken, Factory, HandTime, Speaker, audio, nobody_else, talking

from bmv.call.alongside import alongside
from bmv.call.renewal import DRAIN_SECONDS, PAUSE_FRAMES, RETRY_SECONDS, Renewing
from bmv.call.translator import Alive, Expiring, Translator, TranslatorLost
from bmv.metrics import Histogram

# -- what goes wrong


async def test_a_session_that_cannot_be_had_raises_on_entering() -> None:
    factory = Factory()
    factory.refusals = [LOST]
    with pytest.raises(TranslatorLost) as found:
        async with Renewing(factory).open(PAIR, Histogram()):
            pass
    assert found.value is LOST
    assert nobody_else()


async def test_a_session_that_is_lost_is_lost() -> None:
    async with talking(ends=TranslatorLost) as speaker:
        await speaker.factory.sessions[0].end(LOST)


async def test_a_session_that_ends_by_itself_ends() -> None:
    async with talking() as speaker:
        await speaker.factory.sessions[0].end()
        await speaker.factory.sessions[0].say(*audio(b"after the end"))
    assert not speaker.heard


async def test_of_a_renewal_that_goes_well_nobody_is_warned(logs: list[MutableMapping[str, Any]]) -> None:
    async with talking() as speaker:
        old, _ = await speaker.renewed()
        await old.end()
        await speaker.time.pass_by(DRAIN_SECONDS)
    assert [entry["event"] for entry in logs if entry["log_level"] != "info"] == []


async def test_a_successor_that_cannot_be_opened_is_tried_again_and_the_old_one_goes_on() -> None:
    async with talking() as speaker:
        factory = speaker.factory
        factory.refusals = [LOST, TranslatorLost("busy", retry_after=2 * RETRY_SECONDS)]
        [old] = factory.sessions
        await old.say(Expiring())
        await speaker.pause()
        for wait in (RETRY_SECONDS, 2 * RETRY_SECONDS):
            await speaker.time.pass_by(wait - 0.1)
            await old.say(*audio(b"well"))
            assert factory.sessions == [old]
            await speaker.time.pass_by(0.1)
        assert len(factory.sessions) == 2
        await speaker.pause()
        assert old.finished == 1
    assert speaker.words == [b"well", b"well"]
    assert speaker.fed_to == [PAUSE_FRAMES, PAUSE_FRAMES]


async def test_a_successor_that_can_never_be_opened_is_not_tried_again() -> None:
    async with talking() as speaker:
        speaker.factory.refusals = [TranslatorLost("no credit", permanent=True)]
        [old] = speaker.factory.sessions
        await old.say(Expiring())
        await speaker.time.pass_by(100 * RETRY_SECONDS)
        await speaker.pause()
        assert len(speaker.factory.asked) == 2
        assert old.finished == 0


@pytest.mark.parametrize("error", [LOST, None])
async def test_an_heir_that_is_lost_while_it_waits_is_replaced_and_never_fed(error: Exception | None) -> None:
    async with talking() as speaker:
        old, heir = await speaker.heir()
        await heir.end(error)
        await speaker.pause()
        assert old.finished == 0
        assert speaker.factory.open_sessions == [old]
        await speaker.time.pass_by(RETRY_SECONDS)
        await speaker.pause()
        assert old.finished == 1
        assert speaker.fed_to == [PAUSE_FRAMES, 0, PAUSE_FRAMES]


async def test_an_heir_that_is_lost_in_the_moment_before_the_pause_is_not_fed_either() -> None:
    async with talking() as speaker:
        old, heir = await speaker.heir()
        await speaker.talk(PAUSE_FRAMES - 1, voiced=False)
        heir.will_say(LOST)
        await asyncio.sleep(0)  # it was noticed, and nobody could do anything about it yet
        await speaker.talk(1, voiced=False)
        assert speaker.fed_to == [PAUSE_FRAMES, 0]
        assert old.finished == 0


async def test_a_new_session_that_is_lost_is_told_when_the_old_one_was_heard() -> None:
    async with talking(ends=TranslatorLost) as speaker:
        await speaker.talk(50)
        old, new = await speaker.renewed()
        await new.end(LOST)
        await old.say(*audio(b"one"))
        assert speaker.words == [b"one"]
        await old.end()
    assert speaker.processed == [(59, True)], "and what the new one was fed is told to be open still"


async def test_the_old_session_lost_before_a_pause_came_is_lost() -> None:
    async with talking(ends=TranslatorLost) as speaker:
        old, _ = await speaker.heir()
        await old.end(LOST)


async def test_a_bug_in_opening_the_first_session_comes_out_as_it_is() -> None:
    factory = Factory()
    factory.refusals = [Broken()]
    with pytest.raises(Broken):
        async with Renewing(factory).open(PAIR, Histogram()):
            pass
    assert nobody_else()


async def bug_in_opening(speaker: Speaker) -> None:
    speaker.factory.refusals = [Broken()]
    await speaker.factory.sessions[0].say(Expiring())


async def bug_in_the_first(speaker: Speaker) -> None:
    await speaker.factory.sessions[0].end(Broken())


async def bug_in_the_heir(speaker: Speaker) -> None:
    _, heir = await speaker.heir()
    await heir.end(Broken())


async def bug_in_the_old_one(speaker: Speaker) -> None:
    old, _ = await speaker.renewed()
    await old.end(Broken())


async def bug_in_closing(speaker: Speaker) -> None:
    old, _ = await speaker.renewed()
    speaker.factory.at_closing = Broken()
    await old.end()


async def bug_in_closing_what_drained_too_long(speaker: Speaker) -> None:
    await speaker.renewed()
    speaker.factory.at_closing = Broken()
    await speaker.time.pass_by(DRAIN_SECONDS)


BUGS = [
    bug_in_opening,
    bug_in_the_first,
    bug_in_the_heir,
    bug_in_the_old_one,
    bug_in_closing,
    bug_in_closing_what_drained_too_long,
]


@pytest.mark.parametrize("bug", BUGS)
async def test_a_bug_comes_out_by_its_name_where_somebody_listens(bug: Callable[[Speaker], Awaitable[None]]) -> None:
    async with talking(ends=Broken) as speaker:
        await bug(speaker)


async def test_a_bug_comes_out_by_its_name_on_leaving_where_nobody_listens_any_more() -> None:
    factory = Factory()

    async def hear_one_event_and_leave() -> None:
        async with Renewing(factory).open(PAIR, Histogram()) as translator:
            await factory.sessions[0].say(Expiring())
            factory.refusals = [Broken()]
            assert await anext(translator.events()) == Alive()
            await settle()

    with pytest.raises(Broken):
        await hear_one_event_and_leave()
    assert not factory.open_sessions
    assert nobody_else()


# -- leaving


async def at_once(speaker: Speaker) -> None:
    pass


async def while_the_heir_opens(speaker: Speaker) -> None:
    speaker.factory.gate.clear()
    await speaker.factory.sessions[0].say(Expiring())


async def while_the_heir_waits_for_a_pause(speaker: Speaker) -> None:
    await speaker.heir()


async def when_the_heir_has_just_taken_over(speaker: Speaker) -> None:
    await speaker.heir()
    for _ in range(PAUSE_FRAMES):
        speaker.translator.feed(b"", voiced=False)


async def while_the_old_one_drains(speaker: Speaker) -> None:
    await speaker.renewed()


async def when_the_old_one_has_just_ended(speaker: Speaker) -> None:
    old, _ = await speaker.renewed()
    old.will_say(None)


async def while_the_next_try_is_waited_for(speaker: Speaker) -> None:
    speaker.factory.refusals = [LOST]
    await speaker.factory.sessions[0].say(Expiring())


MOMENTS = [
    at_once,
    while_the_heir_opens,
    while_the_heir_waits_for_a_pause,
    when_the_heir_has_just_taken_over,
    while_the_old_one_drains,
    when_the_old_one_has_just_ended,
    while_the_next_try_is_waited_for,
]


@pytest.mark.parametrize("how", [None, Broken, TranslatorLost])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_leaving_at_any_moment_leaves_nothing_behind(
    moment: Callable[[Speaker], Awaitable[None]], how: type[Exception] | None
) -> None:
    factory, time = Factory(), HandTime()
    left = None
    try:
        async with Renewing(factory, sleep=time.sleep).open(PAIR, Histogram()) as translator:
            speaker = Speaker(translator, factory, time)
            async with alongside(speaker.listen()):
                await settle()
                await moment(speaker)
                if how:
                    raise how("as it is")
    except (Broken, TranslatorLost) as error:
        left = type(error)
    assert left is how
    assert factory.sessions
    assert not factory.open_sessions
    assert nobody_else()


async def test_leaving_before_the_first_session_is_open_leaves_nothing_behind() -> None:
    factory = Factory()
    factory.gate.clear()
    await _cancelled(Renewing(factory).open(PAIR, Histogram()), settle)
    assert factory.asked
    assert not factory.sessions
    assert nobody_else()


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("refusals", [[], [LOST]])
async def test_leaving_in_the_very_moment_of_opening_leaves_nothing_behind(
    refusals: list[Exception], steps: int
) -> None:
    factory = Factory()
    factory.gate.clear()
    factory.refusals = list(refusals)

    async def opens() -> None:
        await settle()
        factory.gate.set()
        for _ in range(steps):
            await asyncio.sleep(0)

    await _cancelled(Renewing(factory).open(PAIR, Histogram()), opens)
    assert not factory.open_sessions
    assert nobody_else()


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("refusals", [[], [LOST]])
async def test_leaving_in_the_very_moment_when_the_heir_opens_is_no_error(
    refusals: list[Exception], steps: int
) -> None:
    factory = Factory()
    async with Renewing(factory).open(PAIR, Histogram()) as translator:
        factory.gate.clear()
        factory.refusals = list(refusals)
        await factory.sessions[0].say(Expiring())
        assert await anext(translator.events()) == Alive()
        await settle()
        assert len(factory.asked) == 2
        factory.gate.set()
        for _ in range(steps):
            await asyncio.sleep(0)
    assert not factory.open_sessions
    assert nobody_else()


async def _cancelled(session: AbstractAsyncContextManager[Translator], when: Callable[[], Awaitable[None]]) -> None:
    async def hold() -> None:
        async with session:
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await when()
    holding.cancel()
    await asyncio.wait([holding])
    assert holding.cancelled() or isinstance(holding.exception(), TranslatorLost)
