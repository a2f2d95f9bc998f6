"""Two runs of setup at once: the second does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from settingup import CALLER, HOST, NAMED, nothing_set, place

from bmv.commands.setup.alone import alone

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]


async def test_while_another_runs_nothing_is_changed_and_nothing_undone(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        with alone(home.folder):
            for options in (NAMED, {"undo": True}):
                ran = await home.setup(**options, yes=True)
                assert (ran.code, ran.writes) == (1, [])
                assert "Another setup runs in this folder" in ran.err
            assert (await home.setup(**NAMED, dry_run=True)).code == 0  # which disturbs nobody
        assert home.state() == before
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert home.twilio.numbers[CALLER].voice_url == f"https://{HOST}/welcome"


def test_a_run_in_another_folder_disturbs_nobody_and_nothing_is_left_behind(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    with alone(one), alone(other):
        pass
    with alone(one):
        assert not list(one.iterdir())
