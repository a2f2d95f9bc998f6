"""The translator that translates nothing: complete, in order, after its delay, and honest about what it is."""

import asyncio

import pytest

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    CaptionKind,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
)
from bmv.languages import LANGUAGES, get
from bmv.metrics import Histogram
from bmv.translators.loopback import LoopbackFactory

PAIR = LanguagePair(get("es"), get("en"))


def frame(number: int) -> bytes:
    return bytes([number % 100 + 1]) * 160


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
            translator.feed(each, voiced=False)
        translator.finish()
        assert frames_of(await all_events(translator)) == said


@pytest.mark.parametrize("delay_frames", [0, 1, 20])
async def test_a_frame_comes_back_when_as_much_as_the_delay_was_said_after_it(delay_frames: int) -> None:
    said = [frame(number) for number in range(30)]
    async with LoopbackFactory(delay=delay_frames * FRAME_SECONDS).open(PAIR, Histogram()) as translator:
        for each in said:
            translator.feed(each, voiced=False)
        assert frames_of(await said_so_far(translator)) == said[: len(said) - delay_frames]


async def test_when_a_frame_comes_back_it_says_the_time() -> None:
    async with LoopbackFactory(delay=0).open(PAIR, Histogram()) as translator:
        before = asyncio.get_running_loop().time()
        translator.feed(frame(1), voiced=False)
        after = asyncio.get_running_loop().time()
        translator.finish()
        event, done = await all_events(translator)
    assert isinstance(event, AudioTranslated)
    assert done == Processed(1)
    assert before <= event.received_at <= after


async def test_after_finish_nothing_more_is_taken_and_finishing_twice_does_nothing() -> None:
    async with LoopbackFactory(delay=0.1).open(PAIR, Histogram()) as translator:
        translator.feed(frame(1), voiced=False)
        translator.finish()
        translator.feed(frame(2), voiced=False)
        translator.finish()
        assert frames_of(await all_events(translator)) == [frame(1)]
        assert translator.usage.amounts["audio_seconds_sent"] == FRAME_SECONDS


async def test_a_session_that_was_told_nothing_says_nothing() -> None:
    async with LoopbackFactory().open(PAIR, Histogram()) as translator:
        translator.finish()
        assert await all_events(translator) == []


async def test_captions_tell_that_somebody_speaks_and_that_nothing_is_translated() -> None:
    async with LoopbackFactory().open(PAIR, Histogram()) as translator:
        for voiced in [True] * 50 + [False] * 50 + [True] * 50:
            translator.feed(SILENCE, voiced=voiced)
        translator.finish()
        events = await all_events(translator)
    captions = captions_of(events)
    assert [caption.kind for caption in captions] == [CaptionKind.ORIGINAL, CaptionKind.TRANSLATION] * 2
    assert "Spanish" in captions[0].text
    assert "not translated into English" in captions[1].text


async def test_silence_has_no_captions_and_comes_back_as_silence() -> None:
    async with LoopbackFactory().open(PAIR, Histogram()) as translator:
        for _ in range(50):
            translator.feed(SILENCE, voiced=False)
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


async def test_a_frame_is_processed_when_it_was_given_back_and_never_earlier() -> None:
    async with LoopbackFactory(delay=10 * FRAME_SECONDS).open(PAIR, Histogram()) as translator:
        for number in range(30):
            translator.feed(frame(number), voiced=False)
        translator.finish()
        events = await all_events(translator)
    assert [event.frames for event in events if isinstance(event, Processed)] == list(range(1, 31))
    after = [events[at + 1] for at, event in enumerate(events) if isinstance(event, AudioTranslated)]
    assert after == [Processed(number) for number in range(1, 31)]


async def test_while_frames_are_held_back_the_session_is_alive() -> None:
    async with LoopbackFactory(delay=10 * FRAME_SECONDS).open(PAIR, Histogram()) as translator:
        for number in range(10):
            translator.feed(frame(number), voiced=False)
        assert await said_so_far(translator) == [Alive()] * 10


async def test_it_counts_seconds_and_costs_nothing() -> None:
    async with LoopbackFactory(delay=10 * FRAME_SECONDS).open(PAIR, Histogram()) as translator:
        assert translator.usage.summary() == {"audio_seconds_sent": 0, "audio_seconds_received": 0, "usd": 0}
        for number in range(50):
            translator.feed(frame(number), voiced=True)
        assert translator.usage.summary() == {"audio_seconds_sent": 1, "audio_seconds_received": 0.8, "usd": 0}


def test_it_speaks_every_language() -> None:
    assert all(map(LoopbackFactory().can_speak, LANGUAGES.values()))
