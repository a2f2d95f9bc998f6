"""The two ends of a call: who is on them, and what a leg can do."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Role(Enum):
    """Who speaks on a leg."""

    CALLER = "caller"
    AGENT = "agent"

    __hash__ = object.__hash__  # members are single: as a key, asked for with every frame, three times as fast

    @property
    def other(self) -> Role:
        """Who listens to this one."""
        return Role.AGENT if self is Role.CALLER else Role.CALLER


class Leg(Protocol):
    """One party's media connection, as a call sees it.

    What the party says arrives as `CallSession.hear`; that the party is gone as `CallSession.leg_closed`.
    """

    @property
    def call_sid(self) -> str:
        """The carrier's name of the telephone call this leg belongs to."""

    def play(self, audio: bytes, mark: str | None = None) -> None:
        """Hand G.711 mu-law (8 kHz, any length) to the party's playback queue; never blocks and never raises.

        When playback reaches the end of it, a `mark` comes back as `CallSession.mark_reached`.
        """

    async def close(self) -> None:
        """End the media connection within two seconds; closing a closed leg does nothing."""
