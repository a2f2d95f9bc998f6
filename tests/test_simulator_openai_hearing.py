"""The ear of the simulated turn-based endpoint, and what its brains make of an utterance."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.audio import levels, mulaw
from bmv.audio.compare import align
from bmv.audio.mulaw import Samples
from bmv.simulator.conversation import DEMO, Line
from bmv.simulator.openai import EchoTurns, PhrasebookTurns
from bmv.simulator.openai.hearing import Detection, Ear, Heard, SpeechStarted, SpeechStopped
from bmv.simulator.openai.turns import language_asked_for


def voice(ms: int) -> Samples:
    return np.random.default_rng(ms).integers(-9000, 9000, ms * 8, np.int16)


def quiet(ms: int) -> Samples:
    return np.zeros(ms * 8, np.int16)


def heard(*sounds: Samples, detection: Detection | None = None) -> list[Heard]:
    return list(Ear(detection or Detection()).append(np.concatenate(sounds)))


def test_speech_is_told_with_the_padding_before_and_the_silence_behind_it() -> None:
    said = voice(1000)
    started, stopped = heard(quiet(2000), said, quiet(3000))
    assert started == SpeechStarted(1700)
    assert isinstance(stopped, SpeechStopped)
    assert (stopped.start_ms, stopped.end_ms) == (1700, 3500)
    assert np.array_equal(stopped.audio, np.concatenate((quiet(300), said, quiet(500))))


def test_padding_and_silence_are_as_they_were_asked_for() -> None:
    detection = Detection(prefix_padding_ms=100, silence_duration_ms=200)
    started, stopped = heard(quiet(2000), voice(1000), quiet(3000), detection=detection)
    assert started == SpeechStarted(1900)
    assert isinstance(stopped, SpeechStopped)
    assert (stopped.start_ms, stopped.end_ms) == (1900, 3200)


def test_there_is_no_padding_before_the_beginning_nor_from_the_last_utterance() -> None:
    detection = Detection(silence_duration_ms=200)
    events = heard(quiet(100), voice(500), quiet(300), voice(500), quiet(300), detection=detection)
    starts = [event.start_ms for event in events if isinstance(event, SpeechStarted)]
    ends = [event.end_ms for event in events if isinstance(event, SpeechStopped)]
    assert starts == [0, 800]
    assert ends == [800, 1600]


@pytest.mark.parametrize(
    "sound",
    [quiet(3000), np.concatenate((quiet(500), voice(40), quiet(500))), voice(1000) // 60],
    ids=["silence", "a click", "an idle line"],
)
def test_nothing_is_heard_where_nobody_speaks(sound: Samples) -> None:
    assert not heard(sound)


def test_a_higher_threshold_needs_a_louder_voice() -> None:
    faint = voice(500) // 20  # -40 dB below the loudest would be silence; this is about -42 dBFS
    assert not heard(faint, quiet(600))
    assert heard(faint, quiet(600), detection=Detection(threshold=0.1))
    assert not heard(voice(500) // 9, quiet(600), detection=Detection(threshold=1.0))


def test_a_pause_within_a_sentence_does_not_end_it() -> None:
    started, stopped = heard(voice(500), quiet(480), voice(500), quiet(500))
    assert isinstance(stopped, SpeechStopped)
    assert (started, stopped.end_ms) == (SpeechStarted(0), 1980)


@given(st.lists(st.integers(1, 2000), max_size=40), st.integers(0, 3))
def test_it_does_not_matter_how_the_sound_was_cut(cuts: list[int], speeches: int) -> None:
    sound = np.concatenate([quiet(700), *[np.concatenate((voice(400 + n), quiet(600))) for n in range(speeches)]])
    ear, events, rest = Ear(Detection()), [], sound
    for cut in [*cuts, len(sound)]:
        events += list(ear.append(rest[:cut]))
        rest = rest[cut:]
    whole = heard(sound)
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped] * speeches
    for event, expected in zip(events, whole, strict=True):
        if isinstance(event, SpeechStopped) and isinstance(expected, SpeechStopped):
            assert (event.start_ms, event.end_ms) == (expected.start_ms, expected.end_ms)
            assert np.array_equal(event.audio, expected.audio)
        else:
            assert event == expected
    stretches = [event for event in events if isinstance(event, SpeechStopped)]
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(stretches))


def test_without_detection_it_only_collects() -> None:
    ear = Ear(None)
    assert not list(ear.append(np.concatenate((voice(1000), quiet(1000)))))
    taken = ear.commit()
    assert (taken.start_ms, taken.end_ms, len(taken.audio)) == (0, 2000, 16000)
    with pytest.raises(ValueError, match="0"):
        ear.commit()
    list(ear.append(voice(99)))
    with pytest.raises(ValueError, match="99"):
        ear.commit()
    ear.clear()
    list(ear.append(voice(100)))
    assert (ear.commit().start_ms, ear.detection) == (2099, None)


def test_what_is_committed_while_somebody_speaks_begins_where_he_began() -> None:
    ear = Ear(Detection())
    assert list(ear.append(np.concatenate((quiet(1000), voice(505))))) == [SpeechStarted(700)]
    taken = ear.commit()
    assert (taken.start_ms, taken.end_ms) == (700, 1505)
    assert not ear.speaking
    assert [type(event) for event in ear.append(np.concatenate((voice(500), quiet(600))))] == [
        SpeechStarted,
        SpeechStopped,
    ]


def test_clearing_forgets_speech_under_way() -> None:
    ear = Ear(Detection())
    list(ear.append(voice(500)))
    ear.clear()
    assert not list(ear.append(quiet(1000)))


def test_silence_is_not_hoarded() -> None:
    ear = Ear(Detection())
    for _ in range(60):
        list(ear.append(quiet(1000)))
    assert len(ear.commit().audio) <= 15 * 8000


def test_detection_can_be_switched_on_and_off() -> None:
    ear = Ear(None)
    list(ear.append(voice(1000)))
    ear.configure(Detection())
    assert [type(event) for event in ear.append(np.concatenate((voice(1000), quiet(600))))] == [
        SpeechStarted,
        SpeechStopped,
    ]
    list(ear.append(voice(1000)))
    ear.configure(None)
    assert not ear.speaking
    assert not list(ear.append(quiet(1000)))


# What is answered


@pytest.mark.parametrize(
    ("instructions", "tag"),
    [
        ("Interpret from Spanish to English.", "en"),
        ("You hear Spanish; you say in French what was said.", "fr"),
        ("Translate into Portuguese. Never speak in English.", "pt"),
        ("Listen to Maria and interpret into German", "de"),
        ("Be friendly.", ""),
        ("", ""),
    ],
)
def test_the_language_is_the_one_that_the_instructions_name(instructions: str, tag: str) -> None:
    assert language_asked_for(instructions) == tag


def test_an_echo_gives_the_last_utterance_back() -> None:
    first, second = voice(300), voice(400)
    (part,) = EchoTurns().answer((first, second), "Interpret into English.")
    assert np.array_equal(part.audio, second)
    assert not EchoTurns().answer((), "")
    assert not EchoTurns().transcribe(first)


def utterance(line: Line, decibels: float = 0) -> Samples:
    return np.concatenate((quiet(300), mulaw.decode(levels.scale(line.audio(), decibels)), quiet(500)))


@pytest.mark.parametrize("line", DEMO.lines[:2], ids=["Spanish", "English"])
def test_a_known_sentence_is_interpreted_as_the_instructions_say(line: Line) -> None:
    brain, language = PhrasebookTurns(DEMO.phrasebook()), {"en": "English", "es": "Spanish"}[line.into]
    parts = list(brain.answer((utterance(line),), f"Say in {language} what you hear."))
    assert "".join(part.text for part in parts) == line.translation
    sound = np.concatenate([part.audio for part in parts])
    assert np.array_equal(sound, mulaw.decode(line.translated_audio()))
    assert brain.transcribe(utterance(line)) == line.sentence
    assert not list(brain.answer((utterance(line),), "Say in French what you hear."))
    assert not list(brain.answer((utterance(line),), "Be friendly."))


def test_two_sentences_in_one_breath_are_both_interpreted() -> None:
    first, second = DEMO.of("caller")[:2]
    both = np.concatenate((mulaw.decode(first.audio()), quiet(300), mulaw.decode(second.audio()), quiet(500)))
    brain = PhrasebookTurns(DEMO.phrasebook())
    parts = list(brain.answer((both,), "Interpret into English."))
    assert "".join(part.text for part in parts) == f"{first.translation} {second.translation}"
    assert brain.transcribe(both) == f"{first.sentence} {second.sentence}"


@pytest.mark.parametrize("line", DEMO.lines[4:], ids=["Perfect", "You are very welcome"])
def test_a_sentence_that_was_cut_at_its_pause_is_said_once_and_whole(line: Line) -> None:
    sound, cut = mulaw.decode(line.audio()), longest_pause(line.audio())
    turns = np.concatenate((quiet(300), sound[:cut])), np.concatenate((sound[cut:], quiet(500)))
    brain, into = PhrasebookTurns(DEMO.phrasebook()), {"en": "English", "es": "Spanish"}[line.into]
    answers = ["".join(part.text for part in brain.answer((turn,), f"Interpret into {into}.")) for turn in turns]
    assert all(answers)
    assert " ".join(answers) == line.translation
    assert " ".join(map(brain.transcribe, turns)) == line.sentence


def longest_pause(ulaw: bytes) -> int:
    """The middle of the longest pause, in samples. How long it is depends on what the voices said before."""
    quiet_frames = "".join("q" if levels.is_silent(frame, 500) else "v" for frame in mulaw.frames(ulaw)).rstrip("q")
    longest = max(re.findall("q+", quiet_frames), key=len)
    return (quiet_frames.index(longest) + len(longest) // 2) * 160


def test_what_was_cut_off_is_missing_in_the_translation() -> None:
    line = DEMO.of("caller")[1]
    half = mulaw.decode(line.audio())[: len(line.audio()) // 2]
    parts = list(PhrasebookTurns(DEMO.phrasebook()).answer((half,), "Interpret into English."))
    words = "".join(part.text for part in parts).split()
    assert words
    assert words == line.translation.split()[: len(words)]
    assert words != line.translation.split()
    found = align(mulaw.decode(line.translated_audio()), np.concatenate([part.audio for part in parts]))
    assert found.score > 0.99
    assert found.offset == 0
