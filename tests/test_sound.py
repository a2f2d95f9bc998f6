"""What is said in the bench's calls: how loud a line is, and which of its frames are words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bmv.audio import levels, mulaw
from bmv.commands.bench import sound
from bmv.commands.bench.sound import CYCLE, NOISE_DBFS

GUIDE = (Path(__file__).parent.parent / "docs" / "performance.md").read_text("utf-8")


def pauses(role: str) -> list[bytes]:
    script = sound.script(role)
    return [frame for place, frame in enumerate(script.frames) if place not in script.turn]


@pytest.mark.parametrize("role", NOISE_DBFS)
def test_the_noise_of_a_line_is_as_loud_as_the_guide_says_and_as_silent(role: str) -> None:
    samples = mulaw.decode(b"".join(pauses(role))).astype(np.float64) / 32768
    effective, peak = 10 * np.log10(np.square(samples).mean()), 20 * np.log10(np.abs(samples).max())
    silent = sum(map(levels.is_silent, pauses(role))) / len(pauses(role))
    assert effective == pytest.approx(NOISE_DBFS[role], abs=0.3)
    assert f"| {role} | {effective:.0f} dBFS | {peak:.0f} dBFS | {silent:.0%} |".replace("-", "−") in GUIDE


def test_a_callers_line_is_looked_at_by_the_voice_detector_and_an_agents_is_silent() -> None:
    assert sum(map(levels.is_silent, pauses("caller"))) < 0.2 * len(pauses("caller"))
    assert all(map(levels.is_silent, pauses("agent")))


@pytest.mark.parametrize("role", NOISE_DBFS)
def test_only_words_count_as_voiced_and_no_two_frames_are_alike(role: str) -> None:
    script = sound.script(role)
    voiced = [place for place in range(CYCLE) if script.voiced[place]]
    assert len(voiced) > 100
    assert all(place in script.turn and not levels.is_silent(script.frames[place]) for place in voiced)
    assert len(set(script.frames)) == CYCLE
