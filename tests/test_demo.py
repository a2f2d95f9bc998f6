"""The demo: what a newcomer sees first ends by itself, and does not claim what was not heard."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bmv.audio import mulaw
from bmv.commands import demo as command
from bmv.simulator.conversation import DEMO, Line, Script
from bmv.simulator.twilio import Party

SHORT = Script(DEMO.lines[:2])


def has_heard(*lines: Line) -> Party:
    """Somebody at whose ear the translations of these lines arrived."""
    party = Party(record=True)
    for line in lines:
        for frame in mulaw.frames(line.translated_audio()):
            party.hear(frame)
    return party


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


def test_it_ends_with_one_and_a_word_when_it_cannot_be_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.demo(tmp_path, Script((Line("caller", "nuqneH", "tlh", "Hello", "en"),))) == 1
    assert "The demo failed: no voice speaks 'tlh'" in capsys.readouterr().out


async def test_a_sentence_that_is_never_heard_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.02)
    with pytest.raises(command.DemoFailed, match="the agent never heard a translation of: Buenas tardes"):
        await command._say_and_be_heard(DEMO.lines[0], Party("caller"), Party("agent"))


async def test_sentences_that_arrived_are_counted() -> None:
    caller_line, agent_line = SHORT.lines
    command._judge(Console(quiet=True), SHORT, caller=has_heard(agent_line), agent=has_heard(caller_line))


@pytest.mark.parametrize("swapped", [True, False], ids=["swapped", "muted"])
async def test_sentences_that_did_not_arrive_or_at_the_wrong_ear_are_not_counted(swapped: bool) -> None:
    caller_line, agent_line = SHORT.lines
    caller, agent = (has_heard(caller_line), has_heard(agent_line)) if swapped else (has_heard(), has_heard())
    with pytest.raises(command.DemoFailed, match="not every sentence"):
        command._judge(Console(quiet=True), SHORT, caller, agent)
