"""Twilio's REST API, as far as a call needs it: place a call, say a farewell, hang up, and ask about hold.

Source: Twilio's "Call resource", "Conference participant resource", "Task resource", and the `twilio` SDK, which builds
the requests and reads the answers. Its transport is ours: the SDK's own asynchronous one ignores its timeout and would
repeat a `create`, and so place a second call.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bmv.call.carrier import CallIsOver, CarrierError, NewCall, Seat
from bmv.call.leg import Role
from bmv.languages import Language
from bmv.metrics import LastProblem
from bmv.telephony import taskrouter, twiml
from bmv.telephony.pairing import Pairing

REQUEST_SECONDS = 8.0
LOOK_UP_SECONDS = 3.0  # for what is soon asked again: the words after a hold wait for the answer
SEATS_KEPT = 1000  # conferences that were looked up; far more than run at once
CALL_IS_OVER = {20404, 21220}  # not found; not in progress: what we wanted to end has ended

T = TypeVar("T")


class HttpTransport(AsyncHttpClient):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's requests over our shared aiohttp session, to a base address of our choice."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self.is_async = True
        self._http = http
        self._base_url = base_url

    async def request(  # noqa: PLR0917 - the SDK's signature
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request, once."""
        headers = dict(headers or {})
        if auth:
            headers["Authorization"] = aiohttp.encode_basic_auth(*auth)
        async with self._http.request(
            method,
            self.address(url),
            params=params,
            data=_form(data or {}),
            headers=headers,
            allow_redirects=allow_redirects,
        ) as response:
            return Response(response.status, await response.text(), response.headers)

    def address(self, url: str) -> str:
        """Where a product of Twilio's is reached: api.twilio.com at our base address, the others beside it.

        https://taskrouter.twilio.com is beside https://api.twilio.com; an address that is no such host has them all.
        """
        host, slash, rest = url.removeprefix("https://").partition("/")
        product = host.partition(".")[0]
        return re.sub(r"^(https?://)api\.", rf"\1{product}.", self._base_url) + slash + rest


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
        client: Client,
        *,
        route: AgentRoute,
        addresses: twiml.Addresses,
        pairing: Pairing,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._client = client
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
        await self._ask(self._client.calls(call_sid).update_async(twiml=twiml.say(sentence, language)))

    async def hang_up(self, call_sid: str) -> None:
        """Complete the call; see `Carrier.hang_up`."""
        with contextlib.suppress(CallIsOver):
            await self._ask(self._client.calls(call_sid).update_async(status="completed"))

    async def is_held(self, seat: Seat) -> bool:
        """Ask the conference about its customer; see `Carrier.is_held`.

        Which conference it is stands in the task's attributes, some time after an agent has joined.
        """
        known = self._seats.get(seat.task) or (seat if seat.conference and seat.customer else await self._seat(seat))
        participant = self._client.conferences(known.conference).participants(known.customer)
        try:
            held = (await self._ask(participant.fetch_async(), LOOK_UP_SECONDS)).hold
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
        task = self._client.taskrouter.v1.workspaces(seat.workspace).tasks(seat.task)
        attributes = (await self._ask(task.fetch_async(), LOOK_UP_SECONDS)).attributes
        found = taskrouter.seat(attributes, seat.workspace, seat.task)
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
        try:
            placed = await self._ask(
                self._client.calls.create_async(
                    to=to,
                    from_=self._route.from_number,
                    twiml=twiml.stream_called(invitation, self._addresses, call.language if call.to else None),
                    timeout=self._route.answer_timeout,
                    time_limit=self._route.time_limit,
                    status_callback=self._addresses.callback("/call-status", call.call_id, call.role),
                    status_callback_event=["initiated", "ringing", "answered", "completed"],
                    status_callback_method="POST",
                )
            )
            if not placed.sid:
                raise CarrierError("Twilio's answer does not name the call")
        except CarrierError as error:
            if call.role is Role.AGENT:  # anybody may order a call to a number that cannot be called
                self._problem.note(_in_short(error.__cause__))
            if _nothing_dialled(error.__cause__):
                self._pairing.give_up(call.call_id, at_once=True)
            raise
        self._problem.solved()
        return str(placed.sid)

    async def _ask(self, request: Awaitable[T], seconds: float = REQUEST_SECONDS) -> T:
        seconds = min(seconds, self._request_seconds)
        try:
            async with asyncio.timeout(seconds):
                return await request
        except TwilioException as error:
            kind = CallIsOver if _is_over(error) else CarrierError
            raise kind(f"Twilio refused ({getattr(error, 'code', None)}): {_words(error)}") from error
        except TimeoutError as error:
            raise CarrierError(f"Twilio did not answer within {seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise CarrierError(f"Twilio cannot be reached: {error}") from error
        except (ValueError, AttributeError) as error:  # from the SDK, for what is no JSON or no object
            raise CarrierError(f"Twilio's answer cannot be read: {error}") from error


def connect(http: aiohttp.ClientSession, *, account_sid: str, auth_token: str, base_url: str) -> Client:
    """The SDK's client over our transport; the environment is not consulted, least of all for another region."""
    return Client(account_sid, auth_token, http_client=HttpTransport(http, base_url), environment={"TWILIO_REGION": ""})


def _form(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Form fields as Twilio reads them: a list is the same field several times."""
    fields = ((name, value if isinstance(value, list) else [value]) for name, value in data.items())
    return [(name, str(each)) for name, values in fields for each in values]


def _words(error: TwilioException) -> str:
    """What Twilio says, in either of its forms; the errors' own `str` is for terminals."""
    return str(getattr(error, "msg", None) or getattr(error, "title", None) or error)


def _in_short(error: BaseException | None) -> str:
    """For everybody to read: Twilio's own words may hold numbers and SIDs, which are for the log."""
    code = getattr(error, "code", None)
    return f"Twilio refused the agent call ({code}): see the log" if code else "Twilio does not answer: see the log"


def _nothing_dialled(error: BaseException | None) -> bool:
    """Whether it is certain that no call was placed: refused, or never asked. A failure of theirs (5xx) is not."""
    return isinstance(error, aiohttp.ClientConnectorError) or 400 <= getattr(error, "status", 0) < 500


def _is_over(error: BaseException | None) -> bool:
    return getattr(error, "code", None) in CALL_IS_OVER or getattr(error, "status", None) == HTTPStatus.NOT_FOUND
