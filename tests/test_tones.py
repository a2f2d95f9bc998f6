"""Tones are told from voices, the ring-back is one, and the keys of a telephone are heard as what they are."""

import math
from itertools import groupby, pairwise

import numpy as np
import pytest
from loud import peak
from speech import SENTENCES, say

from bmv.audio import levels, mulaw
from bmv.audio.tones import dtmf, is_tone, ringback, steady_tone

KEYS = "123A456B789C*0#D"
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


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


@pytest.mark.parametrize("noise", [0.0, 212.0])  # none, or 20 dB below the tone
def test_the_frequency_of_a_tone_is_told(noise: float) -> None:
    rng = np.random.default_rng(1)
    told = 0
    for hertz in np.arange(360, 1490, 13.7):
        samples = mulaw.decode(sine(hertz, -20.75, phase=hertz)) + rng.normal(scale=noise, size=160)
        if (found := steady_tone(mulaw.encode(np.rint(samples).astype(np.int16)))) is not None:
            assert found == pytest.approx(hertz, abs=1.5)
            told += 1
    assert told >= 75  # of 83: noise hides a few


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


def strength(samples: np.ndarray[tuple[int], np.dtype[np.float64]], hertz: float) -> float:
    """Goertzel's filter: the amplitude of one frequency."""
    turn = 2 * math.cos(2 * math.pi * hertz / 8000)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, float(sample) + turn * last - before
    return 2 * math.sqrt(before**2 + last**2 - turn * before * last) / len(samples)


def detect(ulaw: bytes) -> str:
    """The keys that a receiver hears: blocks of 102 samples, one tone of each group 10 dB above the others of it."""
    found = [""]
    pcm = mulaw.decode(ulaw).astype(np.float64)
    for start in range(0, len(pcm) - 101, 102):
        block = pcm[start : start + 102]
        low, high = ([strength(block, hertz) for hertz in group] for group in (ROWS, COLUMNS))
        clear = all(max(group) > 300 and sorted(group)[-2] < 0.3 * max(group) for group in (low, high))
        found.append(KEYS[4 * low.index(max(low)) + high.index(max(high))] if clear else "")
    return "".join(now for before, now in pairwise(found) if now != before)


def test_each_key_is_heard_as_itself_and_once() -> None:
    assert [detect(dtmf(key)) for key in KEYS] == list(KEYS)


@pytest.mark.parametrize("decibels", [0.0, -10.0])
@pytest.mark.parametrize("keys", ["1223*009#", "AABBCCDD", "147*147*"])
def test_keys_in_a_row_are_heard_in_order_and_doubled_ones_twice(keys: str, decibels: float) -> None:
    noise = np.random.default_rng(1).normal(scale=60, size=200 + 1600 * len(keys)).astype(np.int16)
    pressed = b"\xff" * 200 + levels.scale(b"".join(dtmf(key) for key in keys), decibels)
    assert detect(levels.mix(pressed, mulaw.encode(noise))) == keys


@pytest.mark.parametrize("key", KEYS)
def test_a_key_has_the_levels_that_receivers_expect(key: str) -> None:
    steady = mulaw.decode(dtmf(key))[40:760].astype(np.float64)  # 0 dBm0 is 3.17 dB below the loudest tone
    row, column = ROWS[KEYS.index(key) // 4], COLUMNS[KEYS.index(key) % 4]
    dbm0 = [20 * math.log10(strength(steady, hertz) / (4 * 8159)) + 3.17 for hertz in (row, column)]
    assert dbm0 == pytest.approx([-13, -11], abs=0.4)
    assert 1 <= dbm0[1] - dbm0[0] <= 4
    assert np.abs(steady).max() < 14_000


@pytest.mark.parametrize("key", KEYS)
def test_a_key_sounds_for_100_ms_in_whole_frames_and_is_silent_as_long(key: str) -> None:
    sound = dtmf(key)
    assert len(sound) == 10 * mulaw.FRAME_BYTES
    assert set(sound[800:]) == {0xFF}
    envelope = np.abs(mulaw.decode(sound)[:800].reshape(20, 40).astype(np.int32)).max(axis=1)
    assert envelope[2:18].min() > 0.5 * envelope.max()
    for end in (sound[:4], sound[796:800]):
        assert peak(end) < 0.15 * envelope.max()
    assert dtmf(key) is sound


@pytest.mark.parametrize("digit", ["", "12", "a", "E", "+", " ", "１", "10"])
def test_what_is_no_key_is_refused_and_not_repeated(digit: str) -> None:
    with pytest.raises(ValueError, match="a telephone has the keys") as refusal:
        dtmf(digit)
    assert str(refusal.value).count("1") == 1
