"""What calls leave behind is put away soon, and nobody else has to wait for the collector of garbage."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from bmv.call.alongside import alongside
from bmv.commands.garbage import THRESHOLDS, look_seldom, put_away


class Calls:
    ended = 7


class Husk:
    """What a call leaves: it refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.enable()
    gc.set_threshold(*before)
    gc.unfreeze()


async def test_what_calls_left_is_put_away_when_they_are_over_and_not_before() -> None:
    calls = Calls()
    gc.collect()
    gc.disable()
    husk = weakref.ref(Husk())
    async with alongside(put_away(calls, every=0.01)):
        await asyncio.sleep(0.1)
        assert husk() is not None  # none has ended, so nothing is looked for
        calls.ended += 1
        async with asyncio.timeout(5):
            while husk() is not None:
                await asyncio.sleep(0.01)


def test_the_collector_looks_seldom_by_itself_and_not_at_what_was_there() -> None:
    look_seldom()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > 10_000
