"""One side of a call: what it speaks, its telephone call, its media stream, what it hears, and how it is let go."""

from __future__ import annotations

import asyncio

import structlog

from bmv.call.carrier import Carrier, CarrierError
from bmv.call.leg import Leg, Role
from bmv.call.playout import Playout
from bmv.languages import Language, Sentence

log = structlog.get_logger()


class Party:
    """The caller or the agent, from the ring to the end of the telephone call."""

    def __init__(self, role: Role, language: Language, playout: Playout) -> None:
        self.role = role
        self.language = language
        self.playout = playout
        self.call_sid: str | None = None
        self.leg: Leg | None = None
        self.gone = asyncio.Event()
        """Set when the carrier said that the telephone call is over."""

    def connect(self, leg: Leg) -> None:
        """The media stream started; it knows best which telephone call this is."""
        self.leg = leg
        self.call_sid = leg.call_sid

    def take(self, now: float) -> None:
        """Send what is due to be heard."""
        if self.leg and (audio := self.playout.take(now)):
            self.leg.play(audio)

    async def let_go(self, carrier: Carrier, *, farewell: Sentence | None, patience: float) -> None:
        """End the telephone call by the carrier's own hand, after the farewell if there is one, and close the stream.

        Somebody who is told something has `patience` seconds to hear it. What one step fails at does not keep the next
        from being taken.
        """
        leg = self.leg
        try:
            if farewell and self.call_sid and not self.gone.is_set():
                await self._tell(carrier, self.call_sid, farewell)
                await self.hear_out(patience)
        finally:
            try:
                await self._hang_up(carrier)
            finally:
                if leg:
                    await leg.close()

    async def hear_out(self, patience: float) -> None:
        """Wait until what the carrier says now is over, which ends the telephone call."""
        try:
            async with asyncio.timeout(patience):
                await self.gone.wait()
        except TimeoutError:
            log.info("farewell_not_confirmed", role=self.role.value)

    async def _tell(self, carrier: Carrier, call_sid: str, farewell: Sentence) -> None:
        """Say it by the carrier's own voice. Where that fails, the verbs after the stream apologise."""
        try:
            await carrier.say(call_sid, self.language.sentences[farewell], self.language)
        except CarrierError as error:
            log.warning("farewell_failed", role=self.role.value, error=str(error))
        finally:
            if self.leg:
                await self.leg.close()

    async def _hang_up(self, carrier: Carrier) -> None:
        if self.call_sid is None:
            return
        try:
            await carrier.hang_up(self.call_sid)
        except CarrierError as error:
            log.warning("hang_up_failed", role=self.role.value, error=str(error))
