"""The music on hold: calm, soft, within what a telephone passes, and without an audible seam."""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.loudness import LEVEL_DB as SPEECH_DB
from bmv.audio.music import LEVEL_DB, hold_music
from bmv.audio.tones import is_tone

RATE = mulaw.SAMPLE_RATE


@cache
def samples() -> NDArray[np.float64]:
    return mulaw.decode(hold_music()).astype(np.float64)


def decibels(sound: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.square(sound).mean() / 32768**2))


def band(low: float, high: float) -> float:
    """The share of the energy between two frequencies, in dB."""
    power = np.square(np.abs(np.fft.rfft(samples())))
    hertz = np.fft.rfftfreq(len(samples()), 1 / RATE)
    return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].sum() / power.sum()))


def steps() -> NDArray[np.float64]:
    """From each sample to the next, the last being that from the end to the beginning."""
    return np.abs(np.diff(samples(), append=samples()[0]))


def test_the_loop_lasts_half_a_minute_in_whole_frames() -> None:
    assert len(hold_music()) == 25.6 * RATE
    assert len(hold_music()) % mulaw.FRAME_BYTES == 0


def test_it_is_made_once_and_quickly_and_comes_out_the_same_whenever_it_is_made() -> None:
    before = hold_music()
    hold_music.cache_clear()
    began = time.process_time()
    again = hold_music()
    assert time.process_time() - began < 1.0
    assert again == before
    assert hold_music() is again


def test_it_is_well_below_speech_at_every_moment() -> None:
    assert LEVEL_DB <= SPEECH_DB - 6
    assert decibels(samples()) == pytest.approx(LEVEL_DB, abs=0.1)
    seconds = [decibels(second) for second in samples()[: 25 * RATE].reshape(25, RATE)]
    assert max(seconds) - min(seconds) < 6  # neither a shout nor a hole in it
    assert max(seconds) < SPEECH_DB - 3
    assert np.abs(samples()).max() < 10_000  # far from clipping


def test_it_lies_within_what_a_telephone_passes() -> None:
    assert band(0, 280) < -35
    assert band(3400, 4000) < -40
    assert band(300, 1300) > -1  # mellow


def test_there_is_no_click_in_it_nor_at_its_seam() -> None:
    assert steps().max() < 4000
    assert steps()[-1] < np.percentile(steps(), 95)
    high = np.fft.rfft(samples())
    high[np.fft.rfftfreq(len(samples()), 1 / RATE) < 3450] = 0  # where there are no notes, only clicks and rounding
    frames = np.square(np.fft.irfft(high)).reshape(-1, mulaw.FRAME_BYTES).mean(axis=1)
    assert frames.max() < 30 * np.median(frames)
    assert max(frames[0], frames[-1]) < 10 * np.median(frames)


def test_the_last_note_sounds_on_when_the_loop_begins_again() -> None:
    def strength(sound: NDArray[np.float64], hertz: float = 554.37) -> float:
        return float(
            np.abs(np.exp(-2j * np.pi * hertz / RATE * np.arange(len(sound))) @ (sound * np.hanning(len(sound))))
        )

    assert strength(samples()[:2000]) > 0.6 * strength(samples()[-2000:])


def test_it_is_music_and_neither_noise_nor_a_tone() -> None:
    assert not any(is_tone(frame) for frame in mulaw.frames(hold_music()))
    power = np.square(np.abs(np.fft.rfft(samples())))
    strongest = np.sort(power)[::-1]
    assert strongest[: len(power) // 50].sum() > 0.95 * power.sum()  # a few lines hold nearly all: notes
    bars = np.abs(np.fft.rfft(samples().reshape(8, -1), axis=1))[:, : 4000 * 16 // 5]
    alike = np.corrcoef(bars)
    assert np.median(alike[np.triu_indices(8, 1)]) < 0.7  # and the chords change
