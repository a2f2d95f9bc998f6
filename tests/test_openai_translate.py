"""Sessions with OpenAI's translator, against a local WebSocket server that does what each test tells it."""

import asyncio
import base64
import socket
from dataclasses import replace
from itertools import cycle
from typing import Any, cast

import aiohttp
import numpy as np
import pytest
from openai_server import EXPIRES_AT, KEY, MODEL, OpenAI, Script, Session, openai, well_behaved
from structlog.testing import capture_logs

from bmv.audio import mulaw
from bmv.audio.mulaw import SILENCE
from bmv.audio.resample import Upsampler
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    CaptionKind,
    Expiring,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.call.usage import Usage
from bmv.languages import get
from bmv.metrics import Histogram
from bmv.translators import openai_service
from bmv.translators.openai_socket import OUTBOX_MESSAGES
from bmv.translators.openai_translate import OpenAITranslateFactory, OpenAITranslator

PAIR = LanguagePair(get("es"), get("en"))


async def all_events(translator: Translator) -> list[TranslatorEvent]:
    return [event async for event in translator.events()]


async def lost(server: OpenAI, pair: LanguagePair = PAIR) -> TranslatorLost:
    """Open a session, feed it a little, and give what is raised when it is lost."""

    async def use() -> None:
        async with server.factory.open(pair, Histogram()) as translator:
            for _ in range(20):
                translator.feed(SILENCE, voiced=False)
            await all_events(translator)

    with pytest.raises(TranslatorLost) as error:
        await use()
    assert KEY not in str(error.value)
    return error.value


def sine(samples: int, rate: int, amplitude: float = 8000, pitch: float = 440) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.rint(amplitude * np.sin(2 * np.pi * pitch * np.arange(samples) / rate)).astype(np.int16)


def tone_of(pcm: np.ndarray[Any, np.dtype[np.int16]], rate: int) -> tuple[float, float]:
    """Give pitch and level (RMS) of the middle of a sound, without its edges."""
    middle = pcm[len(pcm) // 4 : -len(pcm) // 4].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum) * rate / len(middle)), float(np.sqrt(np.mean(middle**2)))


# -- opening a session ----------------------------------------------------------------------------------------------


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


async def silent(_session: Session) -> None:
    pass


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


# -- what is said ---------------------------------------------------------------------------------------------------


async def test_audio_goes_out_in_the_models_own_frames_of_200_ms() -> None:
    async with openai() as server, server.factory.open(PAIR, Histogram()) as translator:
        for _ in range(25):
            translator.feed(SILENCE, voiced=False)
            await asyncio.sleep(0)  # they come one by one
        translator.finish()
        await all_events(translator)
    append = "session.input_audio_buffer.append"
    assert server.session.kinds == ["session.update", append, append, append, "session.close"]
    sizes = [len(base64.b64decode(event["audio"])) for event in server.session.received[1:4]]
    assert sizes == [9600, 9600, 4800]  # the rest of what was said is not lost


async def test_what_is_said_arrives_at_24_khz_at_the_same_pitch_and_level() -> None:
    said = mulaw.encode(sine(8000, 8000))
    async with openai() as server, server.factory.open(PAIR, Histogram()) as translator:
        for frame in mulaw.frames(said):
            translator.feed(frame, voiced=False)
        translator.finish()
        await all_events(translator)
    arrived = np.frombuffer(server.session.audio, "<i2").astype(np.int16)
    assert np.array_equal(arrived, Upsampler().process(mulaw.decode(said)))  # in one go: no seam between messages
    pitch, level = tone_of(arrived, 24_000)
    assert pitch == pytest.approx(440, abs=3)
    assert level == pytest.approx(8000 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("sizes", [[9600], [19_200], [961], [1, 99], [959, 1, 2]], ids=str)
async def test_the_translation_comes_back_at_8_khz_however_it_is_cut(sizes: list[int]) -> None:
    spoken = sine(12_000, 24_000).astype("<i2").tobytes()

    async def talkative(session: Session) -> None:
        await session.welcome()
        begin = 0
        for size in cycle(sizes):
            if begin >= len(spoken):
                break
            await session.speak(spoken[begin : begin + size])
            begin += size
        await session.say("session.closed")

    async with openai(talkative) as server, server.factory.open(PAIR, Histogram()) as translator:
        translator.finish()
        events = await all_events(translator)
    heard = mulaw.decode(b"".join(event.audio for event in events if isinstance(event, AudioTranslated)))
    assert len(heard) == pytest.approx(4000, abs=1)
    pitch, level = tone_of(heard, 8000)
    assert pitch == pytest.approx(440, abs=5)
    assert level == pytest.approx(8000 / np.sqrt(2), rel=0.05)


async def test_captions_of_both_sides_come_as_they_are_and_everything_in_its_order() -> None:
    async def talkative(session: Session) -> None:
        await session.welcome()
        await session.say("session.input_transcript.delta", delta=" hola", elapsed_ms=200)
        await session.say("session.output_transcript.delta", delta="hel", elapsed_ms=400)
        await session.speak(bytes(960))
        await session.say("session.from_the_future", delta=7)
        await session.say("session.output_transcript.delta", delta="lo ", elapsed_ms=400)
        await session.say("session.closed")

    async with openai(talkative) as server, server.factory.open(PAIR, Histogram()) as translator:
        translator.finish()
        before = asyncio.get_running_loop().time()
        events = await all_events(translator)
        after = asyncio.get_running_loop().time()
    original, first, audio, unknown, second = events
    assert unknown == Alive()
    assert original == Captioned(CaptionKind.ORIGINAL, " hola")
    assert [first, second] == [Captioned(CaptionKind.TRANSLATION, text) for text in ("hel", "lo ")]
    assert isinstance(audio, AudioTranslated)
    assert before <= audio.received_at <= after


async def test_how_long_audio_waits_to_be_sent_is_measured() -> None:
    uplink = Histogram()
    async with openai() as server, server.factory.open(PAIR, uplink) as translator:
        for _ in range(30):
            translator.feed(SILENCE, voiced=False)
        translator.finish()
        await all_events(translator)
    assert uplink.count >= 3
    assert uplink.maximum < 5


# -- the end --------------------------------------------------------------------------------------------------------


async def test_after_finish_the_rest_is_still_heard_until_the_server_is_done() -> None:
    async def thorough(session: Session) -> None:
        await session.welcome()
        while (await session.next())["type"] != "session.close":
            pass
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


# -- what it has dealt with, what it costs, when it has to be replaced ------------------------------------------------


async def echoing(session: Session) -> None:
    """A tone for each batch that is loud, silence for each that is not."""
    await echoing_until_the_end(session)
    await session.say("session.closed")


async def echoing_until_the_end(session: Session) -> None:
    await session.welcome()
    while (event := await session.next())["type"] != "session.close":
        loud = any(base64.b64decode(event["audio"]))
        await session.speak(sine(4800, 24_000).tobytes() if loud else bytes(9600))


async def replies(translator: Translator, frames: int, *, loud: bool, voiced: bool) -> list[TranslatorEvent]:
    """Feed so many frames one after the other and finish; give everything that comes."""
    for _ in range(frames):
        translator.feed(mulaw.encode(sine(160, 8000)) if loud else SILENCE, voiced=voiced)
        await asyncio.sleep(0)
    translator.finish()
    return await all_events(translator)


async def test_silence_is_dealt_with_when_it_is_answered() -> None:
    async with openai(echoing) as server, server.factory.open(PAIR, Histogram()) as translator:
        events = await replies(translator, 30, loud=False, voiced=False)
    assert events[1] == Processed(30)
    assert [type(event) for event in events] == [AudioTranslated, Processed, AudioTranslated, AudioTranslated]


async def test_speech_that_is_answered_counts_as_translated_and_after_the_end_all_of_it() -> None:
    async with openai(echoing) as server, server.factory.open(PAIR, Histogram()) as translator:
        events = await replies(translator, 100, loud=True, voiced=True)
    assert [event for event in events if isinstance(event, Processed)] == [Processed(100)]
    assert events[-1] == Processed(100)


async def test_speech_that_is_not_answered_is_given_up() -> None:
    async with openai(echoing) as server, server.factory.open(PAIR, Histogram()) as translator:
        events = await replies(translator, 100, loud=False, voiced=True)
    assert events[-1] == Processed(100, translated=False)


async def test_what_was_said_counts_as_translated_though_the_session_takes_its_time_to_close() -> None:
    """The real one was seen to take four seconds, and a call that is over waits for one."""

    async def slow(session: Session) -> None:
        await echoing_until_the_end(session)
        await heard.wait()

    heard = asyncio.Event()
    async with openai(slow) as server, server.factory.open(PAIR, Histogram()) as translator:
        events = translator.events()
        for loud in (*(True,) * 5, *(False,) * 7):
            for _ in range(10):
                translator.feed(mulaw.encode(sine(160, 8000)) if loud else SILENCE, voiced=loud)
            while not isinstance(await anext(events), AudioTranslated):
                pass
        translator.finish()
        async with asyncio.timeout(5):
            while (event := await anext(events)) != Processed(120):
                assert event != Processed(120, translated=False)
        heard.set()


async def test_what_is_heard_after_finish_counts_for_the_last_words_too() -> None:
    async with openai(echoing) as server, server.factory.open(PAIR, Histogram()) as translator:
        events = translator.events()

        async def say(batches: int, *, voiced: bool) -> None:
            for _ in range(batches):
                for _ in range(10):
                    translator.feed(mulaw.encode(sine(160, 8000)), voiced=voiced)
                while not isinstance(await anext(events), AudioTranslated):
                    pass

        await say(12, voiced=True)
        await say(6, voiced=False)
        await say(4, voiced=True)  # the translation of what was said before goes on meanwhile
        for _ in range(10):
            translator.feed(mulaw.encode(sine(160, 8000)), voiced=True)
        translator.finish()
        rest = [event async for event in events]
    assert rest[-1] == Processed(230)
    assert Processed(230, translated=False) not in rest


async def test_what_is_used_is_counted_and_priced_by_the_minute_that_was_sent() -> None:
    async with openai(echoing) as server, server.factory.open(PAIR, Histogram()) as translator:
        assert translator.usage == Usage({"audio_seconds_sent": 0, "audio_seconds_received": 0}, 0)
        await replies(translator, 125, loud=False, voiced=False)
    usage = translator.usage
    assert usage.amounts == {"audio_seconds_sent": 2.5, "audio_seconds_received": pytest.approx(2.6)}
    assert usage.usd == pytest.approx(0.034 * 2.5 / 60)


async def test_a_model_without_a_known_price_has_none() -> None:
    async with openai() as server:
        factory = OpenAITranslateFactory(
            server.http, service=openai_service.openai(server.url, KEY), model="other", captions=True
        )
        async with factory.open(PAIR, Histogram()) as translator:
            translator.feed(SILENCE, voiced=False)
            assert translator.usage.usd is None


async def test_shortly_before_its_end_a_session_says_so_once_and_goes_on() -> None:
    life = 0.001
    async with (
        openai(echoing, wall_clock=lambda: EXPIRES_AT - life) as server,
        server.factory.open(PAIR, Histogram()) as old,
        server.factory.open(PAIR, Histogram()) as new,
    ):
        await asyncio.sleep(life)
        old_events, new_events = [await replies(each, 50, loud=False, voiced=False) for each in (old, new)]
    for events in (old_events, new_events):
        assert events.count(Expiring()) == 1
        assert events.index(Expiring()) < len(events) / 2
        assert Processed(50) in events
    assert [len(session.audio) for session in server.sessions] == [48_000, 48_000]


@pytest.mark.parametrize("life", [3600, 0, -1, 1e12])
async def test_a_session_with_its_life_before_it_does_not_expire(life: float) -> None:
    async with (
        openai(echoing, wall_clock=lambda: EXPIRES_AT - life) as server,
        server.factory.open(PAIR, Histogram()) as translator,
    ):
        events = await replies(translator, 50, loud=False, voiced=False)
    assert Expiring() not in events


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
    async def use(server: OpenAI) -> None:
        async with server.factory.open(PAIR, Histogram()) as translator:
            translator.feed(SILENCE, voiced=False)
            await all_events(translator)

    before = asyncio.all_tasks()
    async with openai(script) as server:
        using = asyncio.create_task(use(server))
        await asyncio.sleep(0.05)  # of the well-behaved server's session by now, of the silent one's opening
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
