"""How a session with OpenAI's translator is opened, or is not, against a server that does what each test tells it."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from openai_server import KEY, MODEL, PAIR, OpenAI, Script, Session, lost, openai, silent
from structlog.testing import capture_logs

from bmv.audio.mulaw import SILENCE
from bmv.call.translator import LanguagePair, TranslatorLost
from bmv.languages import get
from bmv.metrics import Histogram
from bmv.translators import openai_service
from bmv.translators.openai_translate import OpenAITranslateFactory


async def test_a_session_is_asked_for_as_the_endpoint_wants_it() -> None:
    async with openai() as server, server.factory.open(PAIR, Histogram()):
        pass
    assert server.session.query == {"model": MODEL}
    assert server.session.headers["authorization"] == f"Bearer {KEY}"
    assert not {"openai-beta", "sec-websocket-protocol", "sec-websocket-extensions"} & set(server.session.headers)


@pytest.mark.parametrize("captions", [True, False])
async def test_the_target_is_the_listeners_language_and_transcription_a_matter_of_settings(captions: bool) -> None:
    async with openai(captions=captions) as server:
        for pair in (PAIR, LanguagePair(get("en"), get("de"))):
            async with server.factory.open(pair, Histogram()):
                pass
    updates = [session.received[0]["session"]["audio"] for session in server.sessions]
    assert [update["output"]["language"] for update in updates] == ["en", "de"]
    wanted = {"model": "gpt-realtime-whisper"} if captions else None
    assert [update["input"]["transcription"] for update in updates] == [wanted, wanted]


async def test_the_session_is_ready_only_when_the_server_confirmed_the_update() -> None:
    confirm = asyncio.Event()

    async def slow(session: Session) -> None:
        await session.configured("session.created", "es")
        await session.next()
        await session.say("session.output_transcript.delta", delta="hola")
        await confirm.wait()
        await session.configured("session.updated", "en")

    ready = asyncio.Event()

    async def use(server: OpenAI) -> None:
        async with server.factory.open(PAIR, Histogram()):
            ready.set()

    async with openai(slow) as server:
        using = asyncio.create_task(use(server))
        await asyncio.sleep(0.05)
        assert not ready.is_set()
        confirm.set()
        await using
    assert ready.is_set()


async def test_nothing_but_the_update_is_sent_before_somebody_speaks() -> None:
    async with openai() as server, server.factory.open(PAIR, Histogram()) as translator:
        for _ in range(9):
            translator.feed(SILENCE, voiced=False)
        await asyncio.sleep(0.05)
        assert server.session.kinds == ["session.update"]


async def test_base_urls_may_be_of_websockets_too() -> None:
    async with openai() as server:
        url = server.url.replace("http", "ws")
        factory = OpenAITranslateFactory(
            server.http, service=openai_service.openai(url, KEY), model=MODEL, captions=True
        )
        async with factory.open(PAIR, Histogram()):
            pass
    assert len(server.sessions) == 1


async def test_a_language_the_model_does_not_speak_is_refused_without_asking() -> None:
    pair = LanguagePair(get("en"), replace(get("es"), continuous_target=False, english="Klingon"))
    async with openai() as server:
        with pytest.raises(TranslatorLost, match="cannot speak Klingon") as error:
            async with server.factory.open(pair, Histogram()):
                pass
        assert error.value.permanent
        assert not server.factory.can_speak(pair.target)
        assert server.sessions == []
        assert server.factory.problem is None  # of this pair, and not of the provider


@pytest.mark.parametrize("language", ["es", "EN", "", "en-US"])
async def test_a_session_that_speaks_another_language_is_not_used(language: str) -> None:
    async def stubborn(session: Session) -> None:
        await session.configured("session.created", "es")
        await session.next()
        await session.configured("session.updated", language)

    async with openai(stubborn) as server:
        assert f"asked OpenAI for en, the session speaks {language}" in str(await lost(server))


async def test_a_session_that_does_not_say_what_it_speaks_is_not_used() -> None:
    async def vague(session: Session) -> None:
        await session.next()
        await session.say("session.updated", session={"id": "sess_1", "audio": {}})

    async with openai(vague) as server:
        assert "asked OpenAI for en" in str(await lost(server))


@pytest.mark.parametrize(
    ("kind", "code", "permanent"),
    [
        ("invalid_request_error", "unknown_parameter", True),
        ("invalid_request_error", "invalid_value", True),
        ("invalid_request_error", "session_expired", False),
        ("server_error", None, False),
        ("something_new", "who_knows", False),
    ],
)
async def test_a_refused_update_is_told_by_its_code_and_the_providers_words_are_for_the_log(
    kind: str, code: str | None, permanent: bool
) -> None:
    async def refusing(session: Session) -> None:
        await session.configured("session.created", "es")
        await session.next()
        await session.complain(code, kind)

    with capture_logs() as logs:
        async with openai(refusing) as server:
            told = await lost(server)
            assert server.factory.problem == str(told)
    assert (code or kind) in str(told)
    assert "No." not in str(told)
    assert told.permanent is permanent
    assert [entry["error"] for entry in logs if entry["event"] == "translator_error"] == [f"{code or kind}: No."]


async def test_the_problem_is_over_when_a_session_has_spoken() -> None:
    """Being opened is not enough: without money a session is opened, too, and ended in the next moment."""
    languages = ["es", "en"]

    async def stubborn_once(session: Session) -> None:
        await session.configured("session.created", "es")
        await session.next()
        language = languages.pop(0)
        await session.configured("session.updated", language)
        if language == "en":
            await session.say("session.output_audio.delta", delta="AAA=")

    async with openai(stubborn_once) as server:
        problems = [server.factory.problem, str(await lost(server))]
        async with server.factory.open(PAIR, Histogram()) as translator:
            problems.append(server.factory.problem)
            await anext(translator.events())
            problems.append(server.factory.problem)
    assert problems == [None, problems[1], problems[1], None]


async def test_an_error_after_the_opening_is_a_problem_that_everybody_may_read() -> None:
    async def out_of_money(session: Session) -> None:
        await session.configured("session.created", "es")
        await session.next()
        await session.configured("session.updated", "en")
        await session.complain("insufficient_quota", message="Acme owes us.")
        await session.ws.close(code=4000)

    async with openai(out_of_money) as server:
        async with server.factory.open(PAIR, Histogram()) as translator:
            with pytest.raises(TranslatorLost, match="insufficient_quota") as error:
                await anext(translator.events())
        assert error.value.permanent
        assert server.factory.problem == str(error.value)
        assert "Acme" not in str(error.value)


async def never_updated(session: Session) -> None:
    await session.configured("session.created", "es")


@pytest.mark.parametrize("script", [never_updated, silent])
async def test_a_session_that_is_never_confirmed_is_given_up(script: Script) -> None:
    async with openai(script, open_seconds=0.1) as server:
        told = await lost(server)
    assert "did not open a session within 0.1 s" in str(told)
    assert not told.permanent


async def test_a_server_that_does_not_even_answer_is_given_up() -> None:
    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with aiohttp.ClientSession() as http:
        factory = OpenAITranslateFactory(
            http, service=openai_service.openai(url, KEY), model=MODEL, captions=True, open_seconds=0.1
        )
        with pytest.raises(TranslatorLost, match="did not open a session"):
            async with factory.open(PAIR, Histogram()):
                pass
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_where_nobody_listens_the_translator_cannot_be_reached() -> None:
    async with aiohttp.ClientSession() as http:
        factory = OpenAITranslateFactory(
            http, service=openai_service.openai("http://127.0.0.1:1/v1", KEY), model=MODEL, captions=True
        )
        with pytest.raises(TranslatorLost, match="cannot be reached"):
            async with factory.open(PAIR, Histogram()):
                pass
