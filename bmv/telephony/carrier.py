"""Twilio's REST API, as far as a call needs it: place a call, say a farewell, hang up, and ask about hold.

Source: Twilio's "Call resource", "Conference participant resource", "Task resource".
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from bmv.call.carrier import CallIsOver, CarrierError, NewCall, Seat
from bmv.call.leg import Role
from bmv.languages import Language
from bmv.metrics import LastProblem
from bmv.telephony import rest, taskrouter, twiml
from bmv.telephony.pairing import Pairing

LOOK_UP_SECONDS = 3.0  # for what is soon asked again: the words after a hold wait for the answer
SEATS_KEPT = 1000  # conferences that were looked up; far more than run at once
CALL_IS_OVER = {20404, 21220}  # not found; not in progress: what we wanted to end has ended

STATUS_EVENTS = ("initiated", "ringing", "answered", "completed")


@dataclass(frozen=True)
class AgentRoute:
    """How calls are placed: from our own number; to Flex by its number or a TwiML App; times in seconds."""

    from_number: str
    flex_number: str | None
    app_sid: str | None
    answer_timeout: int
    time_limit: int


class TwilioCarrier:
    """The `Carrier` over Twilio."""

    def __init__(
        self,
        api: rest.Api,
        *,
        route: AgentRoute,
        addresses: twiml.Addresses,
        pairing: Pairing,
        request_seconds: float = rest.REQUEST_SECONDS,
    ) -> None:
        self._api = api
        self._request_seconds = request_seconds
        self._route = route
        self._addresses = addresses
        self._pairing = pairing
        self._problem = LastProblem()
        self._seats: dict[str, Seat] = {}

    @property
    def problem(self) -> str | None:
        """Why the last agent call could not be placed; see `Carrier.problem`."""
        return self._problem.text

    async def dial(self, call: NewCall) -> str:
        """Place a call; see `Carrier.dial`.

        In Flex a TwiML App is told our call id in its address. A number cannot be told anything, so there the call
        waits until it is the only one unmatched (`Pairing`).
        """
        route = self._route
        if call.to:
            return await self._create_whole(call, call.to)
        if route.app_sid:
            return await self._create_whole(call, f"app:{route.app_sid}?{twiml.CALL_ID}={call.call_id}")
        if not route.flex_number:
            raise CarrierError("neither TWILIO_FLEX_NUMBER nor TWILIO_FLEX_APP_SID is set")
        await self._pairing.claim((route.from_number, route.flex_number), call.call_id)
        return await self._create_whole(call, route.flex_number)

    async def say(self, call_sid: str, sentence: str, language: Language) -> None:
        """Replace what the call does by one sentence and a hang-up; see `Carrier.say`."""
        await self._update(call_sid, "Twiml", twiml.say(sentence, language))

    async def hang_up(self, call_sid: str) -> None:
        """Complete the call; see `Carrier.hang_up`."""
        with contextlib.suppress(CallIsOver):
            await self._update(call_sid, "Status", "completed")

    async def is_held(self, seat: Seat) -> bool:
        """Ask the conference about its customer; see `Carrier.is_held`.

        Which conference it is stands in the task's attributes, some time after an agent has joined.
        """
        known = self._seats.get(seat.task, seat)
        if not (known.conference and known.customer):
            known = await self._seat(seat)
        conference = f"{self._api.account_url}/Conferences/{_part(known.conference)}"
        try:
            held = (await self._look_up(f"{conference}/Participants/{_part(known.customer)}.json")).get("hold")
        except CallIsOver:
            self._seats.pop(seat.task, None)
            with contextlib.suppress(CarrierError):  # it may be another conference by now: for the next time
                await self._seat(seat)
            raise
        if not isinstance(held, bool):
            raise CarrierError("Twilio's answer does not say whether the caller is on hold")
        return held

    async def _seat(self, seat: Seat) -> Seat:
        if not (seat.workspace and seat.task):
            raise CarrierError("the event did not name the task")
        workspace = f"https://taskrouter.twilio.com/v1/Workspaces/{_part(seat.workspace)}"
        task = await self._look_up(f"{workspace}/Tasks/{_part(seat.task)}")
        found = taskrouter.seat(task.get("attributes"), seat.workspace, seat.task)
        if not (found.conference and found.customer):
            raise CarrierError("the task does not name its conference yet")
        self._seats[seat.task] = found
        if len(self._seats) > SEATS_KEPT:
            del self._seats[next(iter(self._seats))]
        return found

    async def _create_whole(self, call: NewCall, to: str) -> str:
        """Place the call, and if that is cancelled half-way, see to the end of what it placed."""
        creating = asyncio.ensure_future(self._create(call, to))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            await asyncio.wait([creating])  # bounded by the time a request may take
            if creating.exception() is None:
                with contextlib.suppress(CarrierError):  # its status callbacks will find no call and hang it up
                    await self.hang_up(creating.result())
            raise

    async def _create(self, call: NewCall, to: str) -> str:
        invitation = twiml.StreamInvitation(call.call_id, call.role, call.token)
        document = twiml.stream_called(invitation, self._addresses, call.language if call.to else None)
        fields = [
            ("To", to),
            ("From", self._route.from_number),
            ("Twiml", document),
            ("Timeout", str(self._route.answer_timeout)),
            ("TimeLimit", str(self._route.time_limit)),
            ("StatusCallback", self._addresses.callback("/call-status", call.call_id, call.role)),
            *(("StatusCallbackEvent", event) for event in STATUS_EVENTS),
            ("StatusCallbackMethod", "POST"),
        ]
        try:
            request = self._api.post(f"{self._api.account_url}/Calls.json", fields, within=self._request_seconds)
            call_sid = (await _asked(request)).get("sid")
            if not isinstance(call_sid, str) or not call_sid:
                raise CarrierError("Twilio's answer does not name the call")
        except CarrierError as error:
            if call.role is Role.AGENT:  # anybody may order a call to a number that cannot be called
                self._problem.note(_in_short(error.__cause__))
            if _nothing_dialled(error.__cause__):
                self._pairing.give_up(call.call_id, at_once=True)
            raise
        self._problem.solved()
        return call_sid

    async def _update(self, call_sid: str, name: str, value: str) -> None:
        url = f"{self._api.account_url}/Calls/{_part(call_sid)}.json"
        await _asked(self._api.post(url, [(name, value)], within=self._request_seconds))

    async def _look_up(self, url: str) -> dict[str, Any]:
        return await _asked(self._api.get(url, within=min(LOOK_UP_SECONDS, self._request_seconds)))


async def _asked(request: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await request
    except rest.RestError as error:
        raise (CallIsOver if _is_over(error) else CarrierError)(str(error)) from error


def _part(name: str) -> str:
    """A name of Twilio's as one part of an address, whatever stands in it."""
    return quote(name, safe="")


def _in_short(error: BaseException | None) -> str:
    """For everybody to read: Twilio's own words may hold numbers and SIDs, which are for the log."""
    code = error.code if isinstance(error, rest.RestError) else None
    return f"Twilio refused the agent call ({code}): see the log" if code else "Twilio does not answer: see the log"


def _nothing_dialled(error: BaseException | None) -> bool:
    """Whether it is certain that no call was placed: refused, or never asked. A failure of theirs (5xx) is not."""
    return isinstance(error, rest.RestError) and error.nothing_done


def _is_over(error: rest.RestError) -> bool:
    return error.code in CALL_IS_OVER or error.status == HTTPStatus.NOT_FOUND
