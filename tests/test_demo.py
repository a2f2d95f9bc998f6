"""The demo: what a newcomer sees first ends by itself, and does not claim what was not heard."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bmv.audio import mulaw
from bmv.commands import demo as command
from bmv.simulator import voices
from bmv.simulator.conversation import DEMO, Line, Script
from bmv.simulator.twilio import Party

SHORT = Script(DEMO.lines[:2])


def heard(caller: Line | None, agent: Line | None) -> command.Heard:
    """What arrived at whose ear, of the translations of the two lines."""
    by_caller, by_agent = (line.translated_audio() if line else mulaw.SILENCE * 100 for line in (caller, agent))
    return command.Heard(by_caller, by_agent, [0, 0])


def test_it_shows_both_sides_with_their_lag_and_leaves_the_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.demo(tmp_path / "heard", SHORT) == 0
    shown = capsys.readouterr().out
    for line in SHORT.lines:  # word by word: a long pause, on a machine that stalls, parts a sentence into two lines
        for word in f"{line.sentence} {line.translation}".split():
            assert word in shown, shown
    assert shown.count("s behind)") >= 2
    assert "2 of 2 sentences" in shown
    for party in ("caller", "agent"):
        assert (tmp_path / "heard" / f"heard-by-{party}.wav").stat().st_size > 100_000


def test_it_ends_with_one_and_a_word_when_it_cannot_be_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.demo(tmp_path, Script((Line("caller", "nuqneH", "tlh", "Hello", "en"),))) == 1
    assert "The demo failed: no voice speaks 'tlh'" in capsys.readouterr().out


def test_it_says_which_packages_it_lacks_letter_by_letter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voices, "find_spec", lambda _name: None)
    assert command.demo(tmp_path, Script((Line("caller", "Nobody has said this before.", "en", "", "es"),))) == 1
    assert 'run pip install ".[demo]" in' in capsys.readouterr().out


async def test_a_sentence_that_is_never_heard_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.02)
    with pytest.raises(command.DemoFailed, match="the agent never heard a translation of: Buenas tardes"):
        await command._say_and_be_heard(DEMO.lines[0], Party("caller"), Party("agent"))


def test_sentences_that_arrived_are_counted() -> None:
    of_caller, of_agent = SHORT.lines
    command._judge(Console(quiet=True), SHORT, heard(caller=of_agent, agent=of_caller))


@pytest.mark.parametrize("swapped", [True, False], ids=["swapped", "muted"])
def test_sentences_that_did_not_arrive_or_at_the_wrong_ear_are_not_counted(swapped: bool) -> None:
    of_caller, of_agent = SHORT.lines
    what = heard(caller=of_caller, agent=of_agent) if swapped else heard(caller=None, agent=None)
    with pytest.raises(command.DemoFailed, match="not every sentence"):
        command._judge(Console(quiet=True), SHORT, what)
