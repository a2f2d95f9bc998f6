"""How a session with OpenAI's translator ends: as it was asked to, with a loss, or left by who opened it."""

import asyncio
import socket
from typing import cast

import pytest
from openai_server import PAIR, OpenAI, Script, Session, all_events, lost, openai, silent, well_behaved
from structlog.testing import capture_logs

from bmv.audio.mulaw import SILENCE
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    CaptionKind,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.metrics import Histogram
from bmv.translators.openai_socket import OUTBOX_MESSAGES
from bmv.translators.openai_translate import OpenAITranslator

# -- the end --------------------------------------------------------------------------------------------------------


async def test_after_finish_the_rest_is_still_heard_until_the_server_is_done() -> None:
    async def thorough(session: Session) -> None:
        await session.welcome()
        await session.next_of("session.close")
        await session.speak(bytes(9600))
        await session.say("session.output_transcript.delta", delta="bye")
        await session.say("session.closed")
        await session.say("session.output_transcript.delta", delta="too late")

    async with openai(thorough) as server, server.factory.open(PAIR, Histogram()) as translator:
        translator.feed(SILENCE, voiced=False)
        translator.finish()
        translator.finish()
        for _ in range(20):
            translator.feed(SILENCE, voiced=False)
        events = await all_events(translator)
    assert [type(event) for event in events] == [AudioTranslated, Processed, Captioned]
    assert events[1:] == [Processed(1), Captioned(CaptionKind.TRANSLATION, "bye")]
    assert server.session.kinds == ["session.update", "session.input_audio_buffer.append", "session.close"]


@pytest.mark.parametrize("code", [1000, None])
async def test_a_server_that_just_says_goodbye_when_asked_for_the_end_has_ended(code: int | None) -> None:
    async def curt(session: Session) -> None:
        await session.welcome()
        await session.next()
        await session.next()
        if code:
            await session.ws.close(code=code)
        else:
            session.transport.write(b"\x88\x00")  # a close frame without a code

    async with openai(curt) as server, server.factory.open(PAIR, Histogram()) as translator:
        translator.feed(SILENCE, voiced=False)
        translator.finish()
        assert await all_events(translator) == [Processed(1)]


async def test_a_session_that_breaks_after_it_was_asked_for_the_end_has_not_said_everything() -> None:
    async def breaking(session: Session) -> None:
        await session.welcome()
        await session.next()
        await session.next()
        session.ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    async with openai(breaking) as server, server.factory.open(PAIR, Histogram()) as translator:
        translator.feed(SILENCE, voiced=False)
        translator.finish()
        with pytest.raises(TranslatorLost, match="code 1006"):
            await all_events(translator)


async def test_a_server_that_ends_the_session_unasked_has_failed() -> None:
    async def tired(session: Session) -> None:
        await session.welcome()
        await session.next()
        await session.say("session.closed")

    async with openai(tired) as server:
        told = await lost(server)
    assert str(told) == "OpenAI ended the session"
    assert not told.permanent


@pytest.mark.parametrize(
    ("code", "reason", "permanent"),
    [
        (1000, "", False),
        (1001, "", False),
        (1011, "keepalive ping timeout", False),
        (4000, "", False),
        (4000, "invalid_request_error.beta_api_shape_disabled", True),
        (3000, "invalid_request_error.invalid_api_key", True),
    ],
)
async def test_a_session_the_server_closes_is_lost(code: int, reason: str, permanent: bool) -> None:
    async def closing(session: Session) -> None:
        await session.welcome()
        await session.next()
        await session.ws.close(code=code, message=reason.encode())

    async with openai(closing) as server:
        told = await lost(server)
        assert f"code {code}" in str(told)
        assert told.permanent is permanent
        assert server.factory.problem == (str(told) if permanent else None)  # else it is one session's misfortune


async def test_a_session_whose_connection_breaks_is_lost() -> None:
    async def breaking(session: Session) -> None:
        await session.welcome()
        await session.next()
        session.ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    async with openai(breaking) as server:
        told = await lost(server)
    assert "closed the connection (code 1006)" in str(told)
    assert not told.permanent


async def test_a_session_that_breaks_while_it_is_configured_is_lost() -> None:
    async def breaking(session: Session) -> None:
        await session.ws.close(code=4000)

    async with openai(breaking) as server:
        assert "code 4000" in str(await lost(server))


@pytest.mark.parametrize(
    "rubbish", ["hello", "{}", '{"type":"session.output_audio.delta","delta":"%"}', b"binary"], ids=str
)
async def test_a_server_that_breaks_the_protocol_is_not_used_any_more(rubbish: str | bytes) -> None:
    async def rude(session: Session) -> None:
        await session.welcome()
        await (session.ws.send_str(rubbish) if isinstance(rubbish, str) else session.ws.send_bytes(rubbish))

    async with openai(rude) as server:
        told = await lost(server)
    assert "OpenAI sent a" in str(told)
    assert not told.permanent


@pytest.mark.parametrize("other", [{"sample_rate": 8000}, {"channels": 2}, {"format": "g711_ulaw"}])
async def test_audio_of_another_kind_is_not_played_as_noise(other: dict[str, object]) -> None:
    async def strange(session: Session) -> None:
        await session.welcome()
        fields = {"sample_rate": 24000, "channels": 1, "format": "pcm16"} | other
        await session.say("session.output_audio.delta", delta="AAAA", **fields)

    async with openai(strange) as server:
        assert "only 24 kHz mono pcm16" in str(await lost(server))


async def test_an_error_that_nobody_knows_changes_nothing_and_is_no_sign_of_life() -> None:
    async def grumbling(session: Session) -> None:
        await session.welcome()
        for code in ("strange_audio", None):
            await session.complain(code)
        await session.say("session.output_transcript.delta", delta="still here")
        await session.say("session.closed")

    with capture_logs() as logs:
        async with openai(grumbling) as server, server.factory.open(PAIR, Histogram()) as translator:
            translator.finish()
            events = await all_events(translator)
            assert server.factory.problem is None
    assert events == [Captioned(CaptionKind.TRANSLATION, "still here")]
    errors = [entry["error"] for entry in logs if entry["event"] == "translator_error"]
    assert errors == ["strange_audio: No.", "invalid_request_error: No."]


async def test_the_last_error_is_named_when_the_server_closes_after_it() -> None:
    async def grumbling(session: Session) -> None:
        await session.welcome()
        await session.complain("strange_audio")
        await session.ws.close(code=1011)

    async with openai(grumbling) as server:
        assert "(code 1011) after the error strange_audio" in str(await lost(server))


@pytest.mark.parametrize(
    ("code", "kind", "permanent"),
    [
        ("invalid_api_key", "invalid_request_error", True),
        ("account_deactivated", "invalid_request_error", True),
        ("credit_balance_exhausted", "insufficient_quota", True),
        (None, "insufficient_quota", True),
        ("session_expired", "invalid_request_error", False),
        ("rate_limit_exceeded", "requests", False),
        (None, "server_error", False),
    ],
)
async def test_an_error_that_ends_the_session_ends_it_at_once(code: str | None, kind: str, permanent: bool) -> None:
    async def failing(session: Session) -> None:
        await session.welcome()
        await session.complain(code, kind)

    async with openai(failing) as server:
        told = await lost(server)
        assert server.factory.problem == (str(told) if permanent else None)
    assert (code or kind) in str(told)
    assert told.permanent is permanent


# -- nothing is left behind -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, ZeroDivisionError(), TranslatorLost("elsewhere")], ids=repr)
async def test_a_session_that_is_left_closes_its_socket_and_leaves_no_task(error: Exception | None) -> None:
    async def use(server: OpenAI) -> None:
        async with server.factory.open(PAIR, Histogram()) as translator:
            for _ in range(15):
                translator.feed(SILENCE, voiced=False)
            if error:
                raise error

    before = asyncio.all_tasks()
    async with openai() as server:
        (left,) = await asyncio.gather(use(server), return_exceptions=True)
        await server.session.closed.wait()
    assert left is error  # it comes out as it was
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("script", [well_behaved, silent])
async def test_a_session_that_is_cancelled_closes_its_socket_and_leaves_no_task(script: Script) -> None:
    opened = asyncio.Event()

    async def use(server: OpenAI) -> None:
        async with server.factory.open(PAIR, Histogram()) as translator:
            opened.set()
            translator.feed(SILENCE, voiced=False)
            await all_events(translator)

    before = asyncio.all_tasks()
    async with openai(script) as server:
        using = asyncio.create_task(use(server))
        async with asyncio.timeout(5):
            while not (server.sessions and server.session.received):
                await asyncio.sleep(0.001)
            if script is well_behaved:
                await opened.wait()  # which the silent one's never is
        using.cancel()
        await asyncio.wait([using])
        await server.session.closed.wait()
    assert using.cancelled()
    assert asyncio.all_tasks() == before


async def test_who_leaves_a_session_while_somebody_listens_ends_that_too_and_it_is_no_loss() -> None:
    async def undecided(session: Session) -> None:
        await session.welcome()
        await session.speak(bytes(9600))

    heard: asyncio.Queue[TranslatorEvent] = asyncio.Queue()

    async def listen(translator: Translator) -> None:
        async for event in translator.events():
            heard.put_nowait(event)

    async with openai(undecided) as server:
        async with server.factory.open(PAIR, Histogram()) as translator:
            translator.feed(SILENCE, voiced=True)
            translator.finish()
            listening = asyncio.create_task(listen(translator))
            assert isinstance(await heard.get(), AudioTranslated)
        await listening
    assert heard.empty()  # of the frame nothing is known


async def test_words_that_could_not_be_sent_are_not_forgotten() -> None:
    """The session is given up before it says that it is done with them: the next one will hear them."""

    events: list[TranslatorEvent] = []

    async def listen(translator: Translator) -> None:
        async for event in translator.events():
            events.append(event)

    async def deaf_at_first(session: Session) -> None:
        await session.welcome()
        await hears.wait()
        while (await session.next())["type"] != "session.close":
            await session.speak(bytes(9600))

    hears = asyncio.Event()
    async with openai(deaf_at_first, small=True) as server, server.factory.open(PAIR, Histogram()) as translator:
        line = cast(OpenAITranslator, translator)._line
        while not line._sender.is_stuck:
            translator.feed(SILENCE, voiced=False)
        for _ in range((OUTBOX_MESSAGES + 1) * 20):
            translator.feed(SILENCE, voiced=False)
        translator.finish()
        hears.set()
        with pytest.raises(TranslatorLost, match="more slowly than it is spoken") as error:
            await listen(translator)
    assert not error.value.permanent
    assert events == []
