"""A line sounds like speech while somebody talks, and not when music plays or nothing is heard for long."""

from __future__ import annotations

import copy
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from bmv.audio.likeness import SILENCE_FRAMES, SOUND_FRAMES, SpeechLikeness
from bmv.audio.mulaw import FRAME_SECONDS, SAMPLE_RATE, SILENCE
from bmv.audio.music import hold_music

SCRIPT = Path(__file__).parent.parent / "scripts" / "measure_likeness.py"
lab = SimpleNamespace(**run_path(str(SCRIPT)))  # scripts are no package

MISSING = lab.lab.missing()
needs_recordings = pytest.mark.skipif(bool(MISSING), reason=f"Debian's packages are missing: {', '.join(MISSING)}")
PIECES = ("cold_day", "robot_dity", "the_simplicity", "morning_coffee", "system")


def hints(frames: list[bytes], likeness: SpeechLikeness | None = None) -> list[bool]:
    return [bool(hint) for hint in lab.hints(frames, likeness)]


def noise(seconds: float, deviation: float) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(scale=deviation, size=round(seconds * SAMPLE_RATE))


def not_speech(sound: NDArray[np.float64]) -> float:
    """The share of the time in which a hint is wrong about somebody who talks."""
    return float(1 - lab.hints(lab.frames(sound)).mean())


def test_as_long_as_nothing_was_heard_there_is_no_reason_to_ask() -> None:
    assert SpeechLikeness().sounds_like_speech


def test_silence_is_nobody_speaking_when_it_has_lasted_for_more_than_five_seconds() -> None:
    heard = hints([SILENCE] * 400)
    assert heard.index(False) * FRAME_SECONDS == 5.0
    assert not any(heard[SILENCE_FRAMES:])


def test_the_noise_of_a_line_is_silence_as_well() -> None:
    assert not hints(lab.frames(noise(5.1, 25)))[-1]


def test_the_first_word_after_a_silence_is_speech_again() -> None:
    likeness = SpeechLikeness()
    hints([SILENCE] * 500, likeness)
    words = lab.frames(lab.synthetic("en"))[:100]
    assert sum(hints(words, likeness)) >= 95


@pytest.mark.parametrize("language", lab.TALK)
def test_who_talks_sounds_like_speech_nearly_all_the_time(language: str) -> None:
    speech = lab.synthetic(language)
    assert not_speech(speech) < 0.06
    assert not_speech(speech * 0.1) < 0.02
    assert not_speech(speech + noise(len(speech) / SAMPLE_RATE, 300)) < 0.1  # 20 dB below speech


def test_our_own_music_is_noticed_within_a_second_and_is_seldom_taken_for_speech_again() -> None:
    likeness = SpeechLikeness()
    hints(lab.frames(lab.synthetic("en")), likeness)
    heard = hints(lab.frames(lab.music_of(hold_music())), likeness)
    assert heard.index(False) * FRAME_SECONDS < 1.0
    assert np.mean(heard[50:]) < 0.05


@pytest.mark.parametrize("hertz", [(425,), (350, 440), (262, 330, 392)])
def test_what_sounds_on_without_a_pause_is_no_speech(hertz: tuple[int, ...]) -> None:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    heard = hints(lab.frames(sum(2000 * np.sin(2 * np.pi * each * time) for each in hertz)))
    assert heard.index(False) == SOUND_FRAMES
    assert not any(heard[SOUND_FRAMES:])


def test_a_single_soft_frame_is_a_pause() -> None:
    frames = lab.frames(noise(0.6, 3000))
    assert all(hints([*frames, SILENCE, *frames, SILENCE, *frames]))


def test_speech_after_music_is_known_at_its_first_pause() -> None:
    likeness = SpeechLikeness()
    hints(lab.frames(lab.music_of(hold_music())), likeness)
    words = lab.frames(lab.synthetic("de"))
    assert hints(words, likeness).index(True) * FRAME_SECONDS < 1.0


def test_the_noise_of_a_line_is_learned_while_somebody_talks_and_is_then_a_pause() -> None:
    speech = lab.synthetic("en")
    likeness = SpeechLikeness()
    hints(lab.frames(speech + noise(len(speech) / SAMPLE_RATE, 300))[:-1], likeness)  # the last ends in silence
    assert all(hints(lab.frames(noise(30, 300)), likeness))  # listening, with people around
    assert not all(hints(lab.frames(lab.music_of(hold_music()))[:100], likeness))


def test_music_does_not_become_the_noise_of_its_line() -> None:
    likeness = SpeechLikeness()
    time = np.arange(60 * SAMPLE_RATE) / SAMPLE_RATE
    swelling = (1.5 + np.sin(2 * np.pi * 0.7 * time)) * np.sin(2 * np.pi * 425 * time)
    heard = hints(lab.frames(1000 * swelling), likeness)
    assert not any(heard[SOUND_FRAMES:])


@needs_recordings
@pytest.mark.parametrize("language", lab.lab.PEOPLE)
def test_real_people_sound_like_speech_nearly_all_the_time_in_noise_as_well(language: str) -> None:
    speech = lab.people(language, 80)
    assert len(speech) > 120 * SAMPLE_RATE
    assert not_speech(speech) < 0.06
    assert not_speech(speech + lab.lab.noise("pink", len(speech), 20)) < 0.1


@needs_recordings
def test_music_on_hold_is_noticed_within_two_seconds_wherever_it_begins() -> None:
    lines = lab.before()
    music = {name: piece for name, piece in lab.music().items() if name.endswith(PIECES)}
    assert len(music) == 5
    begun = [start for piece in music.values() for start in lab.starts(piece)[::4]]
    assert len(begun) > 400
    rise = np.minimum(1.0, np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)
    assert lab.noticed(begun, lines) > 0.95
    assert lab.noticed(begun, lines, pause=1.5) > 0.95
    assert lab.noticed([sound * rise for sound in begun], lines) > 0.95


@needs_recordings
def test_the_beginning_of_each_piece_is_noticed() -> None:
    lines = lab.before()
    for name, piece in lab.music().items():
        audible = int(np.flatnonzero(np.abs(piece) > lab.lab.LOUD * np.abs(piece).max())[0])
        for line in lines:
            heard = hints(lab.frames(piece[audible : audible + 2 * SAMPLE_RATE]), copy.copy(line))
            assert not all(heard), name
