"""OpenAI's translation endpoint, for tests that tell it word by word what to do, and what a session with it gives."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from local_server import SMALL, serving

from bmv.audio.mulaw import SILENCE
from bmv.call.translator import LanguagePair, Translator, TranslatorEvent, TranslatorLost
from bmv.languages import get
from bmv.metrics import Histogram
from bmv.translators import openai_service, openai_socket
from bmv.translators.openai_translate import OpenAITranslateFactory

EXPIRES_AT = 1760000000  # Unix time
KEY = "sk-a-secret-key"
HEADERS = {"Authorization": f"Bearer {KEY}"}
MODEL = "gpt-realtime-translate"


@dataclass
class Session:
    """One connection as the server sees it: what came, and the words of the endpoint."""

    ws: web.WebSocketResponse
    query: dict[str, str]
    headers: dict[str, str]
    transport: asyncio.Transport
    received: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, kind: str, **fields: object) -> None:
        await self.ws.send_json({"type": kind, "event_id": "e", **fields})

    async def configured(self, kind: str, language: str) -> None:
        heard = {"transcription": None, "noise_reduction": None}
        audio = {"input": heard, "output": {"language": language}}
        session = {"id": "sess_1", "type": "translation", "model": MODEL, "expires_at": EXPIRES_AT, "audio": audio}
        await self.say(kind, session=session)

    async def complain(self, code: str | None, kind: str = "invalid_request_error", message: str = "No.") -> None:
        await self.say("error", error={"type": kind, "code": code, "message": message})

    async def speak(self, pcm: bytes) -> None:
        delta = base64.b64encode(pcm).decode()
        what = {"sample_rate": 24000, "channels": 1, "format": "pcm16", "elapsed_ms": 200}
        await self.say("session.output_audio.delta", delta=delta, **what)

    async def next(self) -> dict[str, Any]:
        """Give the client's next event; StopAsyncIteration when it is gone."""
        message = await anext(self.ws)
        assert message.type is aiohttp.WSMsgType.TEXT
        event: dict[str, Any] = json.loads(message.data)
        self.received.append(event)
        return event

    async def next_of(self, kind: str) -> dict[str, Any]:
        """Give the client's next event of this kind; whatever comes before it is in the record."""
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def welcome(self) -> None:
        """Open the session as the endpoint does."""
        await self.configured("session.created", "es")
        update = await self.next()
        await self.configured("session.updated", update["session"]["audio"]["output"]["language"])

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.received]

    @property
    def audio(self) -> bytes:
        return b"".join(base64.b64decode(event["audio"]) for event in self.received if "audio" in event)


@dataclass
class Refusal:
    """An HTTP answer in place of the upgrade."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, code: str, kind: str = "invalid_request_error", **headers: str) -> "Refusal":
        error = {"message": "No.", "type": kind, "code": code, "param": None}
        return cls(status, json.dumps({"error": error}).encode(), headers)


Script = Callable[[Session], Awaitable[None]]


async def well_behaved(session: Session) -> None:
    """Listen until the client asks for the end, then say so."""
    await session.welcome()
    await session.next_of("session.close")
    await session.say("session.closed")


async def silent(_session: Session) -> None:
    """Say nothing, not even that the session is open; what the client sends is recorded."""


@dataclass
class OpenAI:
    """The server: its sessions so far, and the factory that reaches it."""

    factory: OpenAITranslateFactory
    http: aiohttp.ClientSession
    url: str
    sessions: list[Session]

    @property
    def session(self) -> Session:
        (session,) = self.sessions
        return session


@dataclass
class Endpoint:
    """What serves the connections: by script, or with a refusal."""

    script: Script
    refusals: Iterator[Refusal | None]
    sessions: list[Session] = field(default_factory=list)
    transports: list[asyncio.Transport] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport
        self.transports.append(request.transport)
        if refusal := next(self.refusals, None):
            return web.Response(status=refusal.status, body=refusal.body, headers=refusal.headers)
        ws = web.WebSocketResponse(timeout=1)
        await ws.prepare(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        session = Session(ws, dict(request.query), headers, request.transport)
        self.sessions.append(session)
        try:
            await self.script(session)
            while True:
                await session.next()
        except StopAsyncIteration:
            pass
        finally:
            session.closed.set()
        return ws


def small_socket(address: Any) -> socket.socket:
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    return made


@asynccontextmanager
async def openai(
    script: Script = well_behaved,
    *,
    refuse: Iterable[Refusal | None] = (),
    captions: bool = True,
    small: bool = False,
    open_seconds: float = 5,
    wall_clock: Callable[[], float] = time.time,
) -> AsyncIterator[OpenAI]:
    """Open the server; at the end every client must have closed its socket.

    `refuse` is how the first connections are answered, with None for one that is let in. A `small` line holds little on
    its way, so that a server that does not read is noticed soon.
    """
    endpoint = Endpoint(script, iter(refuse))
    buffers = [socket.SO_RCVBUF] if small else []
    async with serving(web.get("/v1/realtime/translations", endpoint.handle), small=buffers) as address:
        url = f"{address}/v1"
        connector = aiohttp.TCPConnector(limit=0, socket_factory=small_socket if small else None)
        try:
            async with asyncio.timeout(10), aiohttp.ClientSession(connector=connector) as http:
                factory = OpenAITranslateFactory(
                    http,
                    service=openai_service.openai(url, KEY),
                    model=MODEL,
                    captions=captions,
                    open_seconds=open_seconds,
                    wall_clock=wall_clock,
                )
                yield OpenAI(factory, http, url, endpoint.sessions)
                for session in endpoint.sessions:
                    await session.closed.wait()
        finally:
            for transport in endpoint.transports:
                transport.abort()


def endpoint(server: OpenAI, *, send_seconds: float = 5, clock: list[float] | None = None) -> openai_socket.Endpoint:
    """Where the server is, as the socket under a session reaches it; `clock` holds its one time, in seconds."""
    times = clock if clock is not None else [0.0]
    return openai_socket.Endpoint(
        server.http,
        url=f"{server.url}/realtime/translations",
        headers=HEADERS,
        model=MODEL,
        send_seconds=send_seconds,
        clock=lambda: times[0],
    )


async def unconfigured(_line: openai_socket.Line) -> None:
    """Be content with the open socket."""


PAIR = LanguagePair(get("es"), get("en"))


async def all_events(translator: Translator) -> list[TranslatorEvent]:
    return [event async for event in translator.events()]


async def lost(server: OpenAI) -> TranslatorLost:
    """Open a session, feed it a little, and give what is raised when it is lost."""

    async def use() -> None:
        async with server.factory.open(PAIR, Histogram()) as translator:
            for _ in range(20):
                translator.feed(SILENCE, voiced=False)
            await all_events(translator)

    with pytest.raises(TranslatorLost) as error:
        await use()
    assert KEY not in str(error.value)
    return error.value
