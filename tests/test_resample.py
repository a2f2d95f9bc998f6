"""What the filters let through, what they keep out, and that nobody can hear how a stream was cut into blocks."""

import math
from collections.abc import Iterable
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from speech import SENTENCES, say

from bmv.audio import mulaw
from bmv.audio.compare import align
from bmv.audio.mulaw import Samples
from bmv.audio.resample import ROUND_TRIP_DELAY, WIDE_RATE, Downsampler, Upsampler

SPEECH = say(SENTENCES["es-ES"], "es-ES")
WIDE_SPEECH = Upsampler().process(SPEECH).tobytes()


def sine(hertz: float, rate: int, amplitude: float = 20000, seconds: float = 1.0) -> Samples:
    time = np.arange(int(rate * seconds)) / rate
    return np.rint(amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def decibels(pcm: Samples) -> float:
    """Give the level against `sine`, without the first 10 ms in which a filter fills."""
    settled = pcm[len(pcm) // 100 :].astype(np.float64)
    return 10 * math.log10(max(float(np.square(settled).mean()), 1e-9) / (20000**2 / 2))


def level_at(hertz: float, pcm: Samples, rate: int) -> float:
    settled = pcm[len(pcm) // 2 :].astype(np.float64)
    carrier = np.exp(-2j * np.pi * hertz / rate * np.arange(len(settled)))
    return 20 * math.log10(max(abs(2 * (settled @ carrier) / len(settled)), 1e-9) / 20000)


def pieces(stream: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    """Cut a stream into blocks of these sizes, and what is left after the last."""
    start = 0
    for size in sizes:
        yield stream[start : start + size]
        start += size
    yield stream[start:]


@pytest.mark.parametrize("hertz", [300, 500, 1000, 2000, 2500, 3000])
def test_the_telephone_band_passes_both_ways_within_1_db(hertz: int) -> None:
    assert abs(decibels(Downsampler().process(sine(hertz, 24000).tobytes()))) < 1
    assert abs(decibels(Upsampler().process(sine(hertz, 8000)))) < 1


@pytest.mark.parametrize("hertz", [4500, 5000, 6000, 7000, 9000, 11000])
def test_what_would_fold_back_into_the_telephone_band_is_at_least_45_db_down(hertz: int) -> None:
    assert decibels(Downsampler().process(sine(hertz, 24000).tobytes())) < -45


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_images_of_the_telephone_band_are_at_least_45_db_down(hertz: int) -> None:
    wide = Upsampler().process(sine(hertz, 8000))
    for image in (8000 - hertz, 8000 + hertz):
        assert level_at(image, wide, WIDE_RATE) < -45


def response() -> NDArray[np.float64]:
    """The filter's level in dB by whole Hz up to 12 kHz, from what becomes of a single loud sample."""
    impulse = np.zeros(100, np.int16)
    impulse[1] = 32000
    wide = Upsampler().process(impulse).astype(np.float64)
    return 20 * np.log10(np.abs(np.fft.rfft(wide, WIDE_RATE)) / (3 * 32000) + 1e-9)


def test_the_whole_telephone_band_passes_within_a_tenth_of_a_db() -> None:
    levels = response()
    assert np.abs(levels[:3001]).max() < 0.1
    assert levels[3400] > -3


def test_all_that_would_fold_back_below_3600_hz_is_at_least_60_db_down() -> None:
    levels = response()
    assert levels[4400:].max() < -60
    assert levels[4000] < -20


@pytest.mark.parametrize("hertz", range(4400, 12000, 190))
def test_no_frequency_comes_back_as_another(hertz: int) -> None:
    assert decibels(Downsampler().process(sine(hertz, WIDE_RATE, seconds=0.2).tobytes())[50:]) < -60


def test_every_frequency_of_the_band_arrives_equally_late() -> None:
    """A filter that delays some more than others smears the onset of a word."""
    impulse = np.zeros(100, np.int16)
    impulse[0] = 32000
    wide = Upsampler().process(impulse)[:72].astype(np.int32)
    assert np.abs(wide - wide[::-1]).max() <= 1


def test_a_constant_keeps_its_value() -> None:
    constant = np.full(800, 1000, np.int16)
    wide = Upsampler().process(constant)
    assert set(wide[200:]) <= {999, 1000, 1001}
    assert set(Downsampler().process(wide.tobytes())[100:]) <= {999, 1000, 1001}


def test_one_frame_up_is_three_times_as_long_and_down_again_as_long_as_before() -> None:
    wide = Upsampler().process(np.zeros(160, np.int16))
    assert len(wide) == 480
    assert wide.dtype == np.int16
    narrow = Downsampler().process(wide.tobytes())
    assert len(narrow) == 160
    assert narrow.dtype == np.int16


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 700), max_size=30))
def test_upsampling_does_not_depend_on_the_cuts(sizes: list[int]) -> None:
    upsampler = Upsampler()
    stream = SPEECH[:6000]
    blocks = [
        upsampler.process(np.frombuffer(piece, np.int16)) for piece in pieces(stream.tobytes(), [2 * n for n in sizes])
    ]
    assert np.concatenate(blocks).tobytes() == WIDE_SPEECH[: 6 * 6000]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4001), max_size=30))
def test_downsampling_does_not_depend_on_the_cuts_even_within_a_sample(sizes: list[int]) -> None:
    downsampler = Downsampler()
    stream = WIDE_SPEECH[:30000]
    blocks = [downsampler.process(piece) for piece in pieces(stream, sizes)]
    assert np.array_equal(np.concatenate(blocks), Downsampler().process(stream))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 1000), max_size=30))
def test_a_stream_of_n_samples_has_given_n_thirds_at_any_time(sizes: list[int]) -> None:
    downsampler = Downsampler()
    taken = given_back = 0
    for size in sizes:
        given_back += len(downsampler.process(bytes(size)))
        taken += size
        assert given_back == taken // 2 // 3


def test_minutes_of_awkward_blocks_neither_gain_nor_lose_a_sample() -> None:
    up, down = Upsampler(), Downsampler()
    wide = narrow = 0
    blocks = zip(range(6000), cycle((160, 1, 159, 1600, 7, 33)), cycle((960, 1, 9600, 4801, 7)), strict=False)
    heard = read = 0
    for _, samples, size in blocks:
        wide += len(up.process(np.zeros(samples, np.int16)))
        narrow += len(down.process(bytes(size)))
        heard += samples
        read += size
    assert wide == 3 * heard
    assert narrow == read // 6


def test_an_hour_in_awkward_blocks_has_exactly_as_many_samples() -> None:
    up, down = Upsampler(), Downsampler()
    hour = 3600 * 8000
    wide = narrow = heard = 0
    for size in cycle((160, 15_999, 1, 8000, 4801)):
        samples = min(size, hour - heard)
        upsampled = up.process(np.zeros(samples, np.int16))
        wide += len(upsampled)
        narrow += len(down.process(upsampled.tobytes()))
        heard += samples
        if heard == hour:
            break
    assert wide == 3 * hour
    assert narrow == hour


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 700), max_size=30), st.sampled_from([350.0, 1003.0, 2950.0]))
def test_no_click_is_heard_however_a_tone_is_cut(sizes: list[int], hertz: float) -> None:
    upsampler, downsampler = Upsampler(), Downsampler()
    blocks = pieces(sine(hertz, 8000, seconds=0.8).tobytes(), [2 * size for size in sizes])
    wide = [upsampler.process(np.frombuffer(block, np.int16)).tobytes() for block in blocks]
    narrow = np.concatenate([downsampler.process(block) for block in wide])
    settled = narrow[100:].astype(np.float64)
    angle = 2 * np.pi * hertz / 8000 * np.arange(len(settled))
    waves = np.stack((np.sin(angle), np.cos(angle)), axis=1)
    weights, *_ = np.linalg.lstsq(waves, settled, rcond=None)
    assert np.abs(settled - waves @ weights).max() < 20000 / 1000


def test_the_byte_by_byte_stream_sounds_like_the_whole() -> None:
    downsampler = Downsampler()
    stream = WIDE_SPEECH[20000:21001]
    blocks = [downsampler.process(stream[index : index + 1]) for index in range(len(stream))]
    assert {len(block) for block in blocks} == {0, 1}
    assert np.array_equal(np.concatenate(blocks), Downsampler().process(stream))


@pytest.mark.parametrize("hertz", [400, 1000, 2900])
def test_no_click_is_heard_where_two_blocks_meet(hertz: int) -> None:
    upsampler, downsampler = Upsampler(), Downsampler()
    frames = sine(hertz, 8000).reshape(-1, 160)
    wide = np.concatenate([upsampler.process(frame) for frame in frames])
    narrow = np.concatenate([downsampler.process(upsampled.tobytes()) for upsampled in wide.reshape(-1, 4800)])
    for pcm, rate in ((wide, 24000), (narrow, 8000)):
        settled = pcm[rate // 10 :].astype(np.float64)
        angle = 2 * np.pi * hertz / rate * np.arange(len(settled))
        waves = np.stack((np.sin(angle), np.cos(angle)), axis=1)
        weights, *_ = np.linalg.lstsq(waves, settled, rcond=None)
        # Rounding to whole numbers and the images leave a few parts in ten thousand, a click a part in ten.
        assert np.abs(settled - waves @ weights).max() < 20000 / 1000


def test_speech_comes_back_from_a_round_trip_as_loud_and_late_by_the_known_delay() -> None:
    narrow = Downsampler().process(WIDE_SPEECH)
    alignment = align(narrow, SPEECH)
    assert alignment.offset == ROUND_TRIP_DELAY
    assert abs(alignment.gain) < 0.5
    assert alignment.score > 0.99
    energies = [float(np.square(pcm, dtype=np.float64).sum()) for pcm in (narrow, SPEECH)]
    assert abs(10 * math.log10(energies[0] / energies[1])) < 0.5


def test_what_is_quieter_than_the_floor_becomes_silence_and_what_is_louder_stays_as_it_is() -> None:
    noise = np.random.default_rng(3)
    quiet = noise.integers(-99, 100, 4800).astype(np.int16)
    loud = noise.integers(-9000, 9000, 4800).astype(np.int16)
    plain, gated = Downsampler(), Downsampler()
    for block, silent in ((quiet, True), (quiet, True), (loud, False), (quiet, False), (quiet, True), (loud, False)):
        pcm = block.astype("<i2").tobytes()
        expected = mulaw.encode(plain.process(pcm))
        assert gated.to_ulaw(pcm, floor=100) == (b"\xff" * len(expected) if silent else expected)


def test_a_floor_sees_samples_and_not_bytes_however_a_stream_is_cut() -> None:
    loud = np.full(4801, 0x7F00, "<i2").tobytes()  # whose bytes, put together wrongly, are 0x007F
    down = Downsampler()
    down.to_ulaw(loud[:1], floor=200)
    assert mulaw.decode(down.to_ulaw(loud[1:], floor=200)).max() > 30_000


def test_overshoot_at_full_scale_is_limited_instead_of_wrapped() -> None:
    half = np.tile(np.repeat(np.array([16000, -16000], np.int16), 40), 20)
    wide_half = half.repeat(3)
    for whole, halved in [
        (Upsampler().process(half * 2), Upsampler().process(half)),
        (Downsampler().process((wide_half * 2).tobytes()), Downsampler().process(wide_half.tobytes())),
    ]:
        doubled = 2 * halved.astype(np.int32)
        assert doubled.max() > 32767
        assert doubled.min() < -32768
        assert np.abs(whole - doubled.clip(-32768, 32767)).max() <= 2
