"""What the telephone gets of a recording: the usual level, no silence at the ends, and nothing that is no sentence."""

from __future__ import annotations

import numpy as np
import pytest
from loud import active_db, pcm, peak

from bmv.audio import levels, mulaw
from bmv.audio.listening import listen
from bmv.audio.loudness import LARGEST_WIDE, LEVEL_DB, LONGEST_SECONDS, LOUDEST_DB, for_telephone
from bmv.audio.resample import WIDE_RATE
from bmv.simulator import voices
from bmv.simulator.openai import speech

TEXT = "La traducción funciona de nuevo."


@pytest.mark.parametrize("gain_db", [-30.0, -12.0, 0.0, 5.0])
def test_the_level_is_the_same_however_loud_it_was_made(gain_db: float) -> None:
    heard = for_telephone(pcm(speech.spoken(TEXT), gain_db))
    assert active_db(heard) == pytest.approx(LEVEL_DB, abs=0.3)


def test_a_voice_with_sharp_peaks_is_left_quieter_and_not_clipped() -> None:
    peaky = speech.spoken(TEXT) // 4
    peaky[len(peaky) // 2 : len(peaky) // 2 + 12] = 30000  # half a millisecond
    heard = for_telephone(pcm(peaky))
    assert active_db(heard) < LEVEL_DB - 2
    assert 0.95 < peak(heard) / (32768 * 10 ** (LOUDEST_DB / 20)) < 1.03


def test_all_is_said_and_the_silence_around_it_is_gone() -> None:
    wide = speech.spoken(TEXT)
    heard = for_telephone(pcm(wide))
    assert listen(heard, voices.speak(TEXT, "es")).share > 0.9
    assert len(heard) % mulaw.FRAME_BYTES == 0
    assert len(heard) / mulaw.SAMPLE_RATE < len(wide) / WIDE_RATE - speech.SILENCE_SECONDS
    assert not levels.is_silent(heard[: 2 * mulaw.FRAME_BYTES])
    assert not levels.is_silent(heard[-4 * mulaw.FRAME_BYTES :])


def test_half_a_sample_at_the_end_is_left_out() -> None:
    whole = pcm(speech.spoken(TEXT))
    assert for_telephone(whole + b"\x01") == for_telephone(whole)


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        (b"", "no speech"),
        (b"\x00", "no speech"),
        (bytes(WIDE_RATE * 4), "lasts 0.0 s"),
        (b'{"error": "this is no sound at all"} ' * 4000, "no speech"),
        (np.random.default_rng(1).bytes(WIDE_RATE * 4), "no speech"),
        (voices.speak(TEXT, "es"), "no speech"),
        (pcm(speech.spoken(TEXT))[: WIDE_RATE * 2 * 4 // 10], "lasts 0.2 s"),
        (pcm(speech.spoken(TEXT)) * 6, "lasts 1"),
    ],
    ids=["nothing", "a byte", "silence", "text", "a compressed format", "mu-law", "too short", "too long"],
)
def test_what_cannot_be_one_spoken_sentence_is_refused(recording: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        for_telephone(recording)


def test_a_sentence_of_the_longest_kind_with_as_much_silence_is_not_too_large_to_look_at() -> None:
    assert 2 * LONGEST_SECONDS * WIDE_RATE * 2 == LARGEST_WIDE
