"""Who answers at the public host in our server's place, told from its answer. No I/O.

Sources: ngrok's error reference (ngrok.com/docs/errors: each answer of its own names an ERR_NGROK code), Cloudflare's
"Troubleshooting tunnels" (1033 and HTTP 530: no connector). The rest is what proxies and tunnels have in common.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bmv.commands.plain import one_line

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
NOT_SIGNED: Final = "not signed by Twilio\n"
"""What our gate says to whoever has no signature."""

_NGROK = re.compile(r"ERR_NGROK_[0-9]+")
_NGROK_OFFLINE, _NGROK_NO_SERVER, _NGROK_WARNING = "ERR_NGROK_3200", "ERR_NGROK_8012", "ERR_NGROK_6024"
_NO_UPSTREAM = frozenset({502, 503, 504, 521, 522, 523})
_SHOWN = 60


@dataclass(frozen=True)
class Answer:
    """An answer as far as it matters here; header names in lower case, the text shortened."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def is_page(self) -> bool:
        """Whether it is made for people."""
        return "html" in self.headers.get("content-type", "").lower()

    @property
    def is_refusal(self) -> bool:
        """Whether our own gate refused the signature."""
        return self.status == 403 and self.text == NOT_SIGNED


@dataclass(frozen=True)
class Stranger:
    """Who it is, and how to have our server answer instead."""

    message: str
    remedy: str


def is_live(answer: Answer) -> bool:
    """Whether this is our server's answer to `GET /live`."""
    return answer.status == 200 and _object(answer.text).get("live") is True


def problems_of(answer: Answer) -> dict[str, str] | None:
    """What our server's answer to `GET /ready` names; empty if it is ready, None if this is no answer of ours."""
    found = _object(answer.text)
    problems = found.get("problems")
    if not isinstance(found.get("ready"), bool) or not isinstance(problems, dict):
        return None
    return {str(name): str(problem) for name, problem in problems.items()}


def recognise(answer: Answer, *, host: str, port: int) -> Stranger:
    """Tell who answered at `host`, from what is no answer of ours; `port` is the one our server listens on."""
    return (
        _ngrok(answer, host=host, port=port)
        or _cloudflare(answer)
        or _redirect(answer, host=host)
        or _proxy(answer, port=port)
        or Stranger(
            f"something else answers at {host}, with HTTP {answer.status}: {_shown(answer.text)}",
            f"Have {host} lead to the port that the server listens on ({port}), and to nothing else.",
        )
    )


def _ngrok(answer: Answer, *, host: str, port: int) -> Stranger | None:
    code = answer.headers.get("ngrok-error-code") or next(iter(_NGROK.findall(answer.text)), None)
    if code is None:
        return None
    start = f"ngrok http {port} --url https://{host}"
    match code:
        case _ if code == _NGROK_OFFLINE:
            words = f"no tunnel is running: ngrok says that {host} is offline ({code})"
            return Stranger(words, f"Start it: `{start}`. If it has another name now, `python -m bmv setup --host …`.")
        case _ if code == _NGROK_NO_SERVER:
            words = f"the tunnel is up, but no server is behind it: ngrok found nothing at its port ({code})"
            return Stranger(
                words, f"Start the server (`make run`), and have the tunnel lead to port {port}: `{start}`."
            )
        case _ if code == _NGROK_WARNING:
            return Stranger(
                f"ngrok puts a page of warning in front of the server ({code})",
                "It is meant for browsers, and Twilio should not meet it; if calls fail, use a paid or another tunnel.",
            )
    return Stranger(
        f"ngrok answers in the server's place ({code})", f"See https://ngrok.com/docs/errors/{code.lower()}"
    )


def _cloudflare(answer: Answer) -> Stranger | None:
    is_tunnel = answer.status == 530 or re.search(r"error(?: code)?:? 1033", answer.text, re.IGNORECASE)
    if not is_tunnel:
        return None
    return Stranger(
        f"no tunnel is running: Cloudflare finds no connector (HTTP {answer.status})",
        "Start cloudflared again. A quick tunnel has another name each time: `python -m bmv setup --host …`.",
    )


def _redirect(answer: Answer, *, host: str) -> Stranger | None:
    if answer.status not in REDIRECTS:
        return None
    location = answer.headers.get("location", "")
    there = urlsplit(location).hostname or host
    if there == host:
        words = f"{host} leads on to another path (HTTP {answer.status}): {_shown(location)}"
        return Stranger(words, "Have the proxy pass every path on as it is. Perhaps it wants a login first.")
    return Stranger(
        f"{host} leads on to {there} (HTTP {answer.status})",
        f"A login or another name stands in front. If {there} is the server's name, set PUBLIC_HOST={there} and run "
        "`python -m bmv setup`; else switch the redirect off, Twilio cannot log in.",
    )


def _proxy(answer: Answer, *, port: int) -> Stranger | None:
    if answer.status in _NO_UPSTREAM:
        return Stranger(
            f"a proxy or tunnel answers, but no server is behind it (HTTP {answer.status})",
            f"Start the server (`make run`), and have the proxy or tunnel lead to the port it listens on ({port}).",
        )
    if answer.status in (401, 403, 407) and not answer.is_refusal:
        return Stranger(
            f"something in front of the server wants a login, or forbids the request (HTTP {answer.status})",
            "Let everybody in: Twilio comes from no fixed addresses and cannot log in. The server checks signatures.",
        )
    if answer.is_page and answer.status < 400:
        return Stranger(
            f"a web page is in front of the server, or in its place: {_shown(_title(answer.text))}",
            "It may be a tunnel's page of warning, a login or a parked domain; Twilio must reach the server itself.",
        )
    if answer.status == 404:
        return Stranger(
            f"something answers, but it is not this server: it knows no /live (HTTP 404): {_shown(answer.text)}",
            f"Have the proxy or tunnel lead to the port that the server listens on ({port}), with every path as it is.",
        )
    return None


def _title(page: str) -> str:
    found = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    return found[1] if found else page


def _shown(text: str) -> str:
    line = one_line(text)
    return f"“{line[:_SHOWN]}…”" if len(line) > _SHOWN else f"“{line}”"


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
