"""The script that writes the Studio flow: what it reads, what it writes, and how it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

from bmv import languages
from bmv.telephony import flow
from bmv.telephony.menu import Menu

SCRIPT = Path(__file__).parent.parent / "scripts" / "build_flow.py"
script = SimpleNamespace(**run_path(str(SCRIPT)))  # scripts are no package
USUAL = ["en", "es", "fr", "zh", "hi"]


def text(tags: list[str], host: str = flow.PLACEHOLDER) -> str:
    return flow.text(Menu([languages.get(tag) for tag in tags]), host)


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run it as a person does, in a folder that may hold a .env file."""
    inherited = {name: value for name, value in os.environ.items() if name != "CALLER_LANGUAGES"}
    return subprocess.run(  # noqa: S603
        [sys.executable, str(SCRIPT), "--output", "flow.json", *arguments],
        cwd=folder,
        env=inherited
        | environ
        | {"PYTHONPATH": str(SCRIPT.parent.parent)},  # the code of here, wherever bmv is installed
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings, to be in."""
    monkeypatch.delenv("CALLER_LANGUAGES", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "flow.json"


def test_without_settings_it_writes_the_usual_menu_with_the_placeholder(alone: Path) -> None:
    assert script.main(["--output", str(alone)]) == 0
    assert alone.read_text("utf-8") == text(USUAL)


def test_the_menu_comes_from_the_env_file_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CALLER_LANGUAGES=german, vi\nTWILIO_AUTH_TOKEN=none of its business\n", "utf-8")
    assert run(tmp_path).returncode == 0
    assert (tmp_path / "flow.json").read_text("utf-8") == text(["de", "vi"])
    assert run(tmp_path, CALLER_LANGUAGES="yue").returncode == 0
    assert (tmp_path / "flow.json").read_text("utf-8") == text(["yue"])


def test_a_host_takes_the_place_of_the_placeholder(alone: Path) -> None:
    assert script.main(["--output", str(alone), "--host", "https://Voice.example.com/"]) == 0
    assert alone.read_text("utf-8") == text(USUAL, "voice.example.com")


def test_writing_twice_writes_the_same(alone: Path) -> None:
    script.main(["--output", str(alone)])
    once = alone.read_bytes()
    assert script.main(["--output", str(alone)]) == 0
    assert alone.read_bytes() == once


@pytest.mark.parametrize("host", ["voice.example.com/path", "voice example com", "", "[your-host]"])
def test_a_host_that_is_none_is_refused_and_nothing_is_written(
    alone: Path, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert script.main(["--output", str(alone), "--host", host]) == 2
    assert capsys.readouterr().err.startswith("--host must be ")
    assert not alone.exists()


def test_a_menu_that_is_none_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    refused = run(tmp_path, CALLER_LANGUAGES="en,klingon")
    assert refused.returncode == 2
    assert refused.stderr.startswith("CALLER_LANGUAGES must be 1 to 9 of the languages en, es, ")
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "flow.json").exists()


def test_a_place_that_cannot_be_written_is_a_message_and_not_a_traceback(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--output", str(alone / "nowhere" / "flow.json")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_unless_told_otherwise_it_writes_the_file_that_is_imported() -> None:
    assert SCRIPT.parent.parent / "flows" / "inbound_language.json" == script.FLOW
