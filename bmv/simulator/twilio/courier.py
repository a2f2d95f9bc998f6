"""Who carries requests to the server: signed webhooks and socket upgrades, over the routes of public host names."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ssl import SSLContext
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bmv.simulator.twilio.connection import Connection
from bmv.simulator.twilio.signing import Fields, Signer

MAX_BODY = 64 * 1024  # error 11750 above it
TWIML_TYPES = ("text/xml", "application/xml", "text/html")
READABLE_TYPES = (*TWIML_TYPES, "text/plain", "application/json")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a public host name leads: `http://host:port`, or `https://host:port` and what its certificate must meet."""

    address: str
    ssl: SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """What the Twilio debugger would show: the server did something wrong."""

    code: int
    text: str
    url: str = field(default="", compare=False)
    at: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False, repr=False)
    sid: str = field(default_factory=lambda: f"NO{uuid4().hex}", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered to a webhook."""

    status: int
    content_type: str
    body: str


@dataclass(slots=True)
class Webhook:
    """A webhook that was sent; `answer` is None while there is none (or where none came)."""

    url: str
    method: str
    fields: Fields
    answer: Answer | None = None

    @property
    def path(self) -> str:
        """The path of the URL, without the query."""
        return urlsplit(self.url).path


class DeliveryError(Exception):
    """The server could not be reached, or answered what Twilio does not accept; `alert` says which."""

    def __init__(self, code: int, text: str, *, status: int | None = None) -> None:
        super().__init__(f"{code} {text}")
        self.alert = Alert(code, text)
        self.status = status
        """The HTTP status of the answer, where there was one."""


@dataclass(eq=False)
class Courier:
    """Delivers requests to the server behind a public host name, as a proxy that ends TLS would.

    Errors of the server become alerts where nobody waits for the answer (`notify`), and `DeliveryError` elsewhere.
    """

    signer: Signer
    alerts: list[Alert]
    answer_within: float = 15.0
    """Seconds that the server has for an answer."""
    routes: dict[str, Route] = field(default_factory=dict)
    """Public host name -> where it really listens."""
    webhooks: list[Webhook] = field(default_factory=list)
    closed: bool = False
    """True: the company closes; nothing is sent any more."""
    _sessions: dict[Route, aiohttp.ClientSession] = field(default_factory=dict)

    async def request(
        self, url: str, fields: Fields, method: str = "POST", *, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a webhook and return its answer, whatever its status.

        `headers` replace those that Twilio would send (for attacks: the signature).
        Raises `DeliveryError`: 11100 invalid URL, 11205 not reachable, 11200 no answer in time, 11750 too large.
        """
        if self.closed:
            raise DeliveryError(11205, "the telephone company is closing")
        url = url.partition("#")[0]
        if not _is_address(url):
            raise DeliveryError(11100, f"invalid URL {url!r}")
        if method == "GET" and fields:
            url += ("&" if "?" in url else "?") + urlencode(fields)
        webhook = Webhook(url, method, fields)
        self.webhooks.append(webhook)
        signature = self.signer.form_headers(url, {} if method == "GET" else fields)
        everything = {**_proxy_headers(url), **signature, "I-Twilio-Idempotency-Token": str(uuid4())}
        everything |= headers or {}
        webhook.answer = await self._deliver(webhook, everything)
        return webhook.answer

    async def _deliver(self, webhook: Webhook, headers: dict[str, str]) -> Answer:
        target, route = self._target(webhook.url)
        body = webhook.fields if webhook.method == "POST" else None
        try:
            async with (
                asyncio.timeout(self.answer_within),
                self._client(route).request(
                    webhook.method, target, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                return await _read(webhook, response)
        except aiohttp.ClientConnectorError as error:
            raise DeliveryError(11205, f"{webhook.path}: cannot connect ({error})") from error
        except aiohttp.ClientError as error:
            raise DeliveryError(11200, f"{webhook.path}: {error!r}") from error
        except TimeoutError as error:
            raise DeliveryError(11200, f"{webhook.path}: no answer in {self.answer_within} s") from error

    async def notify(self, url: str, fields: Fields, method: str = "POST") -> None:
        """Send a webhook whose answer nobody needs (status, task events); what is wrong with it becomes an alert."""
        if self.closed:
            return
        try:
            answer = await self.request(url, fields, method)
        except DeliveryError as error:
            self.alerts.append(error.alert)
            return
        path = urlsplit(url).path
        if not 200 <= answer.status < 300:
            self.alerts.append(Alert(11200, f"{path} answered {answer.status}"))
        elif answer.body and answer.content_type not in READABLE_TYPES:
            self.alerts.append(Alert(12300, f"{path} answered with content type {answer.content_type}"))

    async def open_socket(self, url: str, *, headers: dict[str, str] | None = None) -> Connection:
        """Upgrade to a media stream, which the caller closes. `headers` replace those that Twilio would send.

        Raises `DeliveryError` (31901, 31902, 31920) with the status that the server answered in its text.
        """
        target, route = self._target(url, refused=31902)
        session = _session(route)
        everything = {**_proxy_headers(url), **self.signer.socket_headers(url), **(headers or {})}
        try:
            async with asyncio.timeout(self.answer_within):
                socket = await session.ws_connect(
                    target,
                    headers=everything,
                    max_msg_size=0,  # "any size"
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
        except BaseException as error:
            await session.close()
            raise _handshake_error(url, error) from error
        return Connection(session, socket)

    def _target(self, url: str, refused: int = 11205) -> tuple[URL, Route]:
        parts = urlsplit(url)
        try:
            route = self.routes[parts.netloc.rpartition("@")[2].removesuffix(":443")]
        except KeyError:
            raise DeliveryError(refused, f"no such host: {parts.netloc}") from None
        query = f"?{parts.query}" if parts.query else ""
        address = route.address.rstrip("/")
        if route.ssl:  # by its public name, which the certificate has to prove; `_session` knows where that is
            address = f"https://{parts.hostname}:{urlsplit(address).port}"
        return URL(f"{address}{parts.path or '/'}{query}", encoded=True), route

    def _client(self, route: Route) -> aiohttp.ClientSession:
        if route not in self._sessions:
            self._sessions[route] = _session(route)
        return self._sessions[route]

    async def close(self) -> None:
        """Close the connections that are left."""
        for session in self._sessions.values():
            await session.close()


class Postman:
    """Delivers letters one after another, in order, while whoever posts them goes on."""

    def __init__(self, courier: Courier, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._courier = courier
        self._spawn = spawn
        self._letters: deque[tuple[str, Fields, str]] = deque()
        self._idle = asyncio.Event()
        self._idle.set()

    def post(self, url: str, fields: Fields, method: str = "POST") -> None:
        """Put a letter at the end of the queue."""
        if self._courier.closed:
            return
        self._letters.append((url, fields, method))
        if self._idle.is_set():
            self._idle.clear()
            self._spawn(self._deliver())

    async def delivered(self) -> None:
        """Wait until every letter posted so far has been answered, or has failed."""
        await self._idle.wait()

    async def _deliver(self) -> None:
        try:
            while self._letters:
                await self._courier.notify(*self._letters.popleft())
        finally:
            self._idle.set()


class _Directory(AbstractResolver):
    """Finds every host at one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        number = socket.AI_NUMERICHOST
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=number)]

    async def close(self) -> None:
        pass


def _session(route: Route) -> aiohttp.ClientSession:
    """A client that has a connection per request: the server may close a kept one at any moment, as if it failed."""
    directory = _Directory(urlsplit(route.address).hostname or "") if route.ssl else None
    connector = aiohttp.TCPConnector(limit=0, force_close=True, resolver=directory, ssl=route.ssl or True)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _proxy_headers(url: str) -> dict[str, str]:
    host = urlsplit(url).netloc.rpartition("@")[2]
    return {
        "Host": host,
        "X-Forwarded-Host": host,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.9",
        "User-Agent": "TwilioProxy/1.1",
    }


async def _read(webhook: Webhook, response: aiohttp.ClientResponse) -> Answer:
    body = await response.read()
    if len(body) > MAX_BODY:
        raise DeliveryError(11750, f"{webhook.path} answered {len(body)} bytes")
    return Answer(response.status, response.content_type, body.decode(errors="replace"))


def _handshake_error(url: str, error: BaseException) -> BaseException:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return DeliveryError(31920, f"{url}: the upgrade was answered with {error.status}", status=error.status)
    if isinstance(error, aiohttp.ClientError):
        return DeliveryError(31902, f"{url}: {error!r}")
    if isinstance(error, TimeoutError):
        return DeliveryError(31901, f"{url}: no answer")
    return error


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # [your-host] is no IPv6 address
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
