"""How a call parts from its parties: each is told what there is to tell, and let go whatever else fails."""

from __future__ import annotations

import pytest
from fake_world import agent_sid
from fakes import REFUSED, loud, numbers, settle, spoken
from talk import AGENT, CALLER, CALLER_SID, Log, Talk, farewell, told

from bmv import languages
from bmv.call.carrier import CallIsOver
from bmv.call.leg import Role
from bmv.call.state import EndReason
from bmv.languages import Sentence

pytestmark = pytest.mark.usefixtures("logs")

SPANISH, ENGLISH = languages.get("es"), languages.get("en")


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
        world.provider.closing.clear()
        talk.call.end(EndReason.SHUTDOWN)
        await world.pass_time(1.0)
        assert told(world) == farewell(Sentence.INTERRUPTED)
        assert set(world.carrier.hung_up) == {CALLER_SID, agent_sid(talk.call)}
        world.provider.closing.set()


async def test_to_who_has_hung_up_nothing_is_played_any_more_while_the_other_hears_the_end_of_it() -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        for listens_to in ("es", "en"):
            world.provider.session(listens_to).speak(*spoken(0, 100))
        await world.pass_time(1.0)
        heard = [len(leg.heard) for leg in (talk.agent, talk.caller)]
        await talk.agent_hangs_up()
        await world.pass_time(0.5)
        assert len(talk.agent.heard) == heard[0]
        assert len(talk.caller.heard) > heard[1]


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
    logs: Log,
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


async def test_a_hang_up_that_the_carrier_refuses_is_no_bug_of_ours(logs: Log) -> None:
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
        await talk.hear(AGENT, *spoken(0, 20))
        await talk.agent_hangs_up()
        session = world.provider.session("en")
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
        await talk.hear(AGENT, *spoken(0, 20))
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


async def test_a_caller_who_turns_out_to_be_gone_is_not_waited_for() -> None:
    talk = Talk(farewell=3600.0)
    async with talk.living() as world:
        await talk.bridged()
        world.carrier.refuses["say"] = CallIsOver("20404")
        await talk.agent_hangs_up()
        await talk.over()
