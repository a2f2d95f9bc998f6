"""Our own sentences: which sound is taken, that it is there when the provider is not, and what the operator is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loud import peak
from prompted import (
    ALL,
    BACK,
    BOTH,
    ENGLISH,
    LOST,
    NOTHING,
    SPANISH,
    WORDS,
    cached,
    everything,
    record,
    started,
    warnings,
)
from scripted_voice import Script
from speech_endpoint import endpoint
from structlog.testing import capture_logs

from bmv import languages
from bmv.audio import mulaw, tones
from bmv.audio.listening import listen
from bmv.call.alongside import alongside
from bmv.languages import IN_STREAM, PHRASES, Language, Sentence
from bmv.simulator import voices
from bmv.simulator.openai.speech import SpeechFault
from bmv.speakers.prompt_files import PromptCache
from bmv.speakers.prompts import AT_ONCE, TONE, Prompts

CHINESE = languages.get("zh")


# -- the first start, and those after it ------------------------------------------------------------------------------


async def test_all_is_rendered_at_the_start_and_each_sentence_is_the_one_that_was_meant(tmp_path: Path) -> None:
    async with endpoint() as there:
        prompts = await started(there, tmp_path)
        assert set(everything(prompts).values()) == NOTHING
        assert prompts.without_audio == ["en", "es"]
        with capture_logs() as logs:
            await prompts.render()
        assert [(entry["event"], entry["prompts"]) for entry in logs] == [("prompts_rendered", ALL)]
        assert prompts.without_audio == []
    assert len(there.record.orders) == ALL
    for language in BOTH:
        for sentence in IN_STREAM:
            said = voices.speak(language.sentences[sentence], language.tag)
            assert listen(prompts.say(sentence, language), said).share > 0.9


async def test_after_a_restart_with_the_provider_down_the_cached_notice_still_plays(tmp_path: Path) -> None:
    async with endpoint() as there:
        prompts = await started(there, tmp_path)
        await prompts.render()
    before = everything(prompts)
    assert NOTHING.isdisjoint(before.values())
    asked = len(there.record.orders)
    again = await started(there, tmp_path)  # the endpoint is closed now
    with capture_logs() as logs:
        assert everything(again) == before
        await again.render()
    assert logs == []
    assert len(there.record.orders) == asked


async def test_a_prompt_is_spoken_as_soon_as_it_is_there_though_others_are_not(tmp_path: Path) -> None:
    async with endpoint() as there:
        hold = asyncio.Event()
        there.record.fail_next(SpeechFault(hold=hold), times=AT_ONCE - 1)
        prompts = await started(there, tmp_path)
        async with alongside(prompts.render()):
            while prompts.say(IN_STREAM[-1], SPANISH) in NOTHING:
                await asyncio.sleep(0)
            assert prompts.without_audio == ["en"]
            hold.set()
            while prompts.without_audio:
                await asyncio.sleep(0)
    assert NOTHING.isdisjoint(everything(prompts).values())


async def test_no_more_than_a_few_requests_run_at_once(tmp_path: Path) -> None:
    async with endpoint() as there:
        hold = asyncio.Event()
        there.record.fail_next(SpeechFault(hold=hold), times=6)
        prompts = await started(there, tmp_path)
        async with alongside(prompts.render()):
            while there.record.running < AT_ONCE:
                await asyncio.sleep(0)
            hold.set()
            while prompts.without_audio:
                await asyncio.sleep(0)
        assert there.record.most_at_once == AT_ONCE


async def test_a_process_that_ends_while_it_renders_leaves_nothing_and_keeps_what_was_made(tmp_path: Path) -> None:
    async with endpoint() as there:
        hold = asyncio.Event()
        there.record.fail_next(SpeechFault(), times=2)
        there.record.fail_next(SpeechFault(hold=hold), times=4)
        prompts = await started(there, tmp_path)
        async with alongside(prompts.render()):
            while there.record.running < AT_ONCE or not (tmp_path / "a").exists() or len(cached(tmp_path)) < 2:
                await asyncio.sleep(0)
        hold.set()
        while there.record.running:
            await asyncio.sleep(0)
    again = await started(there, tmp_path)
    kept = [audio for audio in everything(again).values() if audio not in NOTHING]
    assert len(kept) == 2
    assert set(kept) < set(everything(prompts).values())


async def test_only_languages_that_can_occur_are_rendered_and_each_once(tmp_path: Path) -> None:
    async with endpoint() as there:
        prompts = await Prompts.load([SPANISH, SPANISH], voices=[there.voice()], own=None, cache=tmp_path)
        await prompts.render()
        assert sorted(order["input"] for order in there.record.orders) == sorted(
            SPANISH.sentences[sentence] for sentence in IN_STREAM
        )
        assert prompts.say(LOST, CHINESE) == TONE


# -- the cache --------------------------------------------------------------------------------------------------------


async def test_whatever_makes_another_sound_has_a_file_of_its_own(tmp_path: Path) -> None:
    async with endpoint() as there:
        variants: list[dict[str, Any]] = [{}, {"model": "tts-1"}, {"voice": "cedar"}]
        for details in variants:
            before = len(there.record.orders)
            await (await started(there, tmp_path, **details)).render()
            assert len(there.record.orders) == before + ALL
    assert len(cached(tmp_path)) == 3 * ALL
    cache = PromptCache(tmp_path)
    changed = Language(
        **{each: getattr(SPANISH, each) for each in SPANISH.__slots__} | {"sentences": ENGLISH.sentences}
    )
    assert cache.path((changed, LOST), "v") != cache.path((SPANISH, LOST), "v")


def damages(path: Path, other: Path) -> Iterator[None]:
    """Every way in which a file may be no use, one after the other."""
    content, foreign = path.read_bytes(), other.read_bytes()
    flipped = bytearray(content)
    flipped[-100] ^= 0x10
    for damaged in (b"", content[:50], content[:-160], content + b"\xff" * 160, bytes(flipped), foreign, b"RIFF" * 999):
        path.write_bytes(damaged)
        yield
    path.unlink()
    path.mkdir()
    yield
    path.rmdir()


async def test_a_damaged_or_foreign_file_is_told_of_and_rendered_again(tmp_path: Path) -> None:
    async with endpoint() as there:
        first = await started(there, tmp_path)
        await first.render()
        path, *_, other = cached(tmp_path)
        for number, _ in enumerate(damages(path, other), start=1):
            with capture_logs() as logs:
                prompts = await started(there, tmp_path)
                damaged = [each for each, audio in everything(prompts).items() if audio in NOTHING]
                assert len(damaged) == 1
                if path.is_file():
                    await prompts.render()
            assert warnings(logs) == ["prompts_unreadable"]
            assert logs[0]["files"] == 1
            assert str(path) in logs[0]["error"]
            if path.is_file():
                assert everything(prompts) == everything(first)
                assert len(there.record.orders) == ALL + number
                assert everything(await started(there, tmp_path)) == everything(first)


async def test_a_disk_that_cannot_be_written_costs_the_cache_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where the folder should be")
    async with endpoint() as there:
        with capture_logs() as logs:
            prompts = await started(there, tmp_path)
            await prompts.render()
        assert "prompts_not_kept" in warnings(logs)
        assert warnings(logs).count("prompts_not_kept") == 1
        assert NOTHING.isdisjoint(everything(prompts).values())


# -- no provider at all -----------------------------------------------------------------------------------------------


async def test_without_a_key_there_are_recordings_and_the_cache_and_the_tone_and_one_warning(tmp_path: Path) -> None:
    own = tmp_path / "own"
    record(own / "es" / "words_lost.wav", voices.speak("Otra vez, por favor.", "es"))
    async with endpoint() as there:
        await (await Prompts.load([ENGLISH], voices=[there.voice()], own=None, cache=tmp_path / "a" / "cache")).render()
        before = len(there.record.orders)
        silent = await started(there, tmp_path, own=own, api_key=None)
        with capture_logs() as logs:
            await silent.render()
        assert len(there.record.orders) == before
    assert not there.record.refused
    assert warnings(logs) == ["prompts_missing"]
    assert logs[0]["languages"] == ["es"]
    heard = everything(silent)
    assert NOTHING.isdisjoint(heard["en", sentence] for sentence in IN_STREAM)
    assert heard["es", WORDS] == through_a_file(voices.speak("Otra vez, por favor.", "es"))
    assert heard["es", LOST] == heard["es", BACK] == TONE


# -- the operator's own recordings ------------------------------------------------------------------------------------


def through_a_file(audio: bytes) -> bytes:
    """Linear PCM knows one zero, mu-law two."""
    return audio.replace(b"\x7f", b"\xff")


async def test_an_own_recording_comes_before_the_cache_and_the_voice(tmp_path: Path) -> None:
    ours = voices.speak("Ya está.", "es")[:-37]
    own = tmp_path / "own"
    record(own / "es" / "translation_back.wav", ours)
    record(own / "zh" / "translation_lost.WAV", ours)
    async with endpoint() as there:
        await (await started(there, tmp_path)).render()
        prompts = await started(there, tmp_path, own=own)
        await prompts.render()
        assert len(there.record.orders) == ALL
    expected = b"".join(mulaw.frames(through_a_file(ours)))
    assert prompts.say(BACK, SPANISH) == expected
    assert prompts.say(LOST, CHINESE) == expected  # though nobody is expected to speak it
    assert prompts.say(LOST, SPANISH) not in {expected, TONE}


async def test_a_sentence_with_an_own_recording_is_never_ordered(tmp_path: Path) -> None:
    own = tmp_path / "own"
    record(own / "en" / "translation_lost.wav", TONE * 2)
    async with endpoint() as there:
        await (await started(there, tmp_path, own=own)).render()
        assert ENGLISH.sentences[LOST] not in {order["input"] for order in there.record.orders}
        assert len(there.record.orders) == ALL - 1


# -- where there is no sound ------------------------------------------------------------------------------------------


def test_a_courtesy_without_a_sound_is_left_out_and_whatever_matters_is_a_tone(tmp_path: Path) -> None:
    prompts = Prompts(BOTH, voices=[Script()], cache=PromptCache(tmp_path), ready={})
    silent = [sentence for sentence in IN_STREAM if prompts.say(sentence, ENGLISH) == b""]
    assert silent == [Sentence.HOLD, *PHRASES]
    assert {prompts.say(sentence, ENGLISH) for sentence in IN_STREAM} == {TONE, b""}


def test_the_tone_is_two_soft_beeps_the_second_lower() -> None:
    frames = list(mulaw.frames(TONE))
    assert len(TONE) == len(frames) * mulaw.FRAME_BYTES == 0.4 * mulaw.SAMPLE_RATE
    assert peak(TONE) == pytest.approx(32767 * 10 ** (-26 / 20), rel=0.03)
    sounding = [tones.is_tone(frame) for frame in frames]
    assert [sounding[4], sounding[8], sounding[9], sounding[14]] == [True, False, False, True]
    pitches = []
    for part in (TONE[: 8 * 160], TONE[11 * 160 :]):
        spectrum = np.abs(np.fft.rfft(mulaw.decode(part) * np.hanning(len(part))))
        pitches.append(int(spectrum.argmax()) * mulaw.SAMPLE_RATE / len(part))
    assert pitches == pytest.approx([660, 520], abs=8)
    ends = mulaw.decode(TONE)[[0, -1]]
    assert np.abs(ends).max() < 20  # no click
