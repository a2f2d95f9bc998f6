"""OpenAI's turn-based endpoint, for tests that tell it word by word what to do; it takes only what its types know."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from local_server import serving
from openai.types.realtime import RealtimeClientEvent, ResponseItemReference
from openai_types import strangers
from pydantic import TypeAdapter

from bmv.audio.mulaw import SILENCE
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    CaptionKind,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.languages import get
from bmv.metrics import Histogram
from bmv.translators import openai_service
from bmv.translators.openai_interpreter import OpenAIInterpreterFactory

KEY = "sk-a-secret-key"
MODEL = "gpt-realtime-2.1"
CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
USAGE = {
    "total_tokens": 330,
    "input_tokens": 230,
    "output_tokens": 100,
    "input_token_details": {
        "audio_tokens": 30,
        "text_tokens": 200,
        "cached_tokens": 130,
        "cached_tokens_details": {"audio_tokens": 10, "text_tokens": 120},
    },
    "output_token_details": {"audio_tokens": 80, "text_tokens": 20},
}


def checked(text: bytes) -> dict[str, Any]:
    """Read what we send as strictly as the service does."""
    message: dict[str, Any] = json.loads(text)
    event = json.loads(text)
    if event["type"] == "response.create":  # the package has types of their own for references, as dicts
        for reference in event["response"].pop("input"):
            assert not list(strangers(ResponseItemReference.model_validate(reference, strict=True)))
    known = CLIENT_EVENT.validate_json(json.dumps(event), strict=True)
    assert list(strangers(known)) == []
    assert known.model_dump(exclude_unset=True) == event  # nothing was dropped, nothing converted
    return message


@dataclass
class Session:
    """One connection as the server sees it: what came, and the words of the endpoint."""

    ws: web.WebSocketResponse
    query: dict[str, str]
    headers: dict[str, str]
    answers_signs: bool = True
    received: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    # -- what the server says ---------------------------------------------------------------------------------------

    async def say(self, kind: str, **fields: object) -> None:
        await self.ws.send_json({"type": kind, "event_id": "e", **fields})

    async def created(self, **fields: object) -> None:
        defaults = {"input": {"format": {"type": "audio/pcm", "rate": 24000}}, "output": {"voice": "alloy"}}
        session = {"id": "sess_1", "object": "realtime.session", "type": "realtime", "model": MODEL, "audio": defaults}
        await self.say("session.created", session=session | fields)

    async def welcome(self, **fields: object) -> None:
        """Open the session as the endpoint does; `fields` are of the first event's session."""
        await self.created(**fields)
        update = await self.next()
        await self.say("session.updated", session=update["session"])

    async def first_words(self, frames: int) -> None:
        """Open the session, and when so many frames are here hear somebody who has been talking all the while."""
        await self.welcome()
        await self.hear(frames)
        await self.started("a", 0)

    async def first_turn(self) -> None:
        """Open the session, and hear one sentence in its first two seconds: the turn `a`, of 90 frames."""
        await self.welcome()
        await self.hear(100)
        await self.turn("a", 0, 1800)

    async def fail(self, code: str | None, kind: str = "invalid_request_error", event_id: str | None = None) -> None:
        error = {"type": kind, "code": code, "message": "No.", "param": None, "event_id": event_id}
        await self.say("error", error=error)

    async def started(self, item_id: str, start_ms: int) -> None:
        await self.say("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)

    async def turn(self, item_id: str, start_ms: int, end_ms: int) -> None:
        """Hear a stretch of speech."""
        await self.started(item_id, start_ms)
        await self.say("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)
        await self.committed(item_id)

    async def committed(self, item_id: str) -> None:
        await self.say("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)

    async def begin(self, ask: dict[str, Any], response_id: str) -> None:
        response = {"id": response_id, "status": "in_progress", "metadata": ask["response"]["metadata"]}
        await self.say("response.created", response=response)

    async def speak(self, response_id: str, audio: bytes) -> None:
        delta = base64.b64encode(audio).decode()
        await self.say("response.output_audio.delta", delta=delta, **self._part(response_id))

    async def write(self, response_id: str, text: str) -> None:
        await self.say("response.output_audio_transcript.delta", delta=text, **self._part(response_id))

    async def done(self, ask: dict[str, Any], response_id: str, status: str = "completed", **details: object) -> None:
        response = {"id": response_id, "status": status, "metadata": ask["response"]["metadata"], "usage": USAGE}
        await self.say("response.done", response=response | {"status_details": details or None})

    async def answer(self, ask: dict[str, Any], audio: bytes, text: str = "") -> None:
        """Give a whole response."""
        response_id = f"resp_{ask['event_id']}"
        await self.begin(ask, response_id)
        if text:
            await self.write(response_id, text)
        await self.speak(response_id, audio)
        await self.done(ask, response_id)

    @staticmethod
    def _part(response_id: str) -> dict[str, Any]:
        return {"response_id": response_id, "item_id": "item_of_ours", "output_index": 0, "content_index": 0}

    # -- what the client says ---------------------------------------------------------------------------------------

    async def next(self) -> dict[str, Any]:
        """Give the client's next event but for audio; StopAsyncIteration when it is gone."""
        while True:
            message = await anext(self.ws)
            assert message.type is aiohttp.WSMsgType.TEXT
            event = checked(message.data.encode())
            self.received.append(event)
            if event["type"] == "conversation.item.retrieve" and self.answers_signs:
                await self.fail("item_retrieve_invalid_item_id", event_id=event["event_id"])
            elif event["type"] != "input_audio_buffer.append":
                return event

    async def next_of(self, kind: str) -> dict[str, Any]:
        """Give the client's next event of this kind; whatever comes before it is in the record."""
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def next_ask(self) -> dict[str, Any]:
        """Give the next wish for a response; see `next_of`."""
        return await self.next_of("response.create")

    async def hear(self, frames: int) -> None:
        """Wait until so many frames have come."""
        while len(self.audio) < frames * 160:
            message = await anext(self.ws)
            self.received.append(checked(message.data.encode()))
            assert self.received[-1]["type"] in ("input_audio_buffer.append", "conversation.item.retrieve")

    def kinds(self, *wanted: str) -> list[str]:
        """What kinds of events came but for audio; only the `wanted` ones if any are named."""
        kinds = [event["type"] for event in self.received if event["type"] != "input_audio_buffer.append"]
        return [kind for kind in kinds if not wanted or kind in wanted]

    @property
    def asked(self) -> list[str]:
        """The items that were to be translated, in the order asked."""
        asks = [event["response"] for event in self.received if event["type"] == "response.create"]
        return [reference["id"] for ask in asks for reference in ask["input"]]

    @property
    def deleted(self) -> list[str]:
        return [event["item_id"] for event in self.received if event["type"] == "conversation.item.delete"]

    @property
    def audio(self) -> bytes:
        return b"".join(base64.b64decode(event["audio"]) for event in self.received if "audio" in event)


Script = Callable[[Session], Awaitable[None]]


async def well_behaved(session: Session) -> None:
    """Listen, and say nothing."""
    await session.welcome()


@dataclass
class Realtime:
    """The server: its sessions so far, and the factory that reaches it."""

    factory: OpenAIInterpreterFactory
    http: aiohttp.ClientSession
    url: str
    sessions: list[Session]
    failures: list[BaseException]

    @property
    def session(self) -> Session:
        (session,) = self.sessions
        return session


@asynccontextmanager
async def realtime(
    script: Script = well_behaved,
    *,
    model: str = MODEL,
    captions: bool = False,
    refuse: int | None = None,
    open_seconds: float = 5,
) -> AsyncIterator[Realtime]:
    """Open the server; at the end every client must have closed its socket, and no script may have failed."""
    sessions: list[Session] = []
    failures: list[BaseException] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if refuse:
            return web.json_response({"error": {"message": "no", "code": "x"}}, status=refuse)
        ws = web.WebSocketResponse(timeout=1)
        await ws.prepare(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        session = Session(ws, dict(request.query), headers)
        sessions.append(session)
        try:
            await script(session)
            while True:
                await session.next()
        except StopAsyncIteration:
            pass
        except Exception as error:
            failures.append(error)
        finally:
            session.closed.set()
        return ws

    async with (
        serving(web.get("/v1/realtime", handle)) as address,
        asyncio.timeout(10),
        aiohttp.ClientSession() as http,
    ):
        factory = OpenAIInterpreterFactory(
            http,
            service=openai_service.openai(f"{address}/v1", KEY),
            model=model,
            voice="marin",
            captions=captions,
            instructions=lambda pair: f"From {pair.source.english} into {pair.target.english}.",
            open_seconds=open_seconds,
        )
        yield Realtime(factory, http, f"{address}/v1", sessions, failures)
        for session in sessions:
            await session.closed.wait()
    if failures:
        raise failures[0]


# -- the client in use -------------------------------------------------------------------------------------------------

PAIR = LanguagePair(get("es"), get("en"))
HELLO, WORLD = bytes(range(1, 251)), bytes(range(2, 120))
"""What is said in answers: sound that nobody mistakes for another."""


@dataclass
class Call:
    """One session in use: what is fed, and what is heard from it."""

    translator: Translator
    listening: asyncio.Task[None]
    heard: list[TranslatorEvent] = field(default_factory=list)

    def say(self, frames: int, *, voiced: bool = True) -> None:
        for _ in range(frames):
            self.translator.feed(SILENCE, voiced=voiced)

    async def until(self, happened: Callable[[], object]) -> None:
        while not happened():
            assert not self.listening.done(), "the session ended"
            await asyncio.sleep(0.001)

    async def first_turn(self) -> None:
        """Say the sentence that `Session.first_turn` hears, until it is translated."""
        self.say(100)
        await self.until_heard(Processed(90))

    async def until_heard(self, event: TranslatorEvent) -> None:
        await self.until(lambda: event in self.heard)

    async def finish(self) -> None:
        """Let the session say what is left, and end."""
        self.translator.finish()
        await self.listening

    async def lost(self) -> TranslatorLost:
        with pytest.raises(TranslatorLost) as error:
            await self.listening
        return error.value

    @property
    def audio(self) -> list[bytes]:
        return [event.audio for event in self.heard if isinstance(event, AudioTranslated)]

    @property
    def processed(self) -> list[Processed]:
        return [event for event in self.heard if isinstance(event, Processed)]

    def text(self, kind: CaptionKind) -> str:
        return "".join(event.text for event in self.heard if isinstance(event, Captioned) and event.kind is kind)


@asynccontextmanager
async def calling(server: Realtime) -> AsyncIterator[Call]:
    heard: list[TranslatorEvent] = []

    async def listen(translator: Translator) -> None:
        async for event in translator.events():
            heard.append(event)

    async with server.factory.open(PAIR, Histogram()) as translator:
        listening = asyncio.create_task(listen(translator))
        try:
            yield Call(translator, listening, heard)
        finally:
            listening.cancel()
            await asyncio.wait([listening])


async def one_turn(session: Session) -> None:
    """Hear one sentence in the first two seconds, and translate it."""
    await session.first_turn()
    await session.answer(await session.next_ask(), HELLO, "Hello.")
