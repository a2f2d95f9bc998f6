from __future__ import annotations

import asyncio
import sys
from time import perf_counter

import numpy as np
import pytest
from bench_bridge import bridged

from bmv.audio import mulaw
from bmv.commands.bench import plain_bridge
from bmv.commands.bench.world import Notes, World


async def heard_and_played(notes: Notes, frames: int) -> None:
    async with asyncio.timeout(15):
        while notes.uplink.heard.matched < frames or notes.played.matched + len(notes.played.unexplained) < frames:
            await asyncio.sleep(0.02)


async def until_said(made: World, frames: int) -> None:
    while made.conversations[0].legs["caller"].said < frames:
        await asyncio.sleep(0.02)


async def test_the_plain_bridge_carries_a_call_whole() -> None:
    async with bridged("24k-2x") as (made, _):
        notes = made.measure()
        await heard_and_played(notes, 20)
        assert not notes.uplink.heard.lost
        assert not notes.uplink.heard.altered
        assert not notes.played.extra
        assert notes.uplink.waits
        assert not made.lost


async def test_what_is_under_way_when_the_time_is_over_is_waited_for_and_not_lost() -> None:
    async with bridged("24k-2x") as (made, _):
        notes = made.measure()
        await heard_and_played(notes, 20)
        began = perf_counter()
        await made.account(5.0)
        assert 0 < perf_counter() - began < 4
        assert (notes.uplink.heard.lost, notes.played.lost) == (0, 0)


@pytest.mark.parametrize("loses", ["words", "translations"])
async def test_what_has_not_come_when_the_time_is_over_is_lost(loses: str) -> None:
    """Though nothing came after it that shows the gap."""
    async with bridged("24k-2x", loses) as (made, _):
        notes = made.measure()
        async with asyncio.timeout(15):
            await until_said(made, 180)
        await made.account(0.3)
        lost = {"words": notes.uplink.heard.lost, "translations": notes.played.lost}
        assert lost.pop(loses) > 30
        assert not any(lost.values())


async def test_it_stands_alone() -> None:
    """Nothing of bmv is loaded with it, and nothing that it does not name."""
    look = "import runpy, sys; runpy.run_path(sys.argv[1]); print([name for name in sys.modules if name[:3] == 'bmv'])"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", look, plain_bridge.__file__), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert (process.returncode, out.decode().strip()) == (0, "[]")


def test_its_mu_law_is_that_of_the_telephone() -> None:
    codes = bytes(range(256))
    assert plain_bridge._DECODED.tolist() == mulaw.decode(codes).tolist()
    values = np.arange(-32768, 32768).astype(np.int16)
    nearest = mulaw.decode(plain_bridge._ENCODED.tobytes()).astype(int)
    assert (np.abs(nearest - values) <= np.abs(mulaw.decode(mulaw.encode(values)).astype(int) - values)).all()
