"""Whether this machine's clock goes right, by the `Date` of Twilio's answer: certificates and sessions need it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from bmv.commands.doctor.check import Check, NotChecked, Notes
from bmv.commands.doctor.surroundings import Surroundings, fetch

LATE_SECONDS: Final = 30
WRONG_SECONDS: Final = 300
_REMEDY = "Have the clock set by NTP (`timedatectl set-ntp true`); in a virtual machine, set the host's."


def clock_check(twilio_url: str | None, around: Surroundings) -> Check[None]:
    """Make the check; `twilio_url` is where Twilio's REST API is, None where that is no use."""

    async def make(notes: Notes) -> None:
        if not twilio_url:
            raise NotChecked("TWILIO_API_BASE_URL is no use")
        before = around.roads.now()
        try:
            answer = await fetch(around.http, "GET", twilio_url + "/")
            theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NotChecked("Twilio did not tell the time") from error
        behind = theirs - (before + around.roads.now()) / 2
        told = f"this machine's clock is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} Twilio's"
        if abs(behind) > WRONG_SECONDS:
            notes.fault(f"{told}: certificates and sessions may be taken for expired", _REMEDY)
        elif abs(behind) > LATE_SECONDS:
            notes.warning(told, _REMEDY)
        else:
            notes.ok("right, by Twilio's")

    return Check("clock", make)
