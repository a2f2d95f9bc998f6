"""`python -m bmv call`: order a translated call from the running server, and tell how far it comes.

A thin client of `POST /calls` and `GET /calls/{id}`: whoever rings whom, and in which languages, the server decides.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from bmv.commands.exits import DONE, FAILED, WRONG_SETTINGS

ASK_SECONDS = 0.5
REQUEST_SECONDS = 10.0

STATES: Mapping[str, str] = {
    "ordered": "The agent is being called …",
    "offered": "The call waits for an agent to accept it …",
    "taken": "An agent has accepted …",
    "calling": "The agent is there, and {to} is being called …",
    "bridged": "Both can talk. The call goes on by itself.",
}
"""What each state on the way means to whoever waits for the call."""

THERE = ("bridged", "held")
"""Both are there; a hold may begin before it is asked again."""

KNOWN = {*STATES, *THERE, "ended"}


@dataclass(frozen=True)
class CallRequest:
    """Whom to call (E.164), which language that person speaks, and where the agent is reached, if not as usual."""

    to: str
    language: str
    agent: str | None = None


class CallFailed(Exception):
    """The server did not take the order, or cannot be reached; says why in plain words."""


def call(request: CallRequest, *, server: str, token: str) -> int:
    """Order the call and wait until both can talk. Returns the exit code: 0 done, 1 failed, 2 no API_TOKEN."""
    if not token:
        print("API_TOKEN is not set: it must be the one that the server was started with.", file=sys.stderr)
        return WRONG_SETTINGS
    try:
        return asyncio.run(_call(request, server.rstrip("/"), token, print))
    except CallFailed as failure:
        print(failure, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nNot waiting any more. The call goes on.", file=sys.stderr)
        return DONE


async def _call(request: CallRequest, server: str, token: str, tell: Callable[[str], None]) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
        order = {"to": request.to, "language": request.language} | ({"agent": request.agent} if request.agent else {})
        placed = await _ask(http, "POST", f"{server}/calls", json=order)
        tell(f"Call {placed['id']}")
        told = ""
        while True:
            state: str = placed["state"]
            if state != told and state in STATES:
                tell(STATES[state].format(to=request.to))
            if state in THERE:
                return DONE
            if state not in STATES:
                raise CallFailed(f"The call is over: {placed.get('reason')}. The server's log says more.")
            told = state
            await asyncio.sleep(ASK_SECONDS)
            placed = await _ask(http, "GET", f"{server}/calls/{placed['id']}")


async def _ask(http: aiohttp.ClientSession, method: str, url: str, **options: Any) -> dict[str, Any]:
    try:
        async with http.request(method, url, allow_redirects=False, **options) as response:
            answer = await response.json()
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CallFailed(f"The server cannot be reached at {url}: {error or 'no answer'}.") from error
    except ValueError as error:
        raise CallFailed(f"What answers at {url} is no server of ours.") from error
    match answer:
        case {"problems": [*problems]}:
            raise CallFailed("The server refuses:\n" + "\n".join(f"  - {problem}" for problem in problems))
        case {"id": str(), "state": str(state)} if state in KNOWN:
            return dict(answer)
    raise CallFailed(f"What answers at {url} is no server of ours (HTTP {status}).")
