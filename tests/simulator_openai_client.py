"""The other end of the turn-based socket, for tests of the simulated service: it checks everything that it gets."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pydantic
from openai.types.realtime import RealtimeServerEvent, RealtimeSessionCreateResponse

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.simulator.openai import ConversationRecord, FakeOpenAI
from bmv.simulator.openai.server import API_KEY

MODEL = "gpt-realtime-2.1"
SERVER_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)
SESSION: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeSessionCreateResponse)
PCMU = {"type": "audio/pcmu"}
DETECTION = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "create_response": False,
    "interrupt_response": False,
}

Event = dict[str, Any]


class Client:
    """One connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, fake: FakeOpenAI) -> None:
        self.socket = socket
        self.fake = fake
        self.events: list[Event] = []

    @property
    def record(self) -> ConversationRecord:
        return self.fake.conversations[-1]

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def append(self, ulaw: bytes, step: int = 800) -> None:
        for start in range(0, len(ulaw), step):
            audio = base64.b64encode(ulaw[start : start + step]).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def update(self, **session: object) -> Event:
        await self.send("session.update", session={"type": "realtime", **session})
        return await self.receive()

    async def receive(self) -> Event:
        event: Event = checked(await self.socket.receive_json(timeout=5))
        self.events.append(event)
        return event

    async def until(self, kind: str, count: int = 1) -> Event:
        """Read on until so many events of a kind have come since now, and give the last."""
        while True:
            event = await self.receive()
            count -= event["type"] == kind
            if not count:
                return event

    async def receive_all(self) -> None:
        """Read until the socket is closed."""
        async for message in self.socket:
            self.events.append(checked(json.loads(message.data)))

    async def error(self) -> Event:
        event = await self.receive()
        assert event["type"] == "error", event
        error: Event = event["error"]
        return error

    async def nothing_more(self) -> None:
        """Nothing is under way: the answer to a question of ours is the next that comes."""
        await self.send("response.cancel", response_id="resp_nobody")
        assert (await self.error())["code"] == "response_cancel_not_active"

    async def ask(self, item_id: str, **fields: object) -> None:
        """Ask for an answer to one item, as an interpreter does."""
        reference = {"type": "item_reference", "id": item_id}
        await self.send("response.create", response={"conversation": "none", "input": [reference], **fields})

    async def say(self, ulaw: bytes) -> str:
        """Say something, wait until it was committed, and give the item's id."""
        await self.append(ulaw)
        committed = await self.until("input_audio_buffer.committed")
        await self.until("conversation.item.done")
        item_id: str = committed["item_id"]
        return item_id

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def heard(self, response_id: str | None = None) -> bytes:
        """The sound of one response, or of all in the order in which they came."""
        deltas = self.of("response.output_audio.delta")
        mine = [delta for delta in deltas if response_id in (None, delta["response_id"])]
        return b"".join(base64.b64decode(delta["delta"]) for delta in mine)


def checked(event: Event) -> Event:
    """Hold an event against OpenAI's types, to the letter: they would let unknown fields pass."""
    parsed = SERVER_EVENT.validate_python(event, strict=True)
    if event["type"].startswith("session."):
        # The package's type for these two events leaves out what is on the wire: id, object and expires_at.
        parsed = SESSION.validate_python(event["session"], strict=True)
    no_unknown_fields(parsed)
    return event


def no_unknown_fields(value: object) -> None:
    if isinstance(value, list):
        for one in value:
            no_unknown_fields(one)
    if not isinstance(value, pydantic.BaseModel):
        return
    assert not value.model_extra, value
    for name in type(value).model_fields:
        no_unknown_fields(getattr(value, name))


@contextlib.asynccontextmanager
async def connected(fake: FakeOpenAI, *, model: str = MODEL, **headers: str) -> AsyncIterator[Client]:
    """A socket on which nothing was said yet, not even by the service."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{fake.url}/realtime?model={model}", headers={"Authorization": f"Bearer {API_KEY}", **headers}
        ) as socket,
    ):
        yield Client(socket, fake)


@contextlib.asynccontextmanager
async def opened(fake: FakeOpenAI, *, model: str = MODEL) -> AsyncIterator[Client]:
    """A new session, as it is at first."""
    async with connected(fake, model=model) as client:
        await client.until("conversation.created")
        yield client


@contextlib.asynccontextmanager
async def session(
    fake: FakeOpenAI, instructions: str = "Interpret from Spanish into English.", **changes: Any
) -> AsyncIterator[Client]:
    """A session that was set up as an interpreter; `changes` are fields of its turn detection or input."""
    detection = DETECTION | {name: value for name, value in changes.items() if name in DETECTION}
    heard = {"format": PCMU, "turn_detection": detection if changes.get("turn_detection", True) else None}
    heard |= {name: value for name, value in changes.items() if name == "transcription"}
    async with opened(fake) as client:
        updated = await client.update(
            instructions=instructions, audio={"input": heard, "output": {"format": PCMU, "voice": "marin"}}
        )
        assert updated["type"] == "session.updated", updated
        yield client


def transport_of(socket: aiohttp.ClientWebSocketResponse) -> asyncio.Transport:
    """What lies under a socket: to end it without a word, and to see what the line does not take."""
    connection = socket._response.connection
    assert connection is not None
    assert connection.transport is not None
    return connection.transport


def noise(seconds: float, seed: int = 1) -> bytes:
    """A voice, as far as the level goes."""
    pcm: Samples = np.random.default_rng(seed).integers(-9000, 9000, round(seconds * 8000), np.int16)
    return mulaw.encode(pcm).replace(b"\x7f", b"\xff")  # mu-law has two zeros, and decoding makes them one


def pause(seconds: float) -> bytes:
    return b"\xff" * round(seconds * 8000)
