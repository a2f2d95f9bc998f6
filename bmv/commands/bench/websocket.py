"""WebSockets as cheap as Python makes them: frames written whole, read without a task, a future or a copy too many.

The load generator holds a thousand sockets on one core and must never be the bottleneck, so it has no library in
between. It speaks what the two vendors speak: text messages, unfragmented, not compressed (RFC 6455).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Final, cast

import numpy as np

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_FINAL = 0x80
_MASKED = 0x80
_NO_MASK: Final = bytes(4)
"""A client has to mask (RFC 6455, section 5.3). A key of zeros leaves the payload as it is, so it can be prepared."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SHORT, _MEDIUM = 126, 1 << 16


def frame(payload: bytes, *, masked: bool, opcode: int = TEXT) -> bytes:
    """One whole frame; `masked` as a client must send it."""
    size, mark = len(payload), _MASKED if masked else 0
    if size < _SHORT:
        head = bytes((_FINAL | opcode, mark | size))
    elif size < _MEDIUM:
        head = bytes((_FINAL | opcode, mark | 126, size >> 8, size & 0xFF))
    else:
        head = bytes((_FINAL | opcode, mark | 127)) + size.to_bytes(8, "big")
    return head + (_NO_MASK if masked else b"") + payload


def accept(key: str) -> str:
    """What a server answers to `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324 - as the RFC says


class Frames:
    """Cuts what arrives into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Opcode and payload of each frame that is complete now."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        place, end = 0, len(data)
        while end - place >= 2:
            size, begin = data[place + 1] & 0x7F, place + 2
            if size >= _SHORT:
                width = 2 if size == _SHORT else 8
                size = int.from_bytes(data[begin : begin + width], "big")
                if end - begin < width:
                    break
                begin += width
            key = b""
            if data[place + 1] & _MASKED:
                key = data[begin : begin + 4]
                begin += 4
            if end < begin + size:
                break
            payload = data[begin : begin + size]
            yield data[place] & 0x0F, _unmasked(payload, key) if key and key != _NO_MASK else payload
            place = begin + size
        self._rest = data[place:]


def _unmasked(payload: bytes, key: bytes) -> bytes:
    padded = np.frombuffer(payload + bytes(-len(payload) % 4), np.uint32)
    return (padded ^ np.frombuffer(key, np.uint32)).tobytes()[: len(payload)]


class Socket:
    """One end of an open WebSocket. `hear` gets each text message, `gone` is called once when it is over."""

    def __init__(self, transport: asyncio.Transport, *, client: bool) -> None:
        self._transport = transport
        self._client = client
        self._frames = Frames()
        self.hear: Callable[[bytes], None] = lambda _message: None
        self.gone: Callable[[], None] = lambda: None
        self.open = True
        self.write = transport.write
        """Sends a frame that was made before."""

    def send(self, message: bytes) -> None:
        """Send a text message."""
        if self.open:
            self.write(frame(message, masked=self._client))

    def close(self) -> None:
        """Say goodbye; the other side closes the connection, or `abort` does."""
        if self.open:
            self.write(frame((1000).to_bytes(2, "big"), masked=self._client, opcode=CLOSE))

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def received(self, data: bytes) -> None:
        """Bytes came."""
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self.hear(payload)
            elif opcode == PING:
                self.write(frame(payload, masked=self._client, opcode=PONG))
            elif opcode == CLOSE:
                self.close()
                self.lost()
                self._transport.close()

    def lost(self) -> None:
        """The connection is over."""
        if self.open:
            self.open = False
            self.gone()


class Dialling(asyncio.Protocol):
    """A client's connection until the upgrade is answered, and the socket's messages from then on."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._head = b""
        self._socket: Socket | None = None
        self._transport: asyncio.Transport | None = None
        self.answered: asyncio.Future[Socket] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """The answer, or frames."""
        if self._socket is not None:
            self._socket.received(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end or self._transport is None or self.answered.done():
            return
        if b" 101 " not in head.partition(b"\r\n")[0]:
            self.answered.set_exception(ConnectionError(f"no upgrade: {head[:80]!r}"))
            self._transport.close()
            return
        self._socket = Socket(self._transport, client=True)
        self.answered.set_result(self._socket)
        if rest:
            self._socket.received(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if self._socket is not None:
            self._socket.lost()
        elif not self.answered.done():
            self.answered.set_exception(exc or ConnectionError("the connection was closed before it was answered"))


async def dial(port: int, path: str, headers: dict[str, str]) -> Socket:
    """Open a WebSocket on this machine. Raises `ConnectionError` where there is none to be had."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *(f"{name}: {value}" for name, value in ({"Host": f"127.0.0.1:{port}"} | headers).items()),
    ]
    request = "\r\n".join([*lines, "", ""]).encode()
    _, protocol = await asyncio.get_running_loop().create_connection(lambda: Dialling(request), "127.0.0.1", port)
    return await protocol.answered
