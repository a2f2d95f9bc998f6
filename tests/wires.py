"""The wires of the telephone company, for tests: signed requests, media streams, and the house they lead to.

Everything here is written from Twilio's documents and knows nothing of how our rooms build or read the same things.
"""

import asyncio
import base64
import hashlib
import hmac
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import aiohttp
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes import FakeSpeaker
from multidict import CIMultiDict
from yarl import URL

from bmv import languages, logs
from bmv.audio.mulaw import SILENCE
from bmv.call.alongside import alongside
from bmv.call.captions import CaptionFeed
from bmv.call.carrier import CarrierError, NewCall, Seat
from bmv.call.leg import Role
from bmv.call.metronome import Metronome
from bmv.call.registry import CallRegistry
from bmv.call.services import CallPolicy, CallServices
from bmv.call.session import CallSession
from bmv.call.state import CallState
from bmv.call.transcript import Transcripts
from bmv.languages import Language
from bmv.telephony.menu import Menu
from bmv.telephony.pairing import Pairing
from bmv.telephony.signatures import SignatureVerifier
from bmv.telephony.twiml import Addresses
from bmv.translators.loopback import LoopbackFactory
from bmv.web.console import Console
from bmv.web.console_login import Sessions
from bmv.web.doorway import OPTIONS, Doorway
from bmv.web.exposition import CallFigures
from bmv.web.gate import MAX_BODY_BYTES, Gate
from bmv.web.health import Health
from bmv.web.intercept import SOCKETS, Intercept
from bmv.web.links import Links
from bmv.web.metrics_page import MetricsPage
from bmv.web.onlookers import Onlookers
from bmv.web.orders import AgentPlaces, Orders
from bmv.web.overview import Overview
from bmv.web.paper import Paper
from bmv.web.reception import Reception
from bmv.web.webhooks import FlexDesk, Webhooks

PUBLIC_HOST = "voice.example.com"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
CALLER_SID = "CA" + "1" * 32
AGENT_SID = "CA" + "2" * 32  # our side of the agent call
FLEX_SID = "CA" + "3" * 32  # Flex's side of it: another call to Twilio
STREAM_SID = "MZ" + "4" * 32
ACCOUNT_SID = "AC" + "5" * 32
WORKFLOW_SID = "WW" + "6" * 32
CALLER = "+34612345678"
API_TOKEN = "token-of-the-desktop"
METRICS_TOKEN = "token-of-the-scraper"
CONSOLE_PASSWORD = "correct-horse-battery"
LINK_SECRET = b"what signs links in these tests"
MOST_WAITING = 20
"""Connections, before the one that has waited longest is cut."""
OWN_NUMBER = "+15005550006"
FLEX_NUMBER = "+15005550007"

IN_FLEX = AgentPlaces(None, flex=True)

Form = Mapping[str, str]


def signature(url: str, form: Form | Sequence[tuple[str, str]] = (), *, secret: str = AUTH_TOKEN) -> str:
    """Sign as Twilio's "Webhooks security" says: the address, then each field's name and value, sorted by name."""
    fields = form.items() if isinstance(form, Mapping) else form
    text = url + "".join(name + value for name, value in sorted(fields))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def tree(document: str) -> ElementTree.Element:
    """Parse a TwiML document."""
    return ElementTree.fromstring(document)  # noqa: S314 - our own documents


def spoken(document: str) -> list[str]:
    """The sentences of a TwiML document."""
    return [say.text or "" for say in tree(document).iter("Say")]


def voices(document: str) -> set[str]:
    """The languages they are spoken in, as Twilio names them."""
    return {say.attrib["language"] for say in tree(document).iter("Say")}


def parameters(document: str) -> dict[str, str]:
    """Give the `<Parameter>`s of the document's stream."""
    return {each.attrib["name"]: each.attrib["value"] for each in tree(document).iter("Parameter")}


# -- what Twilio sends over a media stream, each message in its complete shape --------------------------------------


def connected() -> dict[str, Any]:
    return {"event": "connected", "protocol": "Call", "version": "1.0.0"}


def start(custom: Mapping[str, str], *, call_sid: str = CALLER_SID, stream_sid: str = STREAM_SID) -> dict[str, Any]:
    return {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": ACCOUNT_SID,
            "streamSid": stream_sid,
            "callSid": call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(custom),
        },
        "streamSid": stream_sid,
    }


def media(audio: bytes, *, number: int = 1, stream_sid: str = STREAM_SID) -> dict[str, Any]:
    payload = base64.b64encode(audio).decode()
    return {
        "event": "media",
        "sequenceNumber": str(number + 1),
        "media": {"track": "inbound", "chunk": str(number), "timestamp": str(20 * number), "payload": payload},
        "streamSid": stream_sid,
    }


def dtmf(digit: str) -> dict[str, Any]:
    return {
        "event": "dtmf",
        "streamSid": STREAM_SID,
        "sequenceNumber": "5",
        "dtmf": {"track": "inbound_track", "digit": digit},
    }


def mark(name: str) -> dict[str, Any]:
    return {"event": "mark", "sequenceNumber": "4", "streamSid": STREAM_SID, "mark": {"name": name}}


def stop(*, call_sid: str = CALLER_SID, stream_sid: str = STREAM_SID) -> dict[str, Any]:
    return {
        "event": "stop",
        "sequenceNumber": "5",
        "stop": {"accountSid": ACCOUNT_SID, "callSid": call_sid},
        "streamSid": stream_sid,
    }


@dataclass
class FakeCarrier:
    """A telephone company that does as it is told and remembers it; `refusing` makes it refuse everything."""

    refusing: str | None = None
    problem: str | None = None
    dialled: list[NewCall] = field(default_factory=list)
    said: list[tuple[str, str, Language]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def dial(self, call: NewCall) -> str:
        self.dialled.append(call)
        self._done()
        return AGENT_SID if call.role is Role.AGENT else CALLER_SID

    async def say(self, call_sid: str, sentence: str, language: Language) -> None:
        self.said.append((call_sid, sentence, language))
        self._done()

    async def hang_up(self, call_sid: str) -> None:
        self.hung_up.append(call_sid)
        self._done()

    async def is_held(self, seat: Seat) -> bool:
        self._done()
        return False

    def _done(self) -> None:
        self.changed.set()
        if self.refusing:
            raise CarrierError(self.refusing)

    async def until_dialled(self) -> NewCall:
        """Wait for the agent call to be placed."""
        async with asyncio.timeout(5):
            while not self.dialled:
                self.changed.clear()
                await self.changed.wait()
        return self.dialled[-1]


@dataclass
class House:
    """A server made of the real rooms of telephony and web, reached over real sockets; see `house`."""

    url: URL
    http: aiohttp.ClientSession
    registry: CallRegistry
    carrier: FakeCarrier
    pairing: Pairing
    captions: CaptionFeed
    server: TestServer
    doorway: Doorway
    """Through which nobody of `http` comes; see `Doorway.let_in`."""
    console: Console
    sockets: list[aiohttp.ClientWebSocketResponse] = field(default_factory=list)

    async def post(
        self, target: str, form: Form | Sequence[tuple[str, str]] = (), *, headers: Form | None = None
    ) -> aiohttp.ClientResponse:
        """Post a form as Twilio does, with its signature; `target` (path and query) goes out byte by byte."""
        signed = {"X-Twilio-Signature": signature(f"https://{PUBLIC_HOST}{target}", form)}
        fields = list(form.items()) if isinstance(form, Mapping) else list(form)
        return await self.send("POST", target, data=aiohttp.FormData(fields), headers=signed | dict(headers or {}))

    async def send(self, method: str, target: str, **options: Any) -> aiohttp.ClientResponse:
        """Send a request as it is, and read its answer to the end."""
        url = URL(str(self.url.origin()) + target, encoded=True)
        async with self.http.request(method, url, **options) as response:
            await response.read()
            return response

    async def connect(self, *, headers: Form | None = None) -> aiohttp.ClientWebSocketResponse:
        """Open a socket to `/intercept`; `headers` instead of a true signature."""
        if headers is None:
            headers = {"X-Twilio-Signature": signature(f"wss://{PUBLIC_HOST}/intercept")}
        ws = await self.http.ws_connect(self.url.origin() / "intercept", headers=CIMultiDict(headers))
        self.sockets.append(ws)  # one that is held by nobody closes by itself
        return ws

    async def incoming(self, lang: str = "spanish", **fields: str) -> str:
        """Let somebody call, and give the TwiML that answers them."""
        form = {"CallSid": CALLER_SID, "From": CALLER, "To": OWN_NUMBER, "CallStatus": "ringing"} | fields
        response = await self.post(f"/incoming-call?lang={lang}", form)
        assert response.status == 200
        return await response.text()

    async def stream(self, custom: Mapping[str, str], *, call_sid: str = CALLER_SID) -> aiohttp.ClientWebSocketResponse:
        """Open a media stream and start it with these parameters."""
        ws = await self.connect()
        await ws.send_json(connected())
        await ws.send_json(start(custom, call_sid=call_sid))
        return ws

    async def call(self, lang: str = "spanish", *, call_sid: str = CALLER_SID) -> CallSession:
        """Give a call whose TwiML was sent and whose stream has not started."""
        document = await self.incoming(lang, CallSid=call_sid)
        call = self.registry.find(parameters(document)["bmv_call_id"])
        assert call is not None
        return call

    async def queued(self, *, call_sid: str = CALLER_SID) -> CallSession:
        """Give a call whose both streams run and which waits for an agent to accept."""
        custom = parameters(await self.incoming(CallSid=call_sid))
        call = self.registry.find(custom["bmv_call_id"])
        assert call is not None
        await self.stream(custom, call_sid=call_sid)
        agent_call = await self.carrier.until_dialled()
        agent = {"bmv_call_id": call.id, "bmv_role": "agent", "bmv_token": agent_call.token}
        await self.stream(agent, call_sid=AGENT_SID)
        async with asyncio.timeout(5):
            while call.state is not CallState.QUEUED:
                await self.send("GET", "/live")
        return call

    async def over(self) -> None:
        """Wait until no call is running."""
        await self.registry.drain(5)
        assert len(self.registry) == 0


@asynccontextmanager
async def house(
    *,
    carrier: FakeCarrier | None = None,
    max_calls: int = 10,
    shared_key: str | None = None,
    farewell: float = 0.01,
    api_token: str | None = API_TOKEN,
    agents: AgentPlaces = IN_FLEX,
    menu: str = "en es fr zh hi",
    agent: str = "en",
) -> AsyncIterator[House]:
    """Open the house; a farewell takes no longer than given, nothing is left behind. `menu` and `agent` are tags."""
    carrier = carrier or FakeCarrier()
    metronome, captions, pairing = Metronome(), CaptionFeed(), Pairing(patience=60, afterlife=0)
    policy = CallPolicy(agent_language=languages.get(agent), agent_destination=agents.usual, farewell=farewell)
    transcripts, translator = Transcripts(metronome.now), LoopbackFactory(delay=0.04)
    services = CallServices(carrier, [translator], FakeSpeaker(), metronome, captions, transcripts, policy)
    registry = CallRegistry(services, max_calls=max_calls)
    verifier = SignatureVerifier(PUBLIC_HOST, auth_token=AUTH_TOKEN, shared_key=shared_key)
    reception = Reception(
        registry,
        addresses=Addresses(PUBLIC_HOST),
        menu=Menu([languages.get(tag) for tag in menu.split()]),
        agent_language=languages.get(agent),
    )
    webhooks = Webhooks(
        registry,
        carrier=carrier,
        pairing=pairing,
        desk=FlexDesk(WORKFLOW_SID if agents.flex else None, languages.get(agent), OWN_NUMBER, ("languages",)),
        captions_url=lambda call_id: f"https://{PUBLIC_HOST}/captions/{call_id}",
    )
    links = Links(PUBLIC_HOST, LINK_SECRET)
    onlookers = Onlookers(
        registry,
        services.transcripts,
        links=links,
        public_host=PUBLIC_HOST,
        captions=True,
    )
    health = Health({"carrier": lambda: carrier.problem, "capacity": lambda: "full" if registry.full else None})
    own_numbers = {OWN_NUMBER, FLEX_NUMBER}
    orders = Orders(registry, token=api_token, agents=agents, own_numbers=own_numbers)
    overview, sessions = Overview(registry, lateness=metronome.late), Sessions(CONSOLE_PASSWORD, LINK_SECRET)
    console = Console(registry, overview, sessions=sessions, links=links, public_host=PUBLIC_HOST)
    metrics = MetricsPage(CallFigures(registry, lateness=metronome.late, checks={}), token=METRICS_TOKEN)
    own_lock = Health.PATHS | Orders.PATHS | Onlookers.PATHS | Paper.PATHS | Console.PATHS | MetricsPage.PATHS
    gate = Gate(verifier, open_paths=own_lock)
    app = web.Application(middlewares=[gate.middleware], client_max_size=MAX_BODY_BYTES)
    app[SOCKETS] = set()
    parts = (reception, webhooks, Intercept(registry), orders, onlookers, Paper(), console, metrics, health)
    app.add_routes([route for part in parts for route in part.routes()])
    app.on_shutdown.extend((onlookers.close, console.close))
    doorway = Doorway(app, most_waiting=MOST_WAITING)
    server = TestServer(app)
    await server.start_server(access_log=None, **OPTIONS)
    async with server, aiohttp.ClientSession() as http, alongside(metronome.run()), registry:
        home = House(server.make_url("/"), http, registry, carrier, pairing, captions, server, doorway, console)
        yield home
        for ws in home.sockets:
            await ws.close()


@contextmanager
def log_lines() -> Iterator[io.StringIO]:
    """Collect all that is logged, ours and the libraries', as the operator would read it."""
    root, sdk = logging.getLogger(), logging.getLogger("twilio")
    before, lines = (root.handlers[:], root.level, sdk.level), io.StringIO()
    logs.configure("debug", "json", [AUTH_TOKEN], lines)
    try:
        yield lines
    finally:
        structlog.reset_defaults()
        root.handlers[:], root.level, sdk.level = before


async def received_until_close(ws: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """Give everything the server sends on a stream until it closes."""
    async with asyncio.timeout(5):
        return [json.loads(message.data) async for message in ws]


def frame(value: int) -> bytes:
    """Give a frame that can be told from others; never silence."""
    return bytes([value % 100 + 1]) * len(SILENCE)
