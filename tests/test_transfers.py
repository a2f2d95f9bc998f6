"""Whole calls over real sockets: the caller goes from one agent to another, cold or warm, or a supervisor barges in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from holding import OURS, Ear, Talk, flex_music, needs_music, talking, until
from house import house
from listening import hardly_heard, heard_whole, listen
from mirror import SPANISH, Mirror, ending, events, logged, translated
from notices import notice

from bmv.call.holdwatch import ASK_HELD
from bmv.call.state import CallState
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.twilio import Party, Worker

pytestmark = needs_music

ALEX = Worker("alex", {"languages": ["en"]})
SABINE = Worker("sabine", {"languages": ["de", "en"]})
LUCIA = Worker("lucia", {"languages": ["en", "es"]})
TO_A_COLLEAGUE = voices.speak("I will put you through, one moment please.", "en")
ENGLISH = voices.speak("Thank you for waiting.", "en")
GERMAN = voices.speak("Guten Tag, wie kann ich helfen?", "de")
PRIVATE = voices.speak("Diese Kundin ist schwierig.", "de")
LIVE = voices.speak("Buenas tardes, soy Lucía.", "es")
MUSIC_AND_NOTICES: Any = {"HOLD_AUDIO": "music", "INTERPRETER_NOTICE": "on"}
STAY = notice(Sentence.HOLD, "es")
BUSY = 3.0  # seconds by which this machine may be late


def told(party: Party, tag: str, since: int = 0) -> bool:
    """Whether somebody was told of the interpreter in this language."""
    return heard_whole(party.heard[since:], notice(Sentence.INTERPRETER, tag))


async def answers(talk: Talk, to: Party, sound: bytes) -> None:
    """Maria speaks, and it is heard as this sound."""
    ear = Ear.of(to)
    talk.maria.say(SPANISH)
    await ear.hears(sound, 10 + BUSY)
    assert ear.understood(sound)


# -- cold -------------------------------------------------------------------------------------------------------------


async def test_a_cold_transfer_goes_on_in_the_language_of_the_next_agent() -> None:
    async with logged() as log, house(brain=Mirror, HOLD_MESSAGE_SECONDS="1", **MUSIC_AND_NOTICES) as home:
        talk = await talking(home, ALEX, SABINE, music=flex_music())
        await Ear(talk.maria, 0).hears(notice(Sentence.INTERPRETER, "es"), 5 + BUSY)
        during = Ear.of(talk.maria)
        talk.alex.say(TO_A_COLLEAGUE)
        await talk.alex.done_speaking(timeout=10)
        talk.agent.transfer("cold")
        await during.hears(STAY, 10 + BUSY)
        assert talk.targets == ["en", "es"]
        on_hold, after = during.heard, Ear.of(talk.maria)
        sabine, _ = await talk.next_agent("Sabine")
        sabine.say(GERMAN)
        await after.hears(translated(GERMAN), 10 + BUSY)
        assert talk.targets == ["de", "es"]
        await answers(talk, sabine, translated(SPANISH))
        await talk.over()
    assert heard_whole(on_hold, translated(TO_A_COLLEAGUE))  # to its end, before she waits
    assert listen(on_hold, translated(TO_A_COLLEAGUE)).last < listen(on_hold, STAY).first
    assert listen(on_hold, OURS).share > 0.7
    assert hardly_heard(after.heard, translated(TO_A_COLLEAGUE))  # and not again by the next one
    assert after.at(translated(GERMAN)) < ASK_HELD + 3 + BUSY
    assert told(talk.alex, "en")
    assert told(sabine, "de")
    assert not told(talk.maria, "es", since=during.since)
    assert events(log, "internal_error") == []
    assert ending(log)["agent"]["speech_seconds"]["lost"] == 0
    assert home.twilio.alerts == []


async def test_from_a_translated_agent_to_one_who_speaks_the_callers_language_and_back() -> None:
    async with logged() as log, house(brain=Mirror, **MUSIC_AND_NOTICES) as home:
        talk = await talking(home, ALEX, LUCIA, SABINE, music=flex_music())
        await until(lambda: talk.targets == ["en", "es"], 5 + BUSY)
        talk.alex.say(TO_A_COLLEAGUE)
        await talk.alex.done_speaking(timeout=10)
        talk.agent.transfer("cold")
        await talk.becomes(CallState.HELD, 5 + BUSY)
        maria = Ear.of(talk.maria)
        lucia, second = await talk.next_agent("Lucía")
        lucia.say(LIVE)
        await maria.hears(LIVE, 10 + BUSY)
        assert talk.targets == []
        await answers(talk, lucia, SPANISH)
        assert maria.at(LIVE) < ASK_HELD + 2 + BUSY
        assert maria.understood(LIVE)
        assert hardly_heard(maria.heard, TO_A_COLLEAGUE)  # which is no language of hers

        second.transfer("cold")
        await talk.becomes(CallState.HELD, 5 + BUSY)
        maria = Ear.of(talk.maria)
        sabine, _ = await talk.next_agent("Sabine")
        sabine.say(GERMAN)
        await maria.hears(translated(GERMAN), 10 + BUSY)
        assert talk.targets == ["de", "es"]
        await answers(talk, sabine, translated(SPANISH))
        await talk.over()
    assert maria.understood(translated(GERMAN))
    assert not told(lucia, "es")
    assert told(sabine, "de")
    assert len(home.openai.sessions) == 4
    ending(log)


async def test_a_call_that_went_straight_through_is_translated_from_the_transfer_on_and_both_are_told() -> None:
    async with house(brain=Mirror, INTERPRETER_NOTICE="on") as home:
        talk = await talking(home, LUCIA, ALEX, music=flex_music())
        maria = Ear.of(talk.maria)
        talk.alex.say(LIVE)
        await maria.hears(LIVE, 10 + BUSY)
        assert home.openai.connections == 0
        talk.agent.transfer("cold")
        alex, _ = await talk.next_agent("Alex")
        alex.say(ENGLISH)
        await maria.hears(translated(ENGLISH), 12 + BUSY)
        await answers(talk, alex, translated(SPANISH))
        assert talk.targets == ["en", "es"]
        await talk.over()
    assert not told(talk.alex, "es")
    assert told(talk.maria, "es")
    assert told(alex, "en")
    assert maria.at(notice(Sentence.INTERPRETER, "es")) < maria.at(translated(ENGLISH))


async def test_an_agent_who_takes_over_at_once_is_heard_from_the_first_word_on() -> None:
    async with house(brain=Mirror) as home:
        talk = await talking(home, ALEX, SABINE, music=flex_music())
        assert home.twilio.task_router is not None
        home.twilio.task_router.unhold_seconds = 0.0
        talk.agent.transfer("cold")
        maria = Ear.of(talk.maria)
        reservation = await home.twilio.next_reservation(timeout=5)
        sabine = Party("Sabine")
        sabine.say(GERMAN)
        await reservation.accept(party=sabine, beep=False)
        await maria.hears(translated(GERMAN), 12 + BUSY)
        await talk.over()
    assert heard_whole(maria.heard, translated(GERMAN))


# -- warm -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["completed", "cancelled"])
async def test_in_a_warm_transfer_the_caller_hears_nothing_of_what_the_agents_say_and_then_whoever_stays(
    end: str,
) -> None:
    async with logged() as log, house(brain=Mirror, HOLD_MESSAGE_SECONDS="1", **MUSIC_AND_NOTICES) as home:
        talk = await talking(home, ALEX, SABINE, music=flex_music())
        await Ear(talk.alex, 0).hears(notice(Sentence.INTERPRETER, "en"), 5 + BUSY)
        during = Ear.of(talk.maria)
        talk.agent.transfer("warm")
        await talk.becomes(CallState.HELD, 3 + BUSY)
        sabine, _ = await talk.next_agent("Sabine")
        among_themselves = Ear.of(talk.alex)
        sabine.say(PRIVATE)
        await among_themselves.hears(PRIVATE, 5 + BUSY)
        await during.hears(STAY, 8 + BUSY)
        on_hold, after, alex = during.heard, Ear.of(talk.maria), Ear.of(talk.alex)
        if end == "completed":
            talk.agent.complete_transfer()
            stays, words = sabine, GERMAN
        else:
            talk.agent.cancel_transfer()
            stays, words = talk.alex, ENGLISH
        stays.say(words)
        await after.hears(translated(words), 10 + BUSY)
        assert talk.targets == (["de", "es"] if end == "completed" else ["en", "es"])
        await answers(talk, stays, translated(SPANISH))
        await talk.over()
    assert listen(on_hold, OURS).share > 0.7
    assert heard_whole(after.heard, translated(words))
    assert hardly_heard(talk.maria.heard, PRIVATE)
    assert hardly_heard(talk.maria.heard, translated(PRIVATE))
    assert told(sabine, "de") is (end == "completed")
    assert not told(talk.alex, "en", since=alex.since)  # again
    assert not told(talk.maria, "es", since=during.since)
    ending(log)
    assert home.twilio.alerts == []


async def test_a_transfer_that_nobody_accepts_leaves_the_caller_to_the_first_agent() -> None:
    async with logged() as log, house(brain=Mirror, HOLD_AUDIO="music") as home:
        talk = await talking(home, ALEX, SABINE, music=flex_music())
        talk.agent.transfer("warm")
        await talk.becomes(CallState.HELD, 3 + BUSY)
        (await home.twilio.next_reservation(timeout=5)).reject()
        (await home.twilio.next_reservation(timeout=5)).expire()
        maria = Ear.of(talk.maria)
        talk.agent.cancel_transfer()
        talk.alex.say(ENGLISH)
        await maria.hears(translated(ENGLISH), 10 + BUSY)
        await answers(talk, talk.alex, translated(SPANISH))
        assert talk.targets == ["en", "es"]
        assert len(home.openai.sessions) == 2
        await talk.over()
    assert maria.understood(translated(ENGLISH))
    ending(log)


# -- a third one ------------------------------------------------------------------------------------------------------


async def test_a_supervisor_who_barges_in_is_translated_as_well_and_the_beep_does_no_harm() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        talk = await talking(home, ALEX)
        maria, susan = Ear.of(talk.maria), Party("Susan")
        supervisor = talk.agent.conference.join(susan, role="supervisor", beep=True)
        await asyncio.sleep(0.5)  # which is as long as the beep
        susan.say(ENGLISH)
        await maria.hears(translated(ENGLISH), 10 + BUSY)
        await answers(talk, susan, translated(SPANISH))
        supervisor.leave()
        await asyncio.sleep(0.5)
        maria_later = Ear.of(talk.maria)
        talk.alex.say(TO_A_COLLEAGUE)
        await maria_later.hears(translated(TO_A_COLLEAGUE), 10 + BUSY)
        await answers(talk, talk.alex, translated(SPANISH))
        assert str(talk.session.state) == str(CallState.BRIDGED)
        await talk.over()
    assert maria.understood(translated(ENGLISH))
    assert maria_later.understood(translated(TO_A_COLLEAGUE))
    assert events(log, "call_held") == []
    assert len(home.openai.sessions) == 2
    ending(log)


async def test_a_supervisor_who_only_listens_changes_nothing() -> None:
    async with house(brain=Mirror) as home:
        talk = await talking(home, ALEX)
        susan, maria = Party("Susan"), Ear.of(talk.maria)
        talk.agent.conference.join(susan, role="supervisor", beep=False, muted=True)
        susan.say(GERMAN)
        await susan.done_speaking(timeout=10)
        talk.alex.say(ENGLISH)
        await maria.hears(translated(ENGLISH), 10 + BUSY)
        await answers(talk, susan, translated(SPANISH))
        await talk.over()
    assert hardly_heard(maria.heard, translated(GERMAN))
    assert hardly_heard(talk.alex.heard, GERMAN)
