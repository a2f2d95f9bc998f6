"""What befalls everybody at once in a soak: that it comes as planned, is noted, and goes away again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bmv.call.alongside import alongside
from bmv.commands.soak.environs import World
from bmv.commands.soak.plan import Spell
from bmv.commands.soak.subject import Subject
from bmv.commands.soak.weather import come
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import FakeTwilio

ORDERS: dict[str, tuple[float, list[str]]] = {
    "openai-name-unknown": (2.0, ["name unknown 0 2.0", "name known"]),  # it does not listen anywhere
    "clock-jumps": (-3600.0, ["clock -3600.0"]),
    "log-disk-full": (0.0, ["disk full", "disk free"]),
}


@dataclass
class Ordered:
    """A subject that only remembers what it was told."""

    orders: list[str] = field(default_factory=list)

    def order(self, words: str) -> None:
        self.orders.append(words)


@contextmanager
def sky() -> Iterator[tuple[World, Ordered, Any]]:
    """A world, its server, and what is called to have weather in it."""
    with ThreadPoolExecutor(1) as judges:
        twilio, clock = FakeTwilio(account_sid="AC1", auth_token="secret"), asyncio.get_running_loop().time
        world, subject = World(twilio, FakeOpenAI(), judges, [], auth_token="secret", clock=clock), Ordered()
        yield world, subject, lambda *spells: come(spells, world, cast("Subject", subject))


@pytest.mark.parametrize("kind", ORDERS)
async def test_it_comes_by_order_and_goes_again(kind: str) -> None:
    how, orders = ORDERS[kind]
    with sky() as (world, subject, weather):
        before = world.clock()
        await weather(Spell(kind, begins=0.02, lasts=0.02, how=how))
        assert subject.orders == orders
        assert world.befell(kind, before)
        assert not world.befell(kind, world.clock() + 0.001)
        assert not world.befell("translator-refuses", before)


async def test_a_soak_that_is_over_in_the_middle_of_it_clears_up() -> None:
    with sky() as (world, subject, weather):
        async with alongside(weather(Spell("openai-name-unknown", begins=0.0, lasts=60.0, how=0.0))):
            while not subject.orders:
                await asyncio.sleep(0)
            assert world.befell("openai-name-unknown", world.clock() + 3600), "nobody knows when it will be over"
        assert subject.orders == ["name unknown 0 0.0", "name known"]
        assert not world.befell("openai-name-unknown", world.clock() + 0.001)


async def test_it_waits_for_who_has_to_have_calm() -> None:
    with sky() as (world, subject, weather):
        async with world.calm:
            with suppress(TimeoutError):
                await asyncio.wait_for(weather(Spell("clock-jumps", begins=0.0, lasts=0.0, how=1.0)), 0.05)
        assert subject.orders == []
        await weather(Spell("clock-jumps", begins=0.0, lasts=0.0, how=1.0))
        assert subject.orders == ["clock 1.0"]
