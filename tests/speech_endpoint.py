"""The simulated speech endpoint on a socket of its own, for tests that need nothing else of OpenAI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from local_server import serving

from bmv import languages
from bmv.call.speaker import SpeechFailed, Voice
from bmv.errors import ProviderError
from bmv.languages import IN_STREAM
from bmv.simulator.openai.admission import Admission
from bmv.simulator.openai.speech import SpeechRecord, routes
from bmv.speakers.openai_speech import OpenAISpeech

KEY = "sk-a-secret-key"
SPANISH = languages.get("es")
TEXT = SPANISH.sentences[IN_STREAM[1]]
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
    async with (
        serving(*routes(Admission(KEY), record)) as address,
        asyncio.timeout(20),
        aiohttp.ClientSession() as http,
    ):
        yield Endpoint(f"{address}/v1", http, record)
    await asyncio.sleep(0)
    assert not record.running
    assert not asyncio.all_tasks() - before


async def failure(voice: Voice) -> SpeechFailed:
    """Have a voice speak that cannot; nobody is told the key."""
    with pytest.raises(SpeechFailed) as caught:
        await voice.speak(TEXT, SPANISH)
    assert isinstance(caught.value, ProviderError)
    assert KEY not in str(caught.value)
    return caught.value
