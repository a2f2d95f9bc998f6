"""Asks a running ngrok under which host this machine is reached: the agent tells it on a local port, without a login.

https://ngrok.com/docs/agent/api lists "tunnels" and, for version 3 of its configuration, "endpoints".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bmv.config import parsers

NGROK_API = "http://127.0.0.1:4040"
ANSWER_SECONDS = 1.0  # for both questions together; it is a program of this machine
LARGEST_ANSWER = 1_000_000  # bytes; a few hundred tunnels

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal"})  # noqa: S104 (compared)


async def ngrok_host(port: int, api_url: str = NGROK_API) -> str | None:
    """The public host whose https requests ngrok passes on to this port of this machine, or None.

    None where no ngrok runs, where it leads elsewhere, and where what answers makes no sense or takes too long. Among
    several hosts it is always the same one, the first by the alphabet.
    """
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http:
            hosts = {
                host for url, target in await _listed(http, api_url) if _leads_to(target, port) for host in _host(url)
            }
    except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError):  # the last for brackets without end
        return None
    return min(hosts, default=None)


async def _listed(http: aiohttp.ClientSession, api_url: str) -> list[tuple[object, object]]:
    """Public address and target of everything that ngrok has open."""
    tunnels = [
        (each.get("public_url"), _part(each, "config").get("addr"))
        for each in await _list(http, f"{api_url}/api/tunnels", "tunnels")
    ]
    return tunnels or [
        (each.get("url"), _part(each, "upstream").get("url"))
        for each in await _list(http, f"{api_url}/api/endpoints", "endpoints")
    ]


async def _list(http: aiohttp.ClientSession, url: str, name: str) -> list[dict[str, Any]]:
    async with http.get(url, allow_redirects=False) as response:
        if response.status != 200:
            return []
        answer = json.loads(await _whole(response.content))
    listed = answer.get(name) if isinstance(answer, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


async def _whole(body: aiohttp.StreamReader) -> bytes:
    """All that comes, however it is cut into pieces; ValueError if it is too much."""
    whole = b""
    async for piece in body.iter_any():
        whole += piece
        if len(whole) > LARGEST_ANSWER:
            raise ValueError("more than ngrok would ever say")
    return whole


def _part(whole: dict[str, Any], name: str) -> dict[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, dict) else {}


def _leads_to(target: object, port: int) -> bool:
    """Whether a target (`5050`, `localhost:5050`, `http://localhost:5050`) is this port, spoken to without TLS."""
    text = str(target)
    if text.isdigit():
        return int(text) == port
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        return url.scheme == "http" and url.hostname in THIS_MACHINE and (url.port or 80) == port
    except ValueError:
        return False


def _host(url: object) -> Iterator[str]:
    """The host of a public https address, as a setting would have it; nothing for any other."""
    if isinstance(url, str) and url.startswith("https://") and not url.rstrip("/").endswith(".internal"):
        try:
            yield parsers.public_host(url)
        except ValueError:
            return
