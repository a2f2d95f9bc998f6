"""The translator that translates nothing: complete, in order, after its delay, and honest about what it is."""

import asyncio

import numpy as np
import pytest

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE, encode
from bmv.call.translator import AudioTranslated, Captioned, CaptionKind, LanguagePair, Translator, TranslatorEvent
from bmv.languages import get
from bmv.metrics import Histogram
from bmv.translators.loopback import LoopbackFactory

PAIR = LanguagePair(get("es"), get("en"))


def frame(number: int) -> bytes:
    return bytes([number % 100 + 1]) * 160


def vowel(frames: int) -> list[bytes]:
    """Something a voice detector takes for a voice: a buzz of 120 Hz with the formants of an open vowel."""
    time = np.arange(frames * 160) / 8000
    harmonics = (
        np.sin(2 * np.pi * 120 * k * time) / (1 + ((120 * k - 700) / 200) ** 2 + ((120 * k - 1200) / 900) ** 2)
        for k in range(1, 28)
    )
    sound = sum(harmonics, np.zeros_like(time))
    pcm = np.rint(sound / np.abs(sound).max() * 12_000).astype(np.int16)
    return [encode(pcm[start : start + 160]) for start in range(0, len(pcm), 160)]


async def all_events(translator: Translator) -> list[TranslatorEvent]:
    async with asyncio.timeout(5):
        return [event async for event in translator.events()]


def frames_of(events: list[TranslatorEvent]) -> list[bytes]:
    return [event.audio for event in events if isinstance(event, AudioTranslated)]


def captions_of(events: list[TranslatorEvent]) -> list[Captioned]:
    return [event for event in events if isinstance(event, Captioned)]


async def said_so_far(translator: Translator, seconds: float = 0.05) -> list[TranslatorEvent]:
    """Give what comes without `finish`."""
    events = []
    try:
        async with asyncio.timeout(seconds):
            async for event in translator.events():
                events.append(event)
    except TimeoutError:
        return events
    raise AssertionError("ended by itself")


async def test_every_frame_comes_back_as_it_was_and_in_order() -> None:
    said = [frame(number) for number in range(70)]
    async with LoopbackFactory(delay=0.4).open(PAIR, Histogram()) as translator:
        for each in said:
            translator.feed(each)
        translator.finish()
        assert frames_of(await all_events(translator)) == said


@pytest.mark.parametrize("delay_frames", [0, 1, 20])
async def test_a_frame_comes_back_when_as_much_as_the_delay_was_said_after_it(delay_frames: int) -> None:
    said = [frame(number) for number in range(30)]
    async with LoopbackFactory(delay=delay_frames * FRAME_SECONDS).open(PAIR, Histogram()) as translator:
        for each in said:
            translator.feed(each)
        assert frames_of(await said_so_far(translator)) == said[: len(said) - delay_frames]


async def test_when_a_frame_comes_back_it_says_the_time() -> None:
    async with LoopbackFactory(delay=0).open(PAIR, Histogram()) as translator:
        before = asyncio.get_running_loop().time()
        translator.feed(frame(1))
        after = asyncio.get_running_loop().time()
        translator.finish()
        (event,) = await all_events(translator)
    assert isinstance(event, AudioTranslated)
    assert before <= event.received_at <= after


async def test_after_finish_nothing_more_is_taken_and_finishing_twice_does_nothing() -> None:
    async with LoopbackFactory(delay=0.1).open(PAIR, Histogram()) as translator:
        translator.feed(frame(1))
        translator.finish()
        translator.feed(frame(2))
        translator.finish()
        assert frames_of(await all_events(translator)) == [frame(1)]


async def test_a_session_that_was_told_nothing_says_nothing() -> None:
    async with LoopbackFactory().open(PAIR, Histogram()) as translator:
        translator.finish()
        assert await all_events(translator) == []


async def test_captions_tell_that_somebody_speaks_and_that_nothing_is_translated() -> None:
    async with LoopbackFactory().open(PAIR, Histogram()) as translator:
        for each in [*vowel(50), *[SILENCE] * 50, *vowel(50)]:
            translator.feed(each)
        translator.finish()
        events = await all_events(translator)
    captions = captions_of(events)
    assert [caption.kind for caption in captions] == [CaptionKind.ORIGINAL, CaptionKind.TRANSLATION] * 2
    assert "Spanish" in captions[0].text
    assert "not translated into English" in captions[1].text


async def test_silence_has_no_captions_and_comes_back_as_silence() -> None:
    async with LoopbackFactory().open(PAIR, Histogram()) as translator:
        for _ in range(50):
            translator.feed(SILENCE)
        translator.finish()
        events = await all_events(translator)
    assert captions_of(events) == []
    assert frames_of(events) == [SILENCE] * 50


async def test_sessions_are_counted_while_they_are_open_and_never_fail() -> None:
    factory, counts = LoopbackFactory(), []

    async def stumble() -> None:
        async with factory.open(PAIR, Histogram()), factory.open(PAIR, Histogram()):
            counts.append(factory.open_sessions)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()
    assert [*counts, factory.open_sessions] == [2, 0]
    assert factory.problem is None
