"""Whole calls over real sockets where agents answer a telephone, and calls that we place to somebody."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from house import CALLER_NUMBER, HOST, MARIA_NUMBER, House, house, tells
from listening import assert_heard, hardly_heard, listen
from mirror import ENGLISH, SPANISH, Mirror, logged, translated
from notices import notice

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.tones import dtmf, ringback
from bmv.commands.call import CallRequest, call
from bmv.languages import Sentence
from bmv.simulator.twilio import Call, Number, Party, Phone

DESK = "+14155550123"
API_TOKEN = "a-token-of-the-tests"
WITHOUT_FLEX = {"TWILIO_FLEX_NUMBER": "", "TWILIO_FLEX_WORKFLOW_SID": "", "AGENT_DESTINATION": DESK}
PLACING = WITHOUT_FLEX | {"API_TOKEN": API_TOKEN}


def told(tag: str, sentence: Sentence) -> tuple[str, str]:
    """A sentence as the fake Twilio notes that somebody heard it."""
    language = languages.get(tag)
    return language.sentences[sentence], language.say_language


async def order(home: House, body: dict[str, Any]) -> dict[str, Any]:
    """Order a call as an agent's desktop does."""
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{home.base_url}/calls", json=body) as answer,
    ):
        assert answer.status == 201
        placed: dict[str, Any] = await answer.json()
        return placed


async def until_bridged(home: House, call_id: str) -> None:
    async with asyncio.timeout(10):
        while (running := home.server.registry.find(call_id)) is None or running.state.value != "bridged":
            await asyncio.sleep(0.02)


async def all_over(home: House) -> None:
    await home.empty()
    for each in home.twilio.calls.values():
        await each.ended(timeout=5)


def call_to(home: House, to: str) -> Call:
    return next(each for each in home.twilio.calls.values() if each.to == to)


# -- agents on a telephone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", [DESK, "sip:desk@example.sip.twilio.com", "client:alex"])
async def test_without_flex_who_picks_up_is_the_agent_and_both_are_translated(destination: str) -> None:
    async with house(brain=Mirror, settings=WITHOUT_FLEX, AGENT_DESTINATION=destination) as home:
        alex = Party("Alex")
        home.twilio.phones[destination] = Phone(alex, ring_seconds=0.5)
        maria, call = await home.calls()
        agent_call = await home.twilio.next_call(timeout=5)
        await agent_call.streaming(timeout=5)
        heard_by_alex = await tells(maria, SPANISH, alex)
        heard_by_maria = await tells(alex, ENGLISH, maria)
        await call.hang_up()
        await asyncio.wait_for(alex.hung_up.wait(), timeout=3)
        await all_over(home)
    assert_heard(heard_by_alex, translated(SPANISH))
    assert_heard(heard_by_maria, translated(ENGLISH))
    assert len(home.twilio.calls) == 2  # and not four, as with Flex
    assert not any("/Conferences/" in request.path for request in home.twilio.requests)
    assert home.twilio.alerts == []


async def test_what_an_agent_says_on_picking_up_is_heard_from_the_first_word_on() -> None:
    async with house(brain=Mirror, INTERPRETER_NOTICE="on", settings=WITHOUT_FLEX) as home:
        alex = Party("Alex")
        home.twilio.phones[DESK] = alex
        alex.say(ENGLISH)
        maria, call = await home.calls()
        await alex.done_speaking(timeout=15)
        await asyncio.sleep(1.0)
        await maria.hears_quiet(2.0, timeout=20)
        await call.hang_up()
        await all_over(home)
    assert listen(maria.heard, notice(Sentence.INTERPRETER, "es")).share >= 0.6
    assert listen(alex.heard, notice(Sentence.INTERPRETER, "en")).share >= 0.6
    words = ENGLISH[mulaw.SAMPLE_RATE // 4 :]  # the stream itself begins a moment after the receiver is lifted
    assert listen(maria.heard, translated(words)).share >= 0.5


@pytest.mark.parametrize("outcome", ["busy", "failed"])
async def test_without_an_agent_the_caller_is_told(outcome: str) -> None:
    async with house(settings=WITHOUT_FLEX) as home:
        home.twilio.phones[DESK] = Phone(Party("Alex"), outcome=outcome)  # type: ignore[arg-type]
        maria, call = await home.calls()
        await call.ended(timeout=5)
        await all_over(home)
    assert told("es", Sentence.UNAVAILABLE) in maria.sentences_heard


async def test_an_agent_who_hangs_up_a_telephone_ends_the_call_and_the_caller_is_told() -> None:
    async with house(settings=WITHOUT_FLEX) as home:
        home.twilio.phones[DESK] = Party("Alex")
        maria, call = await home.calls()
        agent_call = await home.twilio.next_call(timeout=5)
        await agent_call.streaming(timeout=5)
        await agent_call.hang_up()
        await call.ended(timeout=4)
        await all_over(home)
    assert told("es", Sentence.GOODBYE) in maria.sentences_heard


async def test_when_an_agents_stream_breaks_on_a_telephone_he_is_told_without_being_asked_to_call_again() -> None:
    async with house(settings=WITHOUT_FLEX) as home:
        alex = Party("Alex")
        home.twilio.phones[DESK] = alex
        maria, call = await home.calls()
        agent_call = await home.twilio.next_call(timeout=5)
        (await agent_call.streaming(timeout=5)).break_off()
        await call.ended(timeout=5)
        await all_over(home)
    assert told("es", Sentence.INTERRUPTED) in maria.sentences_heard
    assert alex.sentences_heard in ([], [told("en", Sentence.CUT_OFF)])  # if he was not let go before


async def test_without_flex_nobody_can_queue_for_it() -> None:
    async with house(settings=WITHOUT_FLEX) as home:
        home.twilio.numbers["+14155550177"] = Number(voice_url=f"https://{HOST}/outbound-call")
        neighbour = await home.twilio.dial(from_="+14155557777", to="+14155550177", party=Party("Neighbour"))
        assert await neighbour.ended(timeout=5) == "no-answer"


async def test_keys_go_both_ways_where_both_are_on_telephones() -> None:
    async with house(brain=Mirror, settings=WITHOUT_FLEX) as home:
        alex = Party("Alex")
        home.twilio.phones[DESK] = alex
        maria, call = await home.calls()
        agent_call = await home.twilio.next_call(timeout=5)
        await agent_call.streaming(timeout=5)
        async with asyncio.timeout(5):
            while len(home.openai.sessions) < 2:
                await asyncio.sleep(0.02)
        call.press("1")
        agent_call.press("9")
        await asyncio.gather(alex.hears_speech(timeout=5), maria.hears_speech(timeout=5))
        await asyncio.gather(alex.hears_quiet(1.0, timeout=5), maria.hears_quiet(1.0, timeout=5))
        await call.hang_up()
        await all_over(home)
    assert dtmf("1")[:640] in alex.heard
    assert dtmf("9")[:640] in maria.heard
    assert dtmf("1")[:640] not in maria.heard


# -- calls that we place ----------------------------------------------------------------------------------------------


async def test_a_placed_call_reaches_the_agent_first_and_then_the_customer_and_is_translated() -> None:
    async with house(brain=Mirror, INTERPRETER_NOTICE="on", settings=PLACING) as home:
        alex, maria = Party("Alex"), Party("Maria")
        home.twilio.phones[DESK] = Phone(alex, ring_seconds=0.3)
        home.twilio.phones[MARIA_NUMBER] = Phone(maria, ring_seconds=2.0)
        placed = await order(home, {"to": MARIA_NUMBER, "language": "spanish"})
        assert (await home.twilio.next_call(timeout=5)).to == DESK
        assert (await home.twilio.next_call(timeout=5)).to == MARIA_NUMBER
        assert home.openai.connections <= 2
        await until_bridged(home, placed["id"])
        await asyncio.gather(maria.hears_speech(timeout=5), alex.hears_speech(timeout=5))
        await asyncio.gather(maria.hears_quiet(1.0, timeout=9), alex.hears_quiet(1.0, timeout=9))
        heard_by_alex = await tells(maria, SPANISH, alex)
        heard_by_maria = await tells(alex, ENGLISH, maria)
        await call_to(home, MARIA_NUMBER).hang_up()
        await asyncio.wait_for(alex.hung_up.wait(), timeout=3)
        await all_over(home)
    assert_heard(heard_by_alex, translated(SPANISH))
    assert_heard(heard_by_maria, translated(ENGLISH))
    assert not hardly_heard(alex.heard, ringback()[: mulaw.SAMPLE_RATE])  # while she was called
    assert listen(maria.heard, notice(Sentence.INTERPRETER, "es")).share >= 0.6
    assert listen(alex.heard, notice(Sentence.INTERPRETER, "en")).share >= 0.6
    assert hardly_heard(maria.heard, ringback()[: mulaw.SAMPLE_RATE])
    assert all(session.closed_by for session in home.openai.sessions)
    assert home.twilio.alerts == []


async def test_a_placed_call_in_flex_waits_for_an_agent_to_accept() -> None:
    async with house(brain=Mirror, API_TOKEN=API_TOKEN) as home:
        maria = Party("Maria")
        home.twilio.phones[MARIA_NUMBER] = maria
        placed = await order(home, {"to": MARIA_NUMBER, "language": "es"})
        reservation = await home.twilio.next_reservation(timeout=5)
        assert reservation.task.attributes["type"] == "outbound"
        assert reservation.task.attributes["caller_number"] == MARIA_NUMBER
        await asyncio.sleep(0.5)
        assert len([each for each in home.twilio.calls.values() if each.to == MARIA_NUMBER]) == 0
        alex = Party("Alex")
        agent = await reservation.accept(party=alex)
        await until_bridged(home, placed["id"])
        assert_heard(await tells(maria, SPANISH, alex), translated(SPANISH))
        await agent.hang_up()
        await call_to(home, MARIA_NUMBER).ended(timeout=5)
        await all_over(home)
    assert told("es", Sentence.GOODBYE) in maria.sentences_heard
    assert home.twilio.alerts == []


@pytest.mark.parametrize("outcome", ["busy", "failed"])
async def test_when_the_customer_is_not_reached_the_agent_is_told_in_his_language(outcome: str) -> None:
    async with house(AGENT_LANGUAGE="de", settings=PLACING) as home:
        alex = Party("Alex")
        home.twilio.phones[DESK] = alex
        home.twilio.phones[MARIA_NUMBER] = Phone(Party("Maria"), ring_seconds=0.5, outcome=outcome)  # type: ignore[arg-type]
        await order(home, {"to": MARIA_NUMBER, "language": "es"})
        await asyncio.wait_for(alex.hung_up.wait(), timeout=8)
        await all_over(home)
    assert told("de", Sentence.NOT_REACHED) in alex.sentences_heard
    assert home.openai.open_sessions == []


async def test_a_customer_whom_twilio_refuses_to_call_is_told_to_the_agent() -> None:
    async with logged() as log, house(settings=PLACING) as home:
        alex = Party("Alex")
        home.twilio.phones[DESK] = alex
        await order(home, {"to": "+34911000999", "language": "es"})  # which does not exist
        await asyncio.wait_for(alex.hung_up.wait(), timeout=8)
        await all_over(home)
    assert told("en", Sentence.NOT_REACHED) in alex.sentences_heard
    (refused,) = [entry for entry in log if entry["event"] == "dial_refused"]
    assert "21211" in refused["error"]


async def test_an_agent_who_hangs_up_while_the_customer_is_called_stops_the_ringing() -> None:
    async with house(settings=PLACING) as home:
        maria = Party("Maria")
        home.twilio.phones[DESK] = Party("Alex")
        home.twilio.phones[MARIA_NUMBER] = Phone(maria, ring_seconds=30)
        await order(home, {"to": MARIA_NUMBER, "language": "es"})
        agent_call = await home.twilio.next_call(timeout=5)
        customer_call = await home.twilio.next_call(timeout=5)
        await agent_call.hang_up()
        await customer_call.ended(timeout=5)
        await all_over(home)
    assert maria.frames_heard == 0


async def test_an_agent_who_does_not_answer_leaves_the_customer_in_peace() -> None:
    async with house(settings=PLACING) as home:
        home.twilio.phones[DESK] = Phone(Party("Alex"), outcome="busy")
        home.twilio.phones[MARIA_NUMBER] = Party("Maria")
        placed = await order(home, {"to": MARIA_NUMBER, "language": "es"})
        await all_over(home)
        assert [each.to for each in home.twilio.calls.values()] == [DESK]
        outcome = home.server.registry.outcome(placed["id"])
        assert outcome is not None
        assert outcome.value == "agent_unavailable"


async def test_the_command_places_a_call_on_the_running_server(capsys: pytest.CaptureFixture[str]) -> None:
    async with house(brain=Mirror, settings=PLACING) as home:
        alex, maria = Party("Alex"), Party("Maria")
        home.twilio.phones["client:alex"] = alex
        home.twilio.phones[MARIA_NUMBER] = maria
        request = CallRequest(MARIA_NUMBER, "spanish", agent="client:alex")
        assert await asyncio.to_thread(call, request, server=home.base_url, token=API_TOKEN) == 0
        assert_heard(await tells(maria, SPANISH, alex), translated(SPANISH))
        await call_to(home, MARIA_NUMBER).hang_up()
        await all_over(home)
    assert "Both can talk" in capsys.readouterr().out


async def test_the_number_that_is_shown_is_ours() -> None:
    async with house(settings=PLACING) as home:
        home.twilio.phones[DESK] = Party("Alex")
        home.twilio.phones[MARIA_NUMBER] = Party("Maria")
        placed = await order(home, {"to": MARIA_NUMBER, "language": "es"})
        await until_bridged(home, placed["id"])
        assert {each.from_ for each in home.twilio.calls.values()} == {CALLER_NUMBER}
        await call_to(home, MARIA_NUMBER).hang_up()
        await all_over(home)
