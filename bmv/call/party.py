"""One side of a call: what it speaks, its telephone call, its media stream, what it hears, and how it is let go."""

from __future__ import annotations

import asyncio

import structlog

from bmv.audio.echo import EchoGate
from bmv.audio.mulaw import FRAME_BYTES
from bmv.call.carrier import CallIsOver, Carrier, CarrierError
from bmv.call.leg import Leg, Role
from bmv.call.playout import Playout
from bmv.call.speaker import Speaker
from bmv.languages import Language, Sentence
from bmv.waiting import Event

log = structlog.get_logger()

TELL_SECONDS = 0.8  # with the time for last words before it this keeps within two seconds, however slow the carrier is


class Party:
    """The caller or the agent, from the ring to the end of the telephone call."""

    def __init__(self, role: Role, language: Language, *, playout: Playout, speaker: Speaker) -> None:
        self.role = role
        self.language = language
        """What the party is addressed in; an agent's changes when another agent takes over."""
        self.playout = playout
        self.echo = EchoGate()
        self._speaker = speaker
        self.call_sid: str | None = None
        self.leg: Leg | None = None
        self.gone = Event()
        """Set when the carrier said that the telephone call is over."""

    def connect(self, leg: Leg) -> None:
        """The media stream started; it knows best which telephone call this is."""
        self.leg = leg
        self.call_sid = leg.call_sid

    def is_on(self, call_sid: str) -> bool:
        """Whether this is the party's telephone call. The first one that is told of is, even if the answer to our order
        to place it never comes."""
        self.call_sid = self.call_sid or call_sid
        return self.call_sid == call_sid

    def take(self, now: float) -> float:
        """Send what is due to be heard. Returns when there is more; see `Playout.due`."""
        if self.leg is None:
            return float("inf")
        if audio := self.playout.take(now):
            self.echo.played(audio, self.playout.buffer.runs_dry_at)
            mark = self.playout.buffer.add(len(audio) // FRAME_BYTES)
            self.leg.play(audio, mark)
        return self.playout.due(now)

    def voice(self, sentence: Sentence) -> bytes:
        """A sentence of our own in the party's language, as sound; see `Speaker.say`."""
        return self._speaker.say(sentence, self.language)

    def notify(self, sentence: Sentence, now: float) -> None:
        """Say a sentence of our own into the running stream, after all that waits to be heard."""
        self.playout.announce(self.voice(sentence), now)

    async def let_go(self, carrier: Carrier, *, farewell: Sentence | None, patience: float) -> None:
        """End the telephone call by the carrier's own hand, after the farewell if there is one, and close the stream.

        Somebody who is told something has `patience` seconds to hear it. Who is told nothing is let go by two ways at
        once, the carrier's hand and the end of the stream: one may be slow, or fail.
        """
        try:
            call_sid = None if self.gone.is_set() else self.call_sid
            if farewell and call_sid and await self._tell(carrier, call_sid, farewell):
                await self.hear_out(patience)
        finally:
            ends = await asyncio.gather(self._hang_up(carrier), self._close(), return_exceptions=True)
        for error in ends:
            if error is not None:
                raise error

    async def hear_out(self, patience: float) -> None:
        """Wait until what the carrier says now is over, which ends the telephone call."""
        try:
            async with asyncio.timeout(patience):
                await self.gone.wait()
        except TimeoutError:
            log.info("farewell_not_confirmed", role=self.role.value)

    async def _tell(self, carrier: Carrier, call_sid: str, farewell: Sentence) -> bool:
        """Say it by the carrier's own voice. Returns whether something will be heard.

        Where it fails or takes long, the verbs after the stream apologise, if there is a stream.
        """
        streaming = self.leg is not None
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await carrier.say(call_sid, self.language.sentences[farewell], self.language)
        except CallIsOver:
            self.gone.set()
        except CarrierError as error:
            log.warning("farewell_failed", role=self.role.value, error=str(error))
            return streaming
        except TimeoutError:  # and it may be said all the same
            log.warning("farewell_failed", role=self.role.value, error=f"no answer within {TELL_SECONDS} s")
        finally:
            await self._close()
        return True

    async def _close(self) -> None:
        if self.leg:
            await self.leg.close()

    async def _hang_up(self, carrier: Carrier) -> None:
        if self.call_sid is None:
            return
        try:
            await carrier.hang_up(self.call_sid)
        except CarrierError as error:
            log.warning("hang_up_failed", role=self.role.value, error=str(error))
