"""Whether Twilio can reach our server at its public host: the name, the certificate, and who answers there.

What is seen from this machine is taken for what Twilio sees; only where DNS or the way out is another one inside of a
company can the two differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes
from bmv.commands.doctor.strangers import Answer, is_live, problems_of, recognise
from bmv.commands.doctor.surroundings import Surroundings, fetch
from bmv.commands.doctor.twilio_errors import MEANINGS

FEW_DAYS: Final = 14
HTTPS_PORT: Final = 443
_DAY = 86_400

_TWILIOS_CODE = re.compile(r"\(([0-9]{5})\)")
_CERTIFICATE = (
    "Twilio refuses such a certificate, so nothing of a call arrives. Get one of a public authority (Let's Encrypt, "
    "Caddy does it by itself), with its intermediate certificates, or use a tunnel that has one."
)
# OpenSSL's X509_V_ERR_…: expired; not yet valid; self-signed; unknown issuer; another name
_REASONS: Final[Mapping[int, str]] = {
    10: "has expired",
    9: "is not valid yet (or this machine's clock is wrong)",
    18: "is self-signed",
    19: "is signed by an authority of your own",
    20: "comes without the intermediate certificates, or is of an authority that nobody knows",
    21: "comes without the intermediate certificates",
    62: "is for another name",
}


@dataclass(frozen=True)
class LocalServer:
    """Who answers at our own port on this machine."""

    url: str
    ours: bool
    """Whether it is our server."""


class AddressChecks:
    """The checks of the public host, from its name up to who answers."""

    def __init__(self, host: str | None, *, api_host: str, api_port: int, around: Surroundings) -> None:
        """`host` is None where the setting is no use; `api_host` and `api_port` are where our server would listen."""
        self._host = host
        self._api_host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(api_host, api_host)  # noqa: S104
        self.port = api_port
        """The port that our server would listen on; 0 if nobody knows."""
        self._around = around
        self.name = Check("public name", self._name)
        self.certificate = Check("certificate", self._certificate)
        self.local = Check("local server", self._local)
        self.server = Check("public server", self._server)
        self.readiness = Check("readiness", self._readiness)

    @property
    def all(self) -> list[Check[Any]]:
        """In the order of the report."""
        return [self.local, self.name, self.certificate, self.server, self.readiness]

    async def _name(self, notes: Notes) -> str:
        """Give the public host, which DNS knows."""
        if self._host is None:
            raise NotChecked("PUBLIC_HOST is not set, or no use")
        try:
            async with asyncio.timeout(self._around.roads.request_seconds):
                addresses = await self._around.roads.look_up(self._host)
        except (OSError, TimeoutError) as error:
            raise Fault(
                f"DNS knows no {self._host}: {error or 'no answer'}",
                "Start the tunnel, or mend the DNS record. A tunnel that has another name now: "
                "`python -m bmv setup --host …`.",
            ) from error
        inside = [address for address in addresses if not ipaddress.ip_address(address.partition("%")[0]).is_global]
        if inside:
            notes.warning(
                f"{self._host} leads to {', '.join(inside)}, which only machines nearby can reach",
                "Twilio calls from the internet. All is well only if DNS answers differently out there.",
            )
        else:
            notes.ok(f"{self._host} leads to {', '.join(addresses)}")
        return self._host

    async def _certificate(self, notes: Notes) -> str:
        """Give the public host, which has a certificate that Twilio believes."""
        host = await self.name.value()
        found = await self._handshake(host)
        days = int((ssl.cert_time_to_seconds(found["notAfter"]) - self._around.roads.now()) // _DAY)
        issuer = next(
            (value for part in found.get("issuer", ()) for key, value in part if key == "organizationName"), ""
        )
        by = f", issued by {issuer}" if issuer else ""
        if days < FEW_DAYS:
            notes.warning(
                f"valid for {days} more days only{by}",
                "Renew it, and see why it is not renewed by itself: without it Twilio reaches nothing.",
            )
        else:
            notes.ok(f"valid for {days} more days{by}")
        return host

    async def _handshake(self, host: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._around.roads.request_seconds):
                return await self._open_tls(host)
        except ssl.SSLCertVerificationError as error:
            reason = _REASONS.get(error.verify_code, f"is not to be believed ({error.verify_message})")
            raise Fault(f"the certificate {reason}", _CERTIFICATE) from error
        except ssl.SSLError as error:
            raise Fault(
                f"what answers at {host}, port {HTTPS_PORT}, speaks no TLS ({error.reason or error})",
                "Have a proxy or tunnel with a certificate answer at port 443; this server itself speaks plain HTTP.",
            ) from error
        except TimeoutError as error:
            raise Fault(
                f"nothing answers at {host}, port {HTTPS_PORT}, within {self._around.roads.request_seconds:g} s",
                "Open port 443 to everybody: a firewall swallows the requests. Twilio's error is 11205 or 31901 then.",
            ) from error
        except OSError as error:
            raise Fault(
                f"nothing answers at {host}, port {HTTPS_PORT}: {error.strerror or error}",
                "Start the proxy or tunnel in front of the server, and open port 443 to everybody.",
            ) from error

    async def _open_tls(self, host: str) -> dict[str, Any]:
        """Shake hands with the first address that answers, and give the certificate. OSError, of the last one."""
        failure = OSError("it has no address")
        for each in await self._around.resolver.resolve(host, HTTPS_PORT):
            try:
                _, writer = await asyncio.open_connection(
                    each["host"], each["port"], ssl=self._around.roads.tls, server_hostname=host
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
                continue
            found: dict[str, Any] = writer.get_extra_info("peercert")
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return found
        raise failure

    async def _local(self, notes: Notes) -> LocalServer:
        if not self.port:
            notes.ok("not looked for: nobody knows where it would listen (API_PORT)")
            return LocalServer("", ours=False)
        url = f"http://{self._api_host}:{self.port}"
        try:
            answer = await fetch(self._around.http, "GET", f"{url}/live")
        except (aiohttp.ClientError, TimeoutError):
            return await self._nobody_here(url, notes)
        if is_live(answer):
            notes.ok(f"answers on this machine, at port {self.port}")
            return LocalServer(url, ours=True)
        notes.warning(
            f"something else answers at port {self.port} of this machine (HTTP {answer.status})",
            "End it, or set API_PORT to another port, here and in the proxy or tunnel.",
        )
        return LocalServer(url, ours=False)

    async def _nobody_here(self, url: str, notes: Notes) -> LocalServer:
        """Judge by who answers in public whether it matters that nobody does here."""
        try:
            await self.server.value()
        except NotChecked:
            notes.fault(f"no server answers on this machine, at port {self.port}", "Start it: `make run`.")
        else:
            notes.ok(f"none at port {self.port} of this machine; {self._host} is served from elsewhere")
        return LocalServer(url, ours=False)

    async def _server(self, notes: Notes) -> str:
        """Give the public host, at which our server answers."""
        host = await self.certificate.value()
        answer = await self.get("/live")
        if not is_live(answer):
            stranger = recognise(answer, host=host, port=self.port)
            raise Fault(stranger.message, stranger.remedy)
        notes.ok(f"https://{host}/live is answered by this server")
        return host

    async def _readiness(self, notes: Notes) -> None:
        host = await self.server.value()
        answer = await self.get("/ready")
        problems = problems_of(answer)
        if problems is None:
            stranger = recognise(answer, host=host, port=self.port)
            raise Fault(f"https://{host}/ready: {stranger.message}", stranger.remedy)
        for name, problem in problems.items():
            code = _TWILIOS_CODE.search(problem)
            meaning = MEANINGS.get(int(code[1])) if code else None
            if name in ("draining", "capacity", "processor"):
                notes.warning(f"the server takes no further call now: {problem}", "Try again when it has gone on.")
            elif meaning is not None:
                notes.fault(f"the server says ({name}): {problem}. That is: {meaning.words}", meaning.remedy)
            else:
                notes.fault(
                    f"the server says that it cannot serve a call ({name}): {problem}",
                    "See what is said of Twilio and OpenAI below; it forgets this after a minute, or with a good call.",
                )
        if not problems:
            notes.ok("the server can take a call")

    async def get(self, path: str) -> Answer:
        """Ask the public host. Raises `Fault` where nobody answers."""
        return await self.send("GET", path)

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request to the public host. Raises `Fault` where nobody answers."""
        shown = f"https://{self._host}{path.partition('?')[0]}"
        try:
            return await fetch(self._around.public, method, f"https://{self._host}{path}", **options)
        except TimeoutError as error:
            raise Fault(
                f"{shown} is not answered within {self._around.roads.request_seconds:g} s",
                "Look at the proxy or tunnel: it takes the request and passes it on to nobody. "
                "Twilio gives up after 15 s, and the caller hears an error.",
            ) from error
        except aiohttp.ClientResponseError as error:  # also an HTTP/2 that was not asked for
            raise Fault(
                f"{shown} is answered with what is no HTTP/1.1",
                "Switch HTTP/1.1 on in the proxy or tunnel: WebSockets, and so the media streams, need it.",
            ) from error
        except aiohttp.ClientError as error:
            raise Fault(
                f"{shown} is not answered: {error}",
                "Look at the proxy or tunnel in front of the server.",
            ) from error
