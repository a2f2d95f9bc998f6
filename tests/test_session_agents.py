"""The agent's side of a call: languages, transfers, keys, and telephones in the place of Flex."""

from __future__ import annotations

import pytest
from fakes import FakeLeg, numbers, settle, spoken, understood
from talk import AGENT, CALLER, Log, Talk

from bmv import languages
from bmv.audio.mulaw import SILENCE
from bmv.audio.tones import dtmf
from bmv.call.services import Notice
from bmv.call.state import CallState
from bmv.call.translator import LanguagePair
from bmv.languages import Sentence

pytestmark = pytest.mark.usefixtures("logs")

EN, ES, HI, DE = (languages.get(tag) for tag in ("en", "es", "hi", "de"))
MUSIC = b"".join(spoken(5000, 5010))


# -- languages ------------------------------------------------------------------------------------------------------


async def test_the_call_is_translated_into_the_language_of_the_agent_who_accepts() -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.accepted_by(DE, EN)
        assert talk.pairs == {"es-de", "de-es"}
        assert talk.call.language(AGENT) is DE


async def test_sessions_are_opened_for_the_agent_who_is_rung_and_for_nobody_else() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.queued()
        talk.call.agent_reserved((DE,))
        await settle()
        assert talk.pairs == {"es-de", "de-es"}
        talk.call.agent_reserved((HI,))  # the first did not accept
        await settle()
        assert talk.pairs == {"es-hi", "hi-es"}
        talk.call.agent_accepted("WR2", (HI,))
        await talk.hear(CALLER, *spoken(1, 4))
        assert world.provider.session("es").fed == spoken(1, 4)
        assert len(world.provider.sessions) == 4


@pytest.mark.parametrize("first_agent", ["stays", "has left"])
async def test_an_agent_who_is_rung_for_a_transfer_changes_nothing_before_he_accepts(first_agent: str) -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.accepted_by(EN)
        if first_agent == "has left":  # whose last words are still being translated
            talk.call.agent_left("WR1")
        talk.call.agent_reserved((DE,))
        await settle()
        assert talk.pairs == {"es-en", "en-es"}


async def test_an_agent_who_speaks_the_callers_language_is_heard_as_he_is() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN, ES)
        await talk.hear(CALLER, *spoken(1, 30))
        await talk.hear(AGENT, *spoken(101, 130))
        await world.pass_time(1.0)
        assert world.provider.asked == []
        assert set(range(5, 25)) <= set(numbers(talk.agent.frames))
        assert set(range(105, 125)) <= set(numbers(talk.caller.frames))


async def test_a_transfer_switches_from_straight_through_to_translation_and_back() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(ES)
        assert talk.pairs == set()
        talk.call.agent_accepted("WR2", (EN,))
        talk.call.agent_left("WR1")
        await settle()
        assert talk.pairs == {"es-en", "en-es"}
        await talk.hear(CALLER, *spoken(1, 30))
        await world.pass_time(1.0)
        assert not set(numbers(talk.agent.frames)) & set(range(1, 30))
        world.provider.session("es").process()
        talk.call.agent_accepted("WR3", (ES,))
        await talk.hear(CALLER, *spoken(31, 60))
        await world.pass_time(1.0)
        assert talk.pairs == set()
        assert set(range(35, 55)) <= set(numbers(talk.agent.frames))


async def test_when_the_second_agent_of_a_warm_transfer_leaves_the_first_is_spoken_with_again() -> None:
    talk = Talk("hi")
    async with talk.living():
        await talk.accepted_by(EN)
        talk.call.agent_accepted("WR2", (DE,))
        await settle()
        assert talk.pairs == {"hi-de", "de-hi"}
        talk.call.agent_left("WR2")
        await settle()
        assert talk.pairs == {"hi-en", "en-hi"}


async def test_who_calls_in_an_unknown_language_goes_straight_through_whatever_the_agent_speaks() -> None:
    talk = Talk(None)
    async with talk.living() as world:
        await talk.accepted_by(ES)
        talk.call.agent_accepted("WR2", (DE,))
        await settle()
        assert world.provider.asked == []


# -- who is told of the interpreter ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notice", "caller", "agent"),
    [
        (Notice.ON, [(Sentence.INTERPRETER, "es")], [(Sentence.INTERPRETER, "de")]),
        (Notice.CALLER, [(Sentence.INTERPRETER, "es")], []),
        (Notice.OFF, [], []),
    ],
)
async def test_each_is_told_once_in_the_own_language_that_an_ai_interprets(
    notice: Notice, caller: list[object], agent: list[object]
) -> None:
    talk = Talk("es", interpreter_notice=notice)
    async with talk.living() as world:
        await talk.accepted_by(DE)
        await world.pass_time(2.0)
        talk.call.agent_accepted("WR1", (DE,))  # told of twice
        await world.pass_time(2.0)
        assert (understood(talk.caller.frames), understood(talk.agent.frames)) == (caller, agent)


async def test_the_caller_is_told_at_once_and_an_agent_when_something_is_heard_of_him() -> None:
    talk = Talk("es", interpreter_notice=Notice.ON)
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await world.pass_time(1.0)
        assert understood(talk.caller.frames) == [(Sentence.INTERPRETER, "es")]
        assert talk.agent.frames == []
        await talk.hear(AGENT, *spoken(1, 10))
        await world.pass_time(1.0)
        assert understood(talk.agent.frames) == [(Sentence.INTERPRETER, "en")]


async def test_where_nothing_is_translated_nobody_is_told_until_it_must_be() -> None:
    talk = Talk("es", interpreter_notice=Notice.ON)
    async with talk.living() as world:
        await talk.accepted_by(ES)
        await world.pass_time(4.0)
        assert understood(talk.caller.frames) == understood(talk.agent.frames) == []
        talk.call.agent_accepted("WR2", (EN,))
        await world.pass_time(4.0)
        assert understood(talk.caller.frames) == [(Sentence.INTERPRETER, "es")]
        assert understood(talk.agent.frames) == [(Sentence.INTERPRETER, "en")]


async def test_the_next_agent_is_told_too_and_the_caller_not_again() -> None:
    talk = Talk("es", interpreter_notice=Notice.ON)
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await world.pass_time(4.0)
        talk.call.agent_accepted("WR2", (DE,))
        await world.pass_time(4.0)
        assert understood(talk.caller.frames) == [(Sentence.INTERPRETER, "es")]
        told = [(Sentence.INTERPRETER, "en"), (Sentence.INTERPRETER, "de")]
        assert understood(talk.agent.frames) == told


# -- the first words ------------------------------------------------------------------------------------------------


async def test_what_the_agent_says_before_the_news_that_he_accepted_is_not_lost() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.queued()
        await talk.hear(AGENT, *spoken(1, 40))
        talk.call.agent_accepted("WR1", ())
        await settle()
        await talk.hear(AGENT, *spoken(40, 80), *[SILENCE] * 300)
        assert set(range(4, 75)) <= set(numbers(world.provider.session("en").fed))


async def test_a_word_of_the_caller_that_is_under_way_when_the_agent_joins_is_heard_from_its_beginning() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.queued()
        await talk.hear(CALLER, *spoken(1, 30))
        await talk.hear(CALLER, *[SILENCE] * 60)
        await talk.hear(CALLER, *spoken(100, 120))
        talk.call.agent_accepted("WR1", ())
        await settle()
        await talk.hear(CALLER, *spoken(120, 140), *[SILENCE] * 200)
        fed = numbers(world.provider.session("es").fed)
        assert set(range(103, 140)) <= set(fed)
        assert not set(fed) & set(range(1, 30))


# -- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [CALLER, AGENT])
async def test_a_key_is_heard_by_the_other_party_as_its_tones(role: object) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        talk.call.press(CALLER if role is CALLER else AGENT, "7")
        await world.pass_time(1.0)
        other, same = (talk.agent, talk.caller) if role is CALLER else (talk.caller, talk.agent)
        assert bytes(other.heard) == dtmf("7")
        assert bytes(same.heard) == b""


@pytest.mark.parametrize("key", ["", "12", "E", "a", "\x00", "7" * 1000])
async def test_what_is_no_key_is_passed_over(key: str, logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        talk.call.press(CALLER, key)
        await world.pass_time(1.0)
        assert bytes(talk.agent.heard) == b""
        assert talk.call.reason is None
    (entry,) = (entry for entry in logs if entry["event"] == "key_pressed")
    assert entry["passed_on"] is False


async def test_a_telephone_on_which_something_lies_is_not_all_that_is_heard_for_minutes(logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        for _ in range(300):
            talk.call.press(CALLER, "7")
        await world.pass_time(15.0)
        assert len(talk.agent.heard) < 11 * 8000
    assert sum(entry["event"] == "key_pressed" for entry in logs) == 300


async def test_a_key_that_nobody_can_hear_is_told_by_the_log_and_not_which(logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.queued()
        talk.call.press(CALLER, "7")
        await world.pass_time(1.0)
        assert bytes(talk.agent.heard) == b""
    (entry,) = (entry for entry in logs if entry["event"] == "key_pressed")
    assert entry == {"event": "key_pressed", "log_level": "info", "role": "caller", "passed_on": False}


# -- without Flex ---------------------------------------------------------------------------------------------------


async def test_who_picks_up_a_telephone_has_accepted_the_call() -> None:
    talk = Talk("es", agent_destination="+14155550123")
    async with talk.living() as world:
        await talk.dialled()
        assert [call.to for call in world.carrier.dialled] == ["+14155550123"]
        talk.call.leg_connected(AGENT, talk.agent)
        await settle()
        assert talk.call.state is CallState.BRIDGED
        assert set(world.provider.asked) == {LanguagePair(ES, EN), LanguagePair(EN, ES)}
        await world.pass_time(20)
        assert world.carrier.asked_about == []  # there is no conference to ask


async def test_on_a_telephone_there_is_no_beep_to_wait_for() -> None:
    talk = Talk("es", agent_destination="client:alex")
    async with talk.living() as world:
        await talk.dialled()
        talk.call.leg_connected(AGENT, FakeLeg("CA-agent"))
        await settle()
        await talk.hear(AGENT, *spoken(1, 4))
        assert world.provider.session("en").fed == spoken(1, 4)
