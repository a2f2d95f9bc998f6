"""All that calls share, made by hand, and the moves that bring a call from state to state."""

from __future__ import annotations

import asyncio
from typing import Any

from fakes import FakeCarrier, FakeLeg, FakeSpeaker, FakeTranslatorFactory, HandClock, settle

from bmv import languages
from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.captions import CaptionFeed
from bmv.call.leg import Role
from bmv.call.metronome import Metronome
from bmv.call.services import CallPolicy, CallServices
from bmv.call.session import CallSession
from bmv.call.speaker import Speaker
from bmv.call.transcript import Transcripts


class World:
    """All that calls share, made by hand, and the moves that bring a call from state to state."""

    def __init__(self, *, kinds: int = 1, speaker: Speaker | None = None, **policy: Any) -> None:
        """`kinds` of translators there are, one for the other."""
        self.clock = HandClock()
        self.metronome = Metronome(clock=self.clock)
        self.carrier = FakeCarrier()
        self.translators = [FakeTranslatorFactory(self.clock) for _ in range(kinds)]
        self.captions = CaptionFeed()
        self.transcripts = Transcripts(self.clock)
        # No farewell is waited for, unless a test wants it.
        settings: dict[str, Any] = {"agent_language": languages.get("en"), "farewell": 0.0} | policy
        self.policy = CallPolicy(**settings)
        self.services = CallServices(
            self.carrier,
            self.translators,
            speaker or FakeSpeaker(),
            self.metronome,
            self.captions,
            self.transcripts,
            self.policy,
        )

    @property
    def provider(self) -> FakeTranslatorFactory:
        """The translator of the first choice."""
        return self.translators[0]

    @property
    def open_sessions(self) -> int:
        """Of all kinds of translators."""
        return sum(kind.open_sessions for kind in self.translators)

    def beat(self) -> None:
        """20 ms pass."""
        self.clock.turn()
        self.metronome.beat()

    async def pass_time(self, seconds: float) -> None:
        """Beats, and whatever they bring about."""
        await settle()
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.beat()
            await asyncio.sleep(0)
        await settle()

    async def dialled(self, call: CallSession) -> FakeLeg:
        """The caller's stream starts, and the agent call is placed."""
        leg = FakeLeg(call.caller.call_sid or f"CA-caller-of-{call.id}")
        call.leg_connected(Role.CALLER, leg)
        await settle()
        return leg

    async def queued(self, call: CallSession) -> tuple[FakeLeg, FakeLeg]:
        """The agent's stream has started too, and nobody has accepted yet."""
        caller = await self.dialled(call)
        agent = FakeLeg(agent_sid(call))
        call.leg_connected(Role.AGENT, agent)
        return caller, agent

    async def bridged(self, call: CallSession) -> tuple[FakeLeg, FakeLeg]:
        """Both can hear each other, and the sessions are open."""
        legs = await self.queued(call)
        call.agent_accepted()
        await settle()
        return legs


def agent_sid(call: CallSession) -> str:
    """The call sid under which the fake carrier places the agent call."""
    return f"CA-agent-of-{call.id}"
