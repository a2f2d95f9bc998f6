"""The voice detector on recordings of people and on music on hold: the figures that docs/audio.md builds on."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "measure_voice.py"
lab = SimpleNamespace(**run_path(str(SCRIPT)))  # scripts are no package

MISSING = lab.missing()
needs_recordings = pytest.mark.skipif(bool(MISSING), reason=f"Debian's packages are missing: {', '.join(MISSING)}")


@needs_recordings
@pytest.mark.parametrize("language", lab.PEOPLE)
@pytest.mark.parametrize("decibels", [20, 10])
def test_hardly_any_voice_of_real_people_is_missed_in_noise_either(language: str, decibels: float) -> None:
    sound, voice, none = lab.people(language, 25)
    assert voice.sum() > 1000
    assert lab.judge(sound, voice, none).missed() < 0.04
    assert lab.judge(sound + lab.noise("white", len(sound), decibels), voice, none).missed() < 0.06


@needs_recordings
@pytest.mark.parametrize("language", lab.PEOPLE)
def test_a_soft_voice_is_heard_as_well(language: str) -> None:
    sound, voice, none = lab.people(language, 25)
    assert lab.judge(sound * 0.1, voice, none).missed() < 0.08


@needs_recordings
@pytest.mark.parametrize("language", lab.PEOPLE)
@pytest.mark.parametrize("kind", ["white", "pink"])
def test_the_pauses_of_people_are_no_speech_for_the_noise_in_them(language: str, kind: str) -> None:
    sound, voice, none = lab.people(language, 25)
    assert none.sum() > 1000
    judged = lab.judge(sound + lab.noise(kind, len(sound), 20), voice, none)
    assert judged.alarms() < 0.01
    assert judged.longest_alarm() < 0.5


@needs_recordings
@pytest.mark.parametrize("language", lab.PEOPLE)
def test_who_speaks_for_five_seconds_is_heard_for_one_and_a_half(language: str) -> None:
    sound, voice, none = lab.people(language, 25)
    assert lab.judge(sound, voice, none).windows(5, 1.5) > 0.95


@needs_recordings
def test_music_on_hold_passes_for_speech_so_nobody_may_take_voice_alone_for_a_reason_to_act() -> None:
    shares = [lab.judge(sound[: 60 * lab.RATE]).alarms() for sound in lab.recordings("moh")]
    assert len(shares) == 5
    assert min(shares) > 0.5


@pytest.mark.parametrize("name", ["dial tone, Europe (425 Hz)", "dial tone, US (350+440 Hz)"])
def test_a_steady_tone_is_speech_for_half_a_second_only(name: str) -> None:
    judged = lab.judge(lab.signals()[name])
    assert judged.longest_alarm() < 0.5
    assert judged.alarms() < 0.03


def test_keys_pass_for_speech() -> None:
    assert lab.judge(lab.signals()["keys (DTMF, 0.1 s in 0.2)"]).alarms() > 0.5


@pytest.mark.parametrize("name", ["busy, Europe (425 Hz, 0.5 s in 1)", "busy, US (480+620 Hz, 0.5 s in 1)"])
def test_a_busy_tone_is_speech_for_half_a_second_at_a_time(name: str) -> None:
    judged = lab.judge(lab.signals()[name])
    assert judged.longest_alarm() < 0.5
    assert judged.alarms() < 0.5


@pytest.mark.parametrize("kind", ["white", "pink"])
def test_noise_20_db_below_speech_is_speech_for_half_a_second_at_most(kind: str) -> None:
    judged = lab.judge(lab.noise(kind, 30 * lab.RATE, 20))
    assert judged.longest_alarm() < 0.5
    assert judged.alarms() < 0.03


def test_the_measures_count_what_they_say() -> None:
    speech = np.array([False] * 50 + [True] * 100 + [False] * 150)
    voice = np.array([False] * 60 + [True] * 100 + [False] * 140)
    judged = lab.Judged(speech, voice, ~voice)
    assert judged.missed() == pytest.approx(0.1)
    assert judged.alarms() == pytest.approx(10 / 200)
    assert judged.longest_alarm() == pytest.approx(0.2)
    assert judged.windows(5, 1.5) == pytest.approx(
        sum(min(start + 250, 150) - max(start, 50) >= 75 for start in range(51)) / 51
    )
