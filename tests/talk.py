"""A call that is lived for a test, in a world of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fake_world import World, agent_sid
from fakes import FakeLeg, settle, until

from bmv import languages
from bmv.call.carrier import Seat
from bmv.call.leg import Role
from bmv.call.services import Caller
from bmv.call.session import CallSession
from bmv.call.state import CallState, EndReason
from bmv.languages import Language, Sentence

CALLER, AGENT = Role.CALLER, Role.AGENT
CALLER_SID = "CA-caller"
Log = list[MutableMapping[str, Any]]


class Talk:
    """A call that is lived, in a world of its own."""

    def __init__(self, language: str | None = "es", **policy: Any) -> None:
        self.world = World(**policy)
        caller = Caller(CALLER_SID, "+34911222333", languages.find(language))
        self.call = CallSession(caller, self.world.services, destination=self.world.policy.agent_destination)
        self.run: asyncio.Task[None] | None = None
        self.caller = FakeLeg(CALLER_SID)
        self.agent = FakeLeg(agent_sid(self.call))

    @asynccontextmanager
    async def living(self) -> AsyncIterator[World]:
        """The call is run inside, and has ended and left nothing behind outside."""
        self.run = asyncio.create_task(self.call.run())
        await settle()
        try:
            yield self.world
        finally:
            self.call.end(EndReason.CALLER_HUNG_UP)
            await self.over()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def over(self) -> None:
        """Time passes until the call is over; fails if it never is."""
        assert self.run is not None
        await until(self.run.done, self.world.beat)
        await self.run
        assert self.call.state is CallState.ENDED
        assert self.world.open_sessions == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def dialled(self) -> None:
        self.caller = await self.world.dialled(self.call)

    async def queued(self) -> None:
        self.caller, self.agent = await self.world.queued(self.call)

    async def bridged(self) -> None:
        self.caller, self.agent = await self.world.bridged(self.call)

    async def accepted_by(self, *speaks: Language, agent: str = "WR1") -> None:
        """The call waits in the queue, rings at an agent who speaks these languages, and is accepted."""
        await self.queued()
        self.call.agents.seat = Seat("WS1", "WT1")
        self.call.agent_reserved(speaks)
        self.call.agent_accepted(agent, speaks)
        await settle()

    @property
    def pairs(self) -> set[str]:
        """Of the sessions that are open."""
        return {str(session.pair) for session in self.world.provider.sessions if not session.closed}

    async def agent_hangs_up(self) -> None:
        self.call.leg_closed(AGENT, self.agent, hung_up=True)
        await settle()

    async def hear(self, role: Role, *frames: bytes) -> None:
        for frame in frames:
            self.call.hear(role, frame)
            self.world.beat()
        await settle()


def told(world: World) -> list[tuple[str, str, str]]:
    """What was said to whom, in which language."""
    return [(call_sid, sentence, language.tag) for call_sid, sentence, language in world.carrier.said]


def farewell(sentence: Sentence, tag: str = "es") -> list[tuple[str, str, str]]:
    """That the caller is told this, and nobody else is told anything."""
    return [(CALLER_SID, languages.get(tag).sentences[sentence], tag)]
