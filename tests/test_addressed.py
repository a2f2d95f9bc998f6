"""Whole calls over real sockets: everybody is addressed in the own language, before and while they talk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from holding import Ear
from house import House, house, tells
from listening import assert_heard, hardly_heard, heard_whole, listen
from mirror import ENGLISH, SPANISH, Mirror, translated
from notices import notice

from bmv.audio import mulaw
from bmv.audio.music import hold_music
from bmv.audio.tones import dtmf
from bmv.audio.wav import write_wav
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.twilio import Agent, Call, Party, Worker

GERMAN = voices.speak("Guten Tag, wie kann ich Ihnen helfen?", "de")


async def meets(
    home: House, attributes: dict[str, object] | None = None, language: str = "es"
) -> tuple[Party, Call, Party, Agent]:
    """A caller who chose this language, and the agent with these attributes who accepted."""
    assert home.twilio.task_router is not None
    home.twilio.task_router.workers = [Worker("alex", attributes or {})]
    maria, call = await home.calls(language=language)
    alex, agent = await home.accepts()
    return maria, call, alex, agent


# -- what agents speak ------------------------------------------------------------------------------------------------


async def test_a_call_is_translated_into_the_language_of_the_worker_who_accepted() -> None:
    async with house(brain=Mirror) as home:
        maria, call, alex, _ = await meets(home, {"languages": ["de", "en"]})
        heard_by_alex = await tells(maria, SPANISH, alex)
        heard_by_maria = await tells(alex, GERMAN, maria)
        assert sorted(session.language for session in home.openai.sessions) == ["de", "es"]
        await call.hang_up()
        await home.empty()
    assert_heard(heard_by_alex, translated(SPANISH))
    assert_heard(heard_by_maria, translated(GERMAN))
    assert home.twilio.alerts == []


@pytest.mark.parametrize("attributes", [{"languages": ["en", "es"]}, {"language": "Spanish"}])
async def test_an_agent_who_speaks_the_callers_language_is_connected_straight_through_and_live(
    attributes: dict[str, object],
) -> None:
    async with house(brain=Mirror, INTERPRETER_NOTICE="on") as home:
        maria, call, alex, _ = await meets(home, attributes)
        began = alex.frames_heard * mulaw.FRAME_SECONDS
        utterance = maria.say(SPANISH)
        await maria.done_speaking(timeout=15)
        await alex.hears_quiet(1.0, timeout=10)
        await call.hang_up()
        await home.empty()
    assert home.openai.connections == 0
    assert_heard(alex.heard, SPANISH)  # and nothing else: nobody is told of an interpreter who is not there
    assert utterance.started is not None
    spoken_at = utterance.started - alex.timeline
    assert spoken_at >= began - 0.1
    assert listen(alex.heard, SPANISH).first - spoken_at < 1.0


async def test_another_attribute_may_hold_the_languages() -> None:
    async with house(brain=Mirror, AGENT_LANGUAGES_ATTRIBUTE="routing.languages") as home:
        _, call, _, _ = await meets(home, {"languages": ["es"], "routing": {"languages": ["it"]}})
        await home.openai.until(lambda: len(home.openai.sessions) == 2)
        assert sorted(session.language for session in home.openai.sessions) == ["es", "it"]
        await call.hang_up()
        await home.empty()


async def test_a_language_outside_of_the_continuous_model_is_interpreted_sentence_by_sentence() -> None:
    async with house(brain=Mirror) as home:
        _, call, _, _ = await meets(home, {"languages": ["pl"]})
        await home.openai.until(lambda: bool(home.openai.sessions and home.openai.conversations))
        assert [session.language for session in home.openai.sessions] == ["es"]  # for the caller
        assert "Polish" in home.openai.conversations[0].settings["instructions"]  # for the agent
        await call.hang_up()
        await home.empty()


# -- who is told of the interpreter -----------------------------------------------------------------------------------


async def test_both_are_told_in_their_own_languages_that_an_ai_interprets_and_no_word_is_lost_under_it() -> None:
    async with house(brain=Mirror, INTERPRETER_NOTICE="on") as home:
        maria, call, alex, _ = await meets(home, {"languages": ["de"]})
        maria.say(SPANISH)  # at once, while the notices are spoken
        alex.say(GERMAN)
        await asyncio.gather(maria.done_speaking(timeout=15), alex.done_speaking(timeout=15))
        await asyncio.sleep(1.0)
        await asyncio.gather(maria.hears_quiet(2.0, timeout=20), alex.hears_quiet(2.0, timeout=20))
        await call.hang_up()
        await home.empty()
    for heard, tag, words in ((maria.heard, "es", GERMAN), (alex.heard, "de", SPANISH)):
        told = listen(heard, notice(Sentence.INTERPRETER, tag))
        assert told.share >= 0.6
        assert listen(heard, translated(words)).share >= 0.5
        assert told.first < listen(heard, translated(words)).first
    assert hardly_heard(maria.heard, notice(Sentence.INTERPRETER, "de"))
    assert hardly_heard(alex.heard, notice(Sentence.INTERPRETER, "es"))


@pytest.mark.parametrize("beep", [True, False])
async def test_an_agent_who_joins_a_while_after_accepting_is_told_when_he_can_hear_it(beep: bool) -> None:
    async with house(brain=Mirror, INTERPRETER_NOTICE="on") as home:
        _, call = await home.calls()
        alex = Party("Alex")
        reservation = await home.twilio.next_reservation(timeout=5)
        await reservation.accept(party=alex, beep=beep, delay=1.5)
        await Ear(alex, 0).hears(notice(Sentence.INTERPRETER, "en"), 15)
        await alex.hears_quiet(1.0, timeout=10)
        await call.hang_up()
        await home.empty()
    assert heard_whole(alex.heard, notice(Sentence.INTERPRETER, "en"))


async def test_the_caller_alone_is_told_where_the_operator_wants_it_so() -> None:
    async with house(brain=Mirror, INTERPRETER_NOTICE="caller") as home:
        maria, call, alex, _ = await meets(home)
        await maria.hears_speech(timeout=5)
        await maria.hears_quiet(1.0, timeout=10)
        await call.hang_up()
        await home.empty()
    assert listen(maria.heard, notice(Sentence.INTERPRETER, "es")).share >= 0.6
    assert hardly_heard(alex.heard, notice(Sentence.INTERPRETER, "en"))


async def test_with_loopback_nobody_is_told_of_an_interpreter_who_is_not_there() -> None:
    async with house(TRANSLATOR="loopback", INTERPRETER_NOTICE="on") as home:
        maria, call, alex, _ = await meets(home)
        heard = await tells(maria, SPANISH, alex)
        await call.hang_up()
        await home.empty()
    assert_heard(heard, SPANISH)
    assert hardly_heard(maria.heard, notice(Sentence.INTERPRETER, "es"))


# -- waiting ----------------------------------------------------------------------------------------------------------


async def test_a_waiting_caller_hears_music_and_is_asked_to_stay_in_the_own_language() -> None:
    async with house(HOLD_AUDIO="music", HOLD_MESSAGE_SECONDS="2") as home:
        maria, call = await home.calls(language="hi")
        await home.twilio.next_reservation(timeout=5)
        await asyncio.sleep(7.5)
        await call.hang_up()
        await home.empty()
    assert heard_whole(maria.heard, hold_music()[: 2 * mulaw.SAMPLE_RATE])
    told = listen(maria.heard, notice(Sentence.HOLD, "hi"))
    assert told.share >= 0.6
    assert told.first >= 2.0
    again = maria.heard[round((told.last + 0.5) * mulaw.SAMPLE_RATE) :]
    assert listen(again, notice(Sentence.HOLD, "hi")).share >= 0.6


async def test_the_music_is_the_operators_own_where_there_is_one(tmp_path: Path) -> None:
    tune = voices.speak("This is a tune of the house.", "en")
    path = tmp_path / "tune.wav"
    write_wav(path, tune)
    async with house(HOLD_AUDIO=str(path)) as home:
        maria, call = await home.calls()
        await asyncio.sleep(3 * len(tune) / mulaw.SAMPLE_RATE)  # it may be found in any round
        await call.hang_up()
        await home.empty()
    assert heard_whole(maria.heard, tune)


async def test_music_and_sentences_end_the_moment_the_agent_joins() -> None:
    async with house(brain=Mirror, HOLD_AUDIO="music", HOLD_MESSAGE_SECONDS="1") as home:
        maria, call = await home.calls()
        reservation = await home.twilio.next_reservation(timeout=5)
        await maria.hears_speech(timeout=5)
        await asyncio.sleep(1.5)  # into the sentence, or the music around it
        alex = Party("Alex")
        await reservation.accept(party=alex)
        await maria.hears_quiet(0.5, timeout=2)
        heard = await tells(alex, ENGLISH, maria)
        await call.hang_up()
        await home.empty()
    assert_heard(heard, translated(ENGLISH))


@pytest.mark.parametrize("audio_first", [False, True])
async def test_the_first_words_of_both_are_heard_whole(audio_first: bool) -> None:
    async with house(brain=Mirror) as home:
        maria, call = await home.calls()
        reservation = await home.twilio.next_reservation(timeout=5)
        await home.openai.until(lambda: len(home.openai.sessions) == 2)
        alex = Party("Alex")
        alex.say(ENGLISH)  # he speaks from the first moment on, whether we know of it or not
        maria.say(SPANISH)  # and she has just begun
        await reservation.accept(party=alex, beep=False, audio_first=audio_first, delay=0.8)
        await asyncio.gather(maria.done_speaking(timeout=15), alex.done_speaking(timeout=15))
        await asyncio.sleep(1.0)
        await asyncio.gather(maria.hears_quiet(2.0, timeout=20), alex.hears_quiet(2.0, timeout=20))
        await call.hang_up()
        await home.empty()
    assert listen(maria.heard, translated(ENGLISH)).share >= 0.5
    assert listen(maria.heard, translated(ENGLISH[: mulaw.SAMPLE_RATE * 3 // 4])).share >= 0.5
    assert listen(alex.heard, translated(SPANISH[: mulaw.SAMPLE_RATE * 3 // 4])).share >= 0.5


# -- keys -------------------------------------------------------------------------------------------------------------


async def test_keys_that_the_caller_presses_are_heard_by_the_agent_and_logged_without_their_digits() -> None:
    async with house(brain=Mirror) as home:
        maria, call, alex, _ = await meets(home)
        await alex.hears_quiet(0.5, timeout=5)
        call.press("42#")
        await alex.hears_speech(timeout=5)
        await alex.hears_quiet(1.0, timeout=10)
        await call.hang_up()
        await home.empty()
    places = [listen(alex.heard, dtmf(key)) for key in "42#"]
    assert alex.heard.find(dtmf("4")[:600]) < alex.heard.find(dtmf("2")[:600]) < alex.heard.find(dtmf("#")[:600])
    assert alex.heard.find(dtmf("4")[:600]) > 0, places
