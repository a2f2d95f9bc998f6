"""OpenAI's speech endpoint: what is ordered, what comes out fit for a telephone, and every way in which it can fail."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import aiohttp
import numpy as np
import pytest
from loud import active_db, pcm, peak
from openai.types.audio.speech_create_params import SpeechCreateParams
from pydantic import TypeAdapter
from speech_endpoint import KEY, SPANISH, TEXT, endpoint, failure

from bmv import languages
from bmv.audio import levels, mulaw
from bmv.audio.listening import listen
from bmv.audio.loudness import LEVEL_DB, LOUDEST_DB
from bmv.audio.resample import WIDE_RATE
from bmv.call.speaker import Voice, VoiceGone
from bmv.languages import IN_STREAM
from bmv.simulator import voices
from bmv.simulator.openai import speech
from bmv.simulator.openai.faults import Refusal
from bmv.simulator.openai.speech import SpeechFault
from bmv.speakers.openai_speech import OpenAISpeech

ORDER: TypeAdapter[Any] = TypeAdapter(SpeechCreateParams)
HEADERS = {"Authorization": f"Bearer {KEY}"}
SPOKEN = [
    (language.sentences[sentence], language.tag)
    for language in languages.LANGUAGES.values()
    if language.tag in voices.LANGUAGES
    for sentence in IN_STREAM
]


# -- the order --------------------------------------------------------------------------------------------------------


async def test_what_is_ordered_is_what_the_package_may_order() -> None:
    async with endpoint() as there:
        voice: Voice = there.voice()
        await voice.speak(TEXT, SPANISH)
    (order,) = there.record.orders
    assert ORDER.validate_python(order, strict=True) == order
    assert set(order) <= set(SpeechCreateParams.__annotations__)
    assert (order["input"], order["response_format"]) == (TEXT, "pcm")
    assert "Spanish" in order["instructions"]


async def test_a_model_that_takes_no_instructions_gets_none() -> None:
    async with endpoint() as there:
        await there.voice(model="tts-1-hd").speak(TEXT, SPANISH)
    assert "instructions" not in there.record.orders[0]


async def test_without_a_key_nothing_is_asked() -> None:
    async with endpoint() as there:
        for key in (None, ""):
            assert (await failure(there.voice(api_key=key))).permanent
    assert not there.record.orders
    assert not there.record.refused


async def test_the_name_tells_apart_whatever_makes_another_sound_and_keeps_the_key_to_itself() -> None:
    async with aiohttp.ClientSession() as http:
        names = {
            OpenAISpeech(http, url=f"{url}/audio/speech", headers=HEADERS, model=model, voice=voice).name
            for url in ("https://a.example/v1", "https://b.example/v1")
            for model in ("tts-1", "gpt-4o-mini-tts")
            for voice in ("marin", "cedar")
        }
        without = OpenAISpeech(
            http, url="https://a.example/v1/audio/speech", headers={}, model="tts-1", voice="cedar"
        ).name
    assert len(names) == 8
    assert without in names
    assert not any(KEY in name for name in names)


# -- the sound --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "tag"), SPOKEN)
async def test_every_word_arrives_at_the_usual_level_without_silence_around_it(text: str, tag: str) -> None:
    async with endpoint() as there:
        heard = await there.voice().speak(text, languages.get(tag))
    said = voices.speak(text, tag)
    assert len(heard) % mulaw.FRAME_BYTES == 0
    assert listen(heard, said).share > 0.9  # a piece of 240 ms that begins or ends in silence may differ
    assert active_db(heard) == pytest.approx(LEVEL_DB, abs=0.3)
    assert peak(heard) <= 32768 * 10 ** (LOUDEST_DB / 20) * 1.03  # a step of mu-law
    assert not levels.is_silent(heard[: 2 * mulaw.FRAME_BYTES])
    assert not levels.is_silent(heard[-4 * mulaw.FRAME_BYTES :])
    assert 1 < len(heard) / mulaw.SAMPLE_RATE < 3.6


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00",
        bytes(WIDE_RATE * 4),
        b'{"error": "this is no sound at all"} ' * 4000,
        np.random.default_rng(1).bytes(WIDE_RATE * 4),
        pcm(speech.spoken(TEXT))[: WIDE_RATE * 2 * 4 // 10],
        pcm(speech.spoken(TEXT)) * 6,
    ],
    ids=["nothing", "a byte", "silence", "text", "a compressed format", "too short", "too long"],
)
async def test_what_is_no_spoken_sentence_is_not_taken_for_one(answer: bytes) -> None:
    async with endpoint() as there:
        there.record.fail_next(SpeechFault(answer=answer))
        assert not (await failure(there.voice())).permanent
        assert await there.voice().speak(TEXT, SPANISH)


async def test_an_answer_that_does_not_end_is_not_read_to_its_end() -> None:
    async with endpoint() as there:
        there.record.fail_next(SpeechFault(answer=pcm(speech.spoken(TEXT)) * 20))
        assert "more than 960000 bytes" in str(await failure(there.voice()))


# -- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "permanent", "gone", "retry_after", "words"),
    [
        (Refusal.of(401), True, False, None, "HTTP 401 (invalid_api_key)"),
        (Refusal.of(403), True, False, None, "HTTP 403 (unsupported_country_region_territory)"),
        (Refusal.of(404), True, True, None, "HTTP 404 (model_not_found)"),
        (Refusal(400, None, f"because of {KEY}"), True, False, None, "HTTP 400 (invalid_request_error)"),
        (Refusal.of(429, retry_after=20), False, False, 20.0, "HTTP 429 (rate_limit_exceeded)"),
        (Refusal.out_of_money(), False, False, None, "HTTP 429 (credit_balance_exhausted)"),
        (Refusal.of(500), False, False, None, "HTTP 500 (server_error)"),
        (Refusal(410, None, "It has ended."), True, True, None, "HTTP 410 (invalid_request_error)"),
        (Refusal(404, None, "Nothing is here."), True, True, None, "HTTP 404 (invalid_request_error)"),
        (Refusal(403, "model_not_found", "Not yours."), True, True, None, "HTTP 403 (model_not_found)"),
    ],
)
async def test_a_refusal_says_why_and_whether_to_try_again(
    refusal: Refusal, permanent: bool, gone: bool, retry_after: float | None, words: str
) -> None:
    async with endpoint() as there:
        there.record.fail_next(SpeechFault(refuse=refusal))
        error = await failure(there.voice())
    assert (error.permanent, error.retry_after) == (permanent, retry_after)
    assert isinstance(error, VoiceGone) == gone
    assert words in str(error)


async def test_a_refusal_in_no_known_form_is_one_too() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 No\r\nRetry-After: soon\r\nContent-Length: 7\r\nConnection: close\r\n\r\n[[[oops")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server, aiohttp.ClientSession() as http:
        error = await failure(
            OpenAISpeech(http, url=f"{url}/audio/speech", headers=HEADERS, model="tts-1", voice="nova")
        )
    assert "HTTP 503 (no reason given)" in str(error)
    assert (error.permanent, error.retry_after) == (False, None)


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async with endpoint() as there:
        hold = asyncio.Event()
        there.record.fail_next(SpeechFault(hold=hold))
        begun = asyncio.get_running_loop().time()
        error = await failure(there.voice(request_seconds=0.05))
        assert asyncio.get_running_loop().time() - begun < 1
        hold.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while there.record.running:
                    await asyncio.sleep(0)
    assert "within 0.05 s" in str(error)
    assert not error.permanent


async def test_a_connection_that_is_cut_or_not_there_is_a_failure_that_may_pass() -> None:
    async with endpoint() as there:
        there.record.fail_next(SpeechFault(cut=True))
        assert not (await failure(there.voice())).permanent
        url = there.url
    async with aiohttp.ClientSession() as http:
        error = await failure(
            OpenAISpeech(http, url=f"{url}/audio/speech", headers=HEADERS, model="tts-1", voice="nova")
        )
    assert "cannot be reached" in str(error)
    assert not error.permanent
