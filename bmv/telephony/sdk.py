"""The `twilio` SDK over our own transport, for the commands that see to an account. A server of calls never loads it.

Its requests and what it reads of the answers are the SDK's. Its own asynchronous transport ignores its timeout and
would repeat a `create`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.base.version import Version
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from bmv.telephony import rest
from bmv.telephony.rest import REQUEST_SECONDS, Api

T = TypeVar("T")


async def ask(request: Awaitable[T], seconds: float = REQUEST_SECONDS) -> T:
    """Await a request of the SDK's. Raises `RestError` for whatever goes wrong with it."""
    try:
        async with rest.asking(seconds):
            return await request
    except TwilioException as error:
        told = _told(error)
        words = getattr(told, "msg", None) or getattr(told, "title", None) or told  # their own `str` is for terminals
        code, status = (_whole(getattr(told, name, None)) for name in ("code", "status"))
        raise rest.refused(words, code=code, status=status) from told
    except (TypeError, LookupError, ArithmeticError) as error:  # an answer of another shape than the SDK expects
        raise rest.RestError(f"Twilio's answer cannot be read: {error!r}") from error


class HttpTransport(AsyncHttpClient):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's requests over ours, which knows the account and signs them itself."""

    def __init__(self, api: Api) -> None:
        self.is_async = True
        self._api = api

    async def request(  # noqa: PLR0917 - the SDK's signature
        self,
        method: str,
        url: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
        allow_redirects: bool = False,  # noqa: ARG002
    ) -> Response:
        """Send one request; see `Api.send`."""
        answer = await self._api.send(method, url, params=params, form=_form(data or {}), headers=headers or {})
        return Response(answer.status, answer.text, answer.headers)


def connect(
    http: aiohttp.ClientSession,
    *,
    account_sid: str,
    auth_token: str,
    base_url: str,
    secondary_auth_token: str | None = None,
) -> Client:
    """The SDK's client over our transport; the environment is not consulted, least of all for another region."""
    api = Api(
        http,
        account_sid=account_sid,
        auth_token=auth_token,
        base_url=base_url,
        secondary_auth_token=secondary_auth_token,
    )
    return Client(account_sid, auth_token, http_client=HttpTransport(api), environment={"TWILIO_REGION": ""})


def _form(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Form fields as Twilio reads them: a list is the same field several times."""
    fields = ((name, value if isinstance(value, list) else [value]) for name, value in data.items())
    return [(name, str(each)) for name, values in fields for each in values]


def _whole(value: object) -> int | None:
    """A number of an answer, which may hold anything at all."""
    return value if isinstance(value, int) else None


def _told(error: TwilioException) -> TwilioException:
    """What Twilio's answer says; of a refused page of a list the SDK gives the answer alone, unread."""
    match error.args:
        case [str(message), Response() as response]:
            return Version.exception("GET", "", response, message)
    return error
