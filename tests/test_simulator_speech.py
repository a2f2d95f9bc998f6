"""The simulated speech endpoint: takes what OpenAI's own package sends, refuses what its types do not know, speaks."""

import asyncio
from typing import Any, get_args, get_type_hints

import aiohttp
import numpy as np
import openai
import pytest
from openai.types.audio import SpeechModel
from openai.types.audio.speech_create_params import SpeechCreateParams, Voice
from speech_endpoint import GOOD_ORDER, KEY, Endpoint, endpoint

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.listening import listen
from bmv.audio.resample import WIDE_RATE, Downsampler
from bmv.languages import IN_STREAM
from bmv.simulator import voices
from bmv.simulator.openai import speech
from bmv.simulator.openai.faults import Refusal
from bmv.simulator.openai.speech import SpeechFault


async def post(there: Endpoint, order: object, *, key: str = KEY) -> tuple[int, Any]:
    """Status and answer: the code of the error, or the sound."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with there.http.post(f"{there.url}/audio/speech", json=order, headers=headers) as response:
        if response.status == 200:
            assert response.content_type == "audio/pcm"
            return 200, await response.read()
        return response.status, (await response.json())["error"]["code"]


def literals(alias: object) -> set[str]:
    """The words of a Literal, however deep in a union."""
    return {found for each in get_args(alias) for found in ({each} if isinstance(each, str) else literals(each))}


def test_it_knows_the_models_voices_formats_and_fields_of_the_package_and_no_others() -> None:
    assert set(speech.MODELS) == literals(SpeechModel)
    assert set(speech.VOICES) == literals(Voice)
    assert set(speech.FORMATS) == literals(get_type_hints(SpeechCreateParams)["response_format"])
    assert set(speech._CHECKS) == set(SpeechCreateParams.__annotations__)


async def test_the_packages_own_client_is_served() -> None:
    async with endpoint() as there, openai.AsyncOpenAI(api_key=KEY, base_url=there.url, max_retries=0) as client:
        answer = await client.audio.speech.create(
            input="La traducción funciona de nuevo.",
            model="gpt-4o-mini-tts",
            voice="marin",
            response_format="pcm",
            instructions="Calmly.",
            speed=1.0,
            stream_format="audio",
        )
        pcm = answer.content
    (order,) = there.record.orders
    assert order["instructions"] == "Calmly."
    narrow = mulaw.encode(Downsampler().process(pcm))
    assert listen(narrow, voices.speak("La traducción funciona de nuevo.", "es")).share > 0.9
    assert len(pcm) % 2 == 0


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"volume": 3}, 400, "unknown_parameter"),
        ({"input": ""}, 400, "invalid_value"),
        ({"input": "a" * 4097}, 400, "invalid_value"),
        ({"input": 7}, 400, "invalid_value"),
        ({"input": None}, 400, "invalid_value"),
        ({"voice": "alice"}, 400, "invalid_value"),
        ({"voice": {"id": "voice_1", "name": "x"}}, 400, "invalid_value"),
        ({"model": "gpt-realtime-2.1"}, 404, "model_not_found"),
        ({"response_format": "pcm16"}, 400, "invalid_value"),
        ({"response_format": "mp3"}, 400, "not_simulated"),
        ({"stream_format": "sse"}, 400, "not_simulated"),
        ({"speed": 5}, 400, "invalid_value"),
        ({"instructions": ["slowly"]}, 400, "invalid_value"),
    ],
)
async def test_what_the_types_do_not_know_is_refused(change: dict[str, object], status: int, code: str) -> None:
    async with endpoint() as there:
        assert await post(there, GOOD_ORDER | change) == (status, code)
    assert there.record.refused == [code]
    assert not there.record.orders


@pytest.mark.parametrize("name", ["input", "model", "voice"])
async def test_an_order_without_what_is_required_is_refused(name: str) -> None:
    async with endpoint() as there:
        order = {key: value for key, value in GOOD_ORDER.items() if key != name}
        assert await post(there, order) == (400, "missing_required_parameter")
        assert await post(there, [order]) == (400, "missing_required_parameter")


@pytest.mark.parametrize("key", ["", "sk-another"])
async def test_a_wrong_key_is_refused_whatever_is_ordered(key: str) -> None:
    async with endpoint() as there:
        assert await post(there, {}, key=key) == (401, "invalid_api_key")


async def test_every_sentence_of_a_stream_can_be_ordered_and_no_two_sound_alike() -> None:
    said = {}
    for language in languages.LANGUAGES.values():
        for sentence in IN_STREAM:
            pcm = speech.spoken(language.sentences[sentence])
            quiet = pcm[: round(speech.SILENCE_SECONDS * WIDE_RATE)]
            assert not quiet.any()
            assert np.abs(pcm).max() > 5000
            said[language.tag, sentence] = pcm.tobytes()
    assert len(set(said.values())) == len(said)


async def test_faults_happen_to_the_next_requests_and_then_all_is_well() -> None:
    async with endpoint() as there:
        there.record.fail_next(SpeechFault(refuse=Refusal.of(429, retry_after=7)), times=2)
        there.record.fail_next(SpeechFault(answer=b"<html>"))
        there.record.fail_next(SpeechFault(cut=True))
        assert [await post(there, GOOD_ORDER) for _ in range(3)] == [
            (429, "rate_limit_exceeded"),
            (429, "rate_limit_exceeded"),
            (200, b"<html>"),
        ]
        with pytest.raises(aiohttp.ClientPayloadError):
            await post(there, GOOD_ORDER)
        assert (await post(there, GOOD_ORDER))[0] == 200


async def test_a_request_that_is_held_is_answered_when_it_is_let_go() -> None:
    async with endpoint() as there:
        hold = asyncio.Event()
        there.record.fail_next(SpeechFault(hold=hold))
        request = asyncio.create_task(post(there, GOOD_ORDER))
        while not there.record.running:
            await asyncio.sleep(0)
        assert (await post(there, GOOD_ORDER))[0] == 200
        assert not request.done()
        hold.set()
        assert (await request)[0] == 200
    assert there.record.most_at_once == 2
