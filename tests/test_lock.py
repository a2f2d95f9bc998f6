"""requirements.txt, which the image is made of: it fits setup.cfg, and each file in it is held by its hash."""

from __future__ import annotations

import re
import shlex
from configparser import ConfigParser
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.txt").read_text("utf-8")
ENTRY = re.compile(r"^(\w[^\\\n]*?) \\\n((?:    --hash=\S+(?: \\)?\n)+)((?:    #.*\n)*)", re.MULTILINE)

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("linux", "darwin", "win32")


def asked(of: str) -> list[Requirement]:
    about = ConfigParser()
    about.read(ROOT / "setup.cfg", "utf-8")
    section, _, key = of.rpartition("/")
    return [Requirement(line) for line in about[section][key].splitlines() if line.strip()]


ASKED = [*asked("options/install_requires"), *asked("options.extras_require/build")]
LOCKED = [(Requirement(entry), hashes.split(), why) for entry, hashes, why in ENTRY.findall(LOCK)]


def chosen(name: str, environment: dict[str, str]) -> list[Requirement]:
    """What is locked of a package for such a machine."""
    fits = [each for each, _, _ in LOCKED if each.name == name]
    return [each for each in fits if each.marker is None or each.marker.evaluate(environment)]


def test_every_requirement_is_locked_once_and_within_its_range_wherever_it_is_needed() -> None:
    for python in PYTHONS:
        for platform in PLATFORMS:
            here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": platform}
            for each in ASKED:
                needed = each.marker is None or each.marker.evaluate(here)
                pins = [pin for found in chosen(each.name, here) for pin in found.specifier]
                assert [pin.operator for pin in pins] == (["=="] if needed else []), (each, here)
                for pin in pins:
                    assert each.specifier.contains(pin.version), f"{each} is locked as {pin}: run `make lock`"


def test_whatever_else_is_locked_is_needed_by_another_package() -> None:
    names = {each.name for each, _, _ in LOCKED}
    wanted = {each.name for each in ASKED}
    for each, _, why in LOCKED:
        reasons = set(re.findall(r"(?:via |#   )([a-z][\w.-]*)", why))
        assert reasons <= names | {"bmv"}, each
        assert ("bmv" in reasons) == (each.name in wanted), each
        assert reasons, each


def test_every_line_is_a_pin_with_hashes_or_a_comment_and_none_names_an_index() -> None:
    left = ENTRY.sub("", LOCK).splitlines()
    assert all(line.startswith("#") for line in left), left
    hashes = list(chain.from_iterable(found for _, found, _ in LOCKED))
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}|\\", each) for each in hashes)
    assert not re.search(r"https?://|index-url|find-links|file:", LOCK)


def test_the_image_takes_nothing_but_what_is_locked() -> None:
    dockerfile = (ROOT / "docs" / "deploy" / "Dockerfile").read_text("utf-8")
    installs = re.findall(r"install ([^&\n]+)", dockerfile.replace("pip install", "install"))
    assert [each for each in installs if "--require-hashes --only-binary :all: -r requirements.txt" in each]
    ours = [each.split() for each in installs if each.split()[-2:-1] == ["."] or each.rstrip(" \\").endswith(" .")]
    assert ours
    assert all({"--no-deps", "--no-build-isolation"} <= set(each) for each in ours)


def test_no_installer_stays_in_the_image() -> None:
    dockerfile = (ROOT / "docs" / "deploy" / "Dockerfile").read_text("utf-8")
    *_, image = dockerfile.split("\nFROM ")
    assert "RUN python -m pip uninstall --yes --root-user-action=ignore pip setuptools wheel\n" in image
    assert image.index("pip uninstall") < image.index("\nUSER ")


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md", "docs/operations.md"])
def test_whoever_installs_it_by_a_document_gets_what_is_locked_and_nothing_else(name: str) -> None:
    document = (ROOT / name).read_text("utf-8")
    installs = [shlex.split(line) for line in re.findall(r"^ *\S*bin/pip install (.*)$", document, re.MULTILINE)]
    assert installs == [
        ["--require-hashes", "--only-binary", ":all:", "-r", "requirements.txt"],
        ["--no-deps", "--no-build-isolation", "."],
    ]
