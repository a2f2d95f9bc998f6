"""The one door of the simulated world: Twilio's REST API, OpenAI's speech endpoint and its two sockets, on one port."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl

from bmv.commands.bench import sound
from bmv.commands.bench.websocket import Socket, accept

_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_KEY = re.compile(rb"^sec-websocket-key: *(\S+)", re.IGNORECASE | re.MULTILINE)
CONFERENCE, CUSTOMER = "CF" + "5" * 32, "CA" + "5" * 32


@dataclass
class Office:
    """What the door leads to: who takes an order for a call, and who takes a socket by its path."""

    placed: Callable[[dict[str, str]], str] = lambda _form: ""
    """Returns the CallSid."""
    updated: Callable[[str], None] = lambda _call_sid: None
    """A call was told to say something and end, or to end."""
    opened: Callable[[str, Socket], None] = lambda _path, _socket: None
    spoken: int = 0
    """Sentences that were rendered."""
    unknown: list[str] = field(default_factory=list)
    """What was asked for and is not there."""


class Door(asyncio.Protocol):
    """One connection: requests, until one of them is an upgrade."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._data = b""
        self._socket: Socket | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is here."""
        transport = cast("asyncio.Transport", transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of a request, or frames."""
        if self._socket is not None:
            self._socket.received(data)
            return
        self._data += data
        while self._socket is None:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if not end or len(rest) < size:
                return
            self._data = rest[size:]
            self._handle(head, rest[:size])

    def connection_lost(self, _exc: Exception | None) -> None:
        """It is over."""
        if self._socket is not None:
            self._socket.lost()

    def _handle(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - data came over it
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        if key := _KEY.search(head):
            lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
            lines += [f"Sec-WebSocket-Accept: {accept(key[1].decode())}", "", ""]
            self._transport.write("\r\n".join(lines).encode())
            self._socket = Socket(self._transport, client=False)
            self._office.opened(path, self._socket)
            if self._data:
                self._socket.received(self._data)
            return
        status, kind, answer = self._answer(method, path.partition("?")[0], body)
        start = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\nContent-Length: {len(answer)}\r\n\r\n"
        )
        self._transport.write(start.encode() + answer)

    def _answer(self, method: str, path: str, body: bytes) -> tuple[HTTPStatus, str, bytes]:
        if path.endswith("/audio/speech"):
            self._office.spoken += 1
            return HTTPStatus.OK, "audio/pcm", sound.sentence()
        status = HTTPStatus.OK
        found: dict[str, object]
        if method == "POST" and path.endswith("/Calls.json"):
            found = {"sid": self._office.placed(dict(parse_qsl(body.decode()))), "status": "queued"}
            status = HTTPStatus.CREATED
        elif method == "POST" and "/Calls/" in path:
            call_sid = path.rpartition("/")[2].removesuffix(".json")
            self._office.updated(call_sid)
            found = {"sid": call_sid, "status": "completed"}
        elif "/Participants/" in path:
            found = {"conference_sid": CONFERENCE, "call_sid": CUSTOMER, "hold": False}
        elif "/Tasks/" in path:
            seat = {"sid": CONFERENCE, "participants": {"customer": CUSTOMER}}
            found = {"sid": path.rpartition("/")[2], "attributes": json.dumps({"conference": seat})}
        else:
            self._office.unknown.append(f"{method} {path}")
            status, found = HTTPStatus.NOT_FOUND, {"code": 20404, "message": "not simulated", "status": 404}
        return status, "application/json", json.dumps(found).encode()
