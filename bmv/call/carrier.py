"""What a call asks of the telephone company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bmv.call.leg import Role
from bmv.errors import ProviderError
from bmv.languages import Language


class CarrierError(ProviderError):
    """The telephone company refused or did not answer in time; says why in plain words."""


class CallIsOver(CarrierError):
    """The telephone call that something was wanted of is over already."""


@dataclass(frozen=True)
class NewCall:
    """A telephone call to be placed: for which of our calls, whose it is, and the token its stream must show.

    `to` is a telephone number, or a `sip:` or `client:` address; None is the queue from which agents take calls.
    `language` is what somebody is addressed in who answers it.
    """

    call_id: str
    role: Role
    token: str
    to: str | None
    language: Language


@dataclass(frozen=True)
class Seat:
    """The caller's place in the agents' queue and in the conference with them, in the carrier's own names.

    The conference and the caller's call in it are not known before the carrier has said so.
    """

    workspace: str
    task: str
    conference: str = ""
    customer: str = ""


class Carrier(Protocol):
    """The telephone company. Every method answers within seconds or raises `CarrierError`."""

    async def dial(self, call: NewCall) -> str:
        """Place a call and return its call sid; waits its turn where calls could be mixed up."""

    async def say(self, call_sid: str, sentence: str, language: Language) -> None:
        """Take the call out of its stream, say the sentence, and hang up after it. Raises `CallIsOver` if it is."""

    async def hang_up(self, call_sid: str) -> None:
        """Complete the call; one that is already over is fine."""

    async def is_held(self, seat: Seat) -> bool:
        """Whether the agent has put the caller on hold."""

    @property
    def problem(self) -> str | None:
        """Why the last agent call could not be placed, in plain words; None while all is well or it is old news."""
