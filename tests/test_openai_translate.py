"""Sessions with OpenAI's translator, against a local WebSocket server that does what each test tells it."""

import asyncio
import base64
import socket
from dataclasses import replace
from itertools import cycle
from typing import Any

import aiohttp
import numpy as np
import pytest
from openai_server import KEY, MODEL, OpenAI, Script, Session, openai, well_behaved
from structlog.testing import capture_logs

from bmv.audio import mulaw
from bmv.audio.mulaw import SILENCE
from bmv.audio.resample import Upsampler
from bmv.call.alongside import alongside
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    CaptionKind,
    LanguagePair,
    PairUnsupported,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.languages import get
from bmv.metrics import Histogram, LastProblem
from bmv.translators.openai_translate import OUTBOX_MESSAGES, OpenAITranslateFactory, OpenAITranslator

PAIR = LanguagePair(get("es"), get("en"))


async def all_events(translator: Translator) -> list[TranslatorEvent]:
    return [event async for event in translator.events()]


async def lost(server: OpenAI, pair: LanguagePair = PAIR) -> str:
    """Open a session, feed it a little, and give the words with which it is lost."""

    async def use() -> None:
        async with server.factory.open(pair, Histogram()) as translator:
            for _ in range(20):
                translator.feed(SILENCE)
            await all_events(translator)

    with pytest.raises(TranslatorLost) as error:
        await use()
    assert KEY not in str(error.value)
    return str(error.value)


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
            translator.feed(SILENCE)
        await asyncio.sleep(0.05)
        assert server.session.kinds == ["session.update"]


async def test_base_urls_may_be_of_websockets_too() -> None:
    async with openai() as server:
        url = server.url.replace("http", "ws")
        factory = OpenAITranslateFactory(server.http, base_url=url, api_key=KEY, model=MODEL, captions=True)
        async with factory.open(PAIR, Histogram()):
            pass
    assert len(server.sessions) == 1


async def test_a_language_the_model_does_not_speak_is_refused_without_asking() -> None:
    pair = LanguagePair(get("en"), replace(get("es"), continuous_target=False, english="Klingon"))
    async with openai() as server:
        with pytest.raises(PairUnsupported, match="cannot speak Klingon"):
            async with server.factory.open(pair, Histogram()):
                pass
        assert server.sessions == []
        assert server.factory.problem is None  # of this pair, and not of the provider


@pytest.mark.parametrize("language", ["es", "EN", "", "en-US"])
async def test_a_session_that_speaks_another_language_is_not_used(language: str) -> None:
    async def stubborn(session: Session) -> None:
        await session.configured("session.created", "es")
        await session.next()
        await session.configured("session.updated", language)

    async with openai(stubborn) as server:
        assert f"asked OpenAI for en, the session speaks {language}" in await lost(server)


async def test_a_session_that_does_not_say_what_it_speaks_is_not_used() -> None:
    async def vague(session: Session) -> None:
        await session.next()
        await session.say("session.updated", session={"id": "sess_1", "audio": {}})

    async with openai(vague) as server:
        assert "asked OpenAI for en" in await lost(server)


async def test_a_refused_update_is_told_by_its_code_and_the_providers_words_are_for_the_log() -> None:
    async def refusing(session: Session) -> None:
        await session.configured("session.created", "es")
        await session.next()
        await session.say(
            "error", error={"type": "invalid_request_error", "code": "unknown_parameter", "message": "No."}
        )

    with capture_logs() as logs:
        async with openai(refusing) as server:
            told = await lost(server)
    assert "unknown_parameter" in told
    assert "No." not in told
    assert [entry["error"] for entry in logs if entry["event"] == "translator_error"] == ["unknown_parameter: No."]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "OPENAI_TRANSLATE_MODEL"),
        (401, "OPENAI_API_KEY"),
        (403, "may not use this model"),
        (404, "OPENAI_BASE_URL"),
        (429, "billing"),
        (500, "status page"),
        (503, "status page"),
        (302, "status page"),
    ],
)
async def test_a_refusal_says_what_to_look_at(status: int, words: str) -> None:
    async with openai(refuse=status) as server:
        why = await lost(server)
        assert f"HTTP {status}" in why
        assert words in why
        assert server.factory.problem == why


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
        problems = [server.factory.problem, await lost(server)]
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
        await session.say("error", error={"type": "x", "code": "insufficient_quota", "message": "Acme owes us."})
        await session.ws.close(code=4000)

    async with openai(out_of_money) as server:
        async with server.factory.open(PAIR, Histogram()) as translator:
            with pytest.raises(TranslatorLost, match="insufficient_quota"):
                await anext(translator.events())
        assert server.factory.problem == "OpenAI reported the error insufficient_quota: see the log"


async def never_updated(session: Session) -> None:
    await session.configured("session.created", "es")


async def silent(_session: Session) -> None:
    pass


@pytest.mark.parametrize("script", [never_updated, silent])
async def test_a_session_that_is_never_confirmed_is_given_up(script: Script) -> None:
    async with openai(script, open_seconds=0.1) as server:
        assert "did not open a session within 0.1 s" in await lost(server)


async def test_a_server_that_does_not_even_answer_is_given_up() -> None:
    async def mute(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with aiohttp.ClientSession() as http:
        factory = OpenAITranslateFactory(http, base_url=url, api_key=KEY, model=MODEL, captions=True, open_seconds=0.1)
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
            http, base_url="http://127.0.0.1:1/v1", api_key=KEY, model=MODEL, captions=True
        )
        with pytest.raises(TranslatorLost, match="cannot be reached"):
            async with factory.open(PAIR, Histogram()):
                pass


# -- what is said ---------------------------------------------------------------------------------------------------


async def test_audio_goes_out_in_the_models_own_frames_of_200_ms() -> None:
    async with openai() as server, server.factory.open(PAIR, Histogram()) as translator:
        for _ in range(25):
            translator.feed(SILENCE)
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
            translator.feed(frame)
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
        before = asyncio.get_running_loop().time()
        events = await all_events(translator)
        after = asyncio.get_running_loop().time()
    original, first, audio, second = events
    assert original == Captioned(CaptionKind.ORIGINAL, " hola")
    assert [first, second] == [Captioned(CaptionKind.TRANSLATION, text) for text in ("hel", "lo ")]
    assert isinstance(audio, AudioTranslated)
    assert before <= audio.received_at <= after


async def test_how_long_audio_waits_to_be_sent_is_measured() -> None:
    uplink = Histogram()
    async with openai() as server, server.factory.open(PAIR, uplink) as translator:
        for _ in range(30):
            translator.feed(SILENCE)
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
        translator.feed(SILENCE)
        translator.finish()
        translator.finish()
        for _ in range(20):
            translator.feed(SILENCE)
        events = await all_events(translator)
    assert [type(event) for event in events] == [AudioTranslated, Captioned]
    assert events[-1] == Captioned(CaptionKind.TRANSLATION, "bye")
    assert server.session.kinds == ["session.update", "session.input_audio_buffer.append", "session.close"]


async def test_a_server_that_just_closes_when_asked_for_the_end_has_ended() -> None:
    async def curt(session: Session) -> None:
        await session.welcome()
        await session.next()
        await session.ws.close()

    async with openai(curt) as server, server.factory.open(PAIR, Histogram()) as translator:
        translator.finish()
        assert await all_events(translator) == []


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_a_session_the_server_closes_is_lost(code: int) -> None:
    async def closing(session: Session) -> None:
        await session.welcome()
        await session.next()
        await session.ws.close(code=code)

    async with openai(closing) as server:
        assert f"code {code}" in await lost(server)
        assert server.factory.problem is None  # it could be opened


async def test_a_session_whose_connection_breaks_is_lost() -> None:
    async def breaking(session: Session) -> None:
        await session.welcome()
        await session.next()
        session.ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    async with openai(breaking) as server:
        assert "closed the connection" in await lost(server)


async def test_a_session_that_breaks_while_it_is_configured_is_lost() -> None:
    async def breaking(session: Session) -> None:
        await session.ws.close(code=4000)

    async with openai(breaking) as server:
        assert "code 4000" in await lost(server)


@pytest.mark.parametrize(
    "rubbish", ["hello", "{}", '{"type":"session.output_audio.delta","delta":"%"}', b"binary"], ids=str
)
async def test_a_server_that_breaks_the_protocol_is_not_used_any_more(rubbish: str | bytes) -> None:
    async def rude(session: Session) -> None:
        await session.welcome()
        await (session.ws.send_str(rubbish) if isinstance(rubbish, str) else session.ws.send_bytes(rubbish))

    async with openai(rude) as server:
        assert "OpenAI" in await lost(server)


@pytest.mark.parametrize("other", [{"sample_rate": 8000}, {"channels": 2}, {"format": "g711_ulaw"}])
async def test_audio_of_another_kind_is_not_played_as_noise(other: dict[str, object]) -> None:
    async def strange(session: Session) -> None:
        await session.welcome()
        fields = {"sample_rate": 24000, "channels": 1, "format": "pcm16"} | other
        await session.say("session.output_audio.delta", delta="AAAA", **fields)

    async with openai(strange) as server:
        assert "only 24 kHz mono pcm16" in await lost(server)


async def test_an_error_does_not_end_the_session() -> None:
    async def grumbling(session: Session) -> None:
        await session.welcome()
        for code in ("rate_limit", None):
            await session.say("error", error={"type": "server_error", "code": code, "message": "Slow down."})
        await session.say("session.output_transcript.delta", delta="still here")
        await session.say("session.closed")

    with capture_logs() as logs:
        async with openai(grumbling) as server, server.factory.open(PAIR, Histogram()) as translator:
            events = await all_events(translator)
    assert events == [Captioned(CaptionKind.TRANSLATION, "still here")]
    errors = [entry["error"] for entry in logs if entry["event"] == "translator_error"]
    assert errors == ["rate_limit: Slow down.", "server_error: Slow down."]


# -- nothing is left behind -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, ZeroDivisionError(), TranslatorLost("elsewhere")], ids=repr)
async def test_a_session_that_is_left_closes_its_socket_and_leaves_no_task(error: Exception | None) -> None:
    async def use(server: OpenAI) -> None:
        async with server.factory.open(PAIR, Histogram()) as translator:
            for _ in range(15):
                translator.feed(SILENCE)
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
            translator.feed(SILENCE)
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


async def test_a_server_that_takes_nothing_is_noticed_and_the_oldest_audio_is_dropped() -> None:
    async def deaf(session: Session) -> None:
        await session.welcome()
        await asyncio.sleep(60)

    async def use(server: OpenAI) -> None:
        patience = aiohttp.ClientWSTimeout(ws_close=0.2)
        url = f"{server.url}/realtime/translations"
        ws = await server.http.ws_connect(url, decode_text=False, timeout=patience)
        await ws.send_json({"type": "session.update", "session": {"audio": {"output": {"language": "en"}}}})
        loop = asyncio.get_running_loop()
        translator = OpenAITranslator(ws, uplink=Histogram(), clock=loop.time, problem=LastProblem(), send_seconds=0.1)
        flooding = loop.create_task(flood(translator))
        try:
            async with alongside(translator.send()):
                await all_events(translator)
        finally:
            flooding.cancel()
            await ws.close()

    async def flood(translator: OpenAITranslator) -> None:
        while True:
            for _ in range(20):
                translator.feed(SILENCE)
            await asyncio.sleep(0)

    with capture_logs() as logs:
        async with openai(deaf, small=True) as server:
            with pytest.raises(TranslatorLost, match="closed the connection"):
                await use(server)
            for session in server.sessions:
                session.closed.set()
    names = [entry["event"] for entry in logs]
    assert names.count("translator_takes_no_audio") == 1
    assert "translator_audio_dropped" in names


async def test_of_what_cannot_be_sent_the_newest_ten_seconds_are_kept_and_the_end_is_always_asked_for() -> None:
    with capture_logs() as logs:
        async with openai() as server, server.factory.open(PAIR, Histogram()) as translator:
            for number in range((OUTBOX_MESSAGES + 3) * 10):
                translator.feed(bytes([number // 10]) * 160)
            translator.finish()
            await all_events(translator)
    assert server.session.kinds[-1] == "session.close"
    assert len(server.session.audio) == 9600 * (OUTBOX_MESSAGES - 1)
    dropped = [entry for entry in logs if entry["event"] == "translator_audio_dropped"]
    assert [entry["milliseconds"] for entry in dropped] == [200] * 4
