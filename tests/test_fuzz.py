"""The script that attacks: what it finds is kept, however it was found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import pytest
from hostile import Target
from hypothesis import strategies as st

script = run_path(str(Path(__file__).parent.parent / "scripts" / "fuzz.py"))  # scripts are no package
made_up: Callable[[Target, int], int] = script["_made_up"]


@pytest.mark.parametrize("again", [True, False], ids=["each time", "once"])
def test_an_input_that_did_harm_is_kept_though_it_may_do_none_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, again: bool
) -> None:
    monkeypatch.setitem(made_up.__globals__, "TESTS", tmp_path)
    harmed: list[bytes] = []

    def run(data: bytes) -> None:
        if len(data) > 3 and (again or not harmed):
            harmed.append(data)
            raise ValueError("harm")

    assert made_up(Target("victim", run, st.binary(), ()), 5) == 1
    (sample,) = (tmp_path / "samples" / "victim").iterdir()
    assert sample.read_bytes() == harmed[0]
    assert str(sample) in capsys.readouterr().out


def test_what_does_no_harm_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(made_up.__globals__, "TESTS", tmp_path)
    assert made_up(Target("victim", lambda _: None, st.binary(), ()), 0) == 0
    assert not list(tmp_path.iterdir())
