"""What holds for every test: its logging ends with it, its speed does not matter, and a skip may be a failure."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Generator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from steady import SteadyLoop, be_steady

be_steady()
settings.register_profile("bmv", deadline=None)
settings.load_profile("bmv")


WORLDS = ("house", "practice", "FakeTwilio", "FakeOpenAI", "Party", "opened", "world")
"""What a test module has whose tests live in real time: they hardly work, and must not be kept waiting by others."""

BROWSERS = ("browser", "chromium", "tab")
"""What a test module has that opens Chromium, which works so hard at its start that calls beside it stutter."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only one kind is asked for, files that cannot hold it are not imported: every worker imports them all."""
    names = {"live": WORLDS, "browser": BROWSERS}.get(config.option.markexpr)
    if names is None or not collection_path.match("test_*.py"):
        return None
    return not re.search(rf"\b({'|'.join(names)})\b", collection_path.read_text("utf-8")) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if any(hasattr(item.module, each) for each in BROWSERS):
            item.add_marker(pytest.mark.browser)
        elif any(hasattr(item.module, world) for world in WORLDS):
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    SteadyLoop.on = item.get_closest_marker("browser") is None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session", autouse=True)
def started_processes_can_be_interrupted() -> Generator[None, None, None]:
    """Whoever runs the tests in the background of a script has them ignore Ctrl-C, and so would all that they start."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    if ignored:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def logs() -> Generator[list[MutableMapping[str, Any]], None, None]:
    """What is logged, which keeps it off the screen: to print a traceback takes longer than most tests."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture(autouse=True)
def logging_as_before() -> Generator[None, None, None]:
    """What a test configures (the commands do) must not silence the next one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
