"""The phrasebook recognises by ear; and the conversation that the demo takes from it."""

import itertools
from functools import cache

import numpy as np
import pytest

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import SAMPLE_RATE, Samples
from bmv.audio.resample import Downsampler, Upsampler
from bmv.simulator import voices
from bmv.simulator.conversation import DEMO, Line
from bmv.simulator.phrasebook import HOP, Entry, Match, Phrasebook

UNBROKEN = pytest.mark.parametrize("line", [DEMO.lines[index] for index in (0, 2, 3)], ids=["0", "2", "3"])
"""Lines without a pause in the middle, where a muted half could not be told from a natural one."""
LINES = pytest.mark.parametrize("line", DEMO.lines, ids=lambda line: line.sentence)


@cache
def phrasebook() -> Phrasebook:
    return DEMO.phrasebook()


def pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def heard_by_a_translator(ulaw: bytes, *, lead: float = 0.0, decibels: float = 0.0) -> Samples:
    """Take speech the way of a call: mu-law at another level, up to 24 kHz and down again, silence around it."""
    sound = np.concatenate((pause(lead), mulaw.decode(levels.scale(ulaw, decibels)), pause(1.5)))
    return Downsampler().process(Upsampler().process(sound).astype("<i2").tobytes())


def followed(sound: Samples, into: str, step: int = HOP) -> list[tuple[float, Match]]:
    """Give each match with the seconds that had been heard by then."""
    listener = phrasebook().listener(into)
    return [
        ((start + step) / SAMPLE_RATE, match)
        for start in range(0, len(sound), step)
        for match in listener.hear(sound[start : start + step])
    ]


@LINES
@pytest.mark.parametrize(("lead", "decibels"), [(0.0, 0.0), (1.14, -12.0), (2.13, 12.0)])
def test_a_sentence_is_recognised_early_and_followed_to_its_end(line: Line, lead: float, decibels: float) -> None:
    matches = followed(heard_by_a_translator(line.audio(), lead=lead, decibels=decibels), line.into)
    assert {match.entry.sentence for _, match in matches} == {line.sentence}
    assert {match.utterance for _, match in matches} == {1}
    assert min(match.score for _, match in matches) > 0.8  # how Pico speaks it depends on what it said before
    first, last = matches[0], matches[-1]
    assert 0.8 < first[0] - lead < 1.3, "seconds until it was recognised"
    assert first[1].since == 0
    assert last[1].heard == 1
    assert last[0] - lead < len(line.audio()) / SAMPLE_RATE + 0.25
    for (_, earlier), (_, later) in itertools.pairwise(matches):
        assert earlier.heard == later.since


@LINES
def test_the_fraction_heard_keeps_up_with_the_speaker(line: Line) -> None:
    length = len(line.audio())
    for seconds, match in followed(mulaw.decode(line.audio()), line.into):
        assert match.heard == pytest.approx(min(1, seconds * SAMPLE_RATE / length), abs=0.005)


@LINES
def test_a_sentence_in_the_language_of_the_listener_is_not_translated(line: Line) -> None:
    assert phrasebook().recognise(heard_by_a_translator(line.audio()), line.language) is None


@pytest.mark.parametrize(
    "sound",
    [
        pause(5),
        np.random.default_rng(1).integers(-9000, 9000, 5 * SAMPLE_RATE, np.int16),
        np.rint(9000 * np.sin(np.arange(5 * SAMPLE_RATE) * 2 * np.pi * 150 / SAMPLE_RATE)).astype(np.int16),
        pause(0),
    ],
    ids=["silence", "noise", "a tone", "nothing"],
)
@pytest.mark.parametrize("into", ["es", "en", "fr"])
def test_what_is_no_speech_is_not_recognised(sound: Samples, into: str) -> None:
    assert phrasebook().recognise(sound, into) is None


@pytest.mark.parametrize(
    ("sentence", "language", "into"),
    [
        ("Hola, quería preguntar por una factura que no entiendo.", "es", "en"),
        ("Mi hermana vive en una casa muy grande cerca del mar.", "es", "en"),
        ("No tengo tiempo, llame usted otro día.", "es", "en"),
        ("I would like to speak to your manager right now.", "en", "es"),
        ("We are open from nine to five, except on Sundays.", "en", "es"),
        ("I am sorry, but I can not help you with that.", "en", "es"),
        ("No, estaré en casa de mi madre.", "es", "en"),
        ("Mi pedido todavía está en el almacén.", "es", "en"),
    ],
)
def test_other_sentences_of_the_same_voice_are_not_recognised(sentence: str, language: str, into: str) -> None:
    assert phrasebook().recognise(heard_by_a_translator(voices.speak(sentence, language)), into) is None


def test_where_the_words_part_from_a_known_sentence_it_is_followed_no_further() -> None:
    other = voices.speak("Thank you. Your refund will be paid next week.", "en")
    match = phrasebook().recognise(heard_by_a_translator(other), "es")
    assert match is not None, "its first words are the same"
    assert match.heard < 0.4


def hiss(text: str, _language: str) -> bytes:
    """Speak in noise: a second for each letter, always the same noise for the same letter."""
    seconds = [np.random.default_rng(ord(letter)).integers(-9000, 9000, SAMPLE_RATE, np.int16) for letter in text]
    return mulaw.encode(np.concatenate(seconds))


@pytest.mark.parametrize("spoken", ["abcde", "abcxy"])
def test_sentences_that_begin_alike_are_told_apart_before_one_is_named(spoken: str) -> None:
    book = Phrasebook([Entry(known, "es", known.upper(), "en") for known in ("abcde", "abcxy")], speak=hiss)
    matches = book.listener("en").hear(heard_by_a_translator(hiss(spoken, "es"), lead=0.1))
    assert {match.entry.sentence for match in matches} == {spoken}
    assert matches[0].since > 0.2, "the first words may be either's"
    assert matches[-1].heard == 1


def test_a_word_in_common_is_not_enough() -> None:
    book = Phrasebook([Entry("abcde", "es", "ABCDE", "en")], speak=hiss)
    heard = mulaw.decode(hiss("xyz", "es")).copy()
    common = round(0.85 * SAMPLE_RATE)
    heard[SAMPLE_RATE : SAMPLE_RATE + common] = mulaw.decode(hiss("d", "es"))[:common]
    assert book.recognise(heard, "en") is None


def test_a_sentence_may_be_entered_in_the_middle() -> None:
    book = Phrasebook([Entry("abcde", "es", "ABCDE", "en")], speak=hiss)
    matches = book.listener("en").hear(mulaw.decode(hiss("xyde", "es")))
    assert matches[0].since == pytest.approx(0.6, abs=0.04)
    assert matches[-1].heard == 1


def test_a_sentence_goes_on_after_a_stretch_that_got_lost() -> None:
    line = DEMO.lines[0]
    sound = mulaw.decode(line.audio())
    lost = np.concatenate((sound[:12000], sound[14400:], pause(1)))
    matches = [match for _, match in followed(lost, line.into)]
    assert (matches[0].since, matches[-1].heard) == (0, 1)
    assert {match.utterance for match in matches} == {1}


@UNBROKEN
def test_a_muted_end_is_not_heard(line: Line) -> None:
    sound = mulaw.decode(line.audio()).copy()
    sound[len(sound) // 2 :] = 0
    matches = followed(np.concatenate((sound, pause(2))), line.into)
    assert matches[-1][1].heard == pytest.approx(0.5, abs=0.08)


@LINES
def test_silence_after_half_a_sentence_does_not_pass_for_the_end_of_it(line: Line) -> None:
    sound = mulaw.decode(line.audio())
    matches = followed(np.concatenate((sound[: len(sound) // 2], pause(2))), line.into)
    assert matches[-1][1].heard < 0.75


@UNBROKEN
def test_a_muted_beginning_is_not_heard(line: Line) -> None:
    sound = mulaw.decode(line.audio()).copy()
    sound[: len(sound) // 2] = 0
    matches = followed(np.concatenate((sound, pause(1))), line.into)
    assert matches[0][1].since == pytest.approx(0.5, abs=0.08)
    assert matches[-1][1].heard == 1


def test_a_muted_middle_is_left_out() -> None:
    line = DEMO.of("caller")[2]
    sound = mulaw.decode(line.audio()).copy()
    third = len(sound) // 3
    sound[third : 2 * third] = 0
    matches = [match for _, match in followed(np.concatenate((sound, pause(1))), line.into)]
    assert (matches[0].since, matches[-1].heard) == (0, 1)
    assert sum(match.heard - match.since for match in matches) == pytest.approx(2 / 3, abs=0.1)
    assert {match.utterance for match in matches} == {1}, "it is one sentence with a hole"


def test_sentences_in_another_order_and_again_are_recognised_as_they_come() -> None:
    first, second, third = DEMO.of("agent")
    order = [third, first, first, second]
    sound = np.concatenate([np.concatenate((mulaw.decode(line.audio()), pause(0.3))) for line in order])
    utterances = {match.utterance: match.entry.sentence for _, match in followed(sound, "es")}
    assert list(utterances.values()) == [line.sentence for line in order]


@pytest.mark.parametrize("step", [160, 999, 8000])
def test_it_does_not_matter_how_the_stream_is_cut(step: int) -> None:
    line = DEMO.lines[0]
    sound = heard_by_a_translator(line.audio())
    assert [match for _, match in followed(sound, line.into, step)] == [
        match for _, match in followed(sound, line.into)
    ]


def test_two_streams_are_followed_apart() -> None:
    line = DEMO.lines[0]
    first, second = phrasebook().listener(line.into), phrasebook().listener(line.into)
    sound = mulaw.decode(line.audio())
    assert first.hear(sound)
    assert not second.hear(sound[:4000])


def test_an_empty_phrasebook_recognises_nothing() -> None:
    assert Phrasebook([]).recognise(mulaw.decode(DEMO.lines[0].audio()), "en") is None


def test_a_sentence_shorter_than_a_second_is_recognised_too() -> None:
    book = Phrasebook([Entry("Hola.", "es", "Hello.", "en"), Entry("Gracias.", "es", "Thanks.", "en")])
    match = book.recognise(np.concatenate((pause(0.6), mulaw.decode(voices.speak("Gracias.", "es")), pause(1))), "en")
    assert match is not None
    assert (match.entry.translation, match.heard) == ("Thanks.", 1)


# The conversation of the demo


def test_the_parties_take_turns_in_their_own_languages() -> None:
    assert [line.role for line in DEMO.lines] == ["caller", "agent"] * 3
    assert (DEMO.language("caller"), DEMO.language("agent")) == ("es", "en")
    assert all(line.into == DEMO.language("agent" if line.role == "caller" else "caller") for line in DEMO.lines)


@LINES
def test_a_line_is_short_enough_for_a_conversation(line: Line) -> None:
    DEMO.rehearse()
    assert 2 < len(line.audio()) / SAMPLE_RATE < 5
    assert 2 < len(line.translated_audio()) / SAMPLE_RATE < 5
