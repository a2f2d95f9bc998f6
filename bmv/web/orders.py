"""Calls that we place: ordered by whoever has the token, an agent's desktop or `python -m bmv call`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from bmv import languages
from bmv.call.registry import CallRegistry, NotAdmitted
from bmv.call.services import Caller
from bmv.telephony.destinations import is_destination, is_number
from bmv.web import bearer
from bmv.web.bodies import body_of
from bmv.wire import UNREADABLE

log = structlog.get_logger()

FLEX = "flex"


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What is posted: whom to call (E.164), which language that person speaks, and where the agent is reached."""

    to: str
    language: str
    agent: str | None = None


@dataclass(frozen=True)
class AgentPlaces:
    """Where agents are reached when an order does not say (None: Flex), and whether there is Flex at all."""

    usual: str | None
    flex: bool


class Orders:
    """`POST /calls` orders a call, `GET /calls/{id}` says how far it is; both for whoever has the token.

    They answer JSON: what was ordered, or `problems`, all of them at once, in plain words.
    """

    PATHS = frozenset({"/calls", "/calls/{id}"})

    def __init__(
        self, registry: CallRegistry, *, token: str | None, agents: AgentPlaces, own_numbers: Collection[str]
    ) -> None:
        """Without a `token` nobody is let in. `own_numbers` lead to this server, and cannot be called from here."""
        self._registry = registry
        self._token = token
        self._agents = agents
        self._own_numbers = own_numbers

    def routes(self) -> list[web.RouteDef]:
        """Both routes; Twilio has no part in them, so they want no signature of Twilio's."""
        return [web.post("/calls", self.order), web.get("/calls/{id}", self.show)]

    async def order(self, request: web.Request) -> web.Response:
        """Place a call: first to the agent, then, when the agent is there, to whom is to be called."""
        if refusal := self._refusal(request):
            return refusal
        try:
            order = msgspec.json.decode(await body_of(request), type=Order)
        except UNREADABLE as error:
            return _problems(HTTPStatus.BAD_REQUEST, f"this is no order: {error}")
        language = languages.find(order.language)
        if problems := self._wrong(order):
            return _problems(HTTPStatus.BAD_REQUEST, *problems)
        agent = {None: self._agents.usual, FLEX: None}.get(order.agent, order.agent)
        try:
            call = self._registry.place(Caller(None, order.to, language), agent)
        except NotAdmitted as error:
            return _problems(HTTPStatus.SERVICE_UNAVAILABLE, f"no further call is taken now: {error}")
        log.info("call_placed", call_id=call.id, language=order.language)
        return web.json_response({"id": call.id, "state": call.state.value}, status=HTTPStatus.CREATED)

    async def show(self, request: web.Request) -> web.Response:
        """How far a call is: its state, and once it is over the reason."""
        if refusal := self._refusal(request):
            return refusal
        call_id = request.match_info["id"]
        call, reason = self._registry.find(call_id), self._registry.outcome(call_id)
        if call:
            return web.json_response({"id": call_id, "state": call.state.value})
        if reason:
            return web.json_response({"id": call_id, "state": "ended", "reason": reason.value})
        return _problems(HTTPStatus.NOT_FOUND, "there is no such call, or it has been over for long")

    def _wrong(self, order: Order) -> list[str]:
        problems = []
        if not is_number(order.to):
            problems.append("to must be a phone number with + and country code, such as +34911222333")
        elif order.to in self._own_numbers:
            problems.append("to must not be a number of this server: it would call itself")
        if languages.find(order.language) is None:
            problems.append(f"language must be one of {', '.join(languages.LANGUAGES)}, or a name of one of them")
        if order.agent not in (None, FLEX) and not is_destination(order.agent):
            problems.append("agent must be flex, a phone number, sip:name@host or client:name")
        elif order.agent in self._own_numbers:
            problems.append("agent must not be a number of this server: it would call itself")
        elif order.agent == order.to:
            problems.append("agent must be somebody else than to")
        elif order.agent == FLEX and not self._agents.flex:
            problems.append("agent cannot be flex here: the settings of Flex, TWILIO_FLEX_…, are missing")
        return problems

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._token is None:
            return _problems(HTTPStatus.FORBIDDEN, "calls cannot be ordered here: API_TOKEN is not set")
        if not bearer.bears(request, self._token):
            answer = _problems(HTTPStatus.UNAUTHORIZED, "the header Authorization must be: Bearer, and the API_TOKEN")
            answer.headers.update(bearer.CHALLENGE)
            return answer
        return None


def _problems(status: HTTPStatus, *problems: str) -> web.Response:
    return web.json_response({"problems": problems}, status=status)
