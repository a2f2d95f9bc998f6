"""Azure OpenAI, simulated: both translators and both voices work with deployments, and nothing passes for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.listening import listen
from bmv.call.speaker import SpeechFailed, VoiceGone
from bmv.call.translator import AudioTranslated, LanguagePair, TranslatorFactory, TranslatorLost
from bmv.call.usage import Usage
from bmv.languages import Sentence
from bmv.metrics import Histogram
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI, Fault, Refusal
from bmv.simulator.openai.server import API_KEY
from bmv.speakers.openai_speech import OpenAISpeech
from bmv.translators.openai_interpreter import OpenAIInterpreterFactory
from bmv.translators.openai_reader import OpenAIReader
from bmv.translators.openai_service import Service, azure, openai
from bmv.translators.openai_translate import OpenAITranslateFactory
from bmv.translators.prompt import Prompt

DEPLOYMENTS = {
    "our-translator": "gpt-realtime-translate",
    "our-interpreter": "gpt-realtime-2.1",
    "our-whisper": "gpt-realtime-whisper",
    "our-transcriber": "gpt-transcribe",
    "our-voice": "gpt-4o-mini-tts",
}
PAIR = LanguagePair(languages.get("es"), languages.get("en"))
SENTENCE = PAIR.source.sentences[Sentence.TRANSLATION_BACK]
SPANISH = voices.speak(SENTENCE, "es")
ENDPOINTS = {"translations": "our-translator", "realtime": "our-interpreter"}
TRANSCRIBERS = {"translations": "our-whisper", "realtime": "our-transcriber"}


def factory(
    http: aiohttp.ClientSession, service: Service, endpoint: str, *, model: str | None = None, captions: bool = True
) -> TranslatorFactory:
    model = model or ENDPOINTS[endpoint]
    if endpoint == "translations":
        return OpenAITranslateFactory(http, service=service, model=model, captions=captions)
    return OpenAIInterpreterFactory(
        http, service=service, model=model, voice="marin", captions=captions, instructions=Prompt()
    )


@asynccontextmanager
async def resource(**options: Any) -> AsyncIterator[tuple[FakeOpenAI, aiohttp.ClientSession]]:
    async with FakeOpenAI(azure=DEPLOYMENTS, **options) as fake, aiohttp.ClientSession() as http:
        yield fake, http
        await fake.until(lambda: not fake.open_sessions)


async def translate(made: TranslatorFactory, sound: bytes) -> tuple[bytes, Usage]:
    """One direction from beginning to end: what is heard, and what it cost."""
    heard = b""
    async with made.open(PAIR, Histogram()) as translator:
        for frame in mulaw.frames(sound + b"\xff" * 8000):
            translator.feed(frame, voiced=frame.count(b"\xff") < len(frame))
        translator.finish()
        async for event in translator.events():
            if isinstance(event, AudioTranslated):
                heard += event.audio
        return heard, translator.usage


def transcriber(fake: FakeOpenAI) -> object:
    """The model that the last session was told to take the original down with."""
    if fake.sessions:
        return fake.sessions[-1].settings.transcriber
    wanted = fake.conversations[-1].settings["audio"]["input"]["transcription"]
    return wanted and wanted["model"]


async def refused(made: TranslatorFactory) -> TranslatorLost:
    with pytest.raises(TranslatorLost) as lost:
        async with made.open(PAIR, Histogram()):
            raise AssertionError
    assert API_KEY not in str(lost.value)
    return lost.value


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_whole_direction_is_translated_and_taken_down(endpoint: str) -> None:
    async with resource() as (fake, http):
        service = azure(fake.url, API_KEY, TRANSCRIBERS[endpoint])
        heard, usage = await translate(factory(http, service, endpoint), SPANISH)
    assert listen(heard, SPANISH).share > 0.8
    assert usage.amounts
    assert usage.usd is None, "what Microsoft asks for it is not known"
    (record,) = fake.sessions or fake.conversations
    assert (record.headers["api-key"], "authorization" in record.headers) == (API_KEY, False)
    assert record.model == DEPLOYMENTS[ENDPOINTS[endpoint]]
    assert transcriber(fake) == DEPLOYMENTS[TRANSCRIBERS[endpoint]]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_deployments_that_are_named_as_their_models_need_no_setting_for_what_transcribes(endpoint: str) -> None:
    names = {name: name for name in DEPLOYMENTS.values()}
    async with FakeOpenAI(azure=names) as fake, aiohttp.ClientSession() as http:
        model = DEPLOYMENTS[ENDPOINTS[endpoint]]
        heard, usage = await translate(factory(http, azure(fake.url, API_KEY), endpoint, model=model), SPANISH)
    assert listen(heard, SPANISH).share > 0.8
    assert usage.usd is None
    assert transcriber(fake) == DEPLOYMENTS[TRANSCRIBERS[endpoint]]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_key_that_is_wrong_or_comes_as_a_bearers_is_refused_for_good(endpoint: str) -> None:
    async with resource() as (fake, http):
        for service in (azure(fake.url, "wrong"), openai(fake.url, API_KEY)):
            lost = await refused(factory(http, service, endpoint))
            assert lost.permanent
            assert "HTTP 401" in str(lost)
            assert "check OPENAI_API_KEY" in str(lost)
    assert not [*fake.sessions, *fake.conversations]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gpt-realtime-translate", "HTTP 404 (DeploymentNotFound): the resource has no deployment of this name"),
        ("our-interpreter", "HTTP 400 (OpperationNotSupported): this deployment's model does not work for this"),
    ],
)
async def test_a_deployment_that_is_not_there_or_not_for_this_is_refused_for_good(model: str, said: str) -> None:
    async with resource() as (fake, http):
        lost = await refused(factory(http, azure(fake.url, API_KEY, "our-whisper"), "translations", model=model))
    assert lost.permanent
    assert said in str(lost)


async def test_the_interface_without_versions_is_the_only_one() -> None:
    async with resource() as (fake, http):
        service = azure(fake.url.replace("/openai/v1", "/openai"), API_KEY)
        lost = await refused(factory(http, service, "realtime"))
    assert (lost.permanent, "HTTP 404" in str(lost)) == (True, True)


async def test_too_many_requests_are_transient_and_say_when_to_come_back() -> None:
    many = Refusal(429, "429", "Requests have exceeded the rate limit. Retry after 2 seconds.", retry_after=2)
    async with resource(fault=Fault(refuse=many)) as (fake, http):
        lost = await refused(factory(http, azure(fake.url, API_KEY), "translations"))
    assert (lost.permanent, lost.retry_after) == (False, 2)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_what_transcribes_must_be_a_deployment_too_or_left_out(endpoint: str) -> None:
    async with resource() as (fake, http):
        lost = await refused(factory(http, azure(fake.url, API_KEY), endpoint))
        assert lost.permanent
        assert "refused the configuration" in str(lost)
        heard, _ = await translate(factory(http, azure(fake.url, API_KEY), endpoint, captions=False), SPANISH)
    assert listen(heard, SPANISH).share > 0.8
    assert transcriber(fake) is None


async def test_both_voices_speak() -> None:
    async with resource() as (fake, http):
        reader = OpenAIReader(http, service=azure(fake.url, API_KEY), model="our-interpreter", voice="marin")
        speech = voice(http, fake)
        for each in (speech, reader):
            assert listen(await each.speak(SENTENCE, PAIR.source), SPANISH).share > 0.8
        await fake.until(lambda: not fake.open_sessions)
    (order,) = fake.speech.orders
    assert order["model"] == "our-voice"


async def test_the_speech_endpoint_without_such_a_deployment_or_address_is_gone_and_with_another_key_refused() -> None:
    async with resource() as (fake, http):
        for gone in (voice(http, fake, model="gpt-4o-mini-tts"), voice(http, fake, query="")):
            with pytest.raises(VoiceGone):
                await gone.speak(SENTENCE, PAIR.source)
        for headers in ({"api-key": "wrong"}, {"Authorization": f"Bearer {API_KEY}"}):
            with pytest.raises(SpeechFailed) as failed:
                await voice(http, fake, headers=headers).speak(SENTENCE, PAIR.source)
            assert failed.value.permanent
    assert fake.speech.refused == ["DeploymentNotFound", "404", "401", "401"]


def voice(
    http: aiohttp.ClientSession,
    fake: FakeOpenAI,
    *,
    model: str = "our-voice",
    query: str = "?api-version=preview",
    headers: dict[str, str] | None = None,
) -> OpenAISpeech:
    url, headers = f"{fake.url}/audio/speech{query}", headers or {"api-key": API_KEY}
    return OpenAISpeech(http, url=url, headers=headers, model=model, voice="marin")
