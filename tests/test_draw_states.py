"""The script that draws the states: what it draws, and what it does to the document around it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

from bmv.call.state import TRANSITIONS, CallEvent, CallState

SCRIPT = Path(__file__).parent.parent / "scripts" / "draw_states.py"
script = SimpleNamespace(**run_path(str(SCRIPT)))  # scripts are no package


def document(tmp_path: Path, block: str) -> Path:
    path = tmp_path / "architecture.md"
    path.write_text(f"# Before, with an ü\n\n{script.BEGIN}{block}{script.END}\n\nAfter.\n", "utf-8")
    return path


def test_every_move_of_the_table_is_one_arrow_of_the_diagram() -> None:
    arrows = re.findall(r"^    (\w+) --> (\w+): (.+)$", script.diagram(), re.MULTILINE)
    table = [(state, *move) for state, moves in TRANSITIONS.items() for move in moves.items()]
    assert arrows == [(state.value, after.value, event.value) for state, event, after in table]


def test_a_diagram_begins_at_the_first_state_and_ends_where_no_other_follows() -> None:
    lines = script.diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> answered"]
    assert [line for line in lines if line.endswith("--> [*]")] == ["    ended --> [*]"]


def test_another_table_makes_another_diagram() -> None:
    table = {CallState.QUEUED: {CallEvent.FINISHED: CallState.ENDED}, CallState.ENDED: {}}
    assert script.diagram(table).splitlines()[1:] == [
        "    [*] --> queued",
        "    queued --> ended: hung up, failed or timed out",
        "    ended --> [*]",
    ]


def test_drawing_puts_the_diagram_between_the_markers_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    path = document(tmp_path, "\nyesterday\n")
    assert script.main([str(path)]) == 0
    text = path.read_text("utf-8")
    assert text.startswith(f"# Before, with an ü\n\n{script.BEGIN}\n")
    assert text.endswith(f"{script.END}\n\nAfter.\n")
    assert f"```mermaid\n{script.diagram()}\n```" in text
    assert "yesterday" not in text
    assert script.main(["--check", str(path)]) == 0


def test_a_second_drawing_changes_nothing(tmp_path: Path) -> None:
    path = document(tmp_path, "")
    script.main([str(path)])
    once = path.read_text("utf-8")
    assert script.main([str(path)]) == 0
    assert path.read_text("utf-8") == once


def test_a_check_tells_a_stale_diagram_and_does_not_touch_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = document(tmp_path, "")
    script.main([str(path)])
    stale = path.read_text("utf-8").replace("agent accepted", "agent declined", 1)
    path.write_text(stale, "utf-8")
    assert script.main(["--check", str(path)]) == 1
    assert "stale" in capsys.readouterr().err
    assert path.read_text("utf-8") == stale


@pytest.mark.parametrize("text", ["no markers", "{begin}", "{end}{begin}", "{begin}{end}{begin}{end}"])
def test_a_document_without_its_two_markers_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "architecture.md"
    before = text.format(begin=script.BEGIN, end=script.END)
    path.write_text(before, "utf-8")
    assert script.main([str(path)]) == 2
    assert script.BEGIN in capsys.readouterr().err
    assert path.read_text("utf-8") == before


def test_a_missing_document_is_a_message_and_not_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([str(tmp_path / "nowhere.md")]) == 2
    assert "nowhere.md" in capsys.readouterr().err


def test_it_runs_as_a_script_from_any_folder(tmp_path: Path) -> None:
    path = document(tmp_path, "")
    command = [sys.executable, str(SCRIPT), "--check", str(path)]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1  # noqa: S603
