"""The bench's world around the real server, in one process: that calls come about, are heard, and end in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from house import Unhurried, own_notices

from bmv.app import Server, serving
from bmv.commands.bench.processes import settings
from bmv.commands.bench.world import CallFailed, Kind, World, world
from bmv.config import Settings


@asynccontextmanager
async def served(
    kind: Kind, folder: Path, **changes: str
) -> AsyncIterator[tuple[World, Server, aiohttp.ClientSession]]:
    """The real server, set up as it is measured, but for its own sentences, which need not be rendered."""
    async with world(kind) as made, aiohttp.ClientSession() as http:
        environ = {**settings(kind, folder, made.port, 0)} | {"PROMPTS_DIR": str(own_notices())} | changes
        async with serving(Settings.load(environ), Unhurried()) as server:
            yield made, server, http


async def over(server: Server) -> None:
    async with asyncio.timeout(10):
        while len(server.registry):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("kind", "frames"), [("24k-2x", 100), ("mulaw", 20)])
async def test_calls_through_the_server_arrive_whole_and_end_when_somebody_hangs_up(
    kind: Kind, frames: int, tmp_path: Path
) -> None:
    async with served(kind, tmp_path) as (made, server, http):
        for _ in range(2):
            await made.call(http, server.port)
        for each in made.conversations:
            for leg in each.legs.values():
                leg.begin(490)  # the caller is about to speak
        notes = made.measure()
        async with asyncio.timeout(20):
            while len(notes.played.unexplained) < frames:
                await asyncio.sleep(0.02)
        await made.account(5.0)  # what is under way is no loss
        assert notes.uplink.heard.matched > 100
        assert (notes.uplink.heard.lost, notes.uplink.heard.altered) == (0, 0)
        assert (notes.played.lost, notes.played.extra) == (0, 0)
        assert notes.played.downlink
        assert min(notes.played.downlink) > 0.1  # the server's cushion
        assert not made.lost
        assert not made.office.unknown
        await made.hang_up()
        await over(server)


async def test_a_call_that_the_server_refuses_is_told_with_the_step(tmp_path: Path) -> None:
    async with served("24k", tmp_path, MAX_CALLS="1") as (made, server, http):
        await made.call(http, server.port)
        with pytest.raises(CallFailed, match="the caller is told that all are busy"):
            await made.call(http, server.port)
        await made.hang_up()
        await over(server)
