"""Callers choose a language at the door and are served in it: whole calls over real sockets, without Studio."""

from __future__ import annotations

import asyncio

from house import CALLER_NUMBER, HOST, MARIA_NUMBER, House, house
from listening import assert_heard

from bmv import languages
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.twilio import Call, Number, Party
from bmv.telephony.menu import Menu

SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")
ENGLISH = voices.speak("Your parcel arrives on Friday.", "en")

Told = list[tuple[str, str]]
"""What somebody is told by Twilio's voice, each with the language it is read in."""


async def dials(home: House) -> tuple[Party, Call]:
    """Somebody calls a number that leads straight here."""
    home.twilio.numbers[CALLER_NUMBER] = Number(
        voice_url=f"https://{HOST}/welcome", status_callback=f"https://{HOST}/call-status"
    )
    maria = Party("Maria")
    return maria, await home.twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=maria)


async def asked(call: Call, tag: str) -> None:
    """Wait until this language's question is asked and its answer listened for."""
    spoken = languages.get(tag)
    async with asyncio.timeout(10):
        while (await call.gathering(timeout=10)).verb.language != spoken.hears:
            await asyncio.sleep(0.01)


def questions(*tags: str, menu: str = "en es fr zh hi") -> Told:
    """These of the menu's questions."""
    offered = Menu([languages.get(tag) for tag in menu.split()])
    return [(offered.question(spoken), spoken.say_language) for spoken in map(languages.get, tags)]


def says(tag: str, sentence: Sentence) -> Told:
    """One of our sentences in a language."""
    spoken = languages.get(tag)
    return [(spoken.sentences[sentence], spoken.say_language)]


async def is_served(home: House, call: Call) -> Party:
    """The call goes on as any other: an agent takes it, in Flex."""
    await call.streaming(timeout=10)
    alex, _ = await home.accepts()
    return alex


async def hangs_up(home: House, call: Call) -> None:
    await call.hang_up()
    await home.empty()
    assert home.twilio.alerts == []


async def test_a_key_leads_to_a_greeting_in_its_language_and_to_a_translated_conversation() -> None:
    async with house() as home:
        maria, call = await dials(home)
        await asked(call, "en")
        call.press("2")
        alex = await is_served(home, call)
        assert maria.sentences_heard == questions("en") + says("es", Sentence.GREETING)
        maria.say(SPANISH)
        await alex.hears_speech(timeout=5)
        await maria.done_speaking(timeout=10)
        await alex.hears_quiet(0.7, timeout=10)
        await hangs_up(home, call)
    assert_heard(alex.heard, SPANISH)
    assert {session.language for session in home.openai.sessions} == {"en", "es"}


async def test_a_word_leads_there_as_well() -> None:
    async with house() as home:
        maria, call = await dials(home)
        await asked(call, "es")
        call.say_words("Hindi.")
        await is_served(home, call)
        assert maria.sentences_heard == questions("en", "es") + says("hi", Sentence.GREETING)
        await hangs_up(home, call)
    assert {session.language for session in home.openai.sessions} == {"en", "hi"}


async def test_words_that_are_not_understood_lead_to_the_question_whose_listener_understands_them() -> None:
    async with house() as home:
        maria, call = await dials(home)
        await asked(call, "en")
        call.say_words("A spaniel")
        await asked(call, "es")
        call.say_words("Español, por favor.")
        await is_served(home, call)
        assert maria.sentences_heard == questions("en", "es") + says("es", Sentence.GREETING)
        await hangs_up(home, call)


async def test_who_is_silent_in_both_rounds_is_answered_in_the_agents_language() -> None:
    async with house(CALLER_LANGUAGES="es,fr", AGENT_LANGUAGE="de") as home:
        maria, call = await dials(home)
        await call.streaming(timeout=30)
        await home.accepts()
        twice = 2 * questions("es", "fr", menu="es fr")
        assert maria.sentences_heard == twice + says("de", Sentence.GREETING)
        await hangs_up(home, call)
    assert home.openai.connections == 0  # as with lang=agent, both sides speak the same


async def test_after_a_wrong_key_the_right_one_counts() -> None:
    async with house() as home:
        maria, call = await dials(home)
        await asked(call, "es")
        call.press("8")
        await asked(call, "en")
        call.press("3")
        await is_served(home, call)
        assert maria.sentences_heard == questions("en", "es", "en") + says("fr", Sentence.GREETING)
        await hangs_up(home, call)


async def test_after_two_wrong_keys_nobody_is_asked_a_third_time() -> None:
    async with house() as home:
        maria, call = await dials(home)
        await asked(call, "en")
        call.press("*")
        await asked(call, "en")
        call.press("#")
        await is_served(home, call)
        assert maria.sentences_heard == questions("en", "en") + says("en", Sentence.GREETING)
        await hangs_up(home, call)


async def test_with_one_language_on_the_menu_the_caller_is_answered_in_it_at_once() -> None:
    async with house(CALLER_LANGUAGES="hi") as home:
        maria, call = await dials(home)
        await is_served(home, call)
        assert maria.sentences_heard == says("hi", Sentence.GREETING)
        assert call.gatherings == []
        await hangs_up(home, call)


async def test_who_hangs_up_before_choosing_leaves_nothing_behind() -> None:
    async with house() as home:
        maria, call = await dials(home)
        await asked(call, "en")
        await hangs_up(home, call)
        assert maria.sentences_heard == questions("en")
    assert home.openai.connections == 0


async def test_when_all_lines_are_busy_the_caller_is_told_in_every_language_and_not_asked() -> None:
    async with house(MAX_CALLS="1", CALLER_LANGUAGES="es,fr", TRANSLATOR="loopback") as home:
        _, first = await home.calls()
        maria, refused = await dials(home)
        await refused.ended(timeout=5)
        assert maria.sentences_heard == says("es", Sentence.BUSY) + says("fr", Sentence.BUSY)
        await hangs_up(home, first)


async def test_when_the_last_line_is_taken_during_the_choice_the_caller_is_told_in_the_chosen_language() -> None:
    async with house(MAX_CALLS="1", TRANSLATOR="loopback") as home:
        maria, late = await dials(home)
        await asked(late, "en")
        _, first = await home.calls()
        late.press("2")
        await late.ended(timeout=5)
        assert maria.sentences_heard[-1:] == says("es", Sentence.BUSY)
        await hangs_up(home, first)
