"""Check the licences of what people install with bmv: the packages of requirements.txt and of the extras demo and run.

    python scripts/licences.py

It reads the metadata of the packages that are installed beside it; nothing is downloaded. Exit code 1 if a package is
not there, says no licence, or one that is not on the list. A licence that a package tells in words only is entered in
DECIDED after somebody read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent

ALLOWED = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Zlib"}
)
"""By their SPDX names. All let us ship the package, changed or not, under its own licence beside our MIT. MPL-2.0 asks
for the source of changed files only; we change none."""

IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "Apache 2.0": "Apache-2.0",
        "Apache Software License": "Apache-2.0",
        "ISC License (ISCL)": "ISC",
        "MIT License": "MIT",
        "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
        "Python Software Foundation License": "PSF-2.0",
    }
)

DECIDED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "py-nanotts": ("Apache-2.0", "its metadata says none; its LICENSE.md is the Apache License 2.0, as is Pico's"),
        "uvloop": (
            "MIT OR Apache-2.0",
            "its metadata names both; its folder holds both texts, and either may be taken",
        ),
    }
)
"""By package: the licence, and why we say so."""


def told(about: Distribution) -> list[str]:
    """What a package says of itself, in the most exact of the ways that it uses; several that all hold, or none."""
    if exact := about.metadata["License-Expression"]:
        return [exact]
    word = (about.metadata["License"] or "").strip()
    if word in ALLOWED or word in IN_WORDS:
        return [IN_WORDS.get(word, word)]
    marks = [mark.split(" :: ") for mark in about.metadata.get_all("Classifier") or ()]
    return [IN_WORDS.get(mark[-1], mark[-1]) for mark in marks if mark[0] == "License" and mark[-1] != "OSI Approved"]


def allowed(expression: str) -> bool:
    """Whether an SPDX expression leaves us a choice of allowed licences. One with parentheses is for people to read."""
    choices = [[name.strip() for name in each.split(" AND ")] for each in expression.split(" OR ")]
    return any(all(name in ALLOWED for name in names) for names in choices)


def wrong(about: Distribution) -> str | None:
    """What is wrong with a package's licence; None if nothing is."""
    name = re.sub(r"[-_.]+", "-", about.name).lower()
    licences = [DECIDED[name][0]] if name in DECIDED else told(about)
    if not licences:
        return f"{name} names no licence in its metadata: read its files, then enter it in DECIDED"
    refused = [each for each in licences if not allowed(each)]
    return f"{name} is under {', '.join(refused)}, which is not on the list" if refused else None


def installed_by_people() -> Iterator[Requirement]:
    """The locked packages, and those of the extras that are not for development."""
    locked = (ROOT / "requirements.txt").read_text("utf-8")
    for line in re.findall(r"^(\w[^\\#\n]*)", locked, re.MULTILINE):
        yield Requirement(line.strip())
    about = ConfigParser()
    about.read(ROOT / "setup.cfg", "utf-8")
    for extra in ("demo", "run"):
        for line in about["options.extras_require"][extra].split("\n"):
            if line.strip():
                yield Requirement(line)


def main() -> None:
    """Look at all, and say what is wrong."""
    problems, seen = [], 0
    for each in installed_by_people():
        if each.marker is not None and not each.marker.evaluate():
            continue
        seen += 1
        try:
            problem = wrong(distribution(each.name))
        except PackageNotFoundError:
            problem = f"{each.name} is not installed here"
        problems += [problem] if problem else []
    print("\n".join(f"licences: {each}" for each in problems) or f"licences: all of {seen} packages are on the list")
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
