"""The bench as a command: what it keeps when it cannot go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_points import point, run

from bmv.commands.bench.command import kept
from bmv.commands.bench.document import Run
from bmv.commands.bench.processes import ServerFailed


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (ServerFailed("the server ended\nits last words"), "the server ended"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_what_was_measured_before_it_failed_is_told_and_saved_as_incomplete(
    end: BaseException, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(end)), kept(run(point(calls=7)), tmp_path / "run.json"):
        raise end
    saved = Run.load(tmp_path / "run.json")
    assert (saved.incomplete, saved.points) == (told, [point(calls=7)])
    assert f"INCOMPLETE: {told}" in capsys.readouterr().out


def test_what_was_measured_to_the_end_is_not_incomplete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kept(run(point()), tmp_path / "run.json"):
        pass
    assert Run.load(tmp_path / "run.json") == run(point())
    assert "INCOMPLETE" not in capsys.readouterr().out
