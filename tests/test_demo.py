"""The demo: what a newcomer sees first ends by itself, and does not claim what was not heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmv.commands import demo as command
from bmv.simulator.conversation import DEMO, Script
from bmv.simulator.phrasebook import Phrasebook

SHORT = Script(DEMO.lines[:2])


class Misheard(Script):
    """A script that its own interpreter does not know."""

    def phrasebook(self) -> Phrasebook:
        return Script(DEMO.lines[2:]).phrasebook()


def test_it_shows_both_sides_with_their_lag_and_leaves_the_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.demo(tmp_path / "heard", SHORT) == 0
    shown = capsys.readouterr().out
    for line in SHORT.lines:
        assert line.sentence in shown
        assert line.translation in shown
    assert shown.count("s behind)") == 2
    assert "2 of 2 sentences" in shown
    for party in ("caller", "agent"):
        assert (tmp_path / "heard" / f"heard-by-{party}.wav").stat().st_size > 100_000


def test_it_fails_with_a_word_when_a_sentence_is_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "PATIENCE", 8.0)
    assert command.demo(tmp_path, Misheard(DEMO.lines[:2])) == 1
    assert f"never heard a translation of: {DEMO.lines[0].sentence}" in capsys.readouterr().out
