"""The other end of the translation socket, for tests of the simulated service: it checks everything that it gets."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import aiohttp
import numpy as np
import pydantic
from openai.types.realtime import RealtimeTranslationServerEvent

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.audio.resample import Upsampler
from bmv.simulator.conversation import DEMO
from bmv.simulator.openai import FakeOpenAI, PhrasebookBrain
from bmv.simulator.openai.server import API_KEY
from bmv.simulator.phrasebook import Phrasebook

RATE = 24000
MODEL = "gpt-realtime-translate"
SERVER_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeTranslationServerEvent)

Event = dict[str, Any]


class Client:
    """The other end of the socket, with a habit of checking what it gets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[Event] = []

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def append(self, pcm: Samples, step: int = 2400) -> None:
        raw = pcm.astype("<i2").tobytes()
        for start in range(0, len(raw), 2 * step):
            audio = base64.b64encode(raw[start : start + 2 * step]).decode()
            await self.send("session.input_audio_buffer.append", audio=audio)

    async def update(self, **audio: object) -> Event:
        await self.send("session.update", session={"audio": audio})
        return await self.receive()

    async def receive(self) -> Event:
        event: Event = checked(await self.socket.receive_json(timeout=5))
        self.events.append(event)
        return event

    async def receive_all(self) -> None:
        """Read until the socket is closed."""
        async for message in self.socket:
            self.events.append(checked(json.loads(message.data)))

    async def converse(self, pcm: Samples, step: int = 2400) -> None:
        """Say everything, close, and hear the rest."""
        await self.append(pcm, step)
        await self.send("session.close")
        await self.receive_all()

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def text(self, kind: str) -> str:
        return "".join(event["delta"] for event in self.of(f"session.{kind}_transcript.delta"))

    @property
    def audio(self) -> Samples:
        return np.frombuffer(b"".join(map(sound_of, self.of("session.output_audio.delta"))), np.int16)


def checked(event: Event) -> Event:
    """Hold an event against OpenAI's types, to the letter: they would let unknown fields pass."""
    no_unknown_fields(SERVER_EVENT.validate_python(event, strict=True))
    return event


def no_unknown_fields(model: pydantic.BaseModel) -> None:
    assert not model.model_extra
    for name in type(model).model_fields:
        if isinstance(value := getattr(model, name), pydantic.BaseModel):
            no_unknown_fields(value)


def sound_of(event: Event) -> bytes:
    return base64.b64decode(event["delta"])


@contextlib.asynccontextmanager
async def connected(
    fake: FakeOpenAI, *, key: str = API_KEY, query: str = f"model={MODEL}", **headers: str
) -> AsyncIterator[Client]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{fake.url}/realtime/translations?{query}", headers={"Authorization": f"Bearer {key}", **headers}
        ) as socket,
    ):
        yield Client(socket)


@contextlib.asynccontextmanager
async def session(fake: FakeOpenAI, language: str = "en", *, transcripts: bool = False) -> AsyncIterator[Client]:
    async with connected(fake) as client:
        await client.receive()
        heard = {"transcription": {"model": "gpt-realtime-whisper"}} if transcripts else {}
        await client.update(input=heard, output={"language": language})
        yield client


def noise(seconds: float, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).integers(-9000, 9000, round(seconds * RATE), np.int16)


def pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


@cache
def wide(ulaw: bytes) -> Samples:
    return Upsampler().process(mulaw.decode(ulaw))


@cache
def phrasebook() -> Phrasebook:
    return DEMO.phrasebook()


def interpreter() -> FakeOpenAI:
    return FakeOpenAI(lambda: PhrasebookBrain(phrasebook()))


async def refused(fake: FakeOpenAI, *, key: str | None = API_KEY, path: str = "") -> tuple[int, Event, str | None]:
    """Ask for an upgrade as a plain request, which shows the body that a WebSocket client does not get to see."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    path = path or f"/realtime/translations?model={MODEL}"
    async with aiohttp.ClientSession() as http, http.get(fake.url + path, headers=headers) as answer:
        body = await answer.json()
        assert set(body["error"]) == {"message", "type", "param", "code"}
        return answer.status, body["error"], answer.headers.get("Retry-After")
