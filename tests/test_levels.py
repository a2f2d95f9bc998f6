"""Levels of mu-law: measured, changed and added without ever wrapping round."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loud import peak
from speech import SENTENCES, say

from bmv.audio import levels, mulaw
from bmv.audio.compare import align

EVERY_CODE = bytes(range(256))
FRAMES = st.binary(min_size=160, max_size=160)


def sine(amplitude: float) -> bytes:
    """Make a tone without negative zeros, which a mixture turns into positive ones."""
    tone = mulaw.encode(np.rint(amplitude * np.sin(np.arange(8000) * 0.7)).astype(np.int16))
    return tone.replace(b"\x7f", b"\xff")


def loudness(ulaw: bytes) -> float:
    """Give the level in dB against a sine at full scale."""
    return 10 * math.log10(np.square(mulaw.decode(ulaw), dtype=np.float64).mean() / (32767**2 / 2))


def test_a_silent_frame_is_silence_and_so_is_no_frame() -> None:
    assert levels.is_silent(mulaw.SILENCE)
    assert levels.is_silent(b"\x7f" * 160)
    assert levels.is_silent(b"")


def test_one_loud_sample_breaks_the_silence() -> None:
    assert not levels.is_silent(mulaw.SILENCE[:80] + mulaw.encode(np.array([-1024], np.int16)) + mulaw.SILENCE[81:])


def test_a_translators_measured_silence_is_silence_and_its_speech_is_not() -> None:
    for value, silent in [(63, True), (-63, True), (1024, False), (-1024, False)]:
        assert levels.is_silent(mulaw.encode(np.full(160, value, np.int16))) is silent


@given(FRAMES, st.integers(-1, 1))
def test_silence_is_a_peak_below_the_limit(frame: bytes, more: int) -> None:
    assert levels.is_silent(frame, below=peak(frame) + more) is (more == 1)


@given(st.lists(st.one_of(FRAMES, st.just(mulaw.SILENCE), st.just(mulaw.SILENCE[1:] + b"\x80")), max_size=20))
def test_silent_frames_are_told_from_others_wherever_they_stand(frames: list[bytes]) -> None:
    assert levels.silent_frames(b"".join(frames)) == [levels.is_silent(frame) for frame in frames]


def test_loudness_counts_the_steps_of_mu_law() -> None:
    assert levels.loudness(mulaw.SILENCE) == levels.loudness(b"\x7f") == 0
    assert levels.loudness(b"\x80") == levels.loudness(b"\x00\x80") == 127
    assert levels.loudness(b"\xff\xfe\x7d") == 1


@pytest.mark.parametrize(("amplitude", "steps"), [(16000, 95), (8000, 80), (4000, 65), (1000, 37), (200, 14)])
def test_loudness_is_nearly_logarithmic(amplitude: float, steps: float) -> None:
    assert levels.loudness(sine(amplitude)) == pytest.approx(steps, abs=1)


@pytest.mark.parametrize("voice", SENTENCES)
def test_loudness_tells_a_vowel_from_a_pause(voice: str) -> None:
    speech = mulaw.encode(say(SENTENCES[voice], voice))
    steps = sorted(levels.loudness(frame) for frame in mulaw.frames(speech))
    assert steps[-len(steps) // 5] - steps[len(steps) // 20] > 30


def test_no_sound_has_no_loudness() -> None:
    with pytest.raises(ValueError, match="no sound"):
        levels.loudness(b"")


@pytest.mark.parametrize("decibels", [-3.0, -6.0, -12.0, -20.0])
def test_scaling_changes_the_level_by_what_was_asked(decibels: float) -> None:
    loud = sine(20000)
    assert loudness(levels.scale(loud, decibels)) - loudness(loud) == pytest.approx(decibels, abs=0.25)


def test_scaling_by_nothing_changes_nothing() -> None:
    assert np.array_equal(mulaw.decode(levels.scale(EVERY_CODE, 0.0)), mulaw.decode(EVERY_CODE))


def test_scaling_to_nothing_is_silence() -> None:
    assert set(levels.scale(EVERY_CODE, -math.inf)) <= {0xFF, 0x7F}


def test_scaling_up_is_limited_instead_of_wrapped() -> None:
    louder = mulaw.decode(levels.scale(EVERY_CODE, 20.0)).astype(np.int32)
    before = mulaw.decode(EVERY_CODE).astype(np.int32)
    assert (np.sign(louder) == np.sign(before)).all()
    assert (np.abs(louder) >= np.abs(before)).all()
    assert np.abs(louder).max() == 32124


def test_more_levels_than_are_kept_still_scale_rightly() -> None:
    loud = sine(20000)
    for step in range(200):
        levels.scale(loud, -step / 10)
    assert loudness(levels.scale(loud, -6.0)) - loudness(loud) == pytest.approx(-6.0, abs=0.25)


@given(FRAMES, FRAMES)
def test_mixing_is_adding_and_the_sum_saturates(first: bytes, second: bytes) -> None:
    sums = mulaw.decode(first).astype(np.int32) + mulaw.decode(second)
    assert levels.mix(first, second) == mulaw.encode(sums.clip(-32768, 32767).astype(np.int16))


def test_every_code_can_be_mixed_with_every_other() -> None:
    for code in range(256):
        sums = mulaw.decode(EVERY_CODE).astype(np.int32) + int(mulaw.decode(bytes([code]))[0])
        expected = mulaw.encode(sums.clip(-32768, 32767).astype(np.int16))
        assert levels.mix(EVERY_CODE, bytes([code]) * 256) == expected


def test_mixing_with_silence_leaves_a_sound_alone() -> None:
    sound = sine(9000)
    assert levels.mix(sound, b"\xff" * len(sound)) == levels.mix(b"\xff" * len(sound), sound) == sound


def test_two_voices_mixed_are_as_loud_as_both_and_each_is_in_it_as_it_was() -> None:
    voices = [say(SENTENCES[voice], voice)[:16000] // 4 for voice in ("en-US", "es-ES")]
    mixed = levels.mix(*(mulaw.encode(voice) for voice in voices))
    difference = mulaw.decode(mixed).astype(np.float64) - np.add(*voices)
    # Three codings, of which each is about 38 dB below what it codes.
    assert 10 * math.log10(np.square(difference).mean() / np.square(np.add(*voices), dtype=np.float64).mean()) < -30
    assert loudness(mixed) == pytest.approx(loudness(mulaw.encode(np.add(*voices))), abs=0.1)


def test_where_a_mixture_is_too_loud_only_its_peaks_are_cut() -> None:
    voices = [np.clip(3.0 * say(SENTENCES[voice], voice)[:16000], -32000, 32000) for voice in ("en-US", "es-ES")]
    coded = [mulaw.encode(voice.astype(np.int16)) for voice in voices]
    sums = np.add(*(mulaw.decode(voice).astype(np.int32) for voice in coded))
    mixed = mulaw.decode(levels.mix(*coded)).astype(np.int32)
    too_loud = np.abs(sums) > 32124
    assert too_loud.sum() > 100
    assert (np.abs(mixed[too_loud]) == 32124).all()
    assert (np.sign(mixed[too_loud]) == np.sign(sums[too_loud])).all()
    assert (np.abs(mixed - sums)[~too_loud] <= np.abs(sums)[~too_loud] / 32 + 8).all()


@pytest.mark.parametrize("decibels", [-6.0, -18.0, -30.0])
def test_a_voice_turned_down_is_the_same_voice(decibels: float) -> None:
    voice = mulaw.encode(say(SENTENCES["fr-FR"], "fr-FR"))
    quiet = levels.scale(voice, decibels)
    alignment = align(mulaw.decode(quiet), mulaw.decode(voice))
    assert alignment.offset == 0
    assert alignment.score > 0.998
    assert alignment.gain == pytest.approx(decibels, abs=0.1)


def test_two_loud_sounds_do_not_wrap_round() -> None:
    loudest = bytes([0x80]) * 160
    assert levels.mix(loudest, loudest) == loudest
    assert levels.mix(bytes([0x00]) * 160, bytes([0x00]) * 160) == bytes([0x00]) * 160


def test_sounds_of_different_length_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match="cannot mix 160 bytes with 159"):
        levels.mix(mulaw.SILENCE, mulaw.SILENCE[1:])


def test_nothing_mixed_with_nothing_is_nothing() -> None:
    assert levels.mix(b"", b"") == b""
