"""Whole calls over real sockets: who heard what, who was told what, and that nothing is left of them."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from house import APP, CALLER_NUMBER, FLEX_NUMBER, HOST, House, house, says
from listening import assert_heard, heard_whole, listen, voiced_seconds
from notices import notice

from bmv.audio import mulaw
from bmv.audio.music import hold_music
from bmv.call.state import CallState
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import Fault, Refusal
from bmv.simulator.twilio import App, Party

SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")
ENGLISH = voices.speak("Your parcel arrives on Friday.", "en")


async def tell(speaker: Party, sentence: bytes, listener: Party) -> None:
    """Say it, and wait until the other has heard what comes of it."""
    speaker.say(sentence)
    await speaker.done_speaking(timeout=10)
    await listener.hears_quiet(0.7, timeout=10)


async def converse(home: House, maria: Party, alex: Party) -> None:
    """Each says one sentence, the second when the first is heard."""
    maria.say(SPANISH)
    await alex.hears_speech(timeout=5)
    await maria.done_speaking(timeout=10)
    await alex.hears_quiet(0.7, timeout=10)
    alex.say(ENGLISH)
    await maria.hears_speech(timeout=5)
    await alex.done_speaking(timeout=10)
    await maria.hears_quiet(0.7, timeout=10)


@pytest.mark.parametrize("translator", ["loopback", "openai"])
async def test_real_speech_arrives_on_the_other_side_complete_in_order_and_as_loud(translator: str) -> None:
    async with house(TRANSLATOR=translator) as home:
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        await converse(home, maria, alex)
        await call.hang_up()
        await home.empty()
    assert_heard(alex.heard, SPANISH)  # and nothing else: no beep, nothing twice
    assert_heard(maria.heard, ENGLISH)
    assert listen(alex.heard, ENGLISH).share < 0.3  # nobody hears himself
    assert listen(maria.heard, SPANISH).share < 0.3
    assert home.twilio.alerts == []


async def test_a_translator_at_twice_real_time_with_padded_silence_does_not_delay_what_is_said_later() -> None:
    async with house(pace=2.0) as home:
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        lags = []
        for _ in range(2):
            utterance = maria.say(SPANISH)
            await alex.hears_speech(timeout=5)
            await maria.done_speaking(timeout=10)
            await alex.hears_quiet(1.0, timeout=10)
            assert utterance.started is not None
            before = round((utterance.started - alex.timeline) * mulaw.SAMPLE_RATE)
            lags.append(listen(alex.heard[before:], SPANISH).first)
        await call.hang_up()
        await home.empty()
    assert lags[1] < lags[0] + 1.0  # the padding alone would make it the length of the sentence later


async def test_the_original_lies_underneath_the_translation_when_it_is_asked_for() -> None:
    async with house(TRANSLATOR="loopback", FORWARD_AUDIO_BEFORE_TRANSLATION="true") as home:
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        await tell(maria, SPANISH, alex)
        await call.hang_up()
        await home.empty()
    assert voiced_seconds(alex.heard) > voiced_seconds(SPANISH) + 0.25  # the original is ahead by the loopback's delay


async def test_nothing_is_sent_to_a_translator_before_the_agent_accepted() -> None:
    async with house(HOLD_AUDIO="music") as home:
        maria, call = await home.calls()
        maria.say(SPANISH)
        reservation = await home.twilio.next_reservation(timeout=5)
        await home.openai.until(lambda: len(home.openai.sessions) == 2)  # opened while the agent's telephone rings
        await maria.done_speaking(timeout=10)
        assert [session.seconds for session in home.openai.sessions] == [0, 0]
        waited = hold_music()[: 2 * mulaw.SAMPLE_RATE]
        assert heard_whole(maria.heard, waited)  # and it is not silent meanwhile
        await asyncio.sleep(1.0)  # what is under way when the agent joins would be heard by him
        alex = Party("Alex")
        await reservation.accept(party=alex, beep=True)
        await home.openai.until(lambda: any(session.seconds > 1 for session in home.openai.sessions))
        await call.hang_up()
        await home.empty()
    assert listen(alex.heard, SPANISH).share < 0.3
    for session in home.openai.sessions:
        assert abs(session.audio).max() < 300, "the connect beep was sent to the translator"


async def test_who_is_talking_when_the_agent_comes_is_heard_from_the_beginning_of_the_sentence() -> None:
    async with house() as home:
        maria, call = await home.calls()
        reservation = await home.twilio.next_reservation(timeout=5)
        await home.openai.until(lambda: len(home.openai.sessions) == 2)
        maria.say(SPANISH)
        await asyncio.sleep(1.0)  # of the two that the sentence takes
        alex = Party("Alex")
        await reservation.accept(party=alex)
        await alex.hears_speech(timeout=5)
        await alex.hears_quiet(0.7, timeout=10)
        await call.hang_up()
        await home.empty()
    assert_heard(alex.heard, SPANISH)


@pytest.mark.parametrize("order", ["stream first", "accepted first"])
async def test_a_call_is_bridged_in_either_order(order: str) -> None:
    async with house(TRANSLATOR="loopback") as home:
        if order == "accepted first":
            home.twilio.hold_outgoing_streams()
        maria, call = await home.calls()
        alex, _ = await home.accepts(beep=False)
        session = home.server.registry.find_by_call_sid(call.sid)
        assert session is not None
        if order == "accepted first":
            async with asyncio.timeout(5):
                while session.state is not CallState.ACCEPTED:
                    await asyncio.sleep(0.01)
            home.twilio.release_outgoing_streams()
        maria.say(SPANISH)
        await alex.hears_speech(timeout=5)
        assert session.state is CallState.BRIDGED
        await call.hang_up()
        await home.empty()


async def test_only_reservation_accepted_needs_to_be_ticked() -> None:
    async with house(events=("reservation.accepted",)) as home:
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        await tell(maria, SPANISH, alex)  # while the sessions are still being opened
        await call.hang_up()
        await home.empty()
    assert_heard(alex.heard, SPANISH)


async def test_with_a_twiml_app_the_call_id_travels_in_the_address() -> None:
    async with house(TRANSLATOR="loopback", TWILIO_FLEX_APP_SID=APP, TWILIO_FLEX_NUMBER="") as home:
        home.twilio.apps[APP] = App(voice_url=f"https://{HOST}/outbound-call")
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        maria.say(SPANISH)
        await alex.hears_speech(timeout=5)
        await call.hang_up()
        await home.empty()
    assert home.twilio.alerts == []


async def test_two_calls_from_one_anonymous_number_are_never_mixed_up() -> None:
    async with house(TRANSLATOR="loopback") as home:
        maria, first = await home.calls(from_="anonymous")
        marta, second = await home.calls(from_="anonymous")
        alex, _ = await home.accepts(beep=False)
        anna, _ = await home.accepts(beep=False)
        maria.say(SPANISH)
        marta.say(ENGLISH)
        await asyncio.gather(alex.hears_speech(timeout=5), anna.hears_speech(timeout=5))
        await asyncio.gather(maria.done_speaking(timeout=10), marta.done_speaking(timeout=10))
        await asyncio.gather(alex.hears_quiet(0.7, timeout=10), anna.hears_quiet(0.7, timeout=10))
        await first.hang_up()
        marta.say(ENGLISH)
        await anna.hears_speech(timeout=5)  # the end of one call is not the end of the other
        await second.hang_up()
        await home.empty()
    assert_heard(alex.heard, SPANISH)
    assert listen(anna.heard, ENGLISH).share >= 0.5
    assert listen(alex.heard, ENGLISH).share < 0.3
    assert listen(anna.heard, SPANISH).share < 0.3
    assert home.twilio.alerts == []


async def test_a_caller_on_sip_is_served_like_any_other() -> None:
    async with house(TRANSLATOR="loopback") as home:
        _, call = await home.calls(from_="sip:maria@example.org")
        await home.accepts()
        await call.hang_up()
        await home.empty()
    assert home.twilio.alerts == []


async def test_the_task_tells_flex_who_calls_in_which_language_and_which_call_it_is() -> None:
    async with house(TRANSLATOR="loopback") as home:
        _, call = await home.calls()
        task = await home.twilio.next_task(timeout=5)
        session = home.server.registry.find_by_call_sid(call.sid)
        assert session is not None
        assert task.attributes["bmv_call_id"] == session.id
        assert task.attributes["language"] == "es"
        assert task.attributes["caller_number"] == "+34911222333"
        await call.hang_up()
        await home.empty()


async def test_the_same_language_on_both_sides_goes_straight_through_without_a_bill() -> None:
    async with house() as home:
        maria, call = await home.calls(language="agent")
        alex, _ = await home.accepts()
        await converse(home, maria, alex)
        await call.hang_up()
        await home.empty()
    assert home.openai.connections == 0
    assert_heard(alex.heard, SPANISH)
    assert_heard(maria.heard, ENGLISH)


async def test_an_unknown_language_does_not_lose_the_call() -> None:
    async with house() as home:
        maria, call = await home.calls(language="klingon")
        alex, _ = await home.accepts()
        await tell(maria, SPANISH, alex)
        await call.hang_up()
        await home.empty()
    assert home.openai.connections == 0
    assert says("en", Sentence.UNTRANSLATED) in maria.sentences_heard
    assert_heard(alex.heard, SPANISH)


async def test_a_translator_that_refuses_costs_the_translation_and_not_the_voice() -> None:
    async with house() as home:
        home.openai.fail_next(Fault(refuse=Refusal.of(401)), times=4)
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        await tell(maria, SPANISH, alex)
        async with aiohttp.ClientSession() as http, http.get(f"{home.base_url}/ready") as ready:
            assert ready.status == 503
            assert "OPENAI_API_KEY" in (await ready.json())["problems"]["translator"]
        await call.hang_up()
        await home.empty()
    told = listen(alex.heard, notice(Sentence.TRANSLATION_LOST, "en"))
    assert told.share >= 0.6
    assert_heard(
        alex.heard[round(told.first * mulaw.SAMPLE_RATE) + len(notice(Sentence.TRANSLATION_LOST, "en")) :], SPANISH
    )


async def test_malformed_frames_are_ignored_and_the_call_goes_on() -> None:
    async with house(TRANSLATOR="loopback") as home:
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        stream = await call.streaming(timeout=5)
        for rubbish in (
            "{",
            "[]",
            '{"event":"media"}',
            '{"event":"later"}',
            '{"event":"media","media":{"payload":"!"}}',
        ):
            stream.send_raw(rubbish)
        maria.say(SPANISH)
        await alex.hears_speech(timeout=5)
        await call.hang_up()
        await home.empty()


# -- who is not let in ------------------------------------------------------------------------------------------------


async def test_beyond_max_calls_a_caller_is_refused_politely() -> None:
    async with house(TRANSLATOR="loopback", MAX_CALLS="1") as home:
        _, call = await home.calls()
        marta = Party("Marta")
        refused = await home.twilio.dial(from_="+34911000000", to=CALLER_NUMBER, party=marta)
        await refused.ended(timeout=3)
        assert marta.sentences_heard == [says("es", Sentence.BUSY)]
        await call.hang_up()
        await home.empty()


@pytest.mark.parametrize("path", ["/incoming-call", "/outbound-call", "/reservation-accepted", "/call-status"])
async def test_an_unsigned_webhook_is_refused(path: str) -> None:
    async with house(TRANSLATOR="loopback") as home, aiohttp.ClientSession() as http:
        async with http.post(home.base_url + path, data={"CallSid": "CA" + "0" * 32, "From": "+1"}) as answer:
            assert answer.status == 403
        async with http.post(home.base_url + path, headers={"X-Twilio-Signature": "wrong"}, data={"a": "b"}) as answer:
            assert answer.status == 403
        assert len(home.server.registry) == 0


async def test_a_stream_without_the_right_token_gets_nowhere() -> None:
    async with house(TRANSLATOR="loopback") as home:
        maria, call = await home.calls()
        session = home.server.registry.find_by_call_sid(call.sid)
        assert session is not None
        parameters = {"bmv_call_id": session.id, "bmv_role": "caller", "bmv_token": "guessed"}
        async with home.twilio.raw_stream(f"wss://{HOST}/intercept", parameters=parameters) as socket:
            message = await socket.receive(timeout=5)
            assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
            assert socket.close_code == 1008
        assert session.reason is None  # the call does not notice
        await call.hang_up()
        await home.empty()


async def test_somebody_who_dials_the_flex_number_directly_reaches_an_agent_untranslated() -> None:
    async with house(TRANSLATOR="loopback") as home:
        neighbour = Party("Neighbour")
        call = await home.twilio.dial(from_="+14155557777", to=FLEX_NUMBER, party=neighbour)
        alex, agent = await home.accepts()
        await agent.hang_up()
        await call.ended(timeout=3)


# -- what is known of a call ------------------------------------------------------------------------------------------


async def test_health_is_honest() -> None:
    async with house(TRANSLATOR="loopback", MAX_CALLS="1") as home, aiohttp.ClientSession() as http:
        async with http.get(f"{home.base_url}/live") as live, http.get(f"{home.base_url}/ready") as ready:
            assert (live.status, ready.status) == (200, 200)
        _, call = await home.calls()
        async with http.get(f"{home.base_url}/ready") as ready:
            assert ready.status == 503
            assert "MAX_CALLS" in (await ready.json())["problems"]["capacity"]
        await call.hang_up()
        await home.empty()
