"""The plain bridge in this process, with the bench's world around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bmv.commands.bench.plain_bridge import PlainBridge
from bmv.commands.bench.world import Kind, World, world


class Bridge(PlainBridge):
    """One that can be told to lose what it is to pass on: the words, or their translations."""

    loses = ""

    def _append(self, payload: str) -> dict[str, str]:
        return super()._append("" if self.loses == "words" else payload)

    def _narrow(self, delta: str) -> str:
        return "" if self.loses == "translations" else super()._narrow(delta)


@asynccontextmanager
async def bridged(kind: Kind, loses: str = "") -> AsyncIterator[tuple[World, int]]:
    """One call through the plain bridge, in which the caller is about to speak; the bridge and its port."""
    async with world(kind) as made:
        bridge = Bridge(f"http://127.0.0.1:{made.port}", wide=kind != "mulaw")
        bridge.loses = loses
        async with bridge.serving(0) as port:
            await made.plain_call(port)
            for leg in made.conversations[0].legs.values():
                leg.begin(490)
            yield made, port
            await made.hang_up()
