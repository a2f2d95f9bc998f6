"""Measures the server with some number of calls: bring them about, let them settle, look at the kernel's figures."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import aiohttp

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.playout import CUSHION_SECONDS, PRE_ROLL
from bmv.commands.bench import processes
from bmv.commands.bench.figures import STEADY_SECONDS, Point, Spread
from bmv.commands.bench.processes import Usage
from bmv.commands.bench.world import CallFailed, Kind, World, world

SETTLING_SECONDS = 8.0
"""From the last call on: until both its parties have spoken and are translated."""
QUIET_SECONDS = 1.0
SCRAPE_SECONDS = 15.0  # as Prometheus does by default
LATE_SECONDS = 0.1
_ONSET_SECONDS = PRE_ROLL * FRAME_SECONDS
MEANT_SECONDS: Final[Mapping[Kind, float]] = {
    "mulaw": CUSHION_SECONDS,
    "24k": CUSHION_SECONDS - _ONSET_SECONDS,
    "24k-2x": CUSHION_SECONDS - _ONSET_SECONDS / 2,
}
"""How long the server keeps the beginning of a translation at least. Of a translator's silence, where it sends any, the
last two frames go ahead of it, in the same message; they came earlier by their length, or by half of it at twice the
pace."""
DUE_SECONDS = 5.0
"""For so long it is waited, in the end, for what was said before: a turn that is translated at once is heard for 4."""


@dataclass(frozen=True)
class SetUp:
    """Calls that were set up: how many, the processor's seconds that the server took meanwhile, and for how many
    seconds of calls that were there already it took them, too."""

    calls: int
    spent: float
    held: float

    def each(self, share: float) -> float:
        """Processor seconds to set one up, where a call that is there takes this share of a core."""
        return max(0.0, self.spent - share * self.held) / self.calls


class Bench:
    """One server with its world. Made by `bench_of`."""

    def __init__(self, bridge: str, made: World, pid: int, port: int, http: aiohttp.ClientSession) -> None:
        self.bridge = bridge
        self.world = made
        self._pid = pid
        self._port = port
        self._http = http
        self._empty = Usage.of(pid).memory
        """What it takes before the first call."""
        self._set_up = SetUp(0, 0.0, 0.0)

    async def reach(self, calls: int) -> None:
        """Have so many calls at once. Raises `CallFailed`, or `ServerFailed` where the server has ended."""
        held, before, before_it = 0.0, len(self.world.conversations), Usage.of(self._pid)
        while (there := len(self.world.conversations)) < calls:
            since = perf_counter()
            try:
                if self.bridge == "plain":
                    await self.world.plain_call(self._port)
                else:
                    await self.world.call(self._http, self._port)
            except CallFailed:
                Usage.of(self._pid)
                raise
            held += there * (perf_counter() - since)
        self._set_up = SetUp(calls - before, Usage.of(self._pid).seconds - before_it.seconds, held)

    async def measure(
        self,
        seconds: float,
        *,
        settling: float = SETTLING_SECONDS,
        due: float = DUE_SECONDS,
        steady: float = STEADY_SECONDS,
    ) -> Point:
        """Let it settle, look at it for so long, and then wait for what is due, at most for `due` seconds.

        If settling takes until the calls are `steady`, how they began is told, too.

        Raises `ServerFailed` where the server has ended meanwhile.
        """
        came, came_at = Usage.of(self._pid), perf_counter()
        await asyncio.sleep(settling)
        gc.collect()
        gc.freeze()
        notes = self.world.measure()
        before, ours, began = Usage.of(self._pid), Usage.here(), perf_counter()
        first = (before.seconds - came.seconds) / (began - came_at)
        broken = len(self.world.lost)
        await asyncio.sleep(seconds)
        after, ours_after, took = Usage.of(self._pid), Usage.here(), perf_counter() - began
        generator_late = Spread.of(self.world.ticker.lateness)
        await self.world.account(due)
        calls = len(self.world.conversations)
        share = (after.seconds - before.seconds) / took
        played, heard = notes.played, notes.uplink.heard
        new = settling >= steady and self._set_up.calls > calls / 2
        return Point(
            bridge=self.bridge,
            kind=self.world.kind,
            calls=calls,
            seconds=round(took, 2),
            cpu_ms=round(share / calls * 1000, 3),
            core=round(share, 3),
            memory_mb=round(after.memory / 2**20, 1),
            memory_per_call_mb=round((after.memory - self._empty) / 2**20 / calls, 3),
            uplink=Spread.of(notes.uplink.waits),
            downlink=Spread.of(self._beyond(played.downlink)),
            unexplained=Spread.of(played.unexplained),
            heard=heard.matched,
            played=played.matched,
            lost=heard.lost + played.lost,
            altered=heard.altered,
            extra=played.extra,
            late=sum(wait > LATE_SECONDS for wait in notes.uplink.waits),
            broken=len(self.world.lost) - broken,
            waited=round((after.waited - before.waited) / took, 3),
            generator_core=round((ours_after.seconds - ours.seconds) / took, 3),
            generator_waited=round((ours_after.waited - ours.waited) / took, 3),
            generator_late=generator_late,
            set_up_ms=round(self._set_up.each(first / calls) * 1000, 1) if new else None,
            first_ms=round(first / calls * 1000, 3) if new else None,
        )

    def _beyond(self, waits: list[float]) -> list[float]:
        """How much later than at the last moment that the server means to send it; below 0 for an earlier beat."""
        explained = 0.0 if self.bridge == "plain" else MEANT_SECONDS[self.world.kind] + FRAME_SECONDS
        return [wait - explained for wait in waits]

    async def look(self, seconds: float, *, settling: float) -> None:
        """Have a watched server begin to note where its time goes, and go on for so long."""
        await asyncio.sleep(settling)
        os.kill(self._pid, signal.SIGUSR1)
        await asyncio.sleep(seconds)

    async def scrape(self) -> None:
        """Fetch the metrics now and then, as in production."""
        headers = {"Authorization": f"Bearer {processes.METRICS_TOKEN}"}
        while True:
            await asyncio.sleep(SCRAPE_SECONDS)
            with contextlib.suppress(aiohttp.ClientError):  # whoever measures says that the server has ended
                async with self._http.get(f"http://127.0.0.1:{self._port}/metrics", headers=headers) as response:
                    await response.read()


@asynccontextmanager
async def bench_of(bridge: str, kind: Kind, folder: Path, profile: Path | None = None) -> AsyncIterator[Bench]:
    """A server that has just started, and its world, both on cores of their own; see `bmv_server` for `profile`."""
    async with world(kind) as made, aiohttp.ClientSession() as http:
        if bridge == "plain":
            serving = processes.plain_server(kind, folder, made.port)
        else:
            serving = processes.bmv_server(kind, folder, made.port, profile)
        async with serving as (process, port):
            while bridge != "plain" and await _still_rendering(made):
                pass
            bench = Bench(bridge, made, process.pid, port, http)
            scraping = asyncio.create_task(bench.scrape()) if bridge != "plain" else None
            try:
                yield bench
            finally:
                if scraping:
                    scraping.cancel()
                await made.hang_up()
                await asyncio.sleep(QUIET_SECONDS)


async def _still_rendering(made: World) -> bool:
    """Whether the server's own sentences, which it has spoken at its start, are still being made."""
    before = made.office.spoken
    await asyncio.sleep(QUIET_SECONDS)
    return made.office.spoken > before
