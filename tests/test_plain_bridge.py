from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bmv.commands.bench.plain_bridge import PlainBridge
from bmv.commands.bench.world import Kind, Notes, World, world


@asynccontextmanager
async def bridged(kind: Kind) -> AsyncIterator[World]:
    """One call through the plain bridge, in which the caller is about to speak."""
    async with world(kind) as made:
        bridge = PlainBridge(f"http://127.0.0.1:{made.port}", wide=kind != "mulaw")
        async with bridge.serving(0) as port:
            await made.plain_call(port)
            for leg in made.conversations[0].legs.values():
                leg.begin(490)
            yield made
            await made.hang_up()


async def heard_and_played(notes: Notes, frames: int) -> None:
    async with asyncio.timeout(15):
        while notes.uplink.heard.matched < frames or notes.played.matched + len(notes.played.unexplained) < frames:
            await asyncio.sleep(0.02)


async def test_the_plain_bridge_carries_a_call_whole() -> None:
    async with bridged("24k-2x") as made:
        notes = made.measure()
        await heard_and_played(notes, 20)
        assert not notes.uplink.heard.lost
        assert not notes.uplink.heard.altered
        assert not notes.played.extra
        assert notes.uplink.waits
        assert not made.lost
