"""The REST API of the telephone company: calls are made, looked up and ended here, and conferences and tasks looked up.

What the account has is looked up and changed in the modules that `_ROUTES` names. Strict about every field. Everything
is at one address, though in reality TaskRouter, Studio, Flex and others have one of their own.
Source: Twilio "Call resource" and the request forms of the `twilio` package.
"""

import asyncio
import base64
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from bmv.simulator.connections import Connections
from bmv.simulator.twilio import console, flows, inventory, resources, workspaces
from bmv.simulator.twilio.asking import Asked, Form, answer, is_url
from bmv.simulator.twilio.calls import Call
from bmv.simulator.twilio.exchange import Exchange
from bmv.simulator.twilio.outgoing import Order, place
from bmv.simulator.twilio.pages import Page, read
from bmv.simulator.twilio.refusals import RefusalError
from bmv.simulator.twilio.resources import Kind
from bmv.simulator.twilio.troubles import Drop, Hang, Troubles
from bmv.simulator.twilio.verbs import Redirect

_CREATE: Final = (
    "To From Method FallbackUrl FallbackMethod StatusCallback StatusCallbackEvent StatusCallbackMethod SendDigits"
    " Timeout Record RecordingChannels RecordingStatusCallback RecordingStatusCallbackMethod RecordingConfigurationId"
    " SipAuthUsername SipAuthPassword MachineDetection MachineDetectionTimeout RecordingStatusCallbackEvent Trim"
    " CallerId MachineDetectionSpeechThreshold MachineDetectionSpeechEndThreshold MachineDetectionSilenceTimeout"
    " AsyncAmd AsyncAmdStatusCallback AsyncAmdStatusCallbackMethod Passports Byoc CallReason CallToken RecordingTrack"
    " TimeLimit ClientNotificationUrl Url Twiml ApplicationSid"
)
_UPDATE: Final = "Url Method Status FallbackUrl FallbackMethod StatusCallback StatusCallbackMethod Twiml TimeLimit"
_CREATE_FIELDS: Final = frozenset(_CREATE.split())
_UPDATE_FIELDS: Final = frozenset(_UPDATE.split())
_REPEATED: Final = frozenset({"StatusCallbackEvent", "RecordingStatusCallbackEvent"})
_EVENTS: Final = frozenset({"initiated", "ringing", "answered", "completed"})
_ROUTES: Final = (*inventory.ROUTES, *flows.ROUTES, *workspaces.ROUTES, *console.ROUTES)


@dataclass(slots=True)
class RestRequest:
    """A request that the server made; `status` is what it was answered with (0 while it waits)."""

    method: str
    path: str
    form: Form
    status: int = 0

    @property
    def fields(self) -> dict[str, str]:
        """The form as a dict: of a repeated field the last value."""
        return dict(self.form)


class RestApi:
    """The HTTP server; `url` is what the server under test is given as the API's address."""

    def __init__(self, exchange: Exchange, auth_token: str) -> None:
        self.url = ""
        self.requests: list[RestRequest] = []
        self.troubles = Troubles()
        self._exchange = exchange
        self.auth_tokens = [auth_token]
        """What requests may be made with: while it is changed, two."""
        self._refuse_next: RefusalError | None = None
        self._hang_next: float | None = None
        self._fetch_troubles: list[tuple[Kind, RefusalError | float]] = []
        self.update_seconds = 0.0
        """How long every change of a call waits before it is made and answered."""
        self._runner: web.AppRunner | None = None
        self._connections = Connections()

    async def open(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application(client_max_size=2**20, middlewares=[self._connections.middleware])
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening, and drop requests that still wait."""
        if self._runner is not None:
            await self._runner.cleanup()

    def close_idle(self) -> None:
        """Close the connections that no request is on, as any server may at any time."""
        self._connections.close_idle(self._runner)

    def refuse_next_create(self, status: int, code: int, message: str) -> None:
        """Answer the next attempt to make a call with an error."""
        self._refuse_next = RefusalError(status, code, message)

    def hang_next_create(self, seconds: float) -> None:
        """Make the next call at once, but answer so many seconds later."""
        self._hang_next = seconds

    def trouble_next_fetches(self, kind: Kind, trouble: RefusalError | float, times: int) -> None:
        """Refuse the next look-ups of a kind, or answer them so many seconds later."""
        self._fetch_troubles += [(kind, trouble)] * times

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        form = parse_qsl(body, keep_blank_values=True)
        record = RestRequest(request.method, request.path, form)
        self.requests.append(record)
        trouble = self.troubles.meet(request.method, request.path, body)
        try:
            if isinstance(trouble, RefusalError):
                raise trouble
            response = await self._dispatch(request, form)
        except RefusalError as refusal:
            response = web.json_response(refusal.body(), status=refusal.status)
        except Exception as error:
            self._exchange.fail(error)
            raise
        if isinstance(trouble, Hang):
            await asyncio.sleep(trouble.seconds)
        if isinstance(trouble, Drop) and request.transport is not None:
            request.transport.abort()
        record.status = response.status
        return response

    async def _dispatch(self, request: web.Request, form: Form) -> web.Response:
        if request.headers.get("Authorization", "") not in map(self._authorization, self.auth_tokens):
            raise RefusalError(401, 20003, "Authenticate")
        if (kind := resources.kind_of(request.path)) is not None:
            return await self._fetch(kind, request)
        pattern = rf"/2010-04-01/Accounts/{self._exchange.account_sid}/Calls(/(?P<sid>CA\w+))?\.json"
        match = re.fullmatch(pattern, request.path)
        if match is None:
            query = parse_qsl(request.query_string, keep_blank_values=True)
            if request.method == "POST" and query:
                raise RefusalError(400, 20001, "the fields of a POST are its form, not its query")
            asked = Asked(request.method, request.path, form if request.method == "POST" else query)
            status, body = answer(_ROUTES, self._exchange, asked)
            return web.Response(status=status) if body is None else web.json_response(body, status=status)
        match request.method, match["sid"]:
            case "POST", None:
                return await self._create(form)
            case "POST", str(sid):
                await asyncio.sleep(self.update_seconds)
                return self._update(self._call(sid, request.path), form)
            case "GET", str(sid):
                return web.json_response(resources.call_json(self._call(sid, request.path)))
        raise RefusalError(405, 20004, "Method not allowed")

    def _authorization(self, auth_token: str) -> str:
        credentials = base64.b64encode(f"{self._exchange.account_sid}:{auth_token}".encode()).decode()
        return f"Basic {credentials}"

    async def _fetch(self, kind: Kind, request: web.Request) -> web.Response:
        if request.method != "GET":
            raise RefusalError(405, 20004, "Method not allowed")
        for trouble in self._fetch_troubles:
            if trouble[0] == kind:
                self._fetch_troubles.remove(trouble)
                if isinstance(trouble[1], RefusalError):
                    raise trouble[1]
                await asyncio.sleep(trouble[1])
                break
        return web.json_response(resources.fetch(self._exchange, request.path))

    async def _create(self, form: Form) -> web.Response:
        if self._refuse_next is not None:
            refusal, self._refuse_next = self._refuse_next, None
            raise refusal
        self._check_names(form, _CREATE_FIELDS)
        events = [value for name, value in form if name == "StatusCallbackEvent"]
        if unknown := sorted(set(events) - _EVENTS):
            raise RefusalError(400, 21626, f"StatusCallbackEvent: {', '.join(unknown)} is not an event")
        values = dict(form)
        _check_values(values)
        call = place(self._exchange, Order(values, frozenset(events or ["completed"])))
        if self._hang_next is not None:
            seconds, self._hang_next = self._hang_next, None
            await asyncio.sleep(seconds)
        return web.json_response(resources.call_json(call), status=201)

    def _update(self, call: Call, form: Form) -> web.Response:
        self._check_names(form, _UPDATE_FIELDS)
        values = dict(form)
        if call.over:
            raise RefusalError(
                404, 20404, f"The requested resource {call.sid} was not found: the call is {call.status}"
            )
        _check_values(values)
        if "Url" in values and "Twiml" in values:
            raise RefusalError(400, 20001, "Url and Twiml exclude each other")
        match values.get("Status"):
            case "completed":
                call.end()
            case "canceled":
                if call.status in ("queued", "initiated", "ringing"):
                    call.end("canceled")
            case None:
                self._go_on(call, values)
            case other:
                raise RefusalError(400, 20001, f"Status {other!r} is neither completed nor canceled")
        return web.json_response(resources.call_json(call))

    def _go_on(self, call: Call, values: dict[str, str]) -> None:
        if ("Url" in values or "Twiml" in values) and call.status != "in-progress":
            raise RefusalError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if "Url" in values:
            call.redirect(Page((Redirect(values["Url"], values.get("Method", "POST")),), ""))
        elif "Twiml" in values:
            call.redirect(read(self._exchange, values["Twiml"], ""))
        if "TimeLimit" in values:
            call.limit(float(values["TimeLimit"]))

    def _check_names(self, form: Form, known: frozenset[str]) -> None:
        for name, _ in form:
            if name not in known:
                raise RefusalError(400, 20001, f"{name} is not a field of this request")
        names = [name for name, _ in form if name not in _REPEATED]
        for name in names:
            if names.count(name) > 1:
                raise RefusalError(400, 20001, f"{name} was given twice")

    def _call(self, sid: str, path: str) -> Call:
        try:
            return self._exchange.calls[sid]
        except KeyError:
            raise RefusalError(404, 20404, f"The requested resource {path} was not found") from None


_URLS: Final = {"Url": 21205, "FallbackUrl": 21205, "StatusCallback": 21609}
_METHODS: Final = ("Method", "FallbackMethod", "StatusCallbackMethod")


def _check_values(values: dict[str, str]) -> None:
    for name, value in values.items():
        if name in _URLS and not is_url(value):
            raise RefusalError(400, _URLS[name], f"{name} is not a valid URL: {value}")
        if name in _METHODS and value not in ("GET", "POST"):
            raise RefusalError(400, 20001, f"{name} is neither GET nor POST: {value}")
        if name in ("Timeout", "TimeLimit") and not value.isdigit():
            raise RefusalError(400, 20001, f"{name} is not a number: {value}")
    if int(values.get("Timeout", 60)) > 600:
        raise RefusalError(400, 20001, "Timeout is more than 600 seconds")
    if len(values.get("Twiml", "")) > 4000:
        raise RefusalError(400, 21502, f"Twiml has {len(values['Twiml'])} characters, 4000 may be")
