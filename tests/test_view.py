"""How a call looks to people who look on: who talks, what becomes of it, how long it takes, and what it costs."""

from __future__ import annotations

import pytest
from fake_world import World
from fakes import loud, settle, spoken, until
from talk import AGENT, CALLER, Talk

from bmv import languages
from bmv.audio.mulaw import SILENCE
from bmv.call.registry import CallRegistry
from bmv.call.services import Caller
from bmv.call.state import CallState, EndReason
from bmv.call.usage import Usage
from bmv.call.view import SOUNDS_FOR, CallView, DirectionView

pytestmark = pytest.mark.usefixtures("logs")

EN, ES, DE = (languages.get(tag) for tag in ("en", "es", "de"))
SUE, TOM = "WK" + "1" * 32, "WK" + "2" * 32
QUIET = DirectionView(False, False, "idle", None, None, None, 0.0, 0)


async def test_a_call_that_waits_is_quiet() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        began = world.clock()
        await talk.queued()
        await world.pass_time(2.0)
        assert talk.call.view() == CallView(
            id=talk.call.id,
            state=CallState.QUEUED,
            caller_language="es",
            agent_language="en",
            seconds=world.clock() - began,
            directions={CALLER: QUIET, AGENT: QUIET},
            secured=False,
            cost=0.0,
            reason=None,
            agent=None,
        )


async def test_who_talks_is_seen_and_then_that_it_is_translated_with_its_lag() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, *spoken(1, 26))
        caller, agent = (talk.call.view().directions[role] for role in (CALLER, AGENT))
        assert (caller.speaking, caller.translating, caller.mode, caller.lag) == (True, False, "translating", None)
        assert not agent.speaking
        assert (caller.rung, agent.rung) == (1, 1)
        world.provider.session("es").speak(*spoken(100, 200))
        await settle()
        await talk.hear(CALLER, *[SILENCE] * 50)
        caller = talk.call.view().directions[CALLER]
        assert (caller.speaking, caller.translating) == (False, True)
        assert caller.lag == caller.lag_p95 == pytest.approx(0.5, abs=0.2)
        assert 0.5 < caller.backlog < 1.5
        await world.pass_time(2.0 + SOUNDS_FOR)
        caller = talk.call.view().directions[CALLER]
        assert (caller.translating, caller.backlog) == (False, 0.0)


async def test_a_translation_that_is_lost_is_seen_first_as_opening_and_then_as_passing_through() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        world.provider.opening.clear()
        world.provider.session("es").lose()
        await settle()
        assert talk.call.view().directions[CALLER].mode == "opening"
        assert talk.call.view().directions[AGENT].mode == "translating"
        await world.pass_time(4.0)
        assert talk.call.view().directions[CALLER].mode == "passing through"


async def test_the_cost_is_that_of_sessions_that_are_over_and_of_those_that_run() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        world.provider.session("es").usage = Usage({}, 0.25)
        world.provider.session("en").usage = Usage({}, 0.5)
        world.provider.session("en").lose()
        await settle()
        assert talk.call.view().cost == 0.75
        world.provider.session("es").usage = Usage({}, None)
        assert talk.call.view().cost is None


async def test_at_its_end_the_reason_is_seen() -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.bridged()
        talk.call.end(EndReason.AGENT_HUNG_UP)
        view = talk.call.view()
        assert (view.state, view.reason) == (CallState.ENDED, EndReason.AGENT_HUNG_UP)


async def test_who_has_accepted_is_seen_and_who_takes_over() -> None:
    talk = Talk(None)
    async with talk.living():
        await talk.queued()
        talk.call.agent_accepted("WR1", (EN,), worker=SUE)
        assert talk.call.view().agent == SUE
        assert talk.call.view().caller_language is None
        talk.call.agent_accepted("WR2", (DE,), worker=TOM)
        assert (talk.call.view().agent, talk.call.view().agent_language) == (TOM, "de")
        talk.call.agent_left("WR2")
        assert talk.call.view().agent == SUE


# -- all calls


async def test_all_running_calls_are_seen_and_each_is_found_by_its_agent() -> None:
    world = World()
    async with CallRegistry(world.services, max_calls=9) as registry:
        calls = [registry.answer(Caller(f"CA-{number}", "+34911222333", ES)) for number in range(3)]
        await settle()
        for call in calls[:2]:
            await world.queued(call)
        calls[0].agent_accepted("WR1", worker=SUE)
        calls[1].agent_accepted("WR2", worker=TOM)
        assert [view.id for view in registry.views()] == [call.id for call in calls]
        assert registry.call_of_worker(SUE) is calls[0]
        assert registry.call_of_worker(TOM) is calls[1]
        assert registry.call_of_worker("") is None
        assert registry.call_of_worker("WK" + "3" * 32) is None
        calls[0].end(EndReason.CALLER_HUNG_UP)
        assert registry.call_of_worker(SUE) is None
        await until(lambda: len(registry) == 2, world.beat)
        assert [view.id for view in registry.views()] == [call.id for call in calls[1:]]


async def test_an_agent_with_two_calls_is_seen_in_the_one_that_is_not_on_hold() -> None:
    world = World()
    async with CallRegistry(world.services, max_calls=9) as registry:
        first, second = (registry.answer(Caller(f"CA-{number}", "+34911222333", ES)) for number in range(2))
        await settle()
        for call in (first, second):
            await world.queued(call)
            call.agent_accepted(f"WR-{call.id}", worker=SUE)
        assert registry.call_of_worker(SUE) is second
        second.agent_accepted("WR-3", worker=TOM)
        second.agent_left(f"WR-{second.id}")
        assert registry.call_of_worker(SUE) is first
        second.hear(AGENT, loud(1))
