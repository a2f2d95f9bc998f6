"""What Twilio, or whoever stands in its place, may send: media streams, events, signatures, and answers to requests."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, cast

import aiohttp
import wires
from aiohttp import WSMessage, WSMsgType
from hostile import Target, lines, loop, messages
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict

from bmv import languages
from bmv.audio.mulaw import FRAME_BYTES
from bmv.call.carrier import CarrierError, NewCall, Seat
from bmv.call.leg import Role
from bmv.errors import ProtocolError
from bmv.languages import Language
from bmv.telephony import media, rest, sdk, taskrouter, twiml
from bmv.telephony.account import TwilioAccount
from bmv.telephony.carrier import AgentRoute, TwilioCarrier
from bmv.telephony.pairing import Pairing
from bmv.telephony.signatures import SignatureVerifier
from bmv.telephony.streams import MediaStream, read_start

# -- media streams ---------------------------------------------------------------------------------------------------


class Socket:
    """A socket on which one line after the other arrives; an empty one is a binary message."""

    def __init__(self, text: bytes) -> None:
        self._lines = deque(text.split(b"\n"))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WSMessage:
        message = await self.receive()
        if message.type is WSMsgType.CLOSED:
            raise StopAsyncIteration
        return message

    async def receive(self) -> WSMessage:
        await asyncio.sleep(0)
        if not self._lines:
            return WSMessage(WSMsgType.CLOSED, None, None)
        line = self._lines.popleft()
        return WSMessage(WSMsgType.TEXT if line else WSMsgType.BINARY, line, None)

    async def send_frame(self, message: bytes, kind: WSMsgType) -> None: ...

    def get_extra_info(self, name: str) -> None: ...

    async def close(self) -> None: ...


async def _stream(text: bytes) -> None:
    ws = cast(Any, Socket(text))
    try:
        start = await read_start(ws)
    except ProtocolError:
        return
    stream = MediaStream(ws, start)
    assert json.loads(media.encode_mark(start.stream_sid, "1"))["streamSid"] == start.stream_sid
    assert len(start.stream_sid) < 100
    heard: list[bytes] = []
    told: list[str] = []
    await stream.listen(heard.append, told.append, told.append)
    assert all(len(frame) == FRAME_BYTES for frame in heard)
    assert all(isinstance(each, str) for each in told)


def _streamed(data: bytes) -> None:
    with suppress(ProtocolError):
        media.decode(data)
    loop().run_until_complete(_stream(data))


STREAM = [
    wires.connected(),
    wires.start({twiml.CALL_ID: "c", twiml.TOKEN: "t"}),
    *(wires.media(bytes(range(length))) for length in (160, 80, 0, 255)),
    wires.dtmf("5"),
    wires.mark("1"),
    wires.stop(),
]
OPENING = b"\n".join(json.dumps(each).encode() for each in STREAM[:2]) + b"\n"


# -- webhooks about tasks, and signatures -----------------------------------------------------------------------------


def _told(data: bytes) -> None:
    """The attributes of a task and of a worker, a line each."""
    task, _, worker = data.decode("utf-8", "surrogateescape").partition("\n")
    form = {"TaskAttributes": task, "WorkerAttributes": worker, "WorkspaceSid": worker, "TaskSid": task}
    for kind in taskrouter.MEANINGS:
        event = taskrouter.decode_event(form | {"EventType": kind, "WorkerSid": task, "ReservationSid": worker})
        if event is None:
            continue
        assert isinstance(event.call_id, str)
        spoken = taskrouter.languages_of(event.worker, ("languages", "routing.languages", "a.b.c"))
        assert all(isinstance(each, Language) for each in spoken)
        names = (event.seat.conference, event.seat.customer, event.worker_sid)
        assert all(not each or (each.isascii() and each.isalnum()) for each in names), names
    languages.find(task)


TASKS = [
    {
        "bmv_call_id": "c1",
        "name": wires.CALLER,
        "conference": {"sid": "CF1", "participants": {"customer": "CA1", "worker": "CA2"}},
    },
    {"languages": ["es", "English"], "routing": {"languages": "es,en", "skills": ["a"]}, "a": {"b": {"c": "de"}}},
]

VERIFIER = SignatureVerifier(
    wires.PUBLIC_HOST, auth_token=wires.AUTH_TOKEN, secondary_auth_token="f" * 32, shared_key="key"
)


def _signed(data: bytes) -> None:
    """A path, a signature, its settings and the fields of a form, a line each: nobody may get in by chance."""
    path, signature, settings, *fields = [*data.decode("utf-8", "surrogateescape").split("\n"), "", "", ""]
    form = MultiDict((name, value) for name, _, value in (each.partition("=") for each in fields))
    headers = CIMultiDict({"X-Twilio-Signature": signature, "X-Twilio-Signature-Settings": settings})
    assert VERIFIER.why_refused("https", path, form, headers)


# -- answers to requests ----------------------------------------------------------------------------------------------


class Answer:
    """What Twilio answers: a status, and some text."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self._text = text
        self.headers = CIMultiDict({"Content-Type": "application/json"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None: ...

    async def text(self) -> str:
        return self._text


class Http:
    """A client that gives every request the same answer, and not for ever: a page may name another one."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._left = 30

    def request(self, *_: Any, **__: Any) -> Answer:
        self._left -= 1
        if self._left < 0:
            raise aiohttp.ClientConnectionError("that is enough")
        return self._answer


ROUTE = AgentRoute(wires.OWN_NUMBER, None, "AP" + "7" * 32, answer_timeout=30, time_limit=3600)
CALL = NewCall("c1", Role.AGENT, "token", None, languages.get("en"))
CREATED = {"sid": wires.AGENT_SID, "status": "queued", "date_created": "Tue, 31 Aug 2010 20:36:28 +0000", "price": None}
CUSTOMER = {
    "hold": True,
    "muted": False,
    "call_sid": wires.CALLER_SID,
    "date_created": "Tue, 31 Aug 2010 20:36:28 +0000",
}
TASK = {"attributes": json.dumps(TASKS[0]), "date_created": "2026-11-22T10:00:00Z", "age": 5, "priority": 0}
REFUSAL = {"code": 21211, "message": "The 'To' number is not valid", "more_info": "https://…", "status": 400}
NUMBERS = {
    "incoming_phone_numbers": [{"sid": "PN1", "phone_number": wires.OWN_NUMBER, "capabilities": {"voice": True}}],
    "next_page_uri": None,
    "page": 0,
    "meta": {"key": "workspaces", "next_page_url": None},
    "workspaces": [{"sid": "WS1", "friendly_name": "Flex", "event_callback_url": None}],
    "flows": [{"sid": "FW1", "friendly_name": "x", "status": "published", "revision": 3}],
}


async def _answered(status: int, text: str) -> None:
    http = cast(Any, Http(Answer(status, text)))
    base_url, other = "https://api.twilio.com", "f" * 32
    account = {"account_sid": wires.ACCOUNT_SID, "auth_token": wires.AUTH_TOKEN, "secondary_auth_token": other}
    carrier = TwilioCarrier(
        rest.Api(http, base_url=base_url, **account),
        route=ROUTE,
        addresses=twiml.Addresses(wires.PUBLIC_HOST),
        pairing=Pairing(patience=1),
    )
    for ask in (
        lambda: carrier.dial(CALL),
        lambda: carrier.say(wires.CALLER_SID, "Goodbye.", languages.get("en")),
        lambda: carrier.hang_up(wires.CALLER_SID),
        lambda: carrier.is_held(Seat("WS1", "WT1")),
        lambda: carrier.is_held(Seat("WS1", "WT1", "CF1", "CA1")),
    ):
        with suppress(CarrierError):
            assert isinstance(await ask(), str | bool | None)
    assert carrier.problem is None or len(carrier.problem) < 200
    owner = TwilioAccount(sdk.connect(http, base_url=base_url, **account))
    for read in (owner.numbers, owner.workspaces, owner.flows, owner.flex, owner.customer_profiles):
        with suppress(rest.RestError):
            await read()


def _rest(data: bytes) -> None:
    """A status and the text of an answer, a line each."""
    status, _, text = data.partition(b"\n")
    number = int(status) if status.isdigit() and len(status) == 3 else 200
    loop().run_until_complete(_answered(number, text.decode("utf-8", "replace")))


answers = st.builds(
    lambda status, text: status + b"\n" + text,
    st.sampled_from([b"200", b"201", b"204", b"400", b"401", b"404", b"429", b"500", b"503"]),
    messages([CREATED, CUSTOMER, TASK, REFUSAL, NUMBERS]),
)

TARGETS = (
    Target(
        "media",
        _streamed,
        st.builds(lambda opening, rest: opening + rest, st.sampled_from([b"", OPENING]), lines(messages(STREAM))),
        ("bmv.telephony.media", "bmv.telephony.streams", "bmv.wire"),
    ),
    Target("task-events", _told, lines(messages(TASKS), 2), ("bmv.telephony.taskrouter", "bmv.languages")),
    Target(
        "signatures",
        _signed,
        st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=80),
        ("bmv.telephony.signatures",),
    ),
    Target("rest-answers", _rest, answers, ("bmv.telephony.rest", "bmv.telephony.carrier", "bmv.telephony.account")),
)
