"""One call from the first ring on: who is connected when, and who hears what."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import FakeLeg, cut, lost, loud, numbers, settle, spoken, understood, until
from talk import AGENT, CALLER, CALLER_SID, Talk

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.levels import is_silent, scale
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.audio.tones import ringback
from bmv.call.playout import CUSHION_SECONDS, ORIGINAL_CUSHION_SECONDS, ROUNDING
from bmv.call.state import CallState, EndReason, IllegalTransition
from bmv.call.translator import LanguagePair
from bmv.languages import Sentence

pytestmark = pytest.mark.usefixtures("logs")

MUSIC = b"".join(spoken(5000, 5010))
SPANISH, ENGLISH = languages.get("es"), languages.get("en")


async def test_the_agent_call_is_placed_when_the_callers_stream_starts_and_not_before() -> None:
    talk = Talk()
    async with talk.living() as world:
        assert world.carrier.dialled == []
        await talk.dialled()
        assert [agent_call.call_id for agent_call in world.carrier.dialled] == [talk.call.id]
        assert talk.call.state is CallState.DIALLING


async def test_the_agent_call_is_given_a_token_for_its_stream() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.dialled()
        token = world.carrier.dialled[0].token
        assert talk.call.tokens.redeem(token) is AGENT
        assert talk.call.tokens.redeem(token) is None


@pytest.mark.parametrize("first", ["stream", "acceptance"])
async def test_the_agents_stream_and_the_acceptance_may_come_in_either_order(first: str) -> None:
    talk = Talk()
    async with talk.living():
        await talk.dialled()
        states: list[CallState] = []
        if first == "stream":
            talk.call.leg_connected(AGENT, FakeLeg("CA-agent"))
            states.append(talk.call.state)
            talk.call.agent_accepted()
        else:
            talk.call.agent_accepted()
            states.append(talk.call.state)
            talk.call.leg_connected(AGENT, FakeLeg("CA-agent"))
        states.append(talk.call.state)
        assert states == [CallState.QUEUED if first == "stream" else CallState.ACCEPTED, CallState.BRIDGED]


async def test_a_stream_or_an_acceptance_before_the_callers_stream_is_refused_and_opens_no_session() -> None:
    talk = Talk()
    async with talk.living() as world:
        with pytest.raises(IllegalTransition):
            talk.call.leg_connected(AGENT, FakeLeg("CA-agent"))
        with pytest.raises(IllegalTransition):
            talk.call.agent_accepted()
        await settle()
        assert talk.call.state is CallState.ANSWERED
        assert world.provider.asked == []


async def test_the_caller_hears_music_until_the_call_is_bridged_and_not_after() -> None:
    talk = Talk(hold_audio=MUSIC)
    async with talk.living() as world:
        await talk.queued()
        await world.pass_time(5.0)
        waited = bytes(talk.caller.heard)
        assert waited == (MUSIC * 30)[: len(waited)]
        assert len(cut(waited)) == pytest.approx(5.0 / FRAME_SECONDS, abs=6)
        assert talk.agent.heard == b""
        talk.call.agent_accepted()
        await world.pass_time(5.0)
        assert talk.caller.heard == waited


async def test_a_waiting_caller_is_asked_to_stay_in_the_own_language_again_and_again() -> None:
    talk = Talk(hold_message=2.0)
    async with talk.living() as world:
        await talk.queued()
        await world.pass_time(8.0)
        assert understood(talk.caller.frames) == [(Sentence.HOLD, "es")] * 2
        talk.call.agent_accepted()
        await world.pass_time(8.0)
        assert understood(talk.caller.frames) == [(Sentence.HOLD, "es")] * 2


async def test_what_is_said_before_the_bridge_is_interpreted_by_nobody() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.dialled()
        await talk.hear(CALLER, loud(1))
        talk.call.agent_reserved()
        talk.call.leg_connected(AGENT, FakeLeg("CA-agent"))
        await talk.hear(CALLER, loud(2))
        await talk.hear(AGENT, loud(3))
        assert [session.fed for session in world.provider.sessions] == [[], []]
        talk.call.agent_accepted()
        await talk.hear(CALLER, loud(4))
        assert world.provider.session("es").fed == [loud(4)]


async def test_the_sessions_are_opened_when_an_agents_telephone_rings() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.queued()
        await settle()
        assert world.provider.asked == []
        talk.call.agent_reserved()
        await settle()
        assert set(world.provider.asked) == {LanguagePair(SPANISH, ENGLISH), LanguagePair(ENGLISH, SPANISH)}
        talk.call.agent_accepted()
        await settle()
        assert len(world.provider.asked) == 2


async def test_each_hears_the_other_in_translation_and_nobody_hears_themselves() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, loud(1), loud(2))
        await talk.hear(AGENT, loud(3), loud(4), loud(5))
        assert world.provider.session("es").fed == [loud(1), loud(2)]
        assert world.provider.session("en").fed == [loud(3), loud(4)]  # the last is held for the beep
        world.provider.session("es").speak(loud(11))
        world.provider.session("en").speak(loud(22))
        await world.pass_time(1.0)
        assert numbers(talk.agent.frames) == [11]
        assert [number for number in numbers(talk.caller.frames) if number] == [22]


@pytest.mark.parametrize("beats", range(3))
@pytest.mark.parametrize("way", ["translated", "straight through", "underneath"])
async def test_what_breaks_a_silence_is_heard_as_soon_as_its_cushion_is_over(way: str, beats: int) -> None:
    talk = Talk("en" if way == "straight through" else "es", forward_original=way == "underneath")
    async with talk.living() as world:
        await talk.bridged()
        await world.pass_time(1.0 + beats * FRAME_SECONDS)  # a call is looked at more seldom while nothing is due
        began = world.clock()
        if way == "translated":
            world.provider.session("es").speak(*spoken(0, 5))
        else:
            talk.call.hear(CALLER, loud(1))
        cushion = CUSHION_SECONDS if way == "translated" else ORIGINAL_CUSHION_SECONDS
        await settle()
        await until(lambda: talk.agent.heard, world.beat)
        assert world.clock() - began <= cushion + FRAME_SECONDS + ROUNDING


async def test_the_beep_at_the_agents_arrival_is_not_translated() -> None:
    talk = Talk()
    beep = cut(ringback())[20]  # a steady tone
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(AGENT, *[beep] * 10)
        await world.pass_time(60.0)
        await talk.hear(AGENT, *[beep] * 10)  # however late: nobody has spoken
        assert set(world.provider.session("en").fed) == {SILENCE}
        await talk.hear(AGENT, SILENCE, *cut(WORDS)[:50])
        await talk.hear(AGENT, beep)
        assert world.provider.session("en").fed[-1] == beep
        talk.call.agent_accepted()  # a transfer: another agent joins
        assert talk.call.state is CallState.BRIDGED
        await talk.hear(AGENT, *[beep] * 10)
        assert world.provider.session("en").fed[-1] == SILENCE


WORDS = mulaw.encode((np.random.default_rng(1).normal(size=4 * mulaw.SAMPLE_RATE) * 4000).astype(np.int16))
"""4 s of a sound that is like no other; what is said in it does not matter to an echo."""


async def test_what_a_party_is_played_and_hears_again_is_not_translated_back() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await world.pass_time(1.0)
        rung = len(talk.caller.heard)
        world.provider.session("en").speak(*cut(WORDS))
        for beat in range(300):
            await talk.hear(CALLER, echo_of(talk.caller, since=rung, beat=beat))
        fed = world.provider.session("es").fed
        assert talk.caller.heard[rung:].startswith(WORDS)
        assert sum(not is_silent(frame) for frame in fed) * FRAME_SECONDS < 0.6
        assert sum(world.provider.session("es").voiced) * FRAME_SECONDS < 1.0


async def test_where_there_is_nothing_to_translate_an_echo_is_left_as_it_is() -> None:
    talk = Talk("en")
    async with talk.living():
        await talk.bridged()
        rung = len(talk.caller.heard)
        for beat, frame in enumerate([*cut(WORDS), *[SILENCE] * 100]):
            talk.call.hear(AGENT, frame)
            await talk.hear(CALLER, echo_of(talk.caller, since=rung, beat=beat))
        assert sum(not is_silent(frame) for frame in talk.agent.frames) * FRAME_SECONDS > 3.5


def echo_of(leg: FakeLeg, *, since: int, beat: int) -> bytes:
    """What a loudspeaker gives back at a beat of what the leg was played `since` then: 10 dB softer, and later.

    400 ms after the sound was handed to the playout, which keeps it for up to 160 ms.
    """
    played = SILENCE * 20 + bytes(leg.heard[since:])
    return scale(played[beat * FRAME_BYTES :][:FRAME_BYTES].ljust(FRAME_BYTES, SILENCE[:1]), -10.0)


@pytest.mark.parametrize("language", ["en", None, "klingon"])
async def test_where_there_is_nothing_to_translate_the_voices_pass_and_no_session_is_opened(
    language: str | None,
) -> None:
    talk = Talk(language)
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, *spoken(100, 120))
        await talk.hear(AGENT, *spoken(200, 221))
        await world.pass_time(1.0)
        assert numbers(talk.agent.frames) == list(range(100, 120))
        assert [number for number in numbers(talk.caller.frames) if number >= 200] == list(range(200, 220))
        assert world.provider.asked == []


async def test_one_direction_that_cannot_be_translated_does_not_touch_the_other() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        world.provider.session("es").lose(lost(permanent=True))
        await talk.hear(CALLER, *spoken(100, 150))
        await world.pass_time(3.0)  # until nothing sounds that might be taken for an echo
        await talk.hear(AGENT, *spoken(200, 250))
        world.provider.session("en").speak(*spoken(300, 320))
        await world.pass_time(2.0)
        assert understood(talk.agent.frames) == [(Sentence.TRANSLATION_LOST, "en"), *range(100, 150)]
        assert numbers(talk.caller.frames)[-20:] == list(range(300, 320))
        assert (Sentence.TRANSLATION_LOST, "es") not in understood(talk.caller.frames)
        assert len(world.provider.asked) == 2
        assert numbers(world.provider.session("en").fed) == list(range(200, 250))


async def test_each_party_is_told_in_its_own_language() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        for tag in ("es", "en"):
            world.provider.session(tag).lose(lost(permanent=True))
        await world.pass_time(1.0)
        assert understood(talk.agent.frames) == [(Sentence.TRANSLATION_LOST, "en")]
        assert understood(talk.caller.frames)[-1] == (Sentence.TRANSLATION_LOST, "es")


async def test_what_takes_the_place_of_the_first_translator_is_asked_only_when_that_fails() -> None:
    talk = Talk(kinds=2)
    async with talk.living() as world:
        await talk.bridged()
        assert world.translators[1].asked == []
        world.provider.session("es").lose(lost(permanent=True))
        await settle()
        await talk.hear(CALLER, *spoken(100, 150))
        assert [pair.source.tag for pair in world.translators[1].asked] == ["es"]
        assert world.translators[1].session("es").fed == spoken(100, 150)


async def test_the_original_is_forwarded_where_the_policy_says_so() -> None:
    talk = Talk(forward_original=True)
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, *spoken(100, 110))
        await world.pass_time(1.0)
        assert numbers(talk.agent.frames) == list(range(100, 110))
        assert world.provider.session("es").fed


async def test_a_second_stream_of_a_party_replaces_the_first_whose_end_then_means_nothing() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        again = FakeLeg(CALLER_SID)
        assert talk.call.leg_connected(CALLER, again) is talk.caller
        talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        assert talk.call.state is CallState.BRIDGED
        world.provider.session("en").speak(loud(7))
        await world.pass_time(1.0)
        assert numbers(again.frames) == [7]
        assert 7 not in numbers(talk.caller.frames)


def test_a_token_is_worth_one_stream_of_its_own_call_in_its_own_role() -> None:
    call, other = Talk().call, Talk().call
    caller, agent = call.tokens.issue(CALLER), call.tokens.issue(AGENT)
    assert caller != agent
    assert other.tokens.redeem(caller) is None
    assert call.tokens.redeem("wrong") is None
    assert call.tokens.redeem("") is None
    assert call.tokens.redeem("ñ") is None
    assert call.tokens.redeem(agent) is AGENT
    assert call.tokens.redeem(agent) is None
    assert call.tokens.redeem(caller) is CALLER


def test_a_token_is_worth_nothing_when_the_call_is_over() -> None:
    call = Talk().call
    token = call.tokens.issue(CALLER)
    call.end(EndReason.CALLER_HUNG_UP)
    assert call.tokens.redeem(token) is None
