"""What strangers may send: a quick look at each target, and what was found before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_targets import TARGETS
from hypothesis import HealthCheck, given, settings

QUICK = settings(
    max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.usefixtures("logs")
def test_nothing_that_a_stranger_may_send_does_harm(name: str) -> None:
    @QUICK
    @given(TARGETS[name].inputs)
    def look(data: bytes) -> None:
        TARGETS[name].run(data)

    look()


@pytest.mark.parametrize(
    "sample",
    [each for target in TARGETS.values() for each in target.samples()],
    ids=lambda each: f"{each.parent.name}-{each.name}",
)
@pytest.mark.usefixtures("logs")
def test_what_was_found_once_does_no_harm_any_more(sample: Path) -> None:
    TARGETS[sample.parent.name].run(sample.read_bytes())
