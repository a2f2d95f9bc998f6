"""The interpreter of the demo on the simulated translation endpoint: what it says, when, and of what."""

import asyncio

import numpy as np
import pytest
from simulator_openai_translation import RATE, interpreter, noise, pause, phrasebook, session, wide

from bmv.audio import levels
from bmv.audio.compare import align
from bmv.audio.mulaw import Samples
from bmv.simulator import voices
from bmv.simulator.conversation import DEMO, Line
from bmv.simulator.openai import FakeOpenAI, PhrasebookBrain
from bmv.simulator.phrasebook import Entry, Phrasebook


@pytest.mark.parametrize("line", DEMO.lines[:2], ids=["Spanish", "English"])
async def test_a_line_of_the_demo_is_interpreted_while_it_is_spoken(line: Line) -> None:
    said = np.concatenate((pause(0.7), wide(line.audio()), pause(2)))
    async with interpreter() as fake, session(fake, line.into, transcripts=True) as client:
        await client.converse(said)
    found = align(client.audio, wide(line.translated_audio()))
    assert found.score > 0.99
    assert found.gain == pytest.approx(0, abs=0.1)
    assert 0.9 < found.offset / RATE - 0.7 < 1.5, "seconds behind the speaker"
    assert client.text("input") == f"{line.sentence} "
    assert client.text("output") == f"{line.translation} "


async def test_words_are_told_as_they_are_heard_and_spoken() -> None:
    line = DEMO.of("caller")[0]
    async with interpreter() as fake, session(fake, line.into, transcripts=True) as client:
        await client.converse(np.concatenate((wide(line.audio()), pause(2))))
    for kind, least in (("input", 4), ("output", 6)):
        times = [event["elapsed_ms"] for event in client.of(f"session.{kind}_transcript.delta")]
        assert times == sorted(times)
        assert len(set(times)) >= least, "not all at once"
        assert {elapsed % 200 for elapsed in times} == {0}


async def test_the_source_transcript_must_be_asked_for() -> None:
    line = DEMO.of("caller")[0]
    async with interpreter() as fake, session(fake, line.into) as client:
        await client.converse(np.concatenate((wide(line.audio()), pause(2))))
    assert not client.text("input")
    assert client.text("output")


async def interpreted(*said: Samples, into: str, pace: float = 1.0) -> tuple[str, Samples]:
    async with (
        FakeOpenAI(lambda: PhrasebookBrain(phrasebook()), pace=pace) as fake,
        session(fake, into) as client,
    ):
        await client.converse(np.concatenate(said))
    return client.text("output"), client.audio


async def test_what_is_said_follows_from_what_is_heard_and_not_from_whose_turn_it_is() -> None:
    first, second, third = DEMO.of("caller")
    text, sound = await interpreted(
        wide(third.audio()), pause(2), wide(first.audio()), pause(1), wide(first.audio()), pause(1), into="en"
    )
    assert text == f"{third.translation} {first.translation} {first.translation} "
    assert second.translation not in text
    assert len(np.flatnonzero(sound)) > 0.8 * sum(len(wide(line.translated_audio())) for line in (third, first, first))


@pytest.mark.parametrize(
    "said",
    [
        pause(6),
        noise(6),
        wide(levels.scale(DEMO.lines[0].audio(), -60)),
        wide(DEMO.lines[1].audio()),
        wide(voices.speak("El tren de las nueve ha sido cancelado por la nieve.", "es")),
    ],
    ids=["silence", "noise", "muted speech", "speech in the target language", "an unknown sentence"],
)
async def test_nothing_is_said_of_what_is_not_known(said: Samples) -> None:
    text, sound = await interpreted(said, pause(2), into="en")
    assert not text
    assert not sound.any()


@pytest.mark.parametrize("begin", [True, False])
async def test_what_is_muted_is_missing_in_the_translation(begin: bool) -> None:
    line = DEMO.of("caller")[1]
    speech = wide(line.audio()).copy()
    half = len(speech) // 2
    speech[slice(0, half) if begin else slice(half, None)] = 0
    text, _ = await interpreted(speech, pause(2), into="en")
    words = line.translation.split()
    assert words[0 if begin else -1] not in text.split()
    assert words[-1 if begin else 0] in text.split()
    assert text in f"{line.translation} "


async def test_a_short_translation_waits_so_that_it_is_not_torn() -> None:
    entry = Entry(DEMO.lines[0].sentence, "es", "It has not come yet.", "en")
    book = Phrasebook([entry])
    async with FakeOpenAI(lambda: PhrasebookBrain(book)) as fake, session(fake) as client:
        await client.converse(np.concatenate((wide(DEMO.lines[0].audio()), pause(2))))
    # Pico's pauses depend on what it said before in the same process: a late piece may be a few milliseconds off.
    assert align(client.audio, wide(voices.speak(entry.translation, "en"))).score > 0.75


async def test_at_double_pace_the_translation_is_whole_too() -> None:
    line = DEMO.of("agent")[0]
    text, sound = await interpreted(wide(line.audio()), pause(2), into="es", pace=2)
    assert text == f"{line.translation} "
    assert align(sound, wide(line.translated_audio())).score > 0.99


async def test_two_interpreters_do_not_hear_each_other() -> None:
    caller, agent = DEMO.lines[0], DEMO.lines[1]
    async with interpreter() as fake, session(fake, "en") as first, session(fake, "es") as second:
        await asyncio.gather(
            first.converse(np.concatenate((wide(caller.audio()), pause(2)))),
            second.converse(np.concatenate((wide(agent.audio()), pause(2)))),
        )
    assert first.text("output") == f"{caller.translation} "
    assert second.text("output") == f"{agent.translation} "
