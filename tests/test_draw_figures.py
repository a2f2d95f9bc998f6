from __future__ import annotations

from pathlib import Path
from runpy import run_path

import pytest
from bench_points import point, run

SCRIPT = run_path(str(Path(__file__).parent.parent / "scripts" / "draw_figures.py"))  # scripts are no package


def test_the_figures_in_the_documents_are_those_of_the_baseline() -> None:
    assert SCRIPT["main"](["--check"]) == SCRIPT["CURRENT"], "run python scripts/draw_figures.py"


def test_figures_are_put_between_the_markers_and_nowhere_else() -> None:
    document = f"before\n{SCRIPT['BEGIN']}\n\nold\n\n{SCRIPT['END']}\nafter\n"
    assert SCRIPT["redrawn"](document, "new") == f"before\n{SCRIPT['BEGIN']}\n\nnew\n\n{SCRIPT['END']}\nafter\n"


@pytest.mark.parametrize("document", ["", "{BEGIN}", "{END}\n{BEGIN}", "{BEGIN}{END}{BEGIN}{END}"])
def test_a_document_without_both_markers_in_order_is_refused(document: str) -> None:
    markers = {"BEGIN": SCRIPT["BEGIN"], "END": SCRIPT["END"]}
    with pytest.raises(ValueError, match="line"):
        SCRIPT["redrawn"](document.format_map(markers), "new")


def test_a_run_that_was_broken_off_is_no_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run(point())
    found.incomplete = "the server ended"
    found.save(tmp_path / "bench" / "baseline.json")
    monkeypatch.setitem(SCRIPT["main"].__globals__, "ROOT", tmp_path)
    assert SCRIPT["main"]([]) == SCRIPT["UNUSABLE"]
    assert "is incomplete: the server ended" in capsys.readouterr().err
