"""Tones are told from voices, and the ring-back is one."""

import math
from itertools import groupby

import numpy as np
import pytest
from speech import SENTENCES, say

from bmv.audio import levels, mulaw
from bmv.audio.tones import is_tone, ringback


def sine(hertz: float, decibels: float, *, phase: float = 0.0, samples: int = 160) -> bytes:
    """Make a tone whose peak lies so far from full scale."""
    time = np.arange(samples) / 8000
    return mulaw.encode(
        np.rint(32767 * 10 ** (decibels / 20) * np.sin(2 * np.pi * hertz * time + phase)).astype(np.int16)
    )


def longest_row(frames: list[bool]) -> int:
    return max((len(list(row)) for tonal, row in groupby(frames) if tonal), default=0)


@pytest.mark.parametrize("decibels", [-40, -30, -20, -10, -6])
def test_a_steady_sinusoid_of_any_phase_is_a_tone(decibels: int) -> None:
    for hertz in range(350, 1501, 25):
        for phase in (0.0, 0.8, 1.9, 3.0):
            assert is_tone(sine(hertz, decibels, phase=phase)), (hertz, phase)


def test_a_tone_on_a_line_with_some_noise_is_a_tone() -> None:
    noise = np.random.default_rng(1).normal(scale=60, size=(50, 160))
    clean = 3000 * np.sin(2 * np.pi * 440 / 8000 * np.arange(160))
    assert all(is_tone(mulaw.encode(np.rint(clean + row).astype(np.int16))) for row in noise)


@pytest.mark.parametrize("hertz", [50, 200, 300, 1600, 2500, 3400])
def test_a_sinusoid_outside_the_range_is_not_looked_for(hertz: int) -> None:
    assert not is_tone(sine(hertz, -12))


def test_silence_and_what_passes_for_it_are_no_tones() -> None:
    assert not is_tone(mulaw.SILENCE)
    assert not is_tone(sine(440, -50))


def test_noise_is_no_tone() -> None:
    noise = np.random.default_rng(1).normal(scale=3000, size=50 * 160).astype(np.int16)
    assert not any(is_tone(frame) for frame in mulaw.frames(mulaw.encode(noise)))


def test_two_tones_at_once_are_no_tone() -> None:
    for low in (697, 770, 852, 941):
        for high in (1209, 1336, 1477):
            assert not is_tone(levels.mix(sine(low, -12), sine(high, -12)))


def test_a_sinusoid_that_swells_is_no_tone() -> None:
    swelling = np.linspace(0.5, 1.0, 160) * mulaw.decode(sine(440, -12))
    assert not is_tone(mulaw.encode(np.rint(swelling).astype(np.int16)))


@pytest.mark.parametrize("voice", SENTENCES)
@pytest.mark.parametrize("decibels", [0.0, -20.0])
def test_speech_is_hardly_ever_taken_for_a_tone(voice: str, decibels: float) -> None:
    sound = levels.scale(mulaw.encode(say(SENTENCES[voice], voice)), decibels)
    tonal = [is_tone(frame) for frame in mulaw.frames(sound)]
    assert len(tonal) > 200
    assert sum(tonal) <= 0.01 * len(tonal)
    assert longest_row(tonal) < 3


def test_a_raised_voice_is_not_taken_for_a_tone_for_three_frames() -> None:
    for voice, sentence in SENTENCES.items():
        sound = mulaw.encode(say(sentence, voice, pitch=1.3))
        assert longest_row([is_tone(frame) for frame in mulaw.frames(sound)]) < 3


def test_the_ring_back_is_a_second_of_tone_and_three_of_silence() -> None:
    period = ringback()
    assert len(period) == 4 * 8000
    assert len(period) % mulaw.FRAME_BYTES == 0
    assert set(period[8000:]) == {0xFF}
    tonal = [is_tone(frame) for frame in mulaw.frames(period)]
    assert all(tonal[5:45])
    assert not any(tonal[50:])


def test_the_ring_back_is_425_hz_at_26_db_below_full_scale() -> None:
    steady = mulaw.decode(ringback())[800:7200]
    spectrum = np.abs(np.fft.rfft(steady))
    assert spectrum.argmax() * 8000 / len(steady) == 425
    level = 10 * math.log10(np.square(steady, dtype=np.float64).mean() / (32767**2 / 2))
    assert level == pytest.approx(-26, abs=0.2)


def test_the_ring_back_fades_in_and_out_without_a_click() -> None:
    tone = mulaw.decode(ringback())[:8000].astype(np.int32)
    loudest = np.abs(tone).max()
    for end in (tone[:40], tone[-40:]):
        assert np.abs(end).max() < loudest / 8
