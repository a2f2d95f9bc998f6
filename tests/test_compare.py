"""A known sentence is found in a recording, and nothing else is taken for it."""

import math
from itertools import islice

import numpy as np
import pytest
from speech import SENTENCES, say

from bmv.audio import mulaw
from bmv.audio.compare import Alignment, Recording, align
from bmv.audio.mulaw import Samples

HELLO = say("Hello, I would like to know where my parcel is, please.", "en-US")
HOLA = say("Hola, quisiera saber dónde está mi paquete, por favor.", "es-ES")
NOTHING = Alignment(offset=0, score=0.0, gain=-math.inf)


def silence(samples: int) -> Samples:
    return np.zeros(samples, np.int16)


def quieter(pcm: Samples, decibels: float) -> Samples:
    scaled: Samples = np.rint(pcm * 10 ** (decibels / 20)).astype(np.int16)
    return scaled


def with_noise(pcm: Samples, ratio: float) -> Samples:
    """Add white noise, so many dB below the sound's mean level."""
    level = math.sqrt(np.square(pcm, dtype=np.float64).mean()) * 10 ** (-ratio / 20)
    return (
        np.rint(pcm + np.random.default_rng(1).normal(scale=level, size=len(pcm))).clip(-32768, 32767).astype(np.int16)
    )


def test_a_sound_is_itself() -> None:
    alignment = align(HELLO, HELLO)
    assert alignment.offset == 0
    assert alignment.score == pytest.approx(1.0)
    assert alignment.gain == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("delay", [0, 1, 159, 12345])
@pytest.mark.parametrize("decibels", [0.0, -12.0, -30.0])
def test_a_late_and_quiet_copy_is_found_where_it_is_and_as_loud_as_it_is(delay: int, decibels: float) -> None:
    heard = np.concatenate((silence(delay), quieter(HELLO, decibels), silence(4000)))
    alignment = align(heard, HELLO)
    assert alignment.offset == delay
    assert alignment.score > 0.99
    assert alignment.gain == pytest.approx(decibels, abs=0.1)


@pytest.mark.parametrize(("ratio", "score"), [(30, 0.99), (20, 0.98), (10, 0.9)])
def test_a_copy_in_noise_is_found(ratio: float, score: float) -> None:
    heard = np.concatenate((silence(3000), quieter(HELLO, -10)))
    alignment = align(with_noise(heard, ratio), HELLO)
    assert alignment.offset == 3000
    assert alignment.score > score
    assert alignment.gain == pytest.approx(-10, abs=0.2)


def test_a_copy_through_mu_law_is_found() -> None:
    assert align(mulaw.decode(mulaw.encode(HELLO)), HELLO).score > 0.99


def test_louder_sounds_around_the_copy_do_not_matter() -> None:
    heard = np.concatenate((HOLA, quieter(HELLO, -20), HOLA))
    alignment = align(heard, HELLO)
    assert alignment.offset == len(HOLA)
    assert alignment.score > 0.99


def test_two_sentences_are_found_in_the_order_they_were_said() -> None:
    heard = np.concatenate((HOLA, silence(8000), HELLO))
    assert align(heard, HOLA).offset < align(heard, HELLO).offset


def test_every_copy_is_found_once_the_best_first() -> None:
    heard = np.concatenate((silence(800), with_noise(HELLO, 15), silence(8000), HELLO, HOLA))
    first, second, third = islice(Recording(heard).best_first(HELLO), 3)
    assert [first.offset, second.offset] == [800 + len(HELLO) + 8000, 800]
    assert first.score > second.score > 0.9
    assert third.score < 0.5


def test_many_sounds_are_found_in_one_recording_as_each_by_itself() -> None:
    heard = np.concatenate((HOLA, silence(8000), HELLO))
    recording = Recording(heard)
    for expected in (HELLO, HOLA[:1920], HELLO[:1920], HELLO[1920:3840], HOLA):  # of several lengths, to and fro
        assert next(recording.best_first(expected)) == align(heard, expected)


def test_another_sentence_is_not_taken_for_the_expected_one() -> None:
    sentences = [say(sentence, voice) for voice, sentence in SENTENCES.items()]
    for heard in sentences:
        for expected in sentences:
            assert (align(heard, expected).score > 0.99) is (heard is expected)
            assert heard is expected or align(heard, expected).score < 0.4


@pytest.mark.parametrize(("heard", "expected"), [(HELLO, HOLA), (HOLA, HELLO)])
def test_swapped_sentences_have_low_scores(heard: Samples, expected: Samples) -> None:
    assert align(heard, expected).score < 0.4


def test_noise_alone_has_a_low_score() -> None:
    noise = np.random.default_rng(1).normal(scale=3000, size=len(HELLO)).astype(np.int16)
    assert align(noise, HELLO).score < 0.2


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (silence(8000), HELLO),
        (silence(0), HELLO),
        (HELLO, silence(8000)),
        (HELLO, silence(0)),
        (silence(0), silence(0)),
    ],
)
def test_what_is_mute_or_empty_has_no_score(heard: Samples, expected: Samples) -> None:
    assert align(heard, expected) == NOTHING


def test_a_score_of_a_part_tells_how_much_of_the_energy_was_heard() -> None:
    for heard, offset in [(HELLO[: len(HELLO) // 2], 0), (HELLO[len(HELLO) // 3 :], -(len(HELLO) // 3))]:
        alignment = align(heard, HELLO)
        share = float(np.square(heard, dtype=np.float64).sum() / np.square(HELLO, dtype=np.float64).sum())
        assert alignment.offset == offset
        assert alignment.score**2 == pytest.approx(share, abs=0.01)
        assert alignment.score < 0.9


def test_a_copy_with_a_hole_has_a_lower_score() -> None:
    heard = HELLO.copy()
    heard[len(HELLO) // 3 : len(HELLO) // 2] = 0
    assert align(heard, HELLO).score < 0.95


def test_a_sound_turned_upside_down_is_another_sound() -> None:
    assert align(-HELLO, HELLO).score < 0.5
    heard = np.concatenate((-HELLO, with_noise(HELLO, 20)))
    assert align(heard, HELLO).offset == len(HELLO)


def test_a_single_sample_can_be_compared() -> None:
    one = np.array([1000], np.int16)
    assert align(one, one) == Alignment(offset=0, score=1.0, gain=0.0)


def test_the_loudest_possible_minute_neither_overflows_nor_loses_its_place() -> None:
    minute = np.where(np.random.default_rng(1).random(60 * 8000) < 0.5, -32768, 32767).astype(np.int16)
    alignment = align(minute, minute[300_000:340_000])
    assert alignment.offset == 300_000
    assert alignment.score == pytest.approx(1.0)
