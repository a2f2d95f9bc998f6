"""The simulated speech endpoint on a socket of its own, for tests that need nothing else of OpenAI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from bmv.simulator.openai.admission import Admission
from bmv.simulator.openai.speech import SpeechRecord, routes
from bmv.speakers.openai_speech import OpenAISpeech

KEY = "sk-a-secret-key"
MODEL = "gpt-4o-mini-tts"
GOOD_ORDER = {"model": MODEL, "voice": "marin", "input": "The translation is working again.", "response_format": "pcm"}


@dataclass
class Endpoint:
    """A running endpoint; `url` is what OPENAI_BASE_URL would be."""

    url: str
    http: aiohttp.ClientSession
    record: SpeechRecord = field(default_factory=SpeechRecord)

    def voice(
        self, *, api_key: str | None = KEY, model: str = MODEL, voice: str = "marin", request_seconds: float = 5.0
    ) -> OpenAISpeech:
        return OpenAISpeech(
            self.http,
            url=f"{self.url}/audio/speech",
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            model=model,
            voice=voice,
            request_seconds=request_seconds,
        )


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """Open it. In the end no request may be running, and no task be left."""
    before = asyncio.all_tasks()
    record = SpeechRecord()
    app = web.Application()
    app.add_routes(routes(Admission(KEY), record))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as http:
            yield Endpoint(f"http://127.0.0.1:{site.port}/v1", http, record)
    finally:
        await runner.cleanup()
    await asyncio.sleep(0)
    assert not record.running
    assert not asyncio.all_tasks() - before
