"""Whole calls over real sockets: whoever ends them, and whatever breaks, both sides are told and nothing is left."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from house import house, says
from listening import heard_whole

from bmv import languages
from bmv.audio import mulaw
from bmv.languages import Sentence
from bmv.simulator import voices

SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")


async def test_when_the_caller_hangs_up_the_agent_call_ends_within_two_seconds() -> None:
    async with house() as home:
        _, call = await home.calls()
        _, agent = await home.accepts()
        await call.hang_up()
        await agent.hung_up(timeout=2)
        await home.empty()
    completed = [request for request in home.twilio.requests if request.fields.get("Status") == "completed"]
    assert len(completed) == 2  # both calls, by REST
    assert all(session.closed_by for session in home.openai.sessions)


async def test_when_the_agent_hangs_up_the_caller_is_told_within_two_seconds() -> None:
    async with house() as home:
        maria, call = await home.calls()
        _, agent = await home.accepts()
        left = asyncio.get_running_loop().time()
        await agent.hang_up()
        await call.ended(timeout=3)
        assert asyncio.get_running_loop().time() - left < 2.5
        await home.empty()
    assert says("es", Sentence.GOODBYE) in maria.sentences_heard
    assert [call.status for call in home.twilio.calls.values()] == ["completed"] * 3


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
async def test_when_the_agent_call_comes_to_nothing_the_caller_is_told(outcome: str) -> None:
    async with house() as home:
        home.twilio.next_outgoing_call(outcome)  # type: ignore[arg-type]
        maria, call = await home.calls()
        await call.ended(timeout=4)
        await home.empty()
    assert says("es", Sentence.UNAVAILABLE) in maria.sentences_heard


async def test_when_twilio_refuses_the_agent_call_the_caller_is_told() -> None:
    async with house() as home:
        home.twilio.refuse_next_create(400, 21215, "geo permission missing")
        maria, call = await home.calls()
        await call.ended(timeout=4)
        await home.empty()
        async with aiohttp.ClientSession() as http, http.get(f"{home.base_url}/ready") as ready:
            assert "21215" in (await ready.json())["problems"]["carrier"]
    assert says("es", Sentence.UNAVAILABLE) in maria.sentences_heard


async def test_when_the_task_is_cancelled_the_caller_is_told() -> None:
    async with house() as home:
        maria, call = await home.calls()
        task = await home.twilio.next_task(timeout=5)
        task.cancel()
        await call.ended(timeout=4)
        await home.empty()
    assert says("es", Sentence.UNAVAILABLE) in maria.sentences_heard


async def test_when_the_callers_stream_breaks_both_sides_are_told_and_ended() -> None:
    async with house() as home:
        maria, call = await home.calls()
        _, agent = await home.accepts()
        stream = await call.streaming(timeout=5)
        stream.break_off()
        await agent.hung_up(timeout=2.5)
        await call.ended(timeout=5)
        await home.empty()
    assert says("es", Sentence.INTERRUPTED) in maria.sentences_heard  # by the verbs after the stream


async def test_when_the_agents_stream_breaks_the_caller_is_told() -> None:
    async with house() as home:
        maria, call = await home.calls()
        await home.accepts()
        agent_call = next(each for each in home.twilio.calls.values() if each.direction == "outbound-api")
        (await agent_call.streaming(timeout=5)).break_off()
        await call.ended(timeout=4)
        await home.empty()
    assert says("es", Sentence.INTERRUPTED) in maria.sentences_heard


async def test_however_slow_twilio_is_the_other_side_is_told_or_ended_within_two_seconds() -> None:
    async with house() as home:
        loop = asyncio.get_running_loop()
        maria, call = await home.calls()
        _, agent = await home.accepts()
        home.twilio.slow_down_updates(4)
        left = loop.time()
        await agent.hang_up()
        await call.ended(timeout=5)  # by the verbs after the stream, which apologise
        assert loop.time() - left < 2.5
        assert says("es", Sentence.INTERRUPTED) in maria.sentences_heard
        await home.empty(20)
        _, call = await home.calls()
        _, agent = await home.accepts()
        left = loop.time()
        await call.hang_up()
        await agent.hung_up(timeout=5)
        assert loop.time() - left < 2.5
        await home.empty(20)


@pytest.mark.parametrize("broken", ["agent's stream", "caller's stream"])
async def test_a_farewell_is_heard_to_its_end(broken: str) -> None:
    def speak(text: str, language: str) -> bytes:
        return SPANISH if text == spanish.sentences[Sentence.INTERRUPTED] else mulaw.SILENCE

    spanish = languages.get("es")
    async with house(say=speak) as home:
        maria, call = await home.calls()
        await home.accepts()
        agent_call = next(each for each in home.twilio.calls.values() if each.direction == "outbound-api")
        stream = await (call if broken == "caller's stream" else agent_call).streaming(timeout=5)
        stream.break_off()
        await call.ended(timeout=8)
        await home.empty()
    assert heard_whole(maria.heard, SPANISH)
    assert agent_call.status == "completed"


async def test_a_caller_who_hangs_up_while_the_agent_call_rings_does_not_hold_up_the_next() -> None:
    async with house() as home:
        home.twilio.ring_for(1.0)
        _, call = await home.calls()
        await home.twilio.next_call(timeout=5)
        await call.hang_up()
        home.twilio.ring_for(0)
        _, second = await home.calls(from_="+34911000000")
        await home.twilio.next_task(timeout=10)  # well before AGENT_ANSWER_TIMEOUT_SECONDS
        await second.hang_up()
        await home.empty()


async def test_a_caller_who_gives_up_while_waiting_leaves_no_agent_call_behind() -> None:
    async with house() as home:
        _, call = await home.calls()
        await home.twilio.next_reservation(timeout=5)
        await call.hang_up()
        await home.empty()
        for each in home.twilio.calls.values():
            await each.ended(timeout=3)


async def test_an_agent_call_that_twilio_reports_too_late_is_hung_up() -> None:
    async with house() as home:
        home.twilio.hang_next_create(seconds=2)
        _, call = await home.calls()
        await call.hang_up()
        await home.empty()
        for each in home.twilio.calls.values():
            await each.ended(timeout=4)
