"""What a call asks of the telephone company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bmv.errors import ProviderError
from bmv.languages import Language


class CarrierError(ProviderError):
    """The telephone company refused or did not answer in time; says why in plain words."""


class CallIsOver(CarrierError):
    """The telephone call that something was wanted of is over already."""


@dataclass(frozen=True)
class AgentCall:
    """The agent call to be placed: for which of our calls, and the token its stream must show."""

    call_id: str
    token: str


class Carrier(Protocol):
    """The telephone company. Every method answers within seconds or raises `CarrierError`."""

    async def dial_agent(self, agent_call: AgentCall) -> str:
        """Place the agent call and return its call sid; waits its turn where calls could be mixed up."""

    async def say(self, call_sid: str, sentence: str, language: Language) -> None:
        """Take the call out of its stream, say the sentence, and hang up after it. Raises `CallIsOver` if it is."""

    async def hang_up(self, call_sid: str) -> None:
        """Complete the call; one that is already over is fine."""

    @property
    def problem(self) -> str | None:
        """Why the last agent call could not be placed, in plain words; None while all is well or it is old news."""
