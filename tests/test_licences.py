"""The check of licences: what packages say of themselves, in each of the ways they do."""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
script = SimpleNamespace(**run_path(str(ROOT / "scripts" / "licences.py")))  # scripts are no package


def package(folder: Path, *lines: str, name: str = "left-pad") -> Distribution:
    info = folder / "left_pad-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines, ""]))
    return Distribution.at(info)


@pytest.mark.parametrize(
    "line",
    [
        "License-Expression: MIT",
        "License-Expression: BSD-3-Clause AND MIT",
        "License-Expression: GPL-3.0-only OR MIT",
        "License: Apache 2.0",
        "Classifier: License :: OSI Approved :: ISC License (ISCL)",
    ],
)
def test_what_leaves_us_an_allowed_choice_passes(tmp_path: Path, line: str) -> None:
    assert script.wrong(package(tmp_path, line)) is None


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (["License-Expression: GPL-3.0-only"], "GPL-3.0-only"),
        (["License-Expression: MIT AND AGPL-3.0-or-later"], "MIT AND AGPL-3.0-or-later"),
        (["License-Expression: MIT", "License: GPL"], None),
        (["License-Expression: (MIT)"], "(MIT)"),
        (["Classifier: License :: Other/Proprietary License"], "Other/Proprietary License"),
        (
            [
                "Classifier: License :: OSI Approved :: MIT License",
                "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
            ],
            "GNU General Public License v3 (GPLv3)",
        ),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path: Path, lines: list[str], refused: str | None) -> None:
    said = script.wrong(package(tmp_path, *lines))
    assert said == (None if refused is None else f"left-pad is under {refused}, which is not on the list")


@pytest.mark.parametrize("lines", [[], ["License: see the file LICENSE"], ["Classifier: License :: OSI Approved"]])
def test_a_package_that_names_no_licence_is_for_people_to_read(tmp_path: Path, lines: list[str]) -> None:
    assert "names no licence" in script.wrong(package(tmp_path, *lines))


def test_what_was_decided_holds_for_that_package_and_is_still_needed(tmp_path: Path) -> None:
    assert script.wrong(package(tmp_path, name="py_nanotts")) is None
    looked_at = {each.name for each in script.installed_by_people()}
    assert set(script.DECIDED) <= looked_at
    assert {"aiohttp", "numpy", "py-nanotts", "watchfiles"} <= looked_at
