"""Whole calls over real sockets: an agent puts the caller on hold, with music and without, and comes back."""

from __future__ import annotations

import asyncio
import json

import pytest
from holding import OURS, PIECES, Ear, flex_music, needs_music, seconds_of_sound, talking, until
from house import house
from listening import hardly_heard, heard_whole, listen
from mirror import SPANISH, Mirror, ending, events, logged, translated
from notices import notice
from wires import log_lines

from bmv.audio.likeness import SILENCE_FRAMES
from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.holdwatch import ASK_HELD
from bmv.call.sides import HOLD_EXPLAINED
from bmv.call.state import CallState
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import Fault, Refusal
from bmv.simulator.twilio import Worker

ONE_MOMENT = voices.speak("One moment please, I will have a look.", "en")
FOUND = voices.speak("Thank you for waiting, I have found it.", "en")
UN_MOMENTO = voices.speak("Un momento, por favor.", "es")
ENCONTRADO = voices.speak("Gracias por esperar. He encontrado su paquete.", "es")
STAY = notice(Sentence.HOLD, "es")
BUSY = 3.0  # seconds by which this machine may be late


@needs_music
@pytest.mark.parametrize("piece", PIECES)
async def test_on_hold_the_caller_is_told_so_no_music_is_billed_and_afterwards_every_word_is_translated(
    piece: str,
) -> None:
    async with logged() as log, house(brain=Mirror, HOLD_AUDIO="music", HOLD_MESSAGE_SECONDS="1") as home:
        talk = await talking(home, music=flex_music(piece))
        to_maria, to_alex = talk.translator("es"), talk.translator("en")
        before = Ear.of(talk.maria)
        talk.alex.say(ONE_MOMENT)
        await talk.alex.done_speaking(timeout=10)
        sent, billed = len(to_maria.received), to_maria.seconds
        during = Ear.of(talk.maria)
        talk.agent.hold()
        await talk.becomes(CallState.HELD, 3 + BUSY)
        from_maria = to_alex.seconds
        await during.hears(STAY, 10 + BUSY)
        talk.maria.say(SPANISH)  # to nobody
        again = Ear.of(talk.maria)
        await again.hears(STAY, 6 + BUSY)
        assert seconds_of_sound(bytes(to_maria.received[sent:])) < 3 + BUSY / 2
        assert to_maria.seconds - billed < 3 + 5 + BUSY / 2  # the music, and silence until all is translated
        assert to_alex.seconds - from_maria < 0.5
        until_now, on_hold = before.heard, during.heard

        after, alex = Ear.of(talk.maria), Ear.of(talk.alex)
        talk.agent.resume()
        talk.alex.say(FOUND)  # both at once, before we can know of it
        talk.maria.say(SPANISH)
        await after.hears(translated(FOUND), 10 + BUSY)
        await alex.hears(translated(SPANISH), 8 + BUSY)
        assert talk.targets == ["en", "es"]
        assert len(home.openai.sessions) == 2
        await talk.over()
    assert heard_whole(until_now, translated(ONE_MOMENT))  # to its end, though the hold came upon it
    assert listen(until_now, translated(ONE_MOMENT)).last < listen(until_now, STAY).first
    assert listen(on_hold, OURS).share > 0.8
    assert listen(on_hold, OURS).first < 4 + BUSY
    assert heard_whole(after.heard, translated(FOUND))
    assert after.at(translated(FOUND)) < ASK_HELD + 2 + BUSY
    assert alex.understood(translated(SPANISH))
    assert hardly_heard(talk.maria.heard, flex_music(piece))
    assert hardly_heard(talk.maria.heard, FOUND)
    line = ending(log)
    assert line["agent"]["speech_seconds"]["lost"] == line["caller"]["speech_seconds"]["lost"] == 0
    assert line["agent"]["speech_seconds"]["passed_through"] == 0
    assert line["caller"]["speech_seconds"]["not_translatable"] > 1  # what she said to nobody
    assert home.twilio.alerts == []


async def test_on_hold_without_any_music_the_caller_is_told_as_well() -> None:
    async with house(brain=Mirror, HOLD_AUDIO="quiet") as home:
        talk = await talking(home)
        before = Ear.of(talk.maria)
        talk.alex.say(ONE_MOMENT)
        await talk.alex.done_speaking(timeout=10)
        talk.agent.hold()
        await before.hears(STAY, 15 + BUSY)
        after = Ear.of(talk.maria)
        talk.agent.resume()
        talk.alex.say(FOUND)
        await after.hears(translated(FOUND), 10 + BUSY)
        await talk.over()
    explained = before.at(STAY) - listen(before.heard, translated(ONE_MOMENT)).last
    assert explained < SILENCE_FRAMES * FRAME_SECONDS + HOLD_EXPLAINED + 1 + BUSY
    assert after.understood(translated(FOUND))


@needs_music
async def test_where_nothing_is_translated_the_caller_hears_our_music_too_and_then_the_agent_himself() -> None:
    async with house(HOLD_AUDIO="music", HOLD_MESSAGE_SECONDS="1") as home:
        talk = await talking(home, Worker("alex", {"languages": ["es"]}), music=flex_music())
        talk.alex.say(UN_MOMENTO)
        await talk.alex.done_speaking(timeout=10)
        during = Ear.of(talk.maria)
        talk.agent.hold()
        await during.hears(STAY, 10 + BUSY)
        on_hold = during.heard
        after, alex = Ear.of(talk.maria), Ear.of(talk.alex)
        talk.agent.resume()
        talk.alex.say(ENCONTRADO)
        await after.hears(ENCONTRADO, 10 + BUSY)
        talk.maria.say(SPANISH)
        await alex.hears(SPANISH, 5 + BUSY)
        await talk.over()
    assert home.openai.connections == 0
    assert listen(on_hold, OURS).first < 3 + BUSY  # until then it was Flex's
    assert heard_whole(after.heard, ENCONTRADO)
    assert after.at(ENCONTRADO) < ASK_HELD + 1 + BUSY
    assert alex.understood(SPANISH)


# -- when Twilio does not say -----------------------------------------------------------------------------------------


@needs_music
@pytest.mark.parametrize("trouble", ["refuses", "fails", "hangs"])
async def test_while_twilio_does_not_say_the_call_goes_on_and_when_it_does_again_hold_is_noticed(trouble: str) -> None:
    async with logged() as log, house(brain=Mirror, HOLD_AUDIO="music") as home:
        match trouble:
            case "refuses":
                home.twilio.refuse_next_fetch("participant", times=3, status=403, code=20403)
            case "fails":
                home.twilio.refuse_next_fetch("participant", times=3, status=500)
            case "hangs":
                home.twilio.hang_next_fetch("participant", 60, times=2)
        talk = await talking(home, music=flex_music(), lag=2.0)
        alex, maria = Ear.of(talk.alex), Ear.of(talk.maria)
        talk.maria.say(SPANISH)
        await alex.hears(translated(SPANISH), 10 + BUSY)
        await until(lambda: events(log, "hold_unknown"), 20 + BUSY)
        assert str(talk.session.state) == str(CallState.BRIDGED)
        talk.alex.say(ONE_MOMENT)
        await maria.hears(translated(ONE_MOMENT), 10 + BUSY)
        talk.agent.hold()
        await talk.becomes(CallState.HELD, 8 + BUSY)
        await talk.over()
    assert len(events(log, "hold_unknown")) == 1
    assert maria.understood(translated(ONE_MOMENT))
    ending(log)


@needs_music
async def test_if_twilio_does_not_say_any_more_during_a_hold_the_agent_is_heard_from_his_first_word_on() -> None:
    async with logged() as log, house(brain=Mirror, HOLD_AUDIO="music") as home:
        talk = await talking(home, music=flex_music())
        talk.agent.hold()
        await talk.becomes(CallState.HELD, 5 + BUSY)
        home.twilio.refuse_next_fetch("participant", times=1000)
        home.twilio.refuse_next_fetch("task", times=1000)
        await until(lambda: home.twilio.requests[-1].status == 500, 3 + BUSY)
        after = Ear.of(talk.maria)
        talk.agent.resume()
        talk.alex.say(FOUND)
        await after.hears(translated(FOUND), 15 + BUSY)
        await talk.over()
    assert heard_whole(after.heard, translated(FOUND))
    assert len(events(log, "hold_unknown")) == 1
    ending(log)


# -- the end ----------------------------------------------------------------------------------------------------------


@needs_music
@pytest.mark.parametrize("leaving", ["caller", "agent"])
async def test_who_hangs_up_on_hold_ends_everything_within_two_seconds(leaving: str) -> None:
    async with logged() as log, house(brain=Mirror, HOLD_AUDIO="music") as home:
        talk = await talking(home, music=flex_music())
        talk.agent.hold()
        await talk.becomes(CallState.HELD, 5 + BUSY)
        left = asyncio.get_running_loop().time()
        if leaving == "caller":
            await talk.call.hang_up()
            await talk.agent.hung_up(timeout=5)
        else:
            await talk.agent.hang_up()
            await talk.call.ended(timeout=5)
        assert asyncio.get_running_loop().time() - left < 2.5
        await home.empty()
    completed = [request.path for request in home.twilio.requests if request.fields.get("Status") == "completed"]
    assert len(completed) == len(set(completed)) == 2  # both calls, by REST
    assert all(session.closed_by for session in home.openai.sessions)
    assert ending(log)["reason"] == f"{leaving}_hung_up"
    assert home.twilio.alerts == []


async def test_what_is_said_of_a_call_tells_which_one_it_is_whoever_noticed() -> None:
    about_calls = {"call_bridged", "call_held", "original_passed_through", "translator_lost", "translator_refused"}
    with log_lines() as lines:
        async with house(brain=Mirror) as home:
            home.openai.usually(Fault(refuse=Refusal.of(500)))
            _, call = await home.calls()
            alex, agent = await home.accepts()
            await alex.hears_speech(timeout=20)
            agent.hold()
            await until(lambda: "call_held" in lines.getvalue(), 20)
            await call.hang_up()
            await home.empty()
    told = [entry for line in lines.getvalue().splitlines() if (entry := json.loads(line))["event"] in about_calls]
    assert {entry["event"] for entry in told} == about_calls
    assert len({entry.get("call_id") for entry in told}) == 1
