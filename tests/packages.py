"""What installing somebody's translator leaves behind, without installing it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def lay_out(folder: Path, package: str, *, points: Mapping[str, str]) -> None:
    """Write a distribution's metadata into a folder on the path, with entry points in our group by name."""
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[bmv.translators]", *lines, ""]))
