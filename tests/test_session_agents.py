"""The agent's side of a call: languages, transfers, hold, keys, and telephones in the place of Flex."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fakes import REFUSED, FakeLeg, loud, numbers, settle, spoken, understood, until
from talk import AGENT, CALLER, Log, Talk, quiet_log

from bmv import languages
from bmv.audio.mulaw import SILENCE
from bmv.audio.tones import dtmf
from bmv.call.carrier import Seat
from bmv.call.holdwatch import ABSENT_SECONDS, ASK_HELD
from bmv.call.services import Caller, Notice
from bmv.call.session import CallSession
from bmv.call.state import CallState, EndReason
from bmv.call.translator import LanguagePair
from bmv.languages import Sentence

pytestmark = pytest.mark.usefixtures("logs")

EN, ES, HI, DE = (languages.get(tag) for tag in ("en", "es", "hi", "de"))
MUSIC = b"".join(spoken(5000, 5010))
SEAT = Seat("WS1", "WT1")


@pytest.fixture
def logs() -> Iterator[Log]:
    with quiet_log() as entries:
        yield entries


def pairs(talk: Talk) -> set[str]:
    """The sessions that are open."""
    return {str(session.pair) for session in talk.world.provider.sessions if not session.closed}


async def bridged(talk: Talk, *speaks: languages.Language, agent: str = "WR1") -> None:
    """The call reaches an agent who speaks these languages."""
    await talk.queued()
    talk.call.agents.seat = SEAT
    talk.call.agent_reserved(speaks)
    talk.call.agent_accepted(agent, speaks)
    await settle()


# -- languages ------------------------------------------------------------------------------------------------------


async def test_the_call_is_translated_into_the_language_of_the_agent_who_accepts() -> None:
    talk = Talk("es")
    async with talk.living():
        await bridged(talk, DE, EN)
        assert pairs(talk) == {"es-de", "de-es"}
        assert talk.call.language(AGENT) is DE


async def test_sessions_are_opened_for_the_agent_who_is_rung_and_for_nobody_else() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.queued()
        talk.call.agent_reserved((DE,))
        await settle()
        assert pairs(talk) == {"es-de", "de-es"}
        talk.call.agent_reserved((HI,))  # the first did not accept
        await settle()
        assert pairs(talk) == {"es-hi", "hi-es"}
        talk.call.agent_accepted("WR2", (HI,))
        await talk.hear(CALLER, *spoken(1, 4))
        assert world.provider.session("es").fed == spoken(1, 4)
        assert len(world.provider.sessions) == 4


@pytest.mark.parametrize("first_agent", ["stays", "has left"])
async def test_an_agent_who_is_rung_for_a_transfer_changes_nothing_before_he_accepts(first_agent: str) -> None:
    talk = Talk("es")
    async with talk.living():
        await bridged(talk, EN)
        if first_agent == "has left":  # whose last words are still being translated
            talk.call.agent_left("WR1")
        talk.call.agent_reserved((DE,))
        await settle()
        assert pairs(talk) == {"es-en", "en-es"}


async def test_an_agent_who_speaks_the_callers_language_is_heard_as_he_is() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await bridged(talk, EN, ES)
        await talk.hear(CALLER, *spoken(1, 30))
        await talk.hear(AGENT, *spoken(101, 130))
        await world.pass_time(1.0)
        assert world.provider.asked == []
        assert set(range(5, 25)) <= set(numbers(talk.agent.frames))
        assert set(range(105, 125)) <= set(numbers(talk.caller.frames))


async def test_a_transfer_switches_from_straight_through_to_translation_and_back() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await bridged(talk, ES)
        assert pairs(talk) == set()
        talk.call.agent_accepted("WR2", (EN,))
        talk.call.agent_left("WR1")
        await settle()
        assert pairs(talk) == {"es-en", "en-es"}
        await talk.hear(CALLER, *spoken(1, 30))
        await world.pass_time(1.0)
        assert not set(numbers(talk.agent.frames)) & set(range(1, 30))
        world.provider.session("es").process()
        talk.call.agent_accepted("WR3", (ES,))
        await talk.hear(CALLER, *spoken(31, 60))
        await world.pass_time(1.0)
        assert pairs(talk) == set()
        assert set(range(35, 55)) <= set(numbers(talk.agent.frames))


async def test_when_the_second_agent_of_a_warm_transfer_leaves_the_first_is_spoken_with_again() -> None:
    talk = Talk("hi")
    async with talk.living():
        await bridged(talk, EN)
        talk.call.agent_accepted("WR2", (DE,))
        await settle()
        assert pairs(talk) == {"hi-de", "de-hi"}
        talk.call.agent_left("WR2")
        await settle()
        assert pairs(talk) == {"hi-en", "en-hi"}


async def test_who_calls_in_an_unknown_language_goes_straight_through_whatever_the_agent_speaks() -> None:
    talk = Talk(None)
    async with talk.living() as world:
        await bridged(talk, ES)
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
        await bridged(talk, DE)
        await world.pass_time(2.0)
        talk.call.agent_accepted("WR1", (DE,))  # told of twice
        await world.pass_time(2.0)
        assert (understood(talk.caller.frames), understood(talk.agent.frames)) == (caller, agent)


async def test_where_nothing_is_translated_nobody_is_told_until_it_must_be() -> None:
    talk = Talk("es", interpreter_notice=Notice.ON)
    async with talk.living() as world:
        await bridged(talk, ES)
        await world.pass_time(4.0)
        assert understood(talk.caller.frames) == understood(talk.agent.frames) == []
        talk.call.agent_accepted("WR2", (EN,))
        await world.pass_time(4.0)
        assert understood(talk.caller.frames) == [(Sentence.INTERPRETER, "es")]
        assert understood(talk.agent.frames) == [(Sentence.INTERPRETER, "en")]


async def test_the_next_agent_is_told_too_and_the_caller_not_again() -> None:
    talk = Talk("es", interpreter_notice=Notice.ON)
    async with talk.living() as world:
        await bridged(talk, EN)
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


# -- hold -----------------------------------------------------------------------------------------------------------


async def held(talk: Talk) -> None:
    """The agent puts the caller on hold: music on the line, and the carrier knows."""
    talk.world.carrier.held = True
    for number in range(200):
        talk.call.hear(AGENT, loud(9000 + number))
        talk.world.beat()
        await settle()
        if talk.call.state is CallState.HELD:
            return
    raise AssertionError("the hold was not noticed")


async def music(talk: Talk, seconds: float) -> None:
    """Both lines go on, and nobody is there."""
    for number in range(round(seconds * 50)):
        talk.call.hear(AGENT, loud(20_000 + number))
        talk.call.hear(CALLER, loud(30_000 + number))
        talk.world.beat()
        await settle()


async def test_on_hold_nothing_is_translated_and_the_caller_hears_our_music_and_sentences() -> None:
    talk = Talk("es", hold_audio=MUSIC, hold_message=60.0)
    async with talk.living() as world:
        await bridged(talk, EN)
        await held(talk)
        fed = [len(session.fed) for session in world.provider.sessions]
        heard = len(talk.caller.heard)
        await music(talk, 6.0)
        assert [len(session.fed) for session in world.provider.sessions] == fed
        sounds = understood(talk.caller.frames[heard // 160 :])
        assert (Sentence.HOLD, "es") in sounds  # who is put on hold is told soon what is going on
        assert set(sounds) & set(range(5000, 5010))
        assert not set(sounds) & set(range(9000, 40_000))  # neither Flex's music nor anybody's words
        assert pairs(talk) == {"es-en", "en-es"}  # which cost nothing while they are fed nothing


async def test_the_agents_words_right_after_the_hold_are_not_lost() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await bridged(talk, EN)
        await held(talk)
        await music(talk, 3.0)
        world.carrier.held = False
        words = list(range(100, 100 + round((ASK_HELD + 1.0) * 50)))  # begun before it is noticed
        for number in words:
            talk.call.hear(AGENT, loud(number))
            world.beat()
            await settle()
        assert talk.call.state is CallState.BRIDGED
        await talk.hear(AGENT, *[SILENCE] * 400)
        fed = numbers(world.provider.session("en").fed)
        assert set(words) <= set(fed)
        assert sum(20_000 <= number < 30_000 for number in fed) <= 100 + round(ASK_HELD * 50) + 5


async def test_while_the_agent_talks_the_carrier_is_left_alone() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await bridged(talk, EN)
        world.carrier.asked_about.clear()
        await talk.hear(AGENT, *spoken(1, 20))
        assert len(world.carrier.asked_about) <= 1


async def test_a_carrier_that_does_not_know_is_named_once_and_the_call_goes_on(logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        world.carrier.refuses["is_held"] = REFUSED
        await bridged(talk, EN)
        for _ in range(20):
            await talk.hear(AGENT, *[SILENCE] * 50)
        assert talk.call.state is CallState.BRIDGED
        assert len(world.carrier.asked_about) > 2
    assert [entry["event"] for entry in logs].count("hold_unknown") == 1


async def test_between_two_agents_the_caller_is_entertained_and_the_next_agent_heard_at_once() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await bridged(talk, EN)
        world.carrier.refuses["is_held"] = REFUSED
        talk.call.agent_left("WR1")
        await music(talk, ABSENT_SECONDS + 1.0)
        assert talk.call.state is CallState.HELD
        assert set(numbers(talk.caller.frames)) & set(range(5000, 5010))
        talk.call.agent_accepted("WR2", (DE,))
        await world.pass_time(0.1)
        assert str(talk.call.state) == str(CallState.BRIDGED)
        await talk.hear(AGENT, *spoken(1, 50), *[SILENCE] * 400)
        assert set(range(1, 45)) <= set(numbers(world.provider.session("de").fed))


async def test_an_agent_who_is_said_twice_to_have_left_interrupts_no_waiting() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await bridged(talk, EN)
        world.carrier.refuses["is_held"] = REFUSED
        talk.call.agent_left("WR1")  # wraps up
        await music(talk, ABSENT_SECONDS + 1.0)
        for agent in ("WR1", "WR-never-here"):
            talk.call.agent_left(agent)  # is done with it
            await world.pass_time(0.1)
            assert talk.call.state is CallState.HELD


async def test_a_colleague_outside_of_the_queue_is_heard_when_the_agent_has_left_him_the_call() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await bridged(talk, EN)
        talk.call.agent_left("WR1")
        for frame in spoken(1, 200):
            await talk.hear(AGENT, frame)  # and the carrier answers in between
        assert talk.call.state is CallState.BRIDGED
        fed = {number for session in world.provider.sessions for number in numbers(session.fed)}
        assert set(range(5, 195)) <= fed
        assert not set(numbers(talk.caller.frames)) & set(range(5000, 5010))


async def test_a_call_that_no_further_agent_takes_ends_after_the_longest_wait_and_the_caller_is_told() -> None:
    talk = Talk("es", hold_audio=MUSIC, max_wait=20.0)
    async with talk.living() as world:
        await bridged(talk, EN)
        world.carrier.held = True
        talk.call.agent_left("WR1")
        await music(talk, 19.0)
        assert talk.call.state is CallState.HELD
        await music(talk, 2.0)
        await talk.over()
        assert talk.call.reason is EndReason.AGENT_UNAVAILABLE
        assert [sentence for _, sentence, _ in world.carrier.said] == [ES.sentences[Sentence.UNAVAILABLE]]


async def test_an_agent_may_keep_a_caller_on_hold_for_longer_than_that() -> None:
    talk = Talk("es", hold_audio=MUSIC, max_wait=5.0)
    async with talk.living():
        await bridged(talk, EN)
        await held(talk)
        await music(talk, 8.0)
        assert talk.call.state is CallState.HELD


async def test_what_an_agent_says_to_nobody_while_a_customer_is_called_is_not_given_to_the_customer() -> None:
    talk = Talk("es", agent_destination="client:alex")
    call = CallSession(Caller(None, "+34911222333", ES), talk.world.services, destination="client:alex")
    run = asyncio.create_task(call.run())
    await settle()
    call.leg_connected(AGENT, FakeLeg("CA-agent"))
    await settle()
    for number in range(1, 50):
        call.hear(AGENT, loud(number))
        talk.world.beat()
    call.leg_connected(CALLER, FakeLeg("CA-customer"))
    await settle()
    for frame in (*spoken(100, 110), *[SILENCE] * 100):
        call.hear(AGENT, frame)
        talk.world.beat()
        await asyncio.sleep(0)
    assert numbers(talk.world.provider.session("en").fed) == list(range(100, 110))
    call.end(EndReason.CALLER_HUNG_UP)
    await until(run.done, talk.world.beat)


async def test_an_agent_who_leaves_at_the_end_of_the_call_starts_no_music() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await bridged(talk, EN)
        talk.call.agent_left("WR1")
        await world.pass_time(ABSENT_SECONDS - 0.5)
        await talk.agent_hangs_up()
        await talk.over()
        assert not set(numbers(talk.caller.frames)) & set(range(5000, 5010))


@pytest.mark.parametrize("leaving", [CALLER, AGENT])
async def test_who_hangs_up_on_hold_ends_the_call_at_once(leaving: object) -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living():
        await bridged(talk, EN)
        await held(talk)
        if leaving is CALLER:
            talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        else:
            await talk.agent_hangs_up()
        await talk.over()
        assert talk.call.reason is (EndReason.CALLER_HUNG_UP if leaving is CALLER else EndReason.AGENT_HUNG_UP)


# -- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [CALLER, AGENT])
async def test_a_key_is_heard_by_the_other_party_as_its_tones(role: object) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await bridged(talk, EN)
        talk.call.press(CALLER if role is CALLER else AGENT, "7")
        await world.pass_time(1.0)
        other, same = (talk.agent, talk.caller) if role is CALLER else (talk.caller, talk.agent)
        assert bytes(other.heard) == dtmf("7")
        assert bytes(same.heard) == b""


@pytest.mark.parametrize("key", ["", "12", "E", "a", "\x00", "7" * 1000])
async def test_what_is_no_key_is_passed_over(key: str, logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await bridged(talk, EN)
        talk.call.press(CALLER, key)
        await world.pass_time(1.0)
        assert bytes(talk.agent.heard) == b""
        assert talk.call.reason is None
    (entry,) = (entry for entry in logs if entry["event"] == "key_pressed")
    assert entry["passed_on"] is False


async def test_a_telephone_on_which_something_lies_is_not_all_that_is_heard_for_minutes(logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await bridged(talk, EN)
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
