"""What a session with OpenAI's translator hears and says, what of it is dealt with, what it costs, when it expires."""

import asyncio
import base64
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from openai_server import EXPIRES_AT, KEY, PAIR, Session, all_events, openai

from bmv.audio import mulaw
from bmv.audio.mulaw import SILENCE
from bmv.audio.resample import Upsampler
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    CaptionKind,
    Expiring,
    Processed,
    Translator,
    TranslatorEvent,
)
from bmv.call.usage import Usage
from bmv.metrics import Histogram
from bmv.translators import openai_service, openai_socket
from bmv.translators.openai_translate import OpenAITranslateFactory


def sine(samples: int, rate: int, amplitude: float = 8000, pitch: float = 440) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.rint(amplitude * np.sin(2 * np.pi * pitch * np.arange(samples) / rate)).astype(np.int16)


def tone_of(pcm: np.ndarray[Any, np.dtype[np.int16]], rate: int) -> tuple[float, float]:
    """Give pitch and level (RMS) of the middle of a sound, without its edges."""
    middle = pcm[len(pcm) // 4 : -len(pcm) // 4].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum) * rate / len(middle)), float(np.sqrt(np.mean(middle**2)))


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


async def test_shortly_before_its_end_a_session_says_so_once_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_socket, "BELIEVED_SECONDS", 0.0)
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


@pytest.mark.parametrize("life", [3600, 1, 0, -1, 1e12])
async def test_a_session_with_its_life_before_it_does_not_expire(life: float) -> None:
    async with (
        openai(echoing, wall_clock=lambda: EXPIRES_AT - life) as server,
        server.factory.open(PAIR, Histogram()) as translator,
    ):
        events = await replies(translator, 50, loud=False, voiced=False)
    assert Expiring() not in events
