"""What anybody on the internet may send: bytes to the real server, past its real parser, gate and handlers.

There is no network: bytes are handed to the server's protocol as a transport would, and what it writes is kept.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, quote

import wires
from aiohttp import web
from hostile import Target, messages
from hostile_telephony import OPENING, TASKS
from hypothesis import strategies as st

from bmv import languages
from bmv.call.leg import Role
from bmv.call.services import Caller
from bmv.call.state import EndReason
from bmv.web.console_login import COOKIE, Sessions
from bmv.web.links import Links, Purpose
from bmv.web.own_pages import RateLimit


class Wire(asyncio.Transport):
    """The server's end of a connection to somebody who has sent all he will ever send."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False
        self.cut = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, data: Any) -> None:
        for each in data:
            self.write(each)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.cut = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 4711) if name == "peername" else default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class Server:
    """The house of `wires`, in a loop of its own."""

    TURNS = 40

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.problems: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.problems.append(repr(context)))
        self._stop = asyncio.Event()
        ready: asyncio.Future[wires.House] = self.loop.create_future()
        self._task = self.loop.create_task(self._live(ready))
        self.house = self.loop.run_until_complete(ready)
        atexit.register(self.close)

    async def _live(self, ready: asyncio.Future[wires.House]) -> None:
        async with wires.house(max_calls=5, farewell=0.0) as home:
            home.console._tries = home.console._actions = RateLimit(1_000_000, 1e-9)  # nobody is kept out by others
            ready.set_result(home)
            await self._stop.wait()

    def close(self) -> None:
        self.loop.call_soon(self._stop.set)
        self.loop.run_until_complete(self._task)
        self.loop.close()

    def send(self, data: bytes) -> bytes:
        """Connect, send all of this, see `_filled`, and hang up; gives what the server said."""
        return self.loop.run_until_complete(self._send(data))

    async def _send(self, data: bytes) -> bytes:
        with suppress(ValueError):
            data = _filled(data, self.house)
        others = [self._connected() for _ in range(wires.MOST_WAITING)]
        await self._turns()
        wire, protocol = self._connected()
        protocol.data_received(data)
        others.append(self._connected())  # for whom the one that has waited longest has to go
        await self._turns()
        assert sum(other.cut for other, _ in others) in (1, 2), "one for each that came, unless the first of them left"
        for _, each in [*others, (wire, protocol)]:
            each.connection_lost(None)
        await self._turns()
        for call in self.house.registry.views():
            if running := self.house.registry.find(call.id):
                running.end(EndReason.SHUTDOWN)
        for _ in range(50):
            if not len(self.house.registry):
                break
            await self._turns()
        return bytes(wire.written)

    def _connected(self) -> tuple[Wire, web.RequestHandler]:
        wire, protocol = Wire(), self.house.doorway.let_in(self.house.server.handler)
        protocol.connection_made(wire)
        return wire, protocol

    async def _turns(self) -> None:
        for _ in range(self.TURNS):
            await asyncio.sleep(0)


@cache
def server() -> Server:
    return Server()


def _filled(data: bytes, home: wires.House) -> bytes:
    """Replace {call}, {token}, {captions}, {agent}, {session} … by what opens, then {signature} by Twilio's."""
    if re.search(rb"{(call|token|captions)}", data):
        call = home.registry.answer(Caller(f"CA{next(SIDS):032x}", wires.CALLER, languages.get("es")))
        links = Links(wires.PUBLIC_HOST, wires.LINK_SECRET)
        data = data.replace(b"{call}", call.id.encode())
        data = data.replace(b"{token}", call.tokens.issue(Role.CALLER).encode())
        data = data.replace(b"{captions}", links.token(Purpose.CAPTIONS, call.id, 60).encode())
        data = data.replace(b"{agent}", links.token(Purpose.AGENT, WORKER, 60).encode())
    data = data.replace(b"{bearer}", b"Authorization: Bearer " + wires.API_TOKEN.encode())
    data = data.replace(b"{scraper}", b"Authorization: Bearer " + wires.METRICS_TOKEN.encode())
    if b"{session}" in data:
        answer = web.Response()
        Sessions(wires.CONSOLE_PASSWORD, wires.LINK_SECRET).begin(answer)
        data = data.replace(b"{session}", f"Cookie: {COOKIE}={answer.cookies[COOKIE].value}".encode())
    head, _, body = data.partition(b"\r\n\r\n")
    data = data.replace(b"{length}", b"Content-Length: %d" % len(body))
    if b"{signature}" in data:
        target = (head.split(b" ") + [b""] * 2)[1].decode("latin-1")
        scheme = "wss" if b"{upgrade}" in data else "https"
        fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8", max_num_fields=500)
        signed = wires.signature(f"{scheme}://{wires.PUBLIC_HOST}{target}", [] if scheme == "wss" else fields)
        data = data.replace(b"{signature}", b"X-Twilio-Signature: " + signed.encode())
    return data.replace(b"{upgrade}", UPGRADE)


def _asked(data: bytes) -> None:
    said = server().send(data)
    statuses = re.findall(rb"HTTP/1\.[01] (\d{3})", said)
    assert not set(statuses) & {b"500", b"502", b"504"}, said[:300]
    problems, server().problems[:] = list(server().problems), []
    assert not problems, problems


def _frame(line: bytes) -> bytes:
    """A text frame as a client sends it: RFC 6455, masked with zeros."""
    size = len(line)
    length = bytes([0x80 | size]) if size < 126 else bytes([0xFE, size >> 8 & 255, size & 255])
    return b"\x81" + length + b"\0\0\0\0" + line


def _streamed(data: bytes) -> None:
    """What is said on a socket that was let in, a message a line; `#` before one makes it raw bytes."""
    said = b"".join(line[1:] if line[:1] == b"#" else _frame(line) for line in data.split(b"\n"))
    _asked(SOCKET + said)


WORKER = "WK" + "9" * 32
SIDS = count(1)
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="
)
SOCKET = b"GET /intercept HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n{signature}\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded"
JSON = b"Content-Type: application/json"
HEADERS = (
    *(b"{signature}", b"{bearer}", b"{upgrade}", b"{length}", FORM, JSON, b"Sec-Fetch-Site: same-origin"),
    *(b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999", b"Transfer-Encoding: chunked"),
    *(b"Transfer-Encoding: chunked, identity", b"Content-Encoding: gzip", b"Expect: 100-continue"),
    *(b"Host: evil.example", b"X-Forwarded-Host: evil.example", b"X-HTTP-Method-Override: DELETE"),
    *(b"Cookie: __Host-bmv-console=a.1.b; x", b"Range: bytes=0-", b'If-None-Match: *, "x', b"Accept: text/html"),
    *(b"Content-Type: multipart/form-data; boundary=x", b"Content-Type: application/x-www-form-urlencoded; charset=x"),
    *(b"Connection: close", b"Last-Event-ID: {call}:\xd9\xa3", b"X: " + b"a" * 9000, b" folded: x", b": empty"),
    *(b"{session}", b"{scraper}", b"Cookie: __Host-bmv-console=\xff.999999999999.\xff", b"Origin: null"),
    *(b"X-Twilio-Signature-Settings: algorithm=HMAC-SHA256", b"X-Twilio-Signature: \xff", b"Authorization: \xff"),
)
PATHS = (
    *(b"/welcome", b"/welcome?round=2&question=1", b"/incoming-call?lang=es", b"/outbound-call", b"/calls"),
    *(b"/reservation-accepted", b"/call-status?bmv_call_id={call}&bmv_role=agent", b"/call-status", b"/calls/{call}"),
    *(b"/stream-status?bmv_call_id={call}&bmv_role=caller", b"/live", b"/ready", b"/intercept", b"/pages/captions.js"),
    *(b"/captions/{captions}", b"/captions/{captions}/events?after=1", b"/agent/{agent}", b"/captions/x", b"/metrics"),
    *(
        b"/console",
        b"/console/login",
        b"/console/logout",
        b"/console/events",
        b"/console/captions/{call}",
        b"/console/x",
    ),
    *(b"//welcome", b"/%77elcome", b"/welcome%2f", b"/../welcome", b"/pages/..%2f..%2fetc", b"/captions%2fx", b"*"),
    *(b"http://evil.example/live", b"/captions/\xff", b"/calls/%ff%00", b"/pages/%00", b"/live?%", b"/" + b"a" * 9000),
)
EVENTS = ("reservation.created", "reservation.accepted", "reservation.completed", "task.canceled", "x")
FIELDS: dict[str, Sequence[str]] = {
    "CallSid": (wires.CALLER_SID, wires.FLEX_SID, "", "CA1/../x", "é"),
    "From": (wires.CALLER, wires.OWN_NUMBER, "", "sip:a@b", "anonymous", "\0"),
    "To": (wires.OWN_NUMBER, wires.FLEX_NUMBER),
    "CallStatus": ("completed", "ringing", "busy", "no-answer", "x"),
    "Digits": ("1", "9", "#", "\u0661"),
    "SpeechResult": ("español", "yo hablo", "\u202e", "a" * 3000),
    "EventType": EVENTS,
    "TaskAttributes": (json.dumps(TASKS[0] | {"bmv_call_id": "{call}"}), "[" * 5000, "null"),
    "WorkerAttributes": (json.dumps(TASKS[1]), "{"),
    "ReservationSid": ("WR1", "WR2", ""),
    "WorkerSid": (WORKER, "../x"),
    "StreamEvent": ("stream-error", "stream-stopped"),
    "StreamError": ("31921", "a\r\nb"),
    "bmv_call_id": ("{call}", "x"),
    "password": (wires.CONSOLE_PASSWORD, "", "\ud800", "a" * 3000),
}
ORDER = {"to": "+34911222333", "language": "es", "agent": "flex"}
ACTION = {"call": "{call}", "pause": True, "say": "repeat"}
ACTIONS = [ORDER, ACTION, {"call": "{call}", "say": "repeat"}, {"call": "{call}", "pause": False}]
ACTIONS += [{"end": "{call}"}, {"agent_link": WORKER}, {"end": "x", "agent_link": WORKER}]


@st.composite
def forms(draw: st.DrawFn) -> bytes:
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=8))
    fields = [(name, draw(st.sampled_from(FIELDS[name]) | st.text(max_size=20))) for name in ["CallSid", *names]]
    form = "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in fields)
    return form.encode().replace(b"%7Bcall%7D", b"{call}")


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request as Twilio, a page or a desktop makes it; or with everything about it wrong."""
    right = draw(st.booleans())
    method = draw(st.sampled_from([b"POST", b"POST", b"GET"] + ([] if right else [b"HEAD", b"PUT", b"X", b"GE\tT"])))
    version = b"HTTP/1.1" if right else draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b""]))
    path = draw(st.sampled_from(PATHS))
    json_wanted = draw(st.integers(0, 3)) == 0
    body = draw(messages(ACTIONS) if json_wanted else forms())
    token = b"{scraper}" if path == b"/metrics" else b"{bearer}"
    proper = [b"Host: h", b"{signature}", token, b"{session}", b"{length}", JSON if json_wanted else FORM, HEADERS[6]]
    headers = proper if right else draw(st.lists(st.sampled_from(HEADERS), max_size=6))
    if right and draw(st.booleans()):
        headers = [*headers, draw(st.sampled_from(HEADERS))]
    one = b" ".join((method, path, version)) + b"\r\n" + b"\r\n".join([*headers, b"", b""]) + body
    return one * draw(st.sampled_from([1, 1, 1, 2]))


CONSOLE = (
    *(b"GET /console", b"POST /console", b"POST /console", b"POST /console", b"POST /console/login"),
    *(b"POST /console/logout", b"GET /console/events", b"GET /console/captions/{call}", b"GET /metrics"),
)


@st.composite
def console_requests(draw: st.DrawFn) -> bytes:
    """As a supervisor's browser makes them, or Prometheus, with hardly anything wrong; a few on one connection."""
    said = b""
    for _ in range(draw(st.sampled_from([1, 1, 1, 3]))):
        line = draw(st.sampled_from(CONSOLE))
        login = b"login" in line
        headers = [b"Host: h", b"{scraper}", b"{session}", b"{length}", FORM if login else JSON, HEADERS[6]]
        if not draw(st.integers(0, 3)):
            headers[draw(st.integers(0, 5))] = draw(st.sampled_from(HEADERS))
        body = draw(forms()) + b"&password=" + draw(PASSWORDS) if login else draw(messages(ACTIONS[-3:]))
        size = len(body.replace(b"{call}", b"c" * 24))  # which an id has
        headers = [b"Content-Length: %d" % size if each == b"{length}" else each for each in headers]
        said += line + b" HTTP/1.1\r\n" + b"\r\n".join([*headers, b"", b""]) + body
    return said


PASSWORDS = st.sampled_from([wires.CONSOLE_PASSWORD.encode(), b"", b"%ff", b"a" * 3000]) | st.binary(max_size=9)
STREAM = [wires.connected(), wires.start({"bmv_call_id": "{call}", "bmv_token": "{token}"}), wires.media(b"x" * 160)]
sayings = st.lists(
    messages([*STREAM, wires.dtmf("5"), wires.mark("1"), wires.stop()])
    | st.binary(max_size=20).map(lambda raw: b"#" + raw.replace(b"\n", b"")),
    max_size=12,
).map(lambda said: OPENING.replace(b'"c"', b'"{call}"').replace(b'"t"', b'"{token}"') + b"\n".join(said))

TARGETS = (
    Target("http", _asked, requests() | st.binary(max_size=80), ("bmv.web", "bmv.telephony")),
    Target("console", _asked, console_requests(), ("bmv.web.console", "bmv.web.overview", "bmv.web.metrics_page")),
    Target("sockets", _streamed, sayings, ("bmv.web.intercept", "bmv.telephony.streams")),
)
