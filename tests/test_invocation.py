"""What somebody is told to type can be typed: in a virtual environment that is active, and in one that is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bmv.commands.invocation import invocation


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a virtual environment, of which Python is run as `make` does."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "bmv"):
        (programs / name).touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bmv" / "__main__.py")])
    monkeypatch.setenv("PATH", "/nowhere")
    return tmp_path


def test_python_of_an_active_environment_is_found_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{folder}/.venv/bin{os.pathsep}/usr/bin")
    assert invocation() == "python -m bmv"
    monkeypatch.setattr(sys, "argv", [f"{folder}/.venv/bin/bmv"])
    assert invocation() == "bmv"


def test_that_of_another_is_named_by_its_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invocation() == ".venv/bin/python -m bmv"
    monkeypatch.chdir(folder / ".venv" / "bin")
    assert invocation() == f"{folder}/.venv/bin/python -m bmv"
    monkeypatch.setattr(sys, "argv", [f"{folder}/.venv/bin/bmv"])
    assert invocation() == f"{folder}/.venv/bin/bmv"
