"""The server of a soak: what befalls a process from below, brought about within it."""

from __future__ import annotations

import asyncio
import socket
import time

import aiohttp
import pytest

from bmv.commands.soak.child import WallClock, obey


async def test_no_name_can_be_looked_up_until_they_are_known_again() -> None:
    resolver = aiohttp.ThreadedResolver()
    obey("names unknown 0.0")
    with pytest.raises(socket.gaierror, match="name resolution"):
        await resolver.resolve("localhost", 80)
    obey("names known")
    obey("names known")
    assert await resolver.resolve("localhost", 80)


async def test_it_may_take_a_while_until_a_name_turns_out_to_be_unknown() -> None:
    obey("names unknown 60")
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(aiohttp.ThreadedResolver().resolve("localhost", 80), 0.02)
    finally:
        obey("names known")


def test_the_wall_clock_jumps_forwards_and_back() -> None:
    clock = WallClock()
    assert clock.now() == pytest.approx(time.time(), abs=1)
    clock.jump(3600)
    assert clock.now() == pytest.approx(time.time() + 3600, abs=1)
    clock.jump(-7200)
    assert clock.now() == pytest.approx(time.time() - 3600, abs=1)


def test_an_order_that_nobody_knows_is_no_order() -> None:
    with pytest.raises(ValueError, match="clock"):
        obey("clock")
