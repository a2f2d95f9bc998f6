"""What the tests of hold and of transfers share: music on hold, a conversation, and what somebody heard since when."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from house import House
from listening import listen

from bmv.audio import mulaw
from bmv.audio.music import hold_music
from bmv.call.session import CallSession
from bmv.call.state import CallState
from bmv.simulator.openai import SessionRecord
from bmv.simulator.twilio import Agent, Call, Party, Worker

MUSIC = Path("/usr/share/asterisk/moh")
PIECES = ("macroform-cold_day", "macroform-the_simplicity")  # the second one pauses most like speech
needs_music = pytest.mark.skipif(
    not all((MUSIC / f"{name}.wav").exists() for name in PIECES),
    reason="Debian's package is missing: asterisk-moh-opsound-wav",
)
OURS = hold_music()[: mulaw.SAMPLE_RATE]
"""The beginning of our own music."""
SPEECH_24K = 480  # samples in 20 ms, as OpenAI counts them


@cache
def flex_music(name: str = PIECES[0]) -> bytes:
    """What Twilio plays to those on hold: half a minute out of the middle of a piece, mu-law."""
    with wave.open(str(MUSIC / f"{name}.wav")) as file:
        file.setpos(20 * mulaw.SAMPLE_RATE)
        return mulaw.encode(np.frombuffer(file.readframes(30 * mulaw.SAMPLE_RATE), "<i2").astype(np.int16))


async def until(happened: Callable[[], object], seconds: float) -> None:
    """Wait for something. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.02)


@dataclass
class Ear:
    """What somebody heard since a moment."""

    party: Party
    since: int
    """Bytes."""

    @classmethod
    def of(cls, party: Party) -> Ear:
        """From now on."""
        return cls(party, party.frames_heard * mulaw.FRAME_BYTES)

    @property
    def heard(self) -> bytes:
        return self.party.heard[self.since :]

    def at(self, sound: bytes) -> float:
        """After how many seconds this was heard; infinite if it was not."""
        return listen(self.heard, sound).first

    def understood(self, sound: bytes) -> bool:
        """Whether most of this was heard, its beginning and its end among it; a busy machine may have torn some."""
        third = len(sound) // 3
        ends = sound[:third], sound[-third:]
        return listen(self.heard, sound).share >= 0.5 and all(listen(self.heard, end).share > 0 for end in ends)

    async def hears(self, sound: bytes, seconds: float) -> None:
        """Wait until the end of this was heard. Raises `TimeoutError`."""
        end = sound[-mulaw.SAMPLE_RATE * 4 // 5 :]
        async with asyncio.timeout(seconds):
            while listen(self.heard, end).share < 0.6:
                await asyncio.sleep(0.2)


@dataclass
class Talk:
    """Maria, who speaks Spanish, and Alex are on the line."""

    home: House
    maria: Party
    call: Call
    alex: Party
    agent: Agent
    session: CallSession

    async def becomes(self, state: CallState, seconds: float) -> None:
        """Wait until the call is in this state. Raises `TimeoutError`."""
        await until(lambda: self.session.state is state, seconds)

    def translator(self, target: str) -> SessionRecord:
        """The open session that speaks this language."""
        (found,) = [each for each in self.home.openai.sessions if each.closed_by is None and each.language == target]
        return found

    @property
    def targets(self) -> list[str]:
        """What the open sessions speak."""
        return sorted(each.language for each in self.home.openai.sessions if each.closed_by is None)

    async def next_agent(self, name: str) -> tuple[Party, Agent]:
        """The next worker takes the call that is being transferred; after a cold transfer the caller hears her then."""
        party = Party(name)
        reservation = await self.home.twilio.next_reservation(timeout=5)
        agent = await reservation.accept(party=party, beep=False)
        await until(lambda: not (agent.resumes and agent.conference.customer.hold), 5)
        return party, agent

    async def over(self) -> None:
        """Maria hangs up."""
        await self.call.hang_up()
        await self.home.empty()


async def talking(home: House, *workers: Worker, music: bytes | None = None, lag: float = 0.0) -> Talk:
    """She calls, and the first of the workers answers; `music` is what Twilio plays on hold, `lag` its attributes'."""
    assert home.twilio.task_router is not None
    home.twilio.task_router.workers = list(workers) or [Worker("alex")]
    home.twilio.task_router.hold_music = music
    home.twilio.task_router.conference_lag = lag
    maria, call = await home.calls()
    alex, agent = await home.accepts(beep=False)  # which would sound over the first words
    session = home.server.registry.find_by_call_sid(call.sid)
    assert session is not None
    talk = Talk(home, maria, call, alex, agent, session)
    await talk.becomes(CallState.BRIDGED, 5)
    return talk


def seconds_of_sound(pcm: bytes) -> float:
    """How much of what a session was sent is not silence."""
    samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))
    frames = samples[: len(samples) // SPEECH_24K * SPEECH_24K].reshape(-1, SPEECH_24K)
    return float((frames.max(axis=1) > 300).sum()) * mulaw.FRAME_SECONDS
