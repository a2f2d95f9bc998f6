"""Hold, and the time between two agents: what is heard, what is not translated, and that no word is lost after it."""

from __future__ import annotations

import asyncio

import pytest
from fakes import REFUSED, FakeLeg, loud, numbers, settle, spoken, understood, until
from talk import AGENT, CALLER, Log, Talk

from bmv import languages
from bmv.audio.mulaw import SILENCE
from bmv.call.carrier import Seat
from bmv.call.holdwatch import ABSENT_SECONDS, ASK_HELD
from bmv.call.leg import Role
from bmv.call.services import Caller
from bmv.call.session import CallSession
from bmv.call.state import CallState, EndReason
from bmv.languages import Sentence

pytestmark = pytest.mark.usefixtures("logs")

EN, ES, DE = (languages.get(tag) for tag in ("en", "es", "de"))
MUSIC = b"".join(spoken(5000, 5010))


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
        await talk.accepted_by(EN)
        await held(talk)
        fed = [len(session.fed) for session in world.provider.sessions]
        heard = len(talk.caller.heard)
        await music(talk, 6.0)
        assert [len(session.fed) for session in world.provider.sessions] == fed
        sounds = understood(talk.caller.frames[heard // 160 :])
        assert (Sentence.HOLD, "es") in sounds  # who is put on hold is told soon what is going on
        assert set(sounds) & set(range(5000, 5010))
        assert not set(sounds) & set(range(9000, 40_000))  # neither Flex's music nor anybody's words
        assert talk.pairs == {"es-en", "en-es"}  # which cost nothing while they are fed nothing


async def test_the_agents_words_right_after_the_hold_are_not_lost() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await talk.accepted_by(EN)
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


async def line(talk: Talk, role: Role, *frames: bytes) -> None:
    """A party's line goes on, and after each frame everything happens that can."""
    for frame in frames:
        talk.call.hear(role, frame)
        talk.world.beat()
        await settle()


async def test_a_word_that_is_over_before_the_end_of_the_hold_is_known_is_heard_all_the_same() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await held(talk)
        asked = len(world.carrier.asked_about)
        while len(world.carrier.asked_about) == asked:
            await line(talk, AGENT, SILENCE)
        world.carrier.held = False  # just after it was asked: a second passes until it is asked again
        await line(talk, AGENT, *spoken(100, 110), *[SILENCE] * 200)
        assert str(talk.call.state) == str(CallState.BRIDGED)
        assert set(range(100, 110)) <= set(numbers(world.provider.session("en").fed))


async def test_what_the_caller_is_saying_at_the_end_of_a_hold_is_heard_from_its_beginning() -> None:
    talk = Talk("es")  # without music, of which these frames would pass for an echo
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await held(talk)
        await line(talk, CALLER, *spoken(100, 110))
        world.carrier.held = False
        await line(talk, CALLER, *spoken(110, 200))
        assert str(talk.call.state) == str(CallState.BRIDGED)
        await line(talk, CALLER, *[SILENCE] * 200)
        assert set(range(100, 125)) <= set(numbers(world.provider.session("es").fed))


async def test_who_waits_in_the_queue_is_not_on_hold_and_the_carrier_is_not_asked_whether_he_is() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.queued()
        talk.call.agents.seat = Seat("WS1", "WT1")
        world.carrier.held = True  # by the queue, as the carrier sees it
        await line(talk, AGENT, *[SILENCE] * 100)
        assert world.carrier.asked_about == []
        assert talk.call.state is CallState.QUEUED


async def test_while_the_agent_talks_the_carrier_is_left_alone() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        world.carrier.asked_about.clear()
        await talk.hear(AGENT, *spoken(1, 20))
        assert len(world.carrier.asked_about) <= 1


async def test_when_another_agent_is_rung_the_carrier_is_asked_at_once() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await line(talk, AGENT, *[SILENCE] * 500)
        asked = len(world.carrier.asked_about)
        while len(world.carrier.asked_about) == asked:  # which is not again for seconds
            await line(talk, AGENT, SILENCE)
        talk.call.agent_reserved((DE,))
        await line(talk, AGENT, SILENCE)
        assert len(world.carrier.asked_about) == asked + 2


async def test_a_carrier_that_does_not_know_is_named_once_and_the_call_goes_on(logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        world.carrier.refuses["is_held"] = REFUSED
        await talk.accepted_by(EN)
        for _ in range(20):
            await talk.hear(AGENT, *[SILENCE] * 50)
        assert talk.call.state is CallState.BRIDGED
        assert len(world.carrier.asked_about) > 2
    assert [entry["event"] for entry in logs].count("hold_unknown") == 1


async def test_between_two_agents_the_caller_is_entertained_and_the_next_agent_heard_at_once() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await talk.accepted_by(EN)
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
        await talk.accepted_by(EN)
        world.carrier.refuses["is_held"] = REFUSED
        talk.call.agent_left("WR1")  # wraps up
        await music(talk, ABSENT_SECONDS + 1.0)
        for agent in ("WR1", "WR-never-here"):
            talk.call.agent_left(agent)  # is done with it
            await world.pass_time(0.1)
            assert talk.call.state is CallState.HELD


async def test_while_the_caller_is_still_on_hold_the_music_goes_on_when_another_agent_accepts() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await held(talk)
        await music(talk, 1.0)
        talk.call.agent_accepted("WR2", (DE,))
        await world.pass_time(1.0)
        assert talk.call.state is CallState.HELD
        heard = numbers(talk.caller.frames)
        assert heard == [5000 + place % 10 for place in range(len(heard))]


async def test_a_colleague_outside_of_the_queue_is_heard_when_the_agent_has_left_him_the_call() -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living() as world:
        await talk.accepted_by(EN)
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
        await talk.accepted_by(EN)
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
        await talk.accepted_by(EN)
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
        await talk.accepted_by(EN)
        talk.call.agent_left("WR1")
        await world.pass_time(ABSENT_SECONDS - 0.5)
        await talk.agent_hangs_up()
        await talk.over()
        assert not set(numbers(talk.caller.frames)) & set(range(5000, 5010))


@pytest.mark.parametrize("leaving", [CALLER, AGENT])
async def test_who_hangs_up_on_hold_ends_the_call_at_once(leaving: object) -> None:
    talk = Talk("es", hold_audio=MUSIC)
    async with talk.living():
        await talk.accepted_by(EN)
        await held(talk)
        if leaving is CALLER:
            talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        else:
            await talk.agent_hangs_up()
        await talk.over()
        assert talk.call.reason is (EndReason.CALLER_HUNG_UP if leaving is CALLER else EndReason.AGENT_HUNG_UP)
