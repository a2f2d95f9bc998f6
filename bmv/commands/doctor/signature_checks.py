"""A round trip through the public host to ourselves: signed requests are taken, others refused, and streams open.

The requests are harmless: a stream's status about a call that never was, which the server answers and forgets, and an
opened media stream that never starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from twilio.request_validator import HMAC_SHA256

from bmv.call.leg import Role
from bmv.commands.doctor.address_checks import AddressChecks
from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes
from bmv.commands.doctor.strangers import Answer, recognise
from bmv.commands.doctor.surroundings import Surroundings, fetch
from bmv.telephony.signatures import signed_headers
from bmv.telephony.twiml import Addresses

NOBODY: Final = "doctor"
"""The id of the call that never was."""
FORM: Final[Mapping[str, str]] = {"StreamEvent": "doctor", "StreamName": "signed as Twilio signs, ¿no?"}
"""With signs that a proxy which rewrites the form would write differently."""

_SYMPTOM = "Until then every call drops: Twilio hears 403 for whatever it asks (error 11200)."


@dataclass(frozen=True)
class Secrets:
    """What Twilio signs with: the primary auth token, or a shared key where there is one.

    A second token has no part in it: Twilio signs with it only when it has become the primary one.
    """

    auth_token: str | None
    shared_key: str | None = None


class SignatureChecks:
    """The checks that prove that the server at the public host knows Twilio, and nobody else."""

    def __init__(self, address: AddressChecks, secrets: Secrets, around: Surroundings) -> None:
        self._address = address
        self._secrets = secrets
        self._around = around
        self.webhooks = Check("webhooks", self._webhooks)
        self.streams = Check("media streams", self._streams)

    @property
    def all(self) -> list[Check[Any]]:
        """In the order of the report."""
        return [self.webhooks, self.streams]

    async def _webhooks(self, notes: Notes) -> str:
        """Give the primary auth token, which the server at the public host knows."""
        host = await self._address.server.value()
        token = self._secrets.auth_token
        if token is None:
            raise NotChecked("TWILIO_AUTH_TOKEN is not set, or no use")
        await self._refuses_strangers(host)
        url = Addresses(host).callback("/stream-status", NOBODY, Role.CALLER)
        answer = await self._post(host, url, signed_headers(url, FORM, token))
        if answer.is_refusal:
            raise await self._why_refused(host, url, token)
        self._expect_taken(answer, host, "a signed request")
        notes.ok(
            "a request signed as Twilio signs comes through to the server and is taken; an unsigned one is refused"
        )
        if key := self._secrets.shared_key:
            answer = await self._post(host, url, signed_headers(url, FORM, key, HMAC_SHA256))
            if answer.is_refusal:
                notes.warning(
                    f"the server at {host} does not know this TWILIO_WEBHOOK_SHARED_KEY",
                    "Restart it with these settings.",
                )
            else:
                notes.ok("a request signed with TWILIO_WEBHOOK_SHARED_KEY is taken")
        return token

    async def _refuses_strangers(self, host: str) -> None:
        url = Addresses(host).callback("/stream-status", NOBODY, Role.CALLER)
        answer = await self._post(host, url, {})
        if answer.status < 300:
            raise Fault(
                f"a request without a signature is taken at {host} (HTTP {answer.status})",
                "This is not how our server answers: something in front answers in its place, or adds signatures.",
            )
        if not answer.is_refusal:
            self._expect_taken(answer, host, "a webhook")

    async def _why_refused(self, host: str, url: str, token: str) -> Fault:
        """Find out why the server refuses a signature that fits our settings."""
        bare = url.partition("?")[0]
        if not (await self._post(host, bare, signed_headers(bare, FORM, token))).is_refusal:
            return Fault(
                "a signed request is refused, and one without a query string is taken",
                f"The proxy or tunnel rewrites query strings: have it pass them on as they are. {_SYMPTOM}",
            )
        local = await self._address.local.value()
        if local.ours:
            here = url.replace(f"https://{host}", local.url)
            answer = await fetch(self._around.http, "POST", here, data=FORM, headers=signed_headers(url, FORM, token))
            if not answer.is_refusal:
                return Fault(
                    "a signed request is refused by way of the public host, and taken by the server on this machine",
                    f"{host} leads to another server, or the proxy or tunnel rewrites the path or the form on the way: "
                    f"have it pass both on as they are. {_SYMPTOM}",
                )
            return Fault(
                "the running server refuses a request that is signed with these settings",
                "It was started with another TWILIO_AUTH_TOKEN or PUBLIC_HOST: restart it. "
                f"Its log says “request_refused”. {_SYMPTOM}",
            )
        return Fault(
            f"the server at {host} refuses a request that is signed with these settings",
            "Its TWILIO_AUTH_TOKEN or its PUBLIC_HOST is another one, or a proxy in front rewrites path or form. "
            f"Its log says “request_refused”. {_SYMPTOM}",
        )

    def _expect_taken(self, answer: Answer, host: str, what: str) -> None:
        if answer.status == HTTPStatus.NO_CONTENT:
            return
        if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
            raise Fault(
                f"{what} arrives as something else (HTTP {answer.status})",
                "The proxy or tunnel changes the form on its way: have it pass bodies on as they are.",
            )
        stranger = recognise(answer, host=host, port=self._address.port)
        raise Fault(f"{what} does not arrive: {stranger.message}", stranger.remedy)

    async def _post(self, host: str, url: str, headers: Mapping[str, str]) -> Answer:
        return await self._address.send("POST", url.removeprefix(f"https://{host}"), data=FORM, headers=headers)

    # -- media streams ----------------------------------------------------------------------------------------------

    async def _streams(self, notes: Notes) -> None:
        token = await self.webhooks.value()
        host = await self._address.server.value()
        url = Addresses(host).stream
        if await self._upgrade(url, {}) == HTTPStatus.SWITCHING_PROTOCOLS:
            raise Fault(
                f"{url} opens without a signature",
                "This is not how our server answers: something in front answers in its place.",
            )
        status = await self._upgrade(url, signed_headers(url, {}, token))
        if status != HTTPStatus.SWITCHING_PROTOCOLS:
            raise await self._why_closed(host, url, status, token)
        notes.ok(f"{url} opens for a signed request, and for no other")

    async def _upgrade(self, url: str, headers: Mapping[str, str]) -> int:
        """Try to open the WebSocket, and give the status of the answer; an opened one is closed at once."""
        try:
            async with self._around.public.ws_connect(url.replace("wss://", "https://"), headers=headers) as ws:
                await ws.close()
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        except TimeoutError as error:
            raise Fault(
                f"{url} is not answered within {self._around.roads.request_seconds:g} s",
                "Have the proxy or tunnel pass WebSockets on at once. The caller hears “please hold”, then the call "
                "drops (error 31901).",
            ) from error
        except aiohttp.ClientError as error:
            raise Fault(
                f"{url} is not answered: {error}",
                "Have the proxy or tunnel pass WebSockets on. The caller hears “please hold”, then the call drops.",
            ) from error
        return HTTPStatus.SWITCHING_PROTOCOLS

    async def _why_closed(self, host: str, url: str, status: int, token: str) -> Fault:
        symptom = "Until then the caller hears “please hold”, and then the call drops (error 31920)."
        as_page = f"https://{host}/intercept"
        plain = await self._address.send("GET", "/intercept", headers=signed_headers(as_page, {}, token))
        # Without Upgrade the server takes it for a webhook: the signature for wss does not fit, the one for https does.
        if plain.status == HTTPStatus.BAD_REQUEST and status in (HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST):
            return Fault(
                f"the proxy or tunnel does not pass WebSockets on: {url} arrives as a plain request (HTTP {status})",
                "Have it pass on the headers Upgrade and Connection, over HTTP/1.1 "
                f"(nginx: proxy_http_version 1.1, proxy_set_header Upgrade and Connection). {symptom}",
            )
        if status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UPGRADE_REQUIRED, HTTPStatus.NOT_IMPLEMENTED):
            return Fault(
                f"the proxy or tunnel does not pass WebSockets on: {url} is answered with HTTP {status}",
                f"Switch WebSockets on there. {symptom}",
            )
        return Fault(
            f"{url} is answered with HTTP {status} in place of 101",
            f"Have the proxy or tunnel pass /intercept on as every other path, with Upgrade and Connection. {symptom}",
        )
