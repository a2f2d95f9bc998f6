"""The pages of those who look on, as a browser reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from wires import CALLER_SID, LINK_SECRET, PUBLIC_HOST, House

from bmv.call.captions import Caption
from bmv.call.leg import Role
from bmv.call.session import CallSession
from bmv.call.translator import CaptionKind
from bmv.web.links import Links, Purpose

LINKS = Links(PUBLIC_HOST, LINK_SECRET)
WORKER = "WK" + "7" * 32
OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
ORIGINAL, TRANSLATION = CaptionKind.ORIGINAL, CaptionKind.TRANSLATION

Event = tuple[str, str, Any]
"""Its name, its id and its data."""


def captions_path(call_id: str) -> str:
    return f"/captions/{LINKS.token(Purpose.CAPTIONS, call_id, 60)}"


DAY = 86_400  # what is made when this file is read may be used minutes later
AGENT_PATH = f"/agent/{LINKS.token(Purpose.AGENT, WORKER, DAY)}"


class Page:
    """An open stream of events, read as a browser reads it."""

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    async def event(self) -> Event | None:
        """The next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            while line := await self._stream.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    data = fields.get("data", "")
                    return fields["event"], fields.get("id", ""), json.loads(data) if data else None
        return None

    async def until(self, *names: str) -> list[Event]:
        """Everything up to the first event of one of these names."""
        events: list[Event] = []
        while event := await self.event():
            events.append(event)
            if event[0] in names:
                return events
        raise AssertionError(f"the stream ended without {names}: {events}")

    async def rest(self) -> list[Event]:
        """Everything up to the end."""
        events: list[Event] = []
        while event := await self.event():
            events.append(event)
        return events


@asynccontextmanager
async def reading(home: House, path: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Page]:
    """Keep a page's stream open."""
    url = str(home.url.origin()) + path
    async with home.http.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Page(response.content)


def says(call: CallSession, number: int, text: str, *, role: Role = Role.CALLER, kind: CaptionKind = ORIGINAL) -> None:
    call.transcript.show(Caption(call.id, role, kind, number, text), "es")


async def bridged(home: House, *, call_sid: str = CALLER_SID) -> CallSession:
    """A caller and an agent, who is our worker, and both can talk."""
    call = await home.queued(call_sid=call_sid)
    call.agent_accepted("WR1", worker=WORKER)
    assert call.state.value == "bridged"
    return call
