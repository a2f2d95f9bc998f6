"""The world as the doctor meets it: the roads out of this machine, and the clock. Tests lead them elsewhere."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bmv.commands.doctor.strangers import Answer
from bmv.commands.tunnel import ngrok_host

REQUEST_SECONDS: Final = 10.0
_MOST_TEXT = 20_000  # bytes of an answer that are looked at


async def _look_up(name: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True)
class Roads:
    """How names and certificates are looked at on the way to the public host, and what time it is."""

    look_up: Callable[[str], Awaitable[list[str]]] = _look_up
    """The IP addresses of a name, as DNS has them. Raises `OSError` where it has none."""
    resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver
    """What connections are made to."""
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    """Which certificates are believed: those of the public authorities that this machine knows, as Twilio does."""
    now: Callable[[], float] = time.time
    """Seconds of Unix time."""
    ngrok_host: Callable[[int], Awaitable[str | None]] = ngrok_host
    """The host that a running ngrok leads to a port of this machine."""
    request_seconds: float = REQUEST_SECONDS
    """How long any one answer may take."""


@dataclass(frozen=True)
class Surroundings:
    """The open connections of one examination."""

    roads: Roads
    http: aiohttp.ClientSession
    """To Twilio, to OpenAI and to this machine."""
    public: aiohttp.ClientSession
    """To the public host."""
    resolver: AbstractResolver


@asynccontextmanager
async def surroundings(roads: Roads) -> AsyncIterator[Surroundings]:
    """Open them; closed when left."""
    resolver = roads.resolver()
    timeout = aiohttp.ClientTimeout(total=roads.request_seconds)
    connector = aiohttp.TCPConnector(limit=0, resolver=resolver, ssl=roads.tls, use_dns_cache=False)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http,
        aiohttp.ClientSession(connector=connector, timeout=timeout) as public,
    ):
        try:
            yield Surroundings(roads, http, public, resolver)
        finally:
            await resolver.close()


async def fetch(http: aiohttp.ClientSession, method: str, url: str, **options: Any) -> Answer:
    """Send one request as it is, to this address and no other. Raises `aiohttp.ClientError` or `TimeoutError`."""
    target = URL(url, encoded=True)
    async with http.request(method, target, allow_redirects=False, **options) as response:
        body = await response.content.read(_MOST_TEXT)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, body.decode("utf-8", "replace"))
