"""A local server that answers as Twilio's REST API does, and a carrier that asks it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from wires import ACCOUNT_SID, AGENT_SID, AUTH_TOKEN, FLEX_NUMBER, OWN_NUMBER, PUBLIC_HOST

from bmv import languages
from bmv.call.carrier import NewCall
from bmv.call.leg import Role
from bmv.telephony import rest
from bmv.telephony.carrier import AgentRoute, TwilioCarrier
from bmv.telephony.pairing import Pairing
from bmv.telephony.twiml import Addresses

CALLS = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json"
CALL = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{AGENT_SID}.json"
ENGLISH = languages.get("en")
AGENT_CALL = NewCall("c1", Role.AGENT, "a-secret-token", None, ENGLISH)
NUMBERS = (OWN_NUMBER, FLEX_NUMBER)
APP_SID = "AP" + "7" * 32
ROUTE = AgentRoute(OWN_NUMBER, FLEX_NUMBER, None, answer_timeout=30, time_limit=60)

# `POST /Calls` in Twilio's "Call resource", as form fields.
CREATE_FIELDS = {
    "To",
    "From",
    "Url",
    "Twiml",
    "ApplicationSid",
    "Method",
    "FallbackUrl",
    "FallbackMethod",
    "StatusCallback",
    "StatusCallbackEvent",
    "StatusCallbackMethod",
    "SendDigits",
    "Timeout",
    "TimeLimit",
    "CallerId",
    "CallToken",
    "CallReason",
}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """One request that reached the API."""

    method: str
    path: str
    form: list[tuple[str, str]]
    authorization: str

    def one(self, name: str) -> str:
        (value,) = (value for given, value in self.form if given == name)
        return value


@dataclass
class Api:
    """Twilio's REST API: remembers what it was asked, answers as it is told."""

    answer: Answer
    asked: list[Asked] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.query_string == ""
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        self.asked.append(Asked(request.method, request.path, form, request.headers.get("Authorization", "")))
        return await self.answer(request)


def call_json(status: str = "queued") -> dict[str, Any]:
    return {
        "sid": AGENT_SID,
        "account_sid": ACCOUNT_SID,
        "status": status,
        "direction": "outbound-api",
        "parent_call_sid": None,
        "queue_time": "0",
        "to": FLEX_NUMBER,
        "from": OWN_NUMBER,
        "date_created": "Sun, 22 Nov 2026 10:00:00 +0000",
        "subresource_uris": {},
    }


def refusing(status: int, code: int, message: str) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        more = f"https://www.twilio.com/docs/errors/{code}"
        body = {"code": code, "message": message, "more_info": more, "status": status}
        return web.json_response(body, status=status)

    return answer


async def created(_request: web.Request) -> web.Response:
    return web.json_response(call_json(), status=201)


async def updated(_request: web.Request) -> web.Response:
    return web.json_response(call_json("completed"))


async def silent(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    raise AssertionError


async def hanging_up(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def twilio(
    answer: Answer = created,
    *,
    app_sid: str | None = None,
    flex_number: str | None = FLEX_NUMBER,
) -> AsyncIterator[tuple[TwilioCarrier, Api, Pairing]]:
    """Open an API and a carrier that uses it."""
    api, pairing = Api(answer), Pairing(patience=60)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        base_url = str(server.make_url("/")).removesuffix("/")
        route = AgentRoute(OWN_NUMBER, flex_number, app_sid, answer_timeout=30, time_limit=15_000)
        seconds = 0.1 if answer is silent else 5
        yield carrier_at(base_url, http, pairing, route, request_seconds=seconds), api, pairing


def carrier_at(
    base_url: str,
    http: aiohttp.ClientSession,
    pairing: Pairing,
    route: AgentRoute = ROUTE,
    *,
    request_seconds: float = rest.REQUEST_SECONDS,
) -> TwilioCarrier:
    """A carrier that asks the API at an address, where there need not be one."""
    return TwilioCarrier(
        rest.Api(http, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, base_url=base_url),
        route=route,
        addresses=Addresses(PUBLIC_HOST),
        pairing=pairing,
        request_seconds=request_seconds,
    )
