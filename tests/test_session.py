"""One call: every way to begin it and every way to end it, and that nothing is left of it afterwards."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from fakes import REFUSED, FakeLeg, World, agent_sid, cut, loud, numbers, settle, until

from bmv import languages
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.audio.tones import ringback
from bmv.call.carrier import CallIsOver
from bmv.call.leg import Role
from bmv.call.session import Caller, CallSession
from bmv.call.state import CallState, EndReason, IllegalTransition
from bmv.call.translator import LanguagePair, PairUnsupported
from bmv.languages import Sentence

pytestmark = pytest.mark.usefixtures("logs")

CALLER, AGENT = Role.CALLER, Role.AGENT
CALLER_SID = "CA-caller"
SPANISH, ENGLISH = languages.get("es"), languages.get("en")


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged, which keeps it off the screen: to print a traceback takes longer than the test."""
    with structlog.testing.capture_logs() as entries:
        yield entries


class Talk:
    """A call that is lived, in a world of its own."""

    def __init__(self, language: str | None = "es", **policy: Any) -> None:
        self.world = World(**policy)
        caller = Caller(CALLER_SID, "+34911222333", languages.find(language))
        self.call = CallSession(caller, self.world.services)
        self.run: asyncio.Task[None] | None = None
        self.caller = FakeLeg(CALLER_SID)
        self.agent = FakeLeg(agent_sid(self.call))

    @asynccontextmanager
    async def living(self) -> AsyncIterator[World]:
        """The call is run inside, and has ended and left nothing behind outside."""
        self.run = asyncio.create_task(self.call.run())
        await settle()
        try:
            yield self.world
        finally:
            self.call.end(EndReason.CALLER_HUNG_UP)
            await self.over()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def over(self) -> None:
        """Time passes until the call is over; fails if it never is."""
        assert self.run is not None
        await until(self.run.done, self.world.beat)
        await self.run
        assert self.call.state is CallState.ENDED
        assert self.world.translators.open_sessions == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def dialled(self) -> None:
        self.caller = await self.world.dialled(self.call)

    async def queued(self) -> None:
        self.caller, self.agent = await self.world.queued(self.call)

    async def bridged(self) -> None:
        self.caller, self.agent = await self.world.bridged(self.call)

    async def agent_hangs_up(self) -> None:
        self.call.leg_closed(AGENT, self.agent, hung_up=True)
        await settle()

    async def hear(self, role: Role, *frames: bytes) -> None:
        for frame in frames:
            self.call.hear(role, frame)
            self.world.beat()
        await settle()


def told(world: World) -> list[tuple[str, str, str]]:
    """What was said to whom, in which language."""
    return [(call_sid, sentence, language.tag) for call_sid, sentence, language in world.carrier.said]


def farewell(sentence: Sentence, tag: str = "es") -> list[tuple[str, str, str]]:
    """That the caller is told this, and nobody else is told anything."""
    return [(CALLER_SID, languages.get(tag).sentences[sentence], tag)]


# -- from the first ring to the bridge


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
        assert talk.call.redeem_token(token) is AGENT
        assert talk.call.redeem_token(token) is None


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
        assert world.translators.asked == []


async def test_the_caller_hears_ring_back_until_the_call_is_bridged_and_not_after() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.queued()
        await world.pass_time(5.0)
        rung = bytes(talk.caller.heard)
        assert rung == (ringback() * 2)[: len(rung)]
        assert len(cut(rung)) == pytest.approx(5.0 / FRAME_SECONDS, abs=6)
        assert talk.agent.heard == b""
        talk.call.agent_accepted()
        await world.pass_time(5.0)
        assert talk.caller.heard == rung


async def test_what_is_said_before_the_bridge_is_interpreted_by_nobody() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.dialled()
        await talk.hear(CALLER, loud(1))
        talk.call.agent_reserved()
        talk.call.leg_connected(AGENT, FakeLeg("CA-agent"))
        await talk.hear(CALLER, loud(2))
        await talk.hear(AGENT, loud(3))
        assert [session.fed for session in world.translators.sessions] == [[], []]
        talk.call.agent_accepted()
        await talk.hear(CALLER, loud(4))
        assert world.translators.session("es").fed == [loud(4)]


async def test_the_sessions_are_opened_when_an_agents_telephone_rings() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.queued()
        await settle()
        assert world.translators.asked == []
        talk.call.agent_reserved()
        await settle()
        assert set(world.translators.asked) == {LanguagePair(SPANISH, ENGLISH), LanguagePair(ENGLISH, SPANISH)}
        talk.call.agent_accepted()
        await settle()
        assert len(world.translators.asked) == 2


async def test_each_hears_the_other_in_translation_and_nobody_hears_themselves() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, loud(1), loud(2))
        await talk.hear(AGENT, loud(3), loud(4), loud(5))
        assert world.translators.session("es").fed == [loud(1), loud(2)]
        assert world.translators.session("en").fed == [loud(3), loud(4)]  # the last is held for the beep
        world.translators.session("es").speak(loud(11))
        world.translators.session("en").speak(loud(22))
        await world.pass_time(1.0)
        assert numbers(talk.agent.frames) == [11]
        assert [number for number in numbers(talk.caller.frames) if number] == [22]


async def test_the_beep_at_the_agents_arrival_is_not_translated() -> None:
    talk = Talk()
    beep = cut(ringback())[20]  # a steady tone
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(AGENT, *[beep] * 10)
        assert set(world.translators.session("en").fed) == {SILENCE}
        await world.pass_time(60.0)
        await talk.hear(AGENT, beep)
        assert world.translators.session("en").fed[-1] == beep
        talk.call.agent_accepted()  # a transfer: another agent joins
        assert talk.call.state is CallState.BRIDGED
        await talk.hear(AGENT, *[beep] * 10)
        assert world.translators.session("en").fed[-1] == SILENCE


@pytest.mark.parametrize("language", ["en", None, "klingon"])
async def test_where_there_is_nothing_to_translate_the_voices_pass_and_no_session_is_opened(
    language: str | None,
) -> None:
    talk = Talk(language)
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, *[loud(number) for number in range(100, 120)])
        await talk.hear(AGENT, *[loud(number) for number in range(200, 221)])
        await world.pass_time(1.0)
        assert numbers(talk.agent.frames) == list(range(100, 120))
        assert [number for number in numbers(talk.caller.frames) if number >= 200] == list(range(200, 220))
        assert world.translators.asked == []


async def test_one_direction_that_cannot_be_translated_does_not_silence_the_other() -> None:
    talk = Talk()
    async with talk.living() as world:
        world.translators.refusals = [PairUnsupported("no such voice")]
        await talk.bridged()
        refused, spoken_by = world.translators.asked[0].source.tag, {"es": CALLER, "en": AGENT}
        other = "en" if refused == "es" else "es"
        listener = talk.agent if refused == "es" else talk.caller
        await talk.hear(spoken_by[refused], *[loud(number) for number in range(100, 111)])
        await talk.hear(spoken_by[other], loud(1), loud(2))
        await world.pass_time(1.0)
        assert set(range(100, 110)) <= set(numbers(listener.frames))
        assert world.translators.session(other).fed


async def test_the_original_is_forwarded_where_the_policy_says_so() -> None:
    talk = Talk(forward_original=True)
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, *[loud(number) for number in range(100, 110)])
        await world.pass_time(1.0)
        assert numbers(talk.agent.frames) == list(range(100, 110))
        assert world.translators.session("es").fed


async def test_a_second_stream_of_a_party_replaces_the_first_whose_end_then_means_nothing() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        again = FakeLeg(CALLER_SID)
        assert talk.call.leg_connected(CALLER, again) is talk.caller
        talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        assert talk.call.state is CallState.BRIDGED
        world.translators.session("en").speak(loud(7))
        await world.pass_time(1.0)
        assert numbers(again.frames) == [7]
        assert 7 not in numbers(talk.caller.frames)


def test_a_token_is_worth_one_stream_of_its_own_call_in_its_own_role() -> None:
    call, other = Talk().call, Talk().call
    caller, agent = call.issue_token(CALLER), call.issue_token(AGENT)
    assert caller != agent
    assert other.redeem_token(caller) is None
    assert call.redeem_token("wrong") is None
    assert call.redeem_token("") is None
    assert call.redeem_token("ñ") is None
    assert call.redeem_token(agent) is AGENT
    assert call.redeem_token(agent) is None
    assert call.redeem_token(caller) is CALLER


def test_a_token_is_worth_nothing_when_the_call_is_over() -> None:
    call = Talk().call
    token = call.issue_token(CALLER)
    call.end(EndReason.CALLER_HUNG_UP)
    assert call.redeem_token(token) is None


# -- every way to end


Ending = Callable[[Talk], None]


def leg_with_a_bug(talk: Talk) -> None:
    talk.agent.deaf = ZeroDivisionError("a bug")
    talk.world.translators.session("es").speak(loud(1))


FROM_THE_BRIDGE: dict[str, tuple[Ending, EndReason, list[tuple[str, str, str]]]] = {
    "the caller hangs up": (
        lambda talk: talk.call.leg_closed(CALLER, talk.caller, hung_up=True),
        EndReason.CALLER_HUNG_UP,
        [],
    ),
    "the caller's telephone call is over": (
        lambda talk: talk.call.call_completed(CALLER, EndReason.CALLER_HUNG_UP),
        EndReason.CALLER_HUNG_UP,
        [],
    ),
    "the agent hangs up": (
        lambda talk: talk.call.leg_closed(AGENT, talk.agent, hung_up=True),
        EndReason.AGENT_HUNG_UP,
        farewell(Sentence.GOODBYE),
    ),
    "the agent's telephone call is over": (
        lambda talk: talk.call.call_completed(AGENT, EndReason.AGENT_HUNG_UP),
        EndReason.AGENT_HUNG_UP,
        farewell(Sentence.GOODBYE),
    ),
    "the agent's stream breaks": (
        lambda talk: talk.call.leg_closed(AGENT, talk.agent, hung_up=False),
        EndReason.AGENT_STREAM_LOST,
        farewell(Sentence.INTERRUPTED),
    ),
    "the task is canceled": (
        lambda talk: talk.call.end(EndReason.TASK_CANCELED),
        EndReason.TASK_CANCELED,
        farewell(Sentence.UNAVAILABLE),
    ),
    "the process stops": (
        lambda talk: talk.call.end(EndReason.SHUTDOWN),
        EndReason.SHUTDOWN,
        farewell(Sentence.INTERRUPTED),
    ),
    "a bug in the caller's interpreter": (
        lambda talk: talk.world.translators.session("es").lose(ZeroDivisionError()),
        EndReason.INTERNAL_ERROR,
        farewell(Sentence.INTERRUPTED),
    ),
    "a bug in the agent's interpreter": (
        lambda talk: talk.world.translators.session("en").lose(ZeroDivisionError()),
        EndReason.INTERNAL_ERROR,
        farewell(Sentence.INTERRUPTED),
    ),
    "a bug in a leg": (
        leg_with_a_bug,
        EndReason.INTERNAL_ERROR,
        farewell(Sentence.INTERRUPTED),
    ),
}


@pytest.mark.parametrize("way", FROM_THE_BRIDGE)
async def test_a_bridged_call_ends_for_everybody_and_the_right_party_is_told_why(way: str) -> None:
    end, reason, said = FROM_THE_BRIDGE[way]
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        end(talk)
        await talk.over()
        assert talk.call.reason is reason
        assert told(world) == said
        assert set(world.carrier.hung_up) == {CALLER_SID, agent_sid(talk.call)}
        assert len(world.translators.sessions) == 2
        for leg, gone in ((talk.caller, "the caller hangs up"), (talk.agent, "the agent hangs up")):
            assert leg.closed or way in {gone, "the agent's stream breaks"}


async def test_a_caller_whose_stream_breaks_hears_the_verbs_after_it_while_the_agent_is_hung_up() -> None:
    talk = Talk(farewell=3600.0)
    async with talk.living() as world:
        await talk.bridged()
        talk.call.leg_closed(CALLER, talk.caller, hung_up=False)
        await world.pass_time(1.0)
        assert talk.call.reason is EndReason.CALLER_STREAM_LOST
        assert told(world) == []
        assert world.carrier.hung_up == [agent_sid(talk.call)]
        assert talk.agent.closed
        talk.call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)
        await talk.over()
        assert talk.call.reason is EndReason.CALLER_STREAM_LOST


async def refused(talk: Talk) -> None:
    talk.world.carrier.refuses["dial_agent"] = REFUSED
    await talk.dialled()


async def busy(talk: Talk) -> None:
    await talk.dialled()
    talk.call.call_completed(AGENT, EndReason.AGENT_UNAVAILABLE)


async def answered_and_gone(talk: Talk) -> None:
    await talk.queued()
    talk.call.call_completed(AGENT, EndReason.AGENT_HUNG_UP)


async def stopped_in_the_queue(talk: Talk) -> None:
    await talk.queued()
    talk.call.leg_closed(AGENT, talk.agent, hung_up=True)


async def canceled_in_the_queue(talk: Talk) -> None:
    await talk.queued()
    talk.call.end(EndReason.TASK_CANCELED)


@pytest.mark.parametrize(
    "way", [refused, busy, answered_and_gone, stopped_in_the_queue, canceled_in_the_queue], ids=lambda way: way.__name__
)
@pytest.mark.parametrize(("spoken", "tag"), [("es", "es"), ("fr", "fr"), (None, "en")])
async def test_a_caller_whom_nobody_answers_is_told_so_in_a_language_that_is_known(
    way: Callable[[Talk], Awaitable[None]], spoken: str | None, tag: str
) -> None:
    talk = Talk(spoken)
    async with talk.living() as world:
        await way(talk)
        await talk.over()
        assert talk.call.reason in {EndReason.AGENT_UNAVAILABLE, EndReason.TASK_CANCELED}
        assert told(world) == farewell(Sentence.UNAVAILABLE, tag)
        assert CALLER_SID in world.carrier.hung_up
        assert talk.caller.closed
        assert world.translators.asked == []
        if way is not refused:
            assert agent_sid(talk.call) in world.carrier.hung_up


async def test_a_caller_who_gives_up_in_the_queue_is_told_nothing_and_the_agent_call_is_ended() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.queued()
        talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        await talk.over()
        assert told(world) == []
        assert agent_sid(talk.call) in world.carrier.hung_up
        assert talk.agent.closed


async def test_a_call_whose_stream_never_comes_ends() -> None:
    talk = Talk(stream_timeout=0.0)
    async with talk.living() as world:
        await talk.over()
        assert talk.call.reason is EndReason.NO_STREAM
        assert told(world) == farewell(Sentence.INTERRUPTED)
        assert world.carrier.dialled == []


async def test_a_call_that_nobody_accepts_in_time_ends() -> None:
    talk = Talk(max_wait=0.0)
    async with talk.living() as world:
        talk.call.leg_connected(CALLER, talk.caller)
        talk.call.leg_connected(AGENT, talk.agent)
        await talk.over()
        assert talk.call.reason is EndReason.AGENT_UNAVAILABLE
        assert told(world) == farewell(Sentence.UNAVAILABLE)
        assert talk.agent.closed


async def test_a_call_that_is_too_long_ends() -> None:
    talk = Talk(max_call=0.0)
    async with talk.living() as world:
        await talk.bridged()
        await talk.over()
        assert talk.call.reason is EndReason.TOO_LONG
        assert told(world) == farewell(Sentence.INTERRUPTED)


async def test_a_call_that_is_cancelled_leaves_no_session_open() -> None:
    talk = Talk()
    talk.run = asyncio.create_task(talk.call.run())
    await settle()
    await talk.bridged()
    talk.run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await talk.run
    assert talk.world.translators.open_sessions == 0
    assert talk.call.state is CallState.ENDED
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_call_that_ends_before_it_has_begun_to_run_leaves_nothing_behind() -> None:
    talk = Talk()
    talk.call.end(EndReason.CALLER_HUNG_UP)
    talk.run = asyncio.create_task(talk.call.run())
    await talk.over()
    gc.collect()  # a coroutine that was never awaited would be a warning now, and that is an error
    assert talk.world.carrier.hung_up == [CALLER_SID]


async def test_the_first_reason_wins() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        talk.call.end(EndReason.TASK_CANCELED)
        talk.call.leg_closed(AGENT, talk.agent, hung_up=True)
        talk.call.call_completed(AGENT, EndReason.AGENT_HUNG_UP)
        talk.call.end(EndReason.SHUTDOWN)
        await talk.over()
        assert talk.call.reason is EndReason.TASK_CANCELED
        assert told(world) == farewell(Sentence.UNAVAILABLE)


async def test_a_call_that_is_over_hears_and_accepts_nothing_more() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        talk.call.end(EndReason.TASK_CANCELED)
        talk.call.hear(CALLER, loud(1))
        with pytest.raises(IllegalTransition):
            talk.call.agent_accepted()
        assert world.translators.session("es").fed == []


async def test_an_agent_call_that_is_placed_while_the_caller_leaves_keeps_nobody_waiting() -> None:
    talk = Talk()
    async with talk.living() as world:
        world.carrier.dialling.clear()
        await talk.dialled()
        talk.call.leg_closed(CALLER, talk.caller, hung_up=True)
        await talk.over()


# -- the farewell


async def test_a_farewell_is_spoken_to_the_end_before_the_call_is_completed() -> None:
    talk = Talk(farewell=3600.0)
    async with talk.living() as world:
        await talk.bridged()
        await talk.agent_hangs_up()
        await world.pass_time(1.0)
        assert told(world) == farewell(Sentence.GOODBYE)
        assert talk.caller.closed
        assert CALLER_SID not in world.carrier.hung_up
        assert agent_sid(talk.call) in world.carrier.hung_up  # at once, not in turn
        talk.call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)
        await talk.over()
        assert talk.call.reason is EndReason.AGENT_HUNG_UP


async def test_a_farewell_that_nobody_confirms_ends_all_the_same() -> None:
    talk = Talk(farewell=0.0)
    async with talk.living() as world:
        await talk.bridged()
        await talk.agent_hangs_up()
        await talk.over()
        assert world.carrier.diary.index(("say", CALLER_SID)) < world.carrier.diary.index(("hang_up", CALLER_SID))


async def test_a_caller_who_is_gone_is_told_nothing() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        talk.call.end(EndReason.TASK_CANCELED)
        talk.call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)
        await talk.over()
        assert told(world) == []


async def test_a_farewell_does_not_wait_for_the_translators_to_be_closed() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        world.translators.closing.clear()
        talk.call.end(EndReason.SHUTDOWN)
        await world.pass_time(1.0)
        assert told(world) == farewell(Sentence.INTERRUPTED)
        assert set(world.carrier.hung_up) == {CALLER_SID, agent_sid(talk.call)}
        world.translators.closing.set()


@pytest.mark.parametrize("method", ["say", "hang_up"])
@pytest.mark.parametrize("failure", [REFUSED, ZeroDivisionError("a bug")], ids=["refused", "a bug"])
async def test_a_carrier_that_fails_leaves_nothing_hanging(method: str, failure: Exception) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        world.carrier.refuses[method] = failure
        talk.call.end(EndReason.SHUTDOWN)
        await talk.over()
        assert talk.call.reason is EndReason.SHUTDOWN
        assert set(world.carrier.hung_up) == {CALLER_SID, agent_sid(talk.call)}
        assert talk.caller.closed
        assert talk.agent.closed


async def test_a_farewell_that_the_carrier_refuses_is_left_to_the_verbs_after_the_stream(
    logs: list[MutableMapping[str, Any]],
) -> None:
    talk = Talk(farewell=3600.0)
    async with talk.living() as world:
        await talk.bridged()
        world.carrier.refuses["say"] = REFUSED
        talk.call.end(EndReason.SHUTDOWN)
        await world.pass_time(1.0)
        assert talk.caller.closed
        assert world.carrier.hung_up == [agent_sid(talk.call)]
        talk.call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)
        await talk.over()
    assert "farewell_failed" in {entry["event"] for entry in logs}
    assert "internal_error" not in {entry["event"] for entry in logs}


async def test_a_hang_up_that_the_carrier_refuses_is_no_bug_of_ours(logs: list[MutableMapping[str, Any]]) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        world.carrier.refuses["hang_up"] = REFUSED
        await talk.agent_hangs_up()
        await talk.over()
    assert [entry["role"] for entry in logs if entry["event"] == "hang_up_failed"] == ["agent", "caller"]
    assert "internal_error" not in {entry["event"] for entry in logs}


@pytest.mark.parametrize("role", Role)
async def test_a_leg_that_cannot_be_closed_does_not_keep_a_telephone_call_running(role: Role) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        (talk.caller if role is CALLER else talk.agent).broken = ZeroDivisionError("a bug")
        talk.call.end(EndReason.SHUTDOWN)
        await talk.over()
        assert set(world.carrier.hung_up) == {CALLER_SID, agent_sid(talk.call)}
        assert talk.caller.closed
        assert talk.agent.closed


async def test_who_is_left_hears_the_others_last_words_before_the_farewell() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(AGENT, *[loud(number) for number in range(20)])
        await talk.agent_hangs_up()
        session = world.translators.session("en")
        assert session.finished
        session.speak(loud(7), loud(8))
        session.end()
        await world.pass_time(0.5)
        assert told(world) == []
        assert numbers(talk.caller.frames)[-2:] == [7, 8]
        await talk.over()
        assert told(world) == farewell(Sentence.GOODBYE)


async def test_last_words_that_never_come_do_not_keep_who_is_left_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmv.call.session.DRAIN_SECONDS", 0.0)
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(AGENT, *[loud(number) for number in range(20)])
        await talk.agent_hangs_up()
        assert told(world) == farewell(Sentence.GOODBYE)


async def test_where_nothing_is_left_to_say_the_farewell_comes_at_the_next_beat() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await talk.agent_hangs_up()
        world.beat()
        await settle()
        assert told(world) == farewell(Sentence.GOODBYE)


# -- the report


async def test_the_end_of_a_call_reports_how_long_each_side_waited_also_when_one_never_spoke(
    logs: list[MutableMapping[str, Any]],
) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, *[loud(number) for number in range(50)])
        world.translators.session("es").speak(*[loud(number) for number in range(20)])
        await world.pass_time(1.0)
    report = next(entry for entry in logs if entry.get("reason"))
    assert report["event"] == "call_ended"
    assert report["reason"] == "caller_hung_up"
    assert report["caller"]["turns"] == 1
    assert report["caller"]["average_time_to_first_translated_audio_ms"] == pytest.approx(1000, abs=250)
    assert report["caller"]["downlink"]["count"] == 1
    assert report["agent"]["turns"] == 0
    assert report["agent"]["average_time_to_first_translated_audio_ms"] is None


async def test_a_bug_is_logged_once_and_not_at_every_beat(logs: list[MutableMapping[str, Any]]) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        talk.agent.deaf = ZeroDivisionError("a bug")
        world.translators.session("es").speak(*[loud(number) for number in range(50)])
        await world.pass_time(1.0)
    assert [entry["event"] for entry in logs].count("internal_error") == 1


async def test_a_call_goes_on_when_only_the_answer_to_the_dialling_was_lost() -> None:
    talk = Talk()
    async with talk.living() as world:
        world.carrier.dialling.clear()
        await talk.bridged()
        world.carrier.refuses["dial_agent"] = REFUSED
        world.carrier.dialling.set()
        await settle()
        assert talk.call.state is CallState.BRIDGED


async def test_a_caller_who_turns_out_to_be_gone_is_not_waited_for() -> None:
    talk = Talk(farewell=3600.0)
    async with talk.living() as world:
        await talk.bridged()
        world.carrier.refuses["say"] = CallIsOver("20404")
        await talk.agent_hangs_up()
        await talk.over()
