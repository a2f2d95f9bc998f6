"""Every way to end a call, and that nothing is left of it afterwards."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest
from fake_world import agent_sid
from fakes import REFUSED, lost, loud, settle, spoken
from talk import AGENT, CALLER, CALLER_SID, Log, Talk, farewell, told

from bmv import languages
from bmv.call.state import CallState, EndReason, IllegalTransition
from bmv.languages import Sentence

pytestmark = pytest.mark.usefixtures("logs")

SPANISH, ENGLISH = languages.get("es"), languages.get("en")


# -- every way to end


Ending = Callable[[Talk], None]


def leg_with_a_bug(talk: Talk) -> None:
    talk.agent.deaf = ZeroDivisionError("a bug")
    talk.world.provider.session("es").speak(loud(1))


FROM_THE_BRIDGE: dict[str, tuple[Ending, EndReason, list[tuple[str, str, str]]]] = {
    "the caller hangs up": (
        lambda talk: talk.call.leg_closed(CALLER, talk.caller, hung_up=True),
        EndReason.CALLER_HUNG_UP,
        [],
    ),
    "the caller's telephone call is over": (
        lambda talk: talk.call.call_completed(CALLER, EndReason.CALLER_HUNG_UP),
        EndReason.CALLER_HUNG_UP,
        [],
    ),
    "the agent hangs up": (
        lambda talk: talk.call.leg_closed(AGENT, talk.agent, hung_up=True),
        EndReason.AGENT_HUNG_UP,
        farewell(Sentence.GOODBYE),
    ),
    "the agent's telephone call is over": (
        lambda talk: talk.call.call_completed(AGENT, EndReason.AGENT_HUNG_UP),
        EndReason.AGENT_HUNG_UP,
        farewell(Sentence.GOODBYE),
    ),
    "the agent's stream breaks": (
        lambda talk: talk.call.leg_closed(AGENT, talk.agent, hung_up=False),
        EndReason.AGENT_STREAM_LOST,
        farewell(Sentence.INTERRUPTED),
    ),
    "the task is canceled": (
        lambda talk: talk.call.end(EndReason.TASK_CANCELED),
        EndReason.TASK_CANCELED,
        farewell(Sentence.UNAVAILABLE),
    ),
    "the process stops": (
        lambda talk: talk.call.end(EndReason.SHUTDOWN),
        EndReason.SHUTDOWN,
        farewell(Sentence.INTERRUPTED),
    ),
    "a bug in a leg": (
        leg_with_a_bug,
        EndReason.INTERNAL_ERROR,
        farewell(Sentence.INTERRUPTED),
    ),
}


@pytest.mark.parametrize("way", FROM_THE_BRIDGE)
async def test_a_bridged_call_ends_for_everybody_and_the_right_party_is_told_why(way: str) -> None:
    end, reason, said = FROM_THE_BRIDGE[way]
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        end(talk)
        await talk.over()
        assert talk.call.reason is reason
        assert told(world) == said
        assert set(world.carrier.hung_up) == {CALLER_SID, agent_sid(talk.call)}
        assert len(world.provider.sessions) == 2
        for leg, gone in ((talk.caller, "the caller hangs up"), (talk.agent, "the agent hangs up")):
            assert leg.closed or way in {gone, "the agent's stream breaks"}


async def test_a_caller_whose_stream_breaks_hears_the_verbs_after_it_while_the_agent_is_hung_up() -> None:
    talk = Talk(farewell=3600.0)
    async with talk.living() as world:
        await talk.bridged()
        talk.call.leg_closed(CALLER, talk.caller, hung_up=False)
        await world.pass_time(1.0)
        assert talk.call.reason is EndReason.CALLER_STREAM_LOST
        assert told(world) == []
        assert world.carrier.hung_up == [agent_sid(talk.call)]
        assert talk.agent.closed
        talk.call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)
        await talk.over()
        assert talk.call.reason is EndReason.CALLER_STREAM_LOST


async def refused(talk: Talk) -> None:
    talk.world.carrier.refuses["dial"] = REFUSED
    await talk.dialled()


async def busy(talk: Talk) -> None:
    await talk.dialled()
    talk.call.call_completed(AGENT, EndReason.AGENT_UNAVAILABLE)


async def answered_and_gone(talk: Talk) -> None:
    await talk.queued()
    talk.call.call_completed(AGENT, EndReason.AGENT_HUNG_UP)


async def stopped_in_the_queue(talk: Talk) -> None:
    await talk.queued()
    talk.call.leg_closed(AGENT, talk.agent, hung_up=True)


async def canceled_in_the_queue(talk: Talk) -> None:
    await talk.queued()
    talk.call.end(EndReason.TASK_CANCELED)


@pytest.mark.parametrize(
    "way", [refused, busy, answered_and_gone, stopped_in_the_queue, canceled_in_the_queue], ids=lambda way: way.__name__
)
@pytest.mark.parametrize(("spoken", "tag"), [("es", "es"), ("fr", "fr"), (None, "en")])
async def test_a_caller_whom_nobody_answers_is_told_so_in_a_language_that_is_known(
    way: Callable[[Talk], Awaitable[None]], spoken: str | None, tag: str
) -> None:
    talk = Talk(spoken)
    async with talk.living() as world:
        await way(talk)
        await talk.over()
        assert talk.call.reason in {EndReason.AGENT_UNAVAILABLE, EndReason.TASK_CANCELED}
        assert told(world) == farewell(Sentence.UNAVAILABLE, tag)
        assert CALLER_SID in world.carrier.hung_up
        assert talk.caller.closed
        assert world.provider.asked == []
        if way is not refused:
            assert agent_sid(talk.call) in world.carrier.hung_up


async def test_a_caller_who_gives_up_in_the_queue_is_told_nothing_and_the_agent_call_is_ended() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.queued()
        talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        await talk.over()
        assert told(world) == []
        assert agent_sid(talk.call) in world.carrier.hung_up
        assert talk.agent.closed


async def test_a_call_whose_stream_never_comes_ends() -> None:
    talk = Talk(stream_timeout=0.0)
    async with talk.living() as world:
        await talk.over()
        assert talk.call.reason is EndReason.NO_STREAM
        assert told(world) == farewell(Sentence.INTERRUPTED)
        assert world.carrier.dialled == []


async def test_a_call_that_nobody_accepts_in_time_ends() -> None:
    talk = Talk(max_wait=0.0)
    async with talk.living() as world:
        talk.call.leg_connected(CALLER, talk.caller)
        talk.call.leg_connected(AGENT, talk.agent)
        await talk.over()
        assert talk.call.reason is EndReason.AGENT_UNAVAILABLE
        assert told(world) == farewell(Sentence.UNAVAILABLE)
        assert talk.agent.closed


async def test_a_call_that_is_too_long_ends() -> None:
    talk = Talk(max_call=0.0)
    async with talk.living() as world:
        await talk.bridged()
        await talk.over()
        assert talk.call.reason is EndReason.TOO_LONG
        assert told(world) == farewell(Sentence.INTERRUPTED)


@pytest.mark.parametrize("limit", [0.0, 20.0])
async def test_a_call_without_translation_ends_when_the_operator_says_so_and_else_never(limit: float) -> None:
    talk = Talk(untranslated_limit=limit)
    async with talk.living() as world:
        await talk.bridged()
        world.provider.session("es").lose(lost(permanent=True))
        await world.pass_time(19.9)
        assert talk.call.state is CallState.BRIDGED
        if limit:
            await world.pass_time(0.2)
            await talk.over()
            assert talk.call.reason is EndReason.TRANSLATION_LOST
            assert told(world) == farewell(Sentence.INTERRUPTED)
        else:
            await world.pass_time(600.0)
            assert talk.call.state is CallState.BRIDGED


@pytest.mark.parametrize("language", ["en", None])
async def test_a_call_in_which_there_is_nothing_to_translate_is_not_ended_for_that(language: str | None) -> None:
    talk = Talk(language, untranslated_limit=20.0)
    async with talk.living() as world:
        await talk.bridged()
        await world.pass_time(60.0)
        assert talk.call.state is CallState.BRIDGED


async def test_a_call_that_is_cancelled_leaves_no_session_open() -> None:
    talk = Talk()
    talk.run = asyncio.create_task(talk.call.run())
    await settle()
    await talk.bridged()
    talk.run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await talk.run
    assert talk.world.open_sessions == 0
    assert talk.call.state is CallState.ENDED
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_that_ends_before_it_has_begun_to_run_leaves_nothing_behind() -> None:
    talk = Talk()
    talk.call.end(EndReason.CALLER_HUNG_UP)
    talk.run = asyncio.create_task(talk.call.run())
    await talk.over()
    gc.collect()  # a coroutine that was never awaited would be a warning now, and that is an error
    assert talk.world.carrier.hung_up == [CALLER_SID]


async def test_the_first_reason_wins() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        talk.call.end(EndReason.TASK_CANCELED)
        talk.call.leg_closed(AGENT, talk.agent, hung_up=True)
        talk.call.call_completed(AGENT, EndReason.AGENT_HUNG_UP)
        talk.call.end(EndReason.SHUTDOWN)
        await talk.over()
        assert talk.call.reason is EndReason.TASK_CANCELED
        assert told(world) == farewell(Sentence.UNAVAILABLE)


async def test_a_call_that_is_over_hears_and_accepts_nothing_more(logs: Log) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        talk.call.end(EndReason.TASK_CANCELED)
        await talk.hear(CALLER, *spoken(1, 20))
        with pytest.raises(IllegalTransition):
            talk.call.agent_accepted()
        assert world.provider.session("es").fed == []
    (ended,) = (entry for entry in logs if entry["event"] == "call_ended")
    assert ended["caller"]["speech_seconds"]["heard"] == 0


async def test_an_agent_call_that_is_placed_while_the_caller_leaves_keeps_nobody_waiting() -> None:
    talk = Talk()
    async with talk.living() as world:
        world.carrier.dialling.clear()
        await talk.dialled()
        talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        await talk.over()


async def test_a_call_goes_on_when_only_the_answer_to_the_dialling_was_lost() -> None:
    talk = Talk()
    async with talk.living() as world:
        world.carrier.dialling.clear()
        await talk.bridged()
        world.carrier.refuses["dial"] = REFUSED
        world.carrier.dialling.set()
        await settle()
        assert talk.call.state is CallState.BRIDGED
