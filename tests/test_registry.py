"""All calls: who is let in, who is found by what, and that calls do not touch each other."""

from __future__ import annotations

import asyncio

import pytest
from fake_world import World, agent_sid
from fakes import loud, numbers, settle, until

from bmv import languages
from bmv.call.leg import Role
from bmv.call.registry import CallRegistry, NotAdmitted
from bmv.call.services import Caller
from bmv.call.session import CallSession
from bmv.call.state import CallState, EndReason
from bmv.call.strain import CALM, FEW
from bmv.call.totals import Refusal

pytestmark = pytest.mark.usefixtures("logs")

CALLER, AGENT = Role.CALLER, Role.AGENT
SPANISH = languages.get("es")


def somebody(call_sid: str, number: str = "+34911222333") -> Caller:
    return Caller(call_sid, number, SPANISH)


def registry_of(world: World, *, max_calls: int = 10) -> CallRegistry:
    return CallRegistry(world.services, max_calls=max_calls)


async def hang_up(world: World, registry: CallRegistry, call: CallSession) -> None:
    """The caller hangs up, and the call is lived to its end."""
    call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)
    await until(lambda: registry.find(call.id) is None, world.beat)


def nobody_else() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


# -- admission


@pytest.mark.parametrize("number", ["+34911222333", "anonymous", "sip:alice@example.com", ""])
async def test_two_calls_from_one_number_are_two_calls(number: str) -> None:
    world = World()
    async with registry_of(world) as registry:
        first = registry.answer(somebody("CA-1", number))
        second = registry.answer(somebody("CA-2", number))
        assert first.id != second.id
        assert len(registry) == 2
        token = first.tokens.issue(CALLER)
        assert second.tokens.redeem(token) is None
        assert first.tokens.redeem(token) is CALLER
        one, _ = await world.bridged(first)
        other, _ = await world.bridged(second)
        first.hear(AGENT, loud(1))
        world.provider.sessions[1 if world.provider.sessions[1].pair.target is SPANISH else 0].speak(loud(9))
        await world.pass_time(1.0)
        assert 9 in numbers(one.frames)
        assert 9 not in numbers(other.frames)


async def test_a_webhook_that_is_delivered_twice_finds_the_call_it_made() -> None:
    world = World()
    async with registry_of(world, max_calls=1) as registry:
        call = registry.answer(somebody("CA-1"))
        assert registry.answer(somebody("CA-1")) is call
        assert len(registry) == 1


async def test_no_more_calls_are_let_in_than_allowed_and_a_place_becomes_free_again() -> None:
    world = World()
    async with registry_of(world, max_calls=2) as registry:
        full = [registry.full]
        first = registry.answer(somebody("CA-1"))
        full.append(registry.full)
        registry.answer(somebody("CA-2"))
        full.append(registry.full)
        assert full == [False, False, True]
        with pytest.raises(NotAdmitted, match="MAX_CALLS"):
            registry.answer(somebody("CA-3"))
        await settle()
        await hang_up(world, registry, first)
        assert registry.answer(somebody("CA-3")).state is CallState.ANSWERED


def starve(world: World) -> None:
    """Let beats come so late that it is heard."""
    for _ in range(FEW):
        world.metronome.measure(0.1, world.clock())


async def test_while_those_who_talk_hear_gaps_nobody_else_is_let_in() -> None:
    world = World()
    async with registry_of(world) as registry:
        first = registry.answer(somebody("CA-1"))
        starve(world)
        with pytest.raises(NotAdmitted, match="too late"):
            registry.answer(somebody("CA-2"))
        with pytest.raises(NotAdmitted):
            registry.place(Caller(None, "+34911222333", SPANISH), None)
        assert registry.answer(somebody("CA-1")) is first  # a webhook that is repeated
        assert registry.measured()[0].refused == {Refusal.OVERLOADED: 2}
        for _ in range(CALM):
            world.metronome.measure(0.0, world.clock())
        assert registry.answer(somebody("CA-2")) is not first
        await settle()


async def test_where_nobody_talks_a_caller_is_let_in_however_busy_the_machine_is() -> None:
    world = World()
    starve(world)
    async with registry_of(world) as registry:
        registry.answer(somebody("CA-1"))
        await settle()


async def test_a_refused_caller_leaves_no_trace() -> None:
    async with registry_of(World(), max_calls=0) as registry:
        with pytest.raises(NotAdmitted):
            registry.answer(somebody("CA-1"))
        assert len(registry) == 0
        assert registry.find_by_call_sid("CA-1") is None


async def test_a_call_that_we_place_has_no_call_sid_yet_and_counts_like_any_other() -> None:
    world = World()
    async with registry_of(world, max_calls=2) as registry:
        calls = [
            registry.place(Caller(None, "+34911222333", SPANISH), destination) for destination in (None, "sip:a@b")
        ]
        await settle()
        assert [call.to for call in world.carrier.dialled] == [None, "sip:a@b"]
        assert {registry.find(call.id) for call in calls} == set(calls)
        assert registry.find_by_call_sid("") is None
        with pytest.raises(NotAdmitted):
            registry.place(Caller(None, "+34911222333", SPANISH), None)


async def test_why_a_call_ended_is_known_for_a_while() -> None:
    world = World()
    async with registry_of(world) as registry:
        call = registry.answer(somebody("CA-1"))
        await settle()
        assert registry.outcome(call.id) is None
        await hang_up(world, registry, call)
        assert registry.outcome(call.id) is EndReason.CALLER_HUNG_UP
        assert registry.outcome("another") is None


async def test_how_many_calls_are_over_is_known_for_good() -> None:
    world = World()
    async with registry_of(world) as registry:
        calls = [registry.answer(somebody(f"CA-{number}")) for number in range(3)]
        await settle()
        assert registry.ended == 0
        for call in calls[:2]:
            await hang_up(world, registry, call)
        assert registry.ended == 2


# -- finding


async def test_a_call_is_found_by_its_id_and_by_its_callers_call_sid_and_by_nothing_else() -> None:
    async with registry_of(World()) as registry:
        call = registry.answer(somebody("CA-1", "+34911222333"))
        assert registry.find(call.id) is call
        assert registry.find_by_call_sid("CA-1") is call
        for foreign in ("CA-1", "+34911222333", "", None):
            assert registry.find(foreign) is None
        for foreign in (call.id, "+34911222333", ""):
            assert registry.find_by_call_sid(foreign) is None


async def test_ids_are_long_and_never_the_same() -> None:
    async with registry_of(World(), max_calls=200) as registry:
        ids = {registry.answer(somebody(f"CA-{number}")).id for number in range(200)}
        await settle()
    assert len(ids) == 200
    assert min(map(len, ids)) >= 16


async def test_a_call_that_is_over_is_forgotten_but_for_its_name_which_makes_no_other() -> None:
    world = World()
    async with registry_of(world) as registry:
        call = registry.answer(somebody("CA-1"))
        await settle()
        await hang_up(world, registry, call)
        assert len(registry) == 0
        assert registry.find_by_call_sid("CA-1") is None
        with pytest.raises(NotAdmitted, match="over"):
            registry.answer(somebody("CA-1"))


# -- calls beside each other


async def test_the_end_of_one_call_does_not_touch_another() -> None:
    world = World()
    async with registry_of(world) as registry:
        first, second = registry.answer(somebody("CA-1")), registry.answer(somebody("CA-2"))
        await world.bridged(first)
        caller, agent = await world.bridged(second)
        await hang_up(world, registry, first)
        assert second.state is CallState.BRIDGED
        assert not caller.closed
        assert not agent.closed
        assert set(world.carrier.hung_up) == {"CA-1", agent_sid(first)}
        assert world.open_sessions == 2
        second.hear(CALLER, loud(5))
        assert sum(session.fed == [loud(5)] for session in world.provider.sessions) == 1


async def test_a_bug_in_one_call_does_not_touch_another() -> None:
    world = World()
    async with registry_of(world) as registry:
        first, second = registry.answer(somebody("CA-1")), registry.answer(somebody("CA-2"))
        _, agent = await world.bridged(first)
        await world.bridged(second)
        agent.deaf = ZeroDivisionError("a bug")
        world.provider.sessions[0].speak(*[loud(1)] * 10)
        await until(lambda: registry.find(first.id) is None, world.beat)
        assert first.reason is EndReason.INTERNAL_ERROR
        assert second.state is CallState.BRIDGED


async def test_a_bug_that_kills_the_call_itself_is_no_end_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("a bug")

    world = World()
    async with registry_of(world) as registry:
        first = registry.answer(somebody("CA-1"))
        monkeypatch.setattr(first, "run", broken)
        second = registry.answer(somebody("CA-2"))
        await settle()
        assert registry.find(first.id) is None
        await world.bridged(second)
        assert second.state is CallState.BRIDGED


# -- the end of the process


async def test_leaving_ends_every_call_and_tells_the_callers() -> None:
    world = World()
    async with registry_of(world) as registry:
        calls = [registry.answer(somebody(f"CA-{number}")) for number in range(3)]
        for call in calls:
            await world.bridged(call)
    assert {call.reason for call in calls} == {EndReason.SHUTDOWN}
    assert {call_sid for call_sid, _, _ in world.carrier.said} == {"CA-0", "CA-1", "CA-2"}
    assert len(world.carrier.hung_up) == 6
    assert len(registry) == 0
    assert world.open_sessions == 0
    assert nobody_else()
    with pytest.raises(NotAdmitted):
        registry.answer(somebody("CA-9"))


async def test_leaving_by_an_error_ends_the_calls_as_well_and_is_reported_as_it_is() -> None:
    world = World()
    calls: list[CallSession] = []

    async def process() -> None:
        async with registry_of(world) as registry:
            calls.append(registry.answer(somebody("CA-1")))
            await world.bridged(calls[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await process()
    assert calls[0].reason is EndReason.SHUTDOWN
    assert set(world.carrier.hung_up) == {"CA-1", agent_sid(calls[0])}
    assert nobody_else()


async def test_leaving_by_a_cancellation_leaves_nothing_behind() -> None:
    world = World()

    async def process() -> None:
        async with registry_of(world) as registry:
            await world.bridged(registry.answer(somebody("CA-1")))
            await asyncio.Event().wait()

    task = asyncio.create_task(process())
    await until(lambda: len(world.provider.sessions) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.open_sessions == 0
    assert nobody_else()


async def test_draining_lets_nobody_in_and_waits_for_the_last_call() -> None:
    world = World()
    async with registry_of(world) as registry:
        first, second = registry.answer(somebody("CA-1")), registry.answer(somebody("CA-2"))
        await settle()
        draining = asyncio.create_task(registry.drain(grace=3600.0))
        await settle()
        with pytest.raises(NotAdmitted, match="shutting down"):
            registry.answer(somebody("CA-3"))
        assert registry.answer(somebody("CA-1")) is first
        await world.bridged(first)  # running calls go on, and so do their webhooks and streams
        await hang_up(world, registry, first)
        await settle()
        assert not draining.done()
        await hang_up(world, registry, second)
        await settle()
        assert draining.done()


async def test_draining_where_nobody_calls_is_done_at_once() -> None:
    async with registry_of(World()) as registry:
        await registry.drain(grace=3600.0)
        assert registry.draining


async def test_draining_gives_up_when_the_grace_is_over_and_ends_nobody_by_itself() -> None:
    world = World()
    async with registry_of(world) as registry:
        call = registry.answer(somebody("CA-1"))
        await world.bridged(call)
        await registry.drain(grace=0.0)
        assert call.state is CallState.BRIDGED
        assert len(registry) == 1
