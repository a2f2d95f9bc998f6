"""Twilio's REST API as such: how a request is sent, how long it may take, and what its failure is called.

A call needs three kinds of requests, which are sent from here as they are. The `twilio` SDK knows all others; it takes
ten megabytes and is for commands that see to the account (`sdk`), over the same transport.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import structlog

from bmv import __version__
from bmv.errors import ProviderError

log = structlog.get_logger()

REQUEST_SECONDS = 8.0
MOST_BYTES = 8_000_000  # of an answer; the largest that is asked for, a page of 1000 alerts, has about one million
_UNAUTHORIZED = 401
_HEADERS = {"Accept": "application/json", "User-Agent": f"bmv/{__version__}"}

_WRONG_TOKEN = ": check TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN against the console"  # noqa: S105 - words


class RestError(ProviderError):
    """Twilio refused a request or did not answer it; `str()` says so in plain words."""

    def __init__(self, words: str, *, code: int | None = None, status: int | None = None, sent: bool = True) -> None:
        super().__init__(words)
        self.code, self.status, self._sent = code, status, sent
        """Twilio's error code and the HTTP status, where there was an answer."""

    @property
    def nothing_done(self) -> bool:
        """Whether it is certain that nothing came of the request: refused, or never sent. A 5xx is not certain."""
        return not self._sent or 400 <= (self.status or 0) < 500


def refused(words: object, *, code: int | None, status: int | None) -> RestError:
    """Twilio refused a request, in these words of its own."""
    hint = _WRONG_TOKEN if status == _UNAUTHORIZED else ""
    return RestError(f"Twilio refused ({code}): {words}{hint}", code=code, status=status)


@asynccontextmanager
async def asking(seconds: float) -> AsyncIterator[None]:
    """Send a request inside, and read its answer. Raises `RestError` for whatever goes wrong with it."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise RestError(f"Twilio did not answer within {seconds:g} s") from error
    except aiohttp.ClientError as error:
        sent = not isinstance(error, aiohttp.ClientConnectorError)
        raise RestError(f"Twilio cannot be reached: {error}", sent=sent) from error
    except (ValueError, AttributeError, RecursionError) as error:  # what is no JSON, no object, or nested too deep
        raise RestError(f"Twilio's answer cannot be read: {error}") from error


class Answer(NamedTuple):
    """What came back: the HTTP status, the text, and the headers."""

    status: int
    text: str
    headers: Mapping[str, str]


class Api:
    """The API as one account uses it, over our shared aiohttp session, at a base address of our choice.

    While the account's auth token is changed there are two, and in the middle of it the one is good no more. So what
    was taken last goes first, and the other is for when that is refused. Nothing else is ever asked twice: a request
    that was not answered may have placed a call.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        account_sid: str,
        auth_token: str,
        base_url: str,
        secondary_auth_token: str | None = None,
    ) -> None:
        self.account_sid = account_sid
        self._http = http
        self._base_url = base_url
        self._tokens = [auth_token, secondary_auth_token] if secondary_auth_token else [auth_token]
        self._secondary = secondary_auth_token
        self._told = False

    @property
    def account_url(self) -> str:
        """What the addresses of all that belongs to the account begin with, for `get` and `post`."""
        return f"https://api.twilio.com/2010-04-01/Accounts/{self.account_sid}"

    async def get(self, url: str, *, within: float = REQUEST_SECONDS) -> dict[str, Any]:
        """Fetch what is at one of Twilio's own addresses. Raises `RestError`, within so many seconds."""
        return await self._ask("GET", url, None, within)

    async def post(
        self, url: str, fields: Iterable[tuple[str, str]], *, within: float = REQUEST_SECONDS
    ) -> dict[str, Any]:
        """Create or change something, and give what it is then. Raises `RestError`, within so many seconds."""
        return await self._ask("POST", url, list(fields), within)

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: list[tuple[str, str]] | None = None,
        headers: Mapping[str, str] = _HEADERS,
    ) -> Answer:
        """Send one request, and once more only if an auth token was refused: then nothing came of it."""
        first, *others = self._tokens
        answer = await self._send(first, method, url, params, form, headers)
        for other in others if answer.status == _UNAUTHORIZED else ():
            answer = await self._send(other, method, url, params, form, headers)
            if answer.status != _UNAUTHORIZED:
                self._take_first(other, first)
        return answer

    async def _send(  # noqa: PLR0917
        self,
        token: str,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        form: list[tuple[str, str]] | None,
        headers: Mapping[str, str],
    ) -> Answer:
        async with self._http.request(
            method,
            self.address(url),
            params=params,
            data=form,
            headers={**headers, "Authorization": aiohttp.encode_basic_auth(self.account_sid, token)},
            allow_redirects=False,
        ) as response:
            return Answer(response.status, await _text(response), response.headers)

    async def _ask(self, method: str, url: str, form: list[tuple[str, str]] | None, seconds: float) -> dict[str, Any]:
        async with asking(seconds):
            answer = await self.send(method, url, form=form)
            if not 200 <= answer.status < 300:
                raise _refusal(answer)
            told = json.loads(answer.text)
            if not isinstance(told, dict):
                raise ValueError("it is no JSON object")
            return told

    def _take_first(self, token: str, other: str) -> None:
        self._tokens = [token, other]
        if token == self._secondary and not self._told:
            self._told = True
            log.warning("secondary_auth_token_fits", where="requests to Twilio")

    def address(self, url: str) -> str:
        """Where a product of Twilio's is reached: api.twilio.com at our base address, the others beside it.

        https://taskrouter.twilio.com is beside https://api.twilio.com; an address that is no such host has them all.
        """
        host, slash, rest = url.removeprefix("https://").partition("/")
        product = host.partition(".")[0]
        return re.sub(r"^(https?://)api\.", rf"\1{product}.", self._base_url) + slash + rest


async def _text(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MOST_BYTES:
            response.close()  # else the rest of it would be read, to use the connection again
            raise RestError(f"Twilio's answer is longer than {MOST_BYTES} bytes", status=response.status)
    return body.decode("utf-8", "replace")


def _refusal(answer: Answer) -> RestError:
    """Read why, in either of Twilio's two forms; a proxy's page is in none."""
    try:
        told = json.loads(answer.text)
    except (ValueError, RecursionError):
        told = None
    told = told if isinstance(told, dict) else {}
    code = told.get("code")
    words = told.get("message") or told.get("title") or f"HTTP {answer.status}, without a reason"
    return refused(words, code=code if isinstance(code, int) else answer.status, status=answer.status)
