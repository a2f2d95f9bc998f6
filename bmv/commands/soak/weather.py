"""What befalls everybody at once: how each kind of the plan is brought about, and taken away again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

from bmv.commands.soak.environs import World
from bmv.commands.soak.plan import Spell
from bmv.commands.soak.subject import Subject
from bmv.simulator.openai import FakeOpenAI, Fault, Refusal
from bmv.simulator.twilio import FakeTwilio


async def come(spells: Iterable[Spell], world: World, subject: Subject) -> None:
    """Let it come as planned from now on; cancelled, it clears up. It waits for who needs `World.calm`."""
    began = world.clock()
    for spell in spells:
        await asyncio.sleep(began + spell.begins - world.clock())
        async with world.calm:
            with world.during(spell.kind), _BRINGS[spell.kind](world, subject, spell.how):
                await asyncio.sleep(spell.lasts)


@contextmanager
def _translator_refuses(world: World, _subject: Subject, status: float) -> Iterator[None]:
    """Every upgrade; the sessions that are open go on."""
    world.openai.usually(Fault(refuse=Refusal.of(round(status), retry_after=1)))
    try:
        yield
    finally:
        world.openai.usually()


@contextmanager
def _name_unknown(whose: FakeOpenAI | FakeTwilio, subject: Subject, seconds: float) -> Iterator[None]:
    """The name of one of the two. Who has a connection needs none, so those are closed that no request is on."""
    subject.order(f"name unknown {urlsplit(whose.url).port} {seconds}")
    whose.close_idle()
    try:
        yield
    finally:
        subject.order("name known")


@contextmanager
def _clock_jumps(_world: World, subject: Subject, seconds: float) -> Iterator[None]:
    """The wall clock, for good."""
    subject.order(f"clock {seconds}")
    yield


@contextmanager
def _log_disk_full(_world: World, subject: Subject, _how: float) -> Iterator[None]:
    subject.order("disk full")
    try:
        yield
    finally:
        subject.order("disk free")


_BRINGS: Mapping[str, Callable[[World, Subject, float], AbstractContextManager[None]]] = {
    "translator-refuses": _translator_refuses,
    "openai-name-unknown": lambda world, subject, how: _name_unknown(world.openai, subject, how),
    "twilio-name-unknown": lambda world, subject, how: _name_unknown(world.twilio, subject, how),
    "clock-jumps": _clock_jumps,
    "log-disk-full": _log_disk_full,
}

BROUGHT = frozenset(_BRINGS)
"""Every kind that is brought about here."""
