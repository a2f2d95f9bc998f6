"""A small server for the tests of the fake Twilio: scripted TwiML, a WebSocket at /stream, everything remembered."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from bmv.simulator.twilio import App, Call, FakeTwilio, Number, TaskRouter

ACCOUNT, TOKEN, WORKFLOW = "AC" + "1" * 32, "12345", "WW" + "1" * 32
CALLER, FRONT, FLEX = "+34911222333", "+15550001111", "+15550002222"
NUMBERS = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers"


class Socket:
    """The server's end of a media stream, with what arrived on it."""

    def __init__(self, ws: web.WebSocketResponse, start: dict[str, Any]) -> None:
        self.ws = ws
        self.start = start
        self.messages: list[dict[str, Any]] = []
        self.stopped = asyncio.Event()
        self.closed = asyncio.Event()

    @property
    def sid(self) -> str:
        return str(self.start["streamSid"])

    async def send(self, event: str, **body: object) -> None:
        await self.ws.send_json({"event": event, "streamSid": self.sid, **body})

    async def play(self, ulaw: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(ulaw).decode()})

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    def sound(self) -> bytes:
        return b"".join(base64.b64decode(message["media"]["payload"]) for message in self.of("media"))


class Server:
    """Answers each path with the TwiML in `pages`, or with what the callable there returns."""

    def __init__(self) -> None:
        self.pages: dict[str, str | Callable[[dict[str, str]], web.Response]] = {}
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.wrong_signatures: list[str] = []
        self.headers: dict[str, Any] = {}
        self.sockets: asyncio.Queue[Socket] = asyncio.Queue()
        self.refuse_upgrade = 0
        self.delay = 0.0
        self.reading = asyncio.Event()
        self.reading.set()
        self.address = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/stream", self._stream)
        app.router.add_route("*", "/{path:.*}", self._page)
        return app

    async def _page(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.forms.append((request.path, form))
        self.headers[request.path] = request.headers
        url = f"https://{request.headers['Host']}{request.raw_path}"
        if not RequestValidator(TOKEN).validate(url, form, request.headers["X-Twilio-Signature"]):
            self.wrong_signatures.append(url)
        await asyncio.sleep(self.delay)
        page = self.pages.get(request.path)
        if page is None:
            return web.Response(status=204)
        return web.Response(text=page, content_type="text/xml") if isinstance(page, str) else page(form)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        url = f"wss://{request.headers['Host']}{request.raw_path}"
        if not RequestValidator(TOKEN).validate(url, {}, request.headers["X-Twilio-Signature"]):
            return web.Response(status=403)
        if self.refuse_upgrade:
            return web.Response(status=self.refuse_upgrade)
        ws = web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        assert await ws.receive_json() == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        socket = Socket(ws, await ws.receive_json())
        self.sockets.put_nowait(socket)
        try:
            await self._listen(socket)
        finally:
            socket.closed.set()
        return ws

    async def _listen(self, socket: Socket) -> None:
        async for message in socket.ws:
            await self.reading.wait()
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                body = json.loads(message.data)
            except ValueError:
                body = {"event": "garbage", "text": message.data}
            socket.messages.append(body)
            if body["event"] == "stop":
                socket.stopped.set()

    def events(self, path: str, field: str) -> list[str]:
        """The values of one field in the forms that arrived at a path, in order."""
        return [form[field] for where, form in self.forms if where == path and field in form]

    async def socket(self) -> Socket:
        """The next media stream that opens."""
        async with asyncio.timeout(2):
            return await self.sockets.get()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something is true here (polled: this is only the tests' own server)."""
        async with asyncio.timeout(2):
            while not happened():
                await asyncio.sleep(0.005)


STREAM = (
    '<Stream url="wss://bmv.test/stream" statusCallback="https://bmv.test/stream-status">'
    '<Parameter name="leg" value="a"/></Stream>'
)


def twiml(body: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{body}</Response>'


PAUSE = twiml('<Pause length="60"/>')


def connect(after: str = "", attributes: str = "") -> str:
    return twiml(f"<Connect{attributes}>{STREAM}</Connect>{after}")


def enqueue(task: str = '{"name": "x"}', attributes: str = ' waitUrl=""') -> str:
    return twiml(f'<Enqueue workflowSid="{WORKFLOW}"{attributes}><Task>{task}</Task></Enqueue><Say>after</Say>')


async def a_queue(twilio: FakeTwilio, server: Server, page: str = "") -> tuple[Call, Socket]:
    """An ordered call whose far end waits in the queue."""
    server.pages["/flex"] = page or enqueue()
    await create(twilio, [("To", FLEX), ("From", FRONT), ("Twiml", connect())])
    return await twilio.next_call(1), await server.socket()


def events(server: Server) -> list[str]:
    return server.events("/events", "EventType")


@asynccontextmanager
async def a_company(**options: Any) -> AsyncIterator[tuple[FakeTwilio, Server]]:
    """A server, and a company whose numbers lead to it: FRONT to /front, FLEX to /flex, app AP… to /app."""
    server = Server()
    runner = web.AppRunner(server.app(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.address = "http://{}:{}".format(*runner.addresses[0][:2])
    try:
        twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, **options)
        twilio.route("bmv.test", server.address)
        twilio.numbers[FRONT] = Number("https://bmv.test/front?lang=es", "https://bmv.test/front-status")
        twilio.numbers[FLEX] = Number("https://bmv.test/flex")
        twilio.apps["AP" + "1" * 32] = App("https://bmv.test/app")
        twilio.task_router = TaskRouter("https://bmv.test/events", workflows={WORKFLOW})
        async with twilio:
            yield twilio, server
    finally:
        await runner.cleanup()
    assert server.wrong_signatures == []


def a_tone(seconds: float, hertz: float = 700.0) -> bytes:
    """A loud tone as mu-law: sound that can be told from silence and from another tone."""
    import numpy as np

    from bmv.audio.mulaw import encode

    time = np.arange(int(seconds * 8000)) / 8000
    return encode((12000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16))


async def create(twilio: FakeTwilio, form: dict[str, str] | list[tuple[str, str]], path: str = "") -> tuple[int, Any]:
    """POST to the REST API as the twilio SDK would; the status and the JSON of the answer."""
    url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Calls{path}.json"
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=AUTHORIZATION) as response:
        return response.status, await response.json()


async def look_up(twilio: FakeTwilio, path: str) -> tuple[int, Any]:
    """GET from the REST API as the twilio SDK would; the status and the JSON of the answer."""
    async with aiohttp.ClientSession() as session, session.get(twilio.url + path, headers=AUTHORIZATION) as response:
        return response.status, await response.json()


async def rest(twilio: FakeTwilio, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, Any]:
    """The status and the JSON of the answer to a request; of a GET, the fields are the query."""
    query = f"?{urlencode(fields)}" if fields and method == "GET" else ""
    async with (
        aiohttp.ClientSession(headers=AUTHORIZATION) as session,
        session.request(
            method, f"{twilio.url}{path}{query}", data=None if method == "GET" else fields or {}
        ) as response,
    ):
        return response.status, await response.json() if response.content_type == "application/json" else None


AUTHORIZATION = {"Authorization": "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()}
