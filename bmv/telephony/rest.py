"""Twilio's REST API as such: how a request is sent, how long it may take, and what its failure is called.

The `twilio` SDK builds the requests and reads the answers. Its transport is ours: the SDK's own asynchronous one
ignores its timeout and would repeat a `create`, and so place a second call.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import Any, TypeVar

import aiohttp
import structlog
from twilio.base.exceptions import TwilioException
from twilio.base.version import Version
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bmv.errors import ProviderError

log = structlog.get_logger()

REQUEST_SECONDS = 8.0
_UNAUTHORIZED = 401

_WRONG_TOKEN = ": check TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN against the console"  # noqa: S105 - words

T = TypeVar("T")


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


async def ask(request: Awaitable[T], seconds: float = REQUEST_SECONDS) -> T:
    """Await a request of the SDK's. Raises `RestError` for whatever goes wrong with it."""
    try:
        async with asyncio.timeout(seconds):
            return await request
    except TwilioException as error:
        told = _told(error)
        code, status = getattr(told, "code", None), getattr(told, "status", None)
        words = _words(told) + (_WRONG_TOKEN if status == _UNAUTHORIZED else "")
        raise RestError(f"Twilio refused ({code}): {words}", code=code, status=status) from told
    except TimeoutError as error:
        raise RestError(f"Twilio did not answer within {seconds:g} s") from error
    except aiohttp.ClientError as error:
        sent = not isinstance(error, aiohttp.ClientConnectorError)
        raise RestError(f"Twilio cannot be reached: {error}", sent=sent) from error
    except (ValueError, AttributeError) as error:  # from the SDK, for what is no JSON or no object
        raise RestError(f"Twilio's answer cannot be read: {error}") from error


class HttpTransport(AsyncHttpClient):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's requests over our shared aiohttp session, to a base address of our choice.

    While the account's auth token is changed there are two, the client's own and a secondary one, and in the middle of
    it the one is good no more. So what was taken last goes first, and the other is for when that is refused.
    """

    def __init__(self, http: aiohttp.ClientSession, base_url: str, secondary_auth_token: str | None = None) -> None:
        self.is_async = True
        self._http = http
        self._base_url = base_url
        self._secondary = secondary_auth_token
        self._secondary_first = False
        self._told = False

    async def request(  # noqa: PLR0917 - the SDK's signature
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request, and once more only if an auth token was refused: then nothing came of it."""
        account_sid, auth_token = auth or ("", "")

        async def send(token: str) -> Response:
            signed = {"Authorization": aiohttp.encode_basic_auth(account_sid, token)} if auth else {}
            async with self._http.request(
                method,
                self.address(url),
                params=params,
                data=_form(data or {}),
                headers={**(headers or {}), **signed},
                allow_redirects=allow_redirects,
            ) as response:
                return Response(response.status, await response.text(), response.headers)

        if not self._secondary or not auth:
            return await send(auth_token)
        first, other = (self._secondary, auth_token) if self._secondary_first else (auth_token, self._secondary)
        response = await send(first)
        if response.status_code == _UNAUTHORIZED:
            response = await send(other)
            if response.status_code != _UNAUTHORIZED:
                self._take_first(other)
        return response

    def _take_first(self, token: str) -> None:
        self._secondary_first = token == self._secondary
        if self._secondary_first and not self._told:
            self._told = True
            log.warning("secondary_auth_token_fits", where="requests to Twilio")

    def address(self, url: str) -> str:
        """Where a product of Twilio's is reached: api.twilio.com at our base address, the others beside it.

        https://taskrouter.twilio.com is beside https://api.twilio.com; an address that is no such host has them all.
        """
        host, slash, rest = url.removeprefix("https://").partition("/")
        product = host.partition(".")[0]
        return re.sub(r"^(https?://)api\.", rf"\1{product}.", self._base_url) + slash + rest


def connect(
    http: aiohttp.ClientSession,
    *,
    account_sid: str,
    auth_token: str,
    base_url: str,
    secondary_auth_token: str | None = None,
) -> Client:
    """The SDK's client over our transport; the environment is not consulted, least of all for another region."""
    transport = HttpTransport(http, base_url, secondary_auth_token)
    return Client(account_sid, auth_token, http_client=transport, environment={"TWILIO_REGION": ""})


def _form(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Form fields as Twilio reads them: a list is the same field several times."""
    fields = ((name, value if isinstance(value, list) else [value]) for name, value in data.items())
    return [(name, str(each)) for name, values in fields for each in values]


def _told(error: TwilioException) -> TwilioException:
    """What Twilio's answer says; of a refused page of a list the SDK gives the answer alone, unread."""
    match error.args:
        case [str(message), Response() as response]:
            return Version.exception("GET", "", response, message)
    return error


def _words(error: TwilioException) -> str:
    """What Twilio says, in either of its forms; the errors' own `str` is for terminals."""
    return str(getattr(error, "msg", None) or getattr(error, "title", None) or error)
