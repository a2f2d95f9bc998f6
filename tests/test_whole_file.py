"""Writing a file whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bmv.commands.setup import whole_file


def test_a_new_file_has_the_mode_asked_for_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole_file.write(path, "one\r\n")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"one\r\n", 0o600)
    path.chmod(0o640)
    whole_file.write(path, "zwö")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == ("zwö".encode(), 0o640)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_goes_on_pointing_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere" / "real")
    whole_file.write(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "real").read_text() == "new"


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeError):
        whole_file.write(path, "\ud800")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


def test_the_remains_of_a_killed_process_do_not_disturb(tmp_path: Path) -> None:
    (tmp_path / f"file{whole_file.NEW}").write_text("half of")
    whole_file.write(tmp_path / "file", "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "new")]


def test_a_file_may_be_removed_twice(tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole_file.write(path, "")
    whole_file.remove(path)
    whole_file.remove(path)
    assert not path.exists()
