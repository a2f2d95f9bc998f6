"""What stands in front of a server on the internet, for tests: TLS for a public host, on a port of loopback.

It passes bytes on and back again, WebSockets too. On the way it may rewrite the heads of requests as bad proxies do, or
answer itself as tunnels do that have lost their server.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

Edit = Callable[[str], str]
"""Head of a request -> what is passed on."""
Reply = Callable[[str], bytes | None]
"""Head of a request -> the whole answer, None to pass it on."""


@cache
def authority() -> trustme.CA:
    """The one that everybody believes."""
    return trustme.CA(organization_name="Authority of the tests")


def good(host: str, *, days: float = 60) -> ssl.SSLContext:
    """Give a certificate for the host, of the authority that everybody believes."""
    until = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=days)
    return _context(authority().issue_cert(host, not_after=until))


def unknown(host: str) -> ssl.SSLContext:
    """Give a certificate for the host of an authority that nobody knows."""
    return _context(trustme.CA().issue_cert(host))


def self_signed(_host: str) -> ssl.SSLContext:
    """Give a certificate that vouches for itself."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with ca.private_key_pem.tempfile() as key, ca.cert_pem.tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    return context


def trust() -> ssl.SSLContext:
    """Who believes the authority of the tests, and no other."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@dataclass
class Front:
    """An open front: its port, what it makes of requests, and the heads of those that came."""

    target: int | None
    """The port of the server behind it; None for none."""
    edit: Edit = lambda head: head
    reply: Reply = lambda _: None
    silent: Callable[[str], bool] = lambda _: False
    """By their heads: which requests are taken, and never answered."""
    port: int = 0
    heads: list[str] = field(default_factory=list)
    _serving: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._serving[writer] = asyncio.current_task()
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            del self._serving[writer]
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        if self.silent(head):
            await reader.read()
            return
        answer = self.reply(head)
        if answer is None:
            try:
                behind, ahead = await asyncio.open_connection("127.0.0.1", self.target or 1)
            except OSError:
                answer = http(502, "<html><title>502 Bad Gateway</title></html>", kind="text/html")
        if answer is not None:
            writer.write(answer)
            writer.close()
            await writer.wait_closed()
            return
        try:
            ahead.write(_once(self.edit(head)).encode("latin-1"))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pass_on(reader, ahead))
                tasks.create_task(_bring_back(behind, writer))
        finally:
            ahead.transport.abort()

    async def close(self) -> None:
        """Cut every connection, and wait until nobody is served any more."""
        serving = dict(self._serving)
        for writer in serving:
            writer.transport.abort()
        await asyncio.gather(*filter(None, serving.values()), return_exceptions=True)


@asynccontextmanager
async def front(
    tls: ssl.SSLContext,
    target: int | None,
    *,
    edit: Edit = lambda head: head,
    reply: Reply = lambda _: None,
    silent: Callable[[str], bool] = lambda _: False,
) -> AsyncIterator[Front]:
    """Open a front before the server at the port `target`."""
    made = Front(target, edit, reply, silent)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await asyncio.sleep(0.05)  # who has left amid a handshake, or has just come, is nobody's until the loop notices
        await made.close()
        await server.wait_closed()


def http(status: int, body: str = "", *, kind: str = "text/plain", **headers: str) -> bytes:
    """Make a whole answer; in the names of headers an underscore is a hyphen."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", f"Content-Length: {len(body.encode())}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", body]).encode()


def without_upgrade(head: str) -> str:
    """Do as a proxy does that speaks HTTP/1.0 to the server: the hop-by-hop headers are gone."""
    lines = head.split("\r\n")
    return "\r\n".join(line for line in lines if not line.lower().startswith(("upgrade:", "connection: upgrade")))


def is_upgrade(head: str) -> bool:
    """Whether a WebSocket is asked for."""
    return "\r\nupgrade: websocket" in head.lower()


class Lead(AbstractResolver):
    """A resolver that leads one host to a port of loopback, and knows no other."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError(f"no {host} in these tests")
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self._port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        pass


def _once(head: str) -> str:
    """Let a connection have one request only, so that no head goes through unedited; an upgrade is the last anyway."""
    if is_upgrade(head):
        return head
    return head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")


async def _bring_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        writer.write(_once((await reader.readuntil(b"\r\n\r\n")).decode("latin-1")).encode("latin-1"))
        await _pass_on(reader, writer)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
