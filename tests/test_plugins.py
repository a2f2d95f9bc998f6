"""Translators of other packages: found by name, and every mistake in one told in plain words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from packages import lay_out

from bmv.errors import SettingsError
from bmv.translators import plugins
from bmv.translators.loopback import LoopbackFactory
from bmv.translators.plugins import BUILT_IN, TranslatorOptions

GOOD = """
from bmv.errors import SettingsError
from bmv.translators.loopback import LoopbackFactory
def build(http, options):
    if "ECHO_DELAY" not in options.environ:
        raise SettingsError(["ECHO_DELAY is not set."])
    return LoopbackFactory(delay=float(options.environ["ECHO_DELAY"]))
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package for one test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def put(package: str, source: str = GOOD, **points: str) -> None:
        lay_out(tmp_path, package, points=points)
        (tmp_path / f"{package.replace('-', '_')}.py").write_text(source)

    yield put
    for module in set(sys.modules) - before:
        if (tmp_path / f"{module}.py").exists():
            del sys.modules[module]


def problem_of(name: str) -> str:
    with pytest.raises(SettingsError) as caught:
        plugins.load(name)
    (problem,) = caught.value.problems
    return problem


async def problem_of_building(name: str) -> str:
    builder = plugins.load(name)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(SettingsError) as caught:
            builder(http, TranslatorOptions(environ={}, captions=True))
    (problem,) = caught.value.problems
    return problem


def test_where_nothing_is_installed_there_are_the_built_in_ones() -> None:
    assert plugins.names() == list(BUILT_IN) == ["openai", "openai-interpreter", "loopback"]


async def test_an_installed_translator_is_found_by_name_and_built_with_the_settings(install: Install) -> None:
    install("bmv-echo", echo="bmv_echo:build")
    assert plugins.names() == [*BUILT_IN, "echo"]
    async with aiohttp.ClientSession() as http:
        factory = plugins.load("ECHO")(http, TranslatorOptions(environ={"ECHO_DELAY": "0.1"}, captions=False))
    assert isinstance(factory, LoopbackFactory)


async def test_a_setting_that_a_translator_misses_is_told_in_its_own_words(install: Install) -> None:
    install("bmv-echo", echo="bmv_echo:build")
    assert await problem_of_building("echo") == "ECHO_DELAY is not set."


def test_nothing_is_imported_before_it_is_chosen(install: Install) -> None:
    install("bmv-echo", echo="bmv_echo:build")
    plugins.names()
    assert "bmv_echo" not in sys.modules


def test_an_unknown_name_is_answered_with_the_known_ones(install: Install) -> None:
    install("bmv-zulu", zulu="bmv_zulu:build", alpha="bmv_zulu:build")
    assert problem_of("ehco") == (
        "There is no translator ehco. Installed are: openai, openai-interpreter, loopback, alpha, zulu."
    )


def test_a_name_in_two_packages_is_nobodys(install: Install) -> None:
    install("bmv-echo", echo="bmv_echo:build")
    install("other-echo", echo="other_echo:build")
    assert problem_of("echo") == (
        "The translator echo is in more than one package: bmv-echo and other-echo. Remove all but one."
    )
    assert plugins.names() == [*BUILT_IN, "echo"]


@pytest.mark.parametrize("name", [*BUILT_IN, "OpenAI"])
def test_a_built_in_name_cannot_be_taken(install: Install, name: str) -> None:
    install("bmv-echo", **{name: "bmv_echo:build"})
    assert problem_of(name) == f"The translator {name} is built in and comes from no other package."
    assert plugins.names() == list(BUILT_IN)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import a_module_nobody_has", "ModuleNotFoundError: No module named 'a_module_nobody_has'"),
        ("def build(", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("pass", "AttributeError: module 'bmv_echo' has no attribute 'build'"),
    ],
)
def test_an_import_that_fails_names_the_package_and_the_cause(install: Install, source: str, cause: str) -> None:
    install("bmv-echo", source, echo="bmv_echo:build")
    problem = problem_of("echo")
    assert problem.startswith("The translator echo of the package bmv-echo cannot be imported (bmv_echo:build): ")
    assert cause in problem


def test_what_cannot_be_called_is_no_builder(install: Install) -> None:
    install("bmv-echo", "build = 7", echo="bmv_echo:build")
    assert problem_of("echo") == (
        "The translator echo of the package bmv-echo is no function that builds a translator: bmv_echo:build is 7"
    )


async def test_a_builder_that_fails_names_its_package(install: Install) -> None:
    install("bmv-echo", "def build(http, options): return options.environ['X']", echo="bmv_echo:build")
    assert await problem_of_building("echo") == (
        "The translator echo of the package bmv-echo cannot be built: KeyError: 'X'"
    )


async def test_what_a_builder_gives_must_be_a_factory(install: Install) -> None:
    install("bmv-echo", "def build(http, options): return None", echo="bmv_echo:build")
    assert await problem_of_building("echo") == (
        "The translator echo of the package bmv-echo is no TranslatorFactory: "
        "bmv_echo:build gave NoneType without open, can_speak, problem"
    )


def test_the_options_can_be_shown_without_showing_a_secret() -> None:
    assert "sesame" not in repr(TranslatorOptions(environ={"ECHO_KEY": "sesame"}, captions=True))
