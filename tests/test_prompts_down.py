"""Our own sentences while their provider is down: who is told, how often it is asked again, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompted import BOTH, ENGLISH, LOST, NOTHING, SPANISH, Clock, everything, prompts_of, warnings
from scripted_voice import GONE, Script
from speech_endpoint import endpoint
from structlog.testing import capture_logs

from bmv.call.speaker import SpeechFailed
from bmv.languages import IN_STREAM, PHRASES
from bmv.simulator.openai.faults import Refusal
from bmv.simulator.openai.speech import SpeechFault
from bmv.speakers.prompts import AT_ONCE

DOWN = SpeechFault(refuse=Refusal.of(500))


async def test_a_provider_that_is_down_is_told_of_once_and_asked_again_later(tmp_path: Path) -> None:
    clock = Clock()
    async with endpoint() as there:
        there.record.fail_next(DOWN, times=2 * AT_ONCE)
        prompts = prompts_of(there.voice(), tmp_path, clock)
        with capture_logs() as logs:
            await prompts.render()
    assert clock.waits == [60.0, 120.0]
    assert [entry["event"] for entry in logs] == ["prompts_missing", "prompts_rendered"]
    assert logs[0]["languages"] == ["en", "es"]
    assert "HTTP 500" in logs[0]["error"]
    assert logs[0]["retry"] == "in 60 s"
    assert len(there.record.refused) == 2 * AT_ONCE
    assert NOTHING.isdisjoint(everything(prompts).values())


async def test_the_waits_grow_to_an_hour_and_the_provider_is_not_stormed(tmp_path: Path) -> None:
    voice, clock = Script(always=SpeechFailed("down")), Clock(longest_row=9)
    with capture_logs() as logs, pytest.raises(TimeoutError):
        await prompts_of(voice, tmp_path, clock).render()
    assert clock.waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert len(voice.asked) == 9 * AT_ONCE
    assert warnings(logs) == ["prompts_missing"]


async def test_a_provider_that_asks_for_time_gets_it_within_reason(tmp_path: Path) -> None:
    for asked, waited in ((30.0, 60.0), (90.0, 90.0), (99999.0, 3600.0)):
        text = SPANISH.sentences[LOST]
        clock = Clock()
        await prompts_of(Script({text: [SpeechFailed("busy", retry_after=asked)]}), tmp_path, clock).render()
        assert clock.waits == [waited]


async def test_one_impossible_sentence_does_not_keep_the_others_from_being_spoken(tmp_path: Path) -> None:
    first = ENGLISH.sentences[LOST]
    voice, clock = Script({first: [SpeechFailed("it cannot be said")] * 9}), Clock(longest_row=3)
    prompts = prompts_of(voice, tmp_path, clock)
    with capture_logs() as logs, pytest.raises(TimeoutError):
        await prompts.render()
    silent = [key for key, audio in everything(prompts).items() if audio in NOTHING]
    assert silent == [("en", LOST)]
    assert logs[0]["languages"] == ["en"]


def in_order() -> list[str]:
    """What is rendered, in this order: an agent who cannot say a phrase does better than one without a notice."""
    notices = [sentence for sentence in IN_STREAM if sentence not in PHRASES]
    return [language.sentences[each] for row in (notices, PHRASES) for language in BOTH for each in row]


async def test_notices_are_rendered_before_what_agents_may_choose_to_say(tmp_path: Path) -> None:
    voice = Script()
    await prompts_of(voice, tmp_path, Clock()).render()
    assert voice.asked == in_order()


async def test_what_failed_comes_last_next_time(tmp_path: Path) -> None:
    texts = in_order()
    voice, clock = Script({text: [SpeechFailed("no")] * 9 for text in texts[:AT_ONCE]}), Clock(longest_row=2)
    prompts = prompts_of(voice, tmp_path, clock)
    with pytest.raises(TimeoutError):
        await prompts.render()
    assert voice.asked == [*texts[:AT_ONCE], *texts[AT_ONCE:], *texts[:AT_ONCE]]
    assert prompts.without_audio == ["en"]


async def test_a_refusal_for_good_is_told_of_and_not_tried_again(tmp_path: Path) -> None:
    clock = Clock()
    async with endpoint() as there:
        there.record.fail_next(SpeechFault(refuse=Refusal.of(401)), times=99)
        prompts = prompts_of(there.voice(), tmp_path, clock)
        with capture_logs() as logs:
            await prompts.render()
    assert clock.waits == []
    assert len(there.record.refused) <= AT_ONCE
    assert warnings(logs) == ["prompts_missing"]
    assert logs[0]["retry"] == "at the next start"
    assert set(everything(prompts).values()) == NOTHING


async def test_giving_up_later_is_told_as_well(tmp_path: Path) -> None:
    text = ENGLISH.sentences[LOST]
    voice = Script({text: [SpeechFailed("down"), SpeechFailed("down"), SpeechFailed("no key", permanent=True)]})
    with capture_logs() as logs:
        await prompts_of(voice, tmp_path).render()
    assert [(entry["error"], entry["retry"]) for entry in logs] == [
        ("down", "in 60 s"),
        ("no key", "at the next start"),
    ]


async def test_without_a_next_voice_one_that_is_gone_is_a_refusal_for_good(tmp_path: Path) -> None:
    voice, clock = Script(always=GONE), Clock()
    with capture_logs() as logs:
        await prompts_of(voice, tmp_path, clock).render()
    assert [(entry["event"], entry["retry"]) for entry in logs] == [("prompts_missing", "at the next start")]
    assert clock.waits == []
