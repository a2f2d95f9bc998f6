"""The doctor's practice, for tests: a house with everything in order, its public host, and the doctor called in."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from front import Front, Lead, front, good, trust
from house import (
    CALLER_NUMBER,
    FLEX_NUMBER,
    HOST,
    House,
    environment,
    house,
)

from bmv.commands.doctor import examination_of
from bmv.commands.doctor.findings import Finding, Level
from bmv.commands.doctor.surroundings import Roads
from bmv.simulator.twilio import Flex, Number
from bmv.simulator.twilio.holdings import Profile
from bmv.telephony.taskrouter import MEANINGS

SPRING = 1_775_000_000.0
"""At the end of March 2026, when none of the models in use has an end that is near."""


@dataclass
class Patient:
    """A house in order, that a test puts out of order."""

    house: House
    front: Front
    settings: dict[str, str]
    roads: Roads
    found: list[Finding] = field(default_factory=list)

    async def examine(self, **changes: str) -> Findings:
        """Call the doctor in; `changes` are settings that the doctor reads and the server does not know of."""
        found = await examination_of(self.settings | changes, tell=lambda _: self.found.append, roads=self.roads)
        assert self.found == found
        self.found = []
        return Findings(found)


class Findings(list[Finding]):
    """What was found, to be asked for by the name of a check."""

    def of(self, name: str) -> Finding:
        """The one finding of a check, or the worst of several."""
        order = list(Level)
        own = [finding for finding in self if finding.name == name]
        assert own, f"nothing is said of {name!r}"
        return max(own, key=lambda finding: order.index(finding.level))

    @property
    def bad(self) -> dict[str, Level]:
        """The checks that are not well, but for those that could not be made."""
        return {
            finding.name: finding.level
            for finding in self
            if finding.level is not Level.OK and not finding.message.startswith("not checked")
        }

    @property
    def skipped(self) -> set[str]:
        """The checks that could not be made."""
        return {
            finding.name
            for finding in self
            if finding.level is not Level.OK and finding.message.startswith("not checked")
        }

    def has(self, name: str, level: str, *words: str) -> None:
        """Assert that a check says so: all the words are in its message or its remedy."""
        finding = self.of(name)
        assert finding.level == level, finding
        for word in words:
            assert word in f"{finding.message} | {finding.remedy}", (word, finding)


@asynccontextmanager
async def practice(
    *,
    tls: Callable[[str], ssl.SSLContext] = good,
    settings: Mapping[str, str] = MappingProxyType({}),
    azure: Mapping[str, str] | None = None,
    now: Callable[[], float] = time.time,
    **options: Any,
) -> AsyncIterator[Patient]:
    """Open a house in order behind a front; `options` are the front's, `settings` are the server's and the doctor's.

    `azure` makes OpenAI a resource of Azure's with these deployments.
    """
    async with house(events=tuple(MEANINGS), azure=azure, settings=settings) as home:
        tidy(home)
        port = int(home.base_url.rpartition(":")[2])
        async with front(tls(HOST), options.pop("target", port), **options) as open_front:
            yield Patient(
                home,
                open_front,
                environment(home.twilio, home.openai, {"API_PORT": str(port), **settings}),
                roads(open_front.port, now=now),
            )


def roads(port: int, *, now: Callable[[], float] = time.time) -> Roads:
    """The ways to the public host, which end at this port."""

    async def look_up(name: str) -> list[str]:
        if name != HOST:
            raise OSError(f"Name or service not known: {name}")
        return ["8.8.8.8"]  # never connected to

    async def no_ngrok(_: int) -> None:
        return None

    return Roads(look_up, lambda: Lead(HOST, port), trust(), now, no_ngrok)


def tidy(home: House) -> None:
    """Put the account in order, as `python -m bmv setup` leaves it."""
    twilio = home.twilio
    twilio.account.flex = Flex()
    twilio.account.profiles.append(Profile())
    status = f"https://{HOST}/call-status"
    twilio.numbers[CALLER_NUMBER] = Number(voice_url=f"https://{HOST}/welcome", status_callback=status)
    twilio.numbers[FLEX_NUMBER] = Number(voice_url=f"https://{HOST}/outbound-call")


def changed(home: House, number: str, **changes: Any) -> None:
    """Change one of the account's numbers."""
    home.twilio.numbers[number] = replace(home.twilio.numbers[number], **changes)
