"""Which clock is asked where: a wall clock may jump, be it put right or wrong, and no call may depend on it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bmv"
SERVING = [
    path
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in {"simulator", "commands", "config"}
]
WALL_CLOCKS = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today")
NAMES = {name.partition(".")[2] for name in WALL_CLOCKS}
MAY_ASK = {
    "web/links.py": "until when a link is good, which has to hold across a restart",
    "web/console_login.py": "the same of a session",
    "translators/openai_translate.py": "the end of a session, which OpenAI names in Unix time",
    "translators/openai_interpreter.py": "the same",
    "translators/openai_socket.py": "Retry-After, which may be a date",
}
"""Each of them bounds what comes of it."""


def wall_clocks(source: str) -> set[str]:
    """Those that are named in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in NAMES:
            found.add(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.endswith(WALL_CLOCKS)}


@pytest.mark.parametrize(
    "source", ["time.time()", "clock=time.time", "from time import time", "datetime.datetime.now(UTC)"]
)
def test_a_wall_clock_is_seen_wherever_it_is_named(source: str) -> None:
    assert wall_clocks(source if source.startswith("from") else f"f({source})")


def test_a_clock_that_only_goes_forward_is_none() -> None:
    assert not wall_clocks("time.monotonic(); loop.time(); metronome.now(); perf_counter()")


def test_what_serves_calls_asks_a_clock_that_never_jumps() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in SERVING if wall_clocks(path.read_text("utf-8"))}
    assert len(SERVING) > 100
    assert found == set(MAY_ASK)
