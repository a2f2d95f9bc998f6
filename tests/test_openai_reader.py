"""The voice that is a conversational model: what it reads, what it is not believed, and every way in which it can fail.

The service is the simulated one, on a real socket; what it never does by itself is told to it as a fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from house import ACCOUNT, TOKEN, Unhurried, environment
from loud import active_db
from speech_endpoint import KEY, SPANISH, TEXT, failure
from structlog.testing import capture_logs

from bmv import languages
from bmv.app import serving
from bmv.audio import levels, mulaw
from bmv.audio.listening import listen
from bmv.audio.loudness import LEVEL_DB
from bmv.call.speaker import Voice
from bmv.config import Settings
from bmv.languages import IN_STREAM
from bmv.simulator import voices
from bmv.simulator.openai import WELL, Ending, FakeOpenAI, Fault, Refusal, ResponseFault
from bmv.simulator.openai.speech import SpeechFault
from bmv.simulator.twilio import FakeTwilio
from bmv.translators import openai_service
from bmv.translators.openai_reader import SUCCESSOR, OpenAIReader

SENTENCES = len(IN_STREAM) * len(languages.LANGUAGES)
SPOKEN = [
    (language.sentences[sentence], language.tag)
    for language in languages.LANGUAGES.values()
    if language.tag in voices.LANGUAGES
    for sentence in IN_STREAM
]


@dataclass
class Service:
    """The service, and the connections to it."""

    fake: FakeOpenAI
    http: aiohttp.ClientSession

    def voice(
        self,
        *,
        api_key: str | None = KEY,
        model: str = SUCCESSOR,
        voice: str = "marin",
        request_seconds: float = 5.0,
    ) -> OpenAIReader:
        return OpenAIReader(
            self.http,
            service=openai_service.openai(self.fake.url, api_key),
            model=model,
            voice=voice,
            request_seconds=request_seconds,
        )


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    """Open it. In the end no session may be open, and no task be left."""
    before = asyncio.all_tasks()
    async with FakeOpenAI(api_key=KEY) as fake, aiohttp.ClientSession() as http:
        yield Service(fake, http)
        await fake.until(lambda: not fake.open_sessions)
    await asyncio.sleep(0)
    assert not {task for task in asyncio.all_tasks() - before if not task.done()}


def answering(**fault: Any) -> Fault:
    """What happens to the one response of a session: every try has a session of its own."""
    return Fault(responses=(ResponseFault(**fault),))


# -- what it reads ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "tag"), SPOKEN)
async def test_every_word_arrives_at_the_usual_level_without_silence_around_it(text: str, tag: str) -> None:
    async with service() as there:
        voice: Voice = there.voice()
        heard = await voice.speak(text, languages.get(tag))
    assert len(heard) % mulaw.FRAME_BYTES == 0
    assert listen(heard, voices.speak(text, tag)).share > 0.9  # a piece that begins or ends in silence may differ
    assert active_db(heard) == pytest.approx(LEVEL_DB, abs=0.3)
    assert not levels.is_silent(heard[: 2 * mulaw.FRAME_BYTES])
    assert not levels.is_silent(heard[-4 * mulaw.FRAME_BYTES :])


async def test_a_sentence_is_one_response_outside_the_conversation_in_a_session_that_is_closed_at_once() -> None:
    async with service() as there:
        await there.voice(voice="cedar").speak(TEXT, SPANISH)
    (session,) = there.fake.conversations
    (response,) = session.responses
    assert session.model == SUCCESSOR
    assert session.headers["authorization"] == f"Bearer {KEY}"
    assert "in Spanish" in response.instructions
    assert (response.out_of_band, response.status, session.items) == (True, "completed", [])
    assert (session.closed_by, session.errors) == ("client", [])


async def test_a_response_in_several_messages_is_one_sentence() -> None:
    async with service() as there:
        whole = await there.voice().speak(TEXT, SPANISH)
        there.fake.fail_next(answering(messages=3))
        assert await there.voice().speak(TEXT, SPANISH) == whole
        there.fake.fail_next(answering(without_created=True))
        assert await there.voice().speak(TEXT, SPANISH) == whole
    assert len(there.fake.conversations) == 3  # none of them took a second try


@pytest.mark.parametrize("voice", ["fable", "onyx", "nova"])
async def test_a_voice_that_only_the_speech_endpoint_has_becomes_one_that_is_there(voice: str) -> None:
    async with service() as there:
        assert await there.voice(voice=voice).speak(TEXT, SPANISH)
        assert there.voice(voice=voice).name == there.voice(voice="marin").name


async def test_the_name_tells_apart_whatever_makes_another_sound_and_keeps_the_key_to_itself() -> None:
    async with aiohttp.ClientSession() as http:
        names = {
            OpenAIReader(http, service=openai_service.openai(url, KEY), model=model, voice=voice).name
            for url in ("https://a.example/v1", "https://b.example/v1")
            for model in ("gpt-realtime-2.1", SUCCESSOR)
            for voice in ("marin", "cedar")
        }
        silent = OpenAIReader(
            http, service=openai_service.openai("https://a.example/v1", None), model=SUCCESSOR, voice="cedar"
        )
    assert len(names) == 8
    assert silent.name in names
    assert silent.model == SUCCESSOR
    assert not any(KEY in name for name in names)


# -- what it is not believed ------------------------------------------------------------------------------------------


async def test_a_model_that_says_something_else_is_asked_once_more() -> None:
    async with service() as there:
        well = await there.voice().speak(TEXT, SPANISH)
        there.fake.fail_next(answering(says=f"Claro. {TEXT}"))
        assert await there.voice().speak(TEXT, SPANISH) == well
    assert len(there.fake.conversations) == 3


async def test_a_model_that_says_something_else_again_has_failed_for_now() -> None:
    async with service() as there:
        there.fake.fail_next(answering(says="The translation is working again."), times=2)
        error = await failure(there.voice())
    assert "word for word" in str(error)
    assert not error.permanent
    assert len(there.fake.conversations) == 2


async def test_sound_without_words_is_not_believed() -> None:
    async with service() as there:
        there.fake.fail_next(Fault(wordless=True), times=2)
        assert "word for word" in str(await failure(there.voice()))


async def test_words_without_sound_are_no_sentence() -> None:
    async with service() as there:
        there.fake.fail_next(Fault(voiceless=True))
        error = await failure(there.voice())
    assert "no spoken sentence" in str(error)
    assert not error.permanent


async def test_an_answer_that_does_not_end_is_not_heard_to_its_end() -> None:
    async with service() as there:
        there.fake.fail_next(answering(says="日本" * 200))  # beeps of its length, 24 s
        assert "more than 960000 bytes" in str(await failure(there.voice()))


# -- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "permanent", "retry_after", "words"),
    [
        (Fault(refuse=Refusal.of(401)), True, None, "HTTP 401 (invalid_api_key)"),
        (Fault(refuse=Refusal.of(404)), True, None, "HTTP 404 (model_not_found)"),
        (Fault(refuse=Refusal.of(429, retry_after=20)), False, 20.0, "HTTP 429 (rate_limit_exceeded)"),
        (Fault(refuse=Refusal(429, None, "No.", "nothing")), False, None, "HTTP 429"),
        (Fault(refuse=Refusal.out_of_money()), True, None, "HTTP 429 (credit_balance_exhausted)"),
        (Fault(refuse=Refusal.of(500)), False, None, "HTTP 500 (server_error)"),
        (Fault(end=Ending.invalid_key()), True, None, "invalid_api_key"),
        (Fault(garbage="[[["), False, None, "cannot be read"),
        (Fault(responses=(ResponseFault.failed(after=0.4),)), False, None, "server_error"),
        (Fault(responses=(ResponseFault.failed("insufficient_quota"),)), True, None, "insufficient_quota"),
        (Fault(responses=(ResponseFault.incomplete(),)), False, None, "incomplete"),
        (Fault(responses=(ResponseFault.cancelled(),)), False, None, "cancelled"),
        (Fault(reset_after_output=0.4), False, None, "closed the connection"),
        (Fault(expires_in=0.0), False, None, "session_expired"),
    ],
)
async def test_a_failure_says_why_and_whether_to_try_again(
    fault: Fault, permanent: bool, retry_after: float | None, words: str
) -> None:
    async with service() as there:
        there.fake.fail_next(fault)
        error = await failure(there.voice())
        assert await there.voice().speak(TEXT, SPANISH)
    assert (error.permanent, error.retry_after) == (permanent, retry_after)
    assert words in str(error)


async def test_refusals_that_do_not_say_why_are_never_final_however_many_there_are() -> None:
    async with service() as there:
        there.fake.fail_next(Fault(refuse=Refusal(429, None, "No.", "nothing")), times=6)
        voice = there.voice()
        for error in await asyncio.gather(*(failure(voice) for _ in range(6))):
            assert not error.permanent


async def test_an_order_that_is_refused_would_be_refused_again() -> None:
    async with service() as there:
        error = await failure(there.voice(voice="alice"))
    assert error.permanent
    assert "invalid_value" in str(error)
    assert "alice" not in str(error)


@pytest.mark.parametrize(
    "fault",
    [Fault(silent_after=0.0), Fault(responses=(ResponseFault(unanswered=True), WELL)), Fault(silent_after_output=0.4)],
    ids=["from the beginning", "after the order", "in the middle"],
)
async def test_a_service_that_says_nothing_is_not_waited_for(fault: Fault) -> None:
    async with service() as there:
        there.fake.fail_next(fault)
        begun = asyncio.get_running_loop().time()
        error = await failure(there.voice(request_seconds=0.3))
        assert asyncio.get_running_loop().time() - begun < 2.5  # its goodbye is waited for, too
    assert "within 0.3 s" in str(error)
    assert not error.permanent


async def test_a_service_that_is_not_there_is_a_failure_that_may_pass() -> None:
    async with service() as there:
        url = there.fake.url
    async with aiohttp.ClientSession() as http:
        error = await failure(
            OpenAIReader(http, service=openai_service.openai(url, KEY), model=SUCCESSOR, voice="marin")
        )
    assert "cannot be reached" in str(error)
    assert not error.permanent


async def test_without_a_key_nothing_is_asked() -> None:
    async with service() as there:
        for key in (None, ""):
            assert (await failure(there.voice(api_key=key))).permanent
        assert not there.fake.connections


# -- which voice speaks -----------------------------------------------------------------------------------------------


async def rendered(fake: FakeOpenAI, cache: Path, **changes: str) -> list[str]:
    """Start a server without any recordings, wait until it has them all, and give its warnings."""
    changes |= {"PROMPTS_DIR": "", "PROMPTS_CACHE_DIR": str(cache), "OPENAI_API_KEY": KEY}
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)  # nobody calls
    with capture_logs() as logs:
        async with twilio, serving(Settings.load(environment(twilio, fake, changes)), Unhurried()):
            while not any(entry["event"] == "prompts_rendered" for entry in logs):
                await asyncio.sleep(0.02)
    return [entry["event"] for entry in logs if entry["log_level"] == "warning"]


async def test_a_first_start_after_the_end_of_the_speech_endpoint_has_every_notice(tmp_path: Path) -> None:
    async with service() as there:
        there.fake.speech.fail_next(SpeechFault(refuse=Refusal.of(404)), times=SENTENCES)
        assert await rendered(there.fake, tmp_path) == ["voice_gone"]
    assert len(there.fake.speech.refused) <= 3
    assert [session.model for session in there.fake.conversations] == [SUCCESSOR] * SENTENCES
    assert len(set(tmp_path.iterdir())) == SENTENCES  # noqa: ASYNC240


async def test_while_the_speech_endpoint_lasts_it_speaks(tmp_path: Path) -> None:
    async with service() as there:
        assert await rendered(there.fake, tmp_path) == []
    assert (len(there.fake.speech.orders), there.fake.conversations) == (SENTENCES, [])


async def test_a_conversational_model_that_was_chosen_reads_from_the_beginning(tmp_path: Path) -> None:
    async with service() as there:
        assert await rendered(there.fake, tmp_path, OPENAI_SPEECH_MODEL="gpt-realtime-1.5") == []
    assert (there.fake.speech.orders, there.fake.speech.refused) == ([], [])
    assert [session.model for session in there.fake.conversations] == ["gpt-realtime-1.5"] * SENTENCES
