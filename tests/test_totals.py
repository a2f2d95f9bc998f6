"""What all calls took together: sums that hold what running calls have so far, and that never fall."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import fields

import pytest
from fake_world import World
from fakes import FakeTranslator, hush, lost, settle, spoken, until

from bmv import languages
from bmv.call.ledger import Fate
from bmv.call.leg import Role
from bmv.call.registry import CallRegistry, NotAdmitted
from bmv.call.services import Caller
from bmv.call.session import CallSession
from bmv.call.state import CallState, EndReason
from bmv.call.totals import STRAIGHT, PartyTotals, Refusal, Totals
from bmv.call.usage import Usage
from bmv.metrics import Histogram

pytestmark = pytest.mark.usefixtures("logs")

CALLER, AGENT = Role.CALLER, Role.AGENT


def answered(registry: CallRegistry, number: int = 1, language: str = "es") -> CallSession:
    return registry.answer(Caller(f"CA-{number}", "+34911222333", languages.get(language)))


@asynccontextmanager
async def a_bridge(*, kinds: int = 1, language: str = "es") -> AsyncIterator[tuple[World, CallRegistry, CallSession]]:
    """The world, those who count, and a call in which both hear each other."""
    world = World(kinds=kinds)
    async with CallRegistry(world.services, max_calls=9) as registry:
        call = answered(registry, language=language)
        await world.bridged(call)
        yield world, registry, call


async def end(world: World, registry: CallRegistry, call: CallSession) -> None:
    call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)
    await until(lambda: registry.find(call.id) is None, world.beat)


async def say(world: World, call: CallSession, role: Role, frames: list[bytes]) -> None:
    for frame in frames:
        call.hear(role, frame)
        world.beat()
    await settle()


def party(registry: CallRegistry, role: Role = CALLER) -> PartyTotals:
    return registry.measured()[0].parties[role]


def usd(registry: CallRegistry, role: Role = CALLER) -> float:
    return party(registry, role).nanodollars / 1e9


def sums(totals: Totals) -> Iterator[float]:
    """Everything that must never fall, in the same order each time."""
    yield from (totals.ended[reason] for reason in EndReason)
    yield from (totals.refused[why] for why in Refusal)
    for each in totals.parties.values():
        yield from (each.speech[fate] for fate in Fate)
        for field in fields(each):
            value = getattr(each, field.name)
            if isinstance(value, Histogram):
                yield from (value.count, value.total, *value.at_most([0.01, 0.1, 1, 10, 100]))
            elif not isinstance(value, dict):
                yield value


async def test_a_running_call_counts_with_what_it_has_so_far_and_the_same_when_it_is_over() -> None:
    async with a_bridge() as (world, registry, call):
        await say(world, call, CALLER, spoken(0, 50))
        world.provider.session("es").speak(*spoken(1000, 1025))
        await world.pass_time(1.0)
        totals, moment = registry.measured()
        spoke = totals.parties[CALLER]
        assert (spoke.received, totals.parties[AGENT].received) == (50, 0)
        assert totals.parties[AGENT].sent == 25
        assert spoke.first_audio.count == spoke.downlink.count == 1
        assert (spoke.sessions_opened, spoke.sessions_lost, spoke.worst_backlog.count) == (1, 0, 0)
        assert 40 < spoke.heard <= 48  # speech is known by its third frame
        assert moment.states == {CallState.BRIDGED: 1}
        assert moment.modes == {(CALLER, "translating"): 1, (AGENT, "translating"): 1}
        assert moment.rungs == {(CALLER, 1): 1, (AGENT, 1): 1}
        assert moment.worst_backlog[CALLER] > moment.backlog[CALLER] == 0

        await end(world, registry, call)
        after, moment = registry.measured()
        assert not moment.states + moment.modes
        assert after.ended == {EndReason.CALLER_HUNG_UP: 1}
        assert (after.parties[CALLER].received, after.parties[AGENT].sent) == (50, 25)
        assert after.parties[CALLER].worst_backlog.count == 1
        assert after.parties[CALLER].heard == after.parties[CALLER].speech.total()  # nothing is pending any more


async def test_what_is_asked_for_is_a_copy() -> None:
    async with a_bridge() as (world, registry, call):
        await say(world, call, CALLER, spoken(0, 10))
        assert [party(registry).received for _ in range(3)] == [10, 10, 10]


async def test_where_nothing_is_translated_that_is_no_failure() -> None:
    async with a_bridge(language="en") as (world, registry, call):
        await say(world, call, CALLER, spoken(0, 20))
        _, moment = registry.measured()
        assert moment.modes == {(CALLER, STRAIGHT): 1, (AGENT, STRAIGHT): 1}
        assert not moment.rungs
        await end(world, registry, call)
        assert party(registry).worst_backlog.count == 0


async def test_lost_refused_and_reopened_sessions_are_told_apart() -> None:
    async with a_bridge(kinds=2) as (world, registry, call):
        session = world.provider.session("es")
        world.provider.refusals = [lost(), lost()]
        session.lose()
        await world.pass_time(1.0)
        assert party(registry).sessions_refused >= 1
        world.provider.refusals = []
        await world.pass_time(10.0)
        counted = party(registry)
        assert (counted.sessions_opened, counted.sessions_lost, counted.sessions_reopened) == (2, 1, 1)
        assert party(registry, AGENT).sessions_opened == 1
        assert party(registry, AGENT).sessions_lost == party(registry, AGENT).sessions_refused == 0


async def test_a_direction_shows_the_translator_that_it_has_come_down_to() -> None:
    async with a_bridge(kinds=2) as (world, registry, call):
        world.provider.session("es").lose(lost(permanent=True))
        await settle()
        assert registry.measured()[1].rungs == {(CALLER, 2): 1, (AGENT, 1): 1}
        world.translators[1].session("es").lose(lost(permanent=True))
        await settle()
        _, moment = registry.measured()
        assert moment.rungs == {(AGENT, 1): 1}
        assert moment.modes[CALLER, "passing through"] == 1


async def test_frames_that_come_late_are_counted_and_the_first_one_is_not_late() -> None:
    async with a_bridge() as (world, registry, call):
        await say(world, call, CALLER, spoken(0, 5))
        await world.pass_time(0.2)
        await say(world, call, CALLER, spoken(5, 10))
        assert (party(registry).received, party(registry).late) == (10, 1)


async def test_callers_who_are_turned_away_are_counted_by_the_reason() -> None:
    async with CallRegistry(World().services, max_calls=0) as registry:
        for _ in range(2):
            with pytest.raises(NotAdmitted):
                answered(registry)
        registry.draining = True
        assert registry.turn_away() == "shutting down"
        assert registry.measured()[0].refused == {Refusal.BUSY: 2, Refusal.DRAINING: 1}


async def test_what_a_session_costs_counts_while_it_lasts_and_is_not_counted_twice() -> None:
    async with a_bridge() as (world, registry, call):
        session = world.provider.session("es")
        session.usage = Usage(usd=0.25)
        assert usd(registry) == 0.25
        session.usage = Usage(usd=None, at_least=0.5)  # an answer that is still being given has no price yet
        assert usd(registry) == 0.5
        session.usage = Usage(usd=None)
        assert usd(registry) == 0.5
        world.provider.closing.clear()
        session.lose()  # which is being closed for a while
        await settle()
        assert usd(registry) == 0.5
        world.provider.closing.set()
        await end(world, registry, call)
        assert usd(registry) == 0.5
        assert (party(registry).without_price, party(registry, AGENT).without_price) == (1, 0)


async def test_the_price_of_a_session_that_is_given_up_for_another_language_is_never_missing() -> None:
    async with a_bridge() as (world, registry, call):
        world.provider.session("es").usage = Usage(usd=1.0)
        call.agent_accepted("WR2", (languages.get("de"),))
        assert usd(registry) == 1.0
        await settle()
        world.provider.session("es").usage = Usage(usd=0.5)
        assert usd(registry) == 1.5


async def test_the_order_in_which_calls_end_does_not_change_what_they_cost() -> None:
    """0.1 + 0.2 + 0.3 is more than 0.3 + 0.1 + 0.2 to a computer, and a counter that falls is taken for a restart."""
    world = World()
    async with CallRegistry(world.services, max_calls=9) as registry:
        calls = []
        for number, price in enumerate((0.1, 0.2, 0.3)):
            calls.append(answered(registry, number))
            await world.bridged(calls[-1])
            world.provider.session("es").usage = Usage(usd=price)
        before = party(registry).nanodollars
        for call in reversed(calls):
            await end(world, registry, call)
            assert party(registry).nanodollars == before


class Broken:
    """The usage of a translator by somebody else."""

    @property
    def known(self) -> float:
        raise ZeroDivisionError("a bug")


async def test_a_translator_whose_price_cannot_be_had_costs_the_others_nothing() -> None:
    async with a_bridge() as (world, registry, call):
        world.provider.session("es").usage = Broken()  # type: ignore[assignment]
        world.provider.session("en").usage = Usage(usd=1.0)
        assert (usd(registry), usd(registry, AGENT)) == (0.0, 1.0)


class Walk:
    """Whatever may happen to calls, in any order."""

    def __init__(self, seed: int, world: World, registry: CallRegistry) -> None:
        self.chance = random.Random(seed)
        self.world = world
        self.registry = registry
        self.calls: list[CallSession] = []
        self.steps = 0

    async def step(self) -> None:
        """Something happens, if it can."""
        self.steps += 1
        sessions = [each for kind in self.world.translators for each in kind.sessions if not each.closed]
        happens = self.chance.choice((self.call, self.end, self.retarget, self.speak, self.speak, self.speak))
        if sessions and self.chance.random() < 0.5:
            session = self.chance.choice(sessions)
            self.chance.choice((self.answer, self.answer, self.bill, self.lose))(session)
        elif self.calls or happens == self.call:
            await happens()

    async def call(self) -> None:
        if len(self.registry) < 3:
            self.calls.append(answered(self.registry, self.steps))
            await self.world.bridged(self.calls[-1])
        else:
            self.registry.turn_away()

    async def end(self) -> None:
        call = self.calls.pop(self.chance.randrange(len(self.calls)))
        call.call_completed(CALLER, EndReason.CALLER_HUNG_UP)

    async def retarget(self) -> None:
        language = languages.get(self.chance.choice(["de", "es", "en"]))
        self.chance.choice(self.calls).agent_accepted(f"WR{self.steps}", (language,))

    async def speak(self) -> None:
        frames = self.chance.choice([spoken(self.steps * 100, self.steps * 100 + 20), [hush(0)] * 20])
        await say(self.world, self.chance.choice(self.calls), self.chance.choice(list(Role)), frames)

    def answer(self, session: FakeTranslator) -> None:
        session.speak(*spoken(0, 40))
        session.process()

    def bill(self, session: FakeTranslator) -> None:
        session.usage += Usage(usd=self.chance.choice([0.1, 0.7, None]))

    def lose(self, session: FakeTranslator) -> None:
        session.lose()


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_no_sum_ever_falls(seed: int) -> None:
    world = World(kinds=2)
    async with CallRegistry(world.services, max_calls=3) as registry:
        walk = Walk(seed, world, registry)
        before = list(sums(registry.measured()[0]))
        for _ in range(120):
            await walk.step()
            for _ in range(walk.chance.randrange(4)):
                world.beat()
                now = list(sums(registry.measured()[0]))
                assert all(was <= is_ for was, is_ in zip(before, now, strict=True))
                before = now
                await (settle() if walk.chance.random() < 0.5 else world.pass_time(0.02))
    now = list(sums(registry.measured()[0]))
    assert all(was <= is_ for was, is_ in zip(before, now, strict=True))
    assert sum(now) > 1000
