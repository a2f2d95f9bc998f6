"""SECURITY.md against the code: each route is in its table, and said to be signed where the gate asks for that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_docs import routes_of_the_app

from bmv.config import SETTINGS
from bmv.web.console import Console
from bmv.web.health import Health
from bmv.web.metrics_page import MetricsPage
from bmv.web.onlookers import Onlookers
from bmv.web.orders import Orders
from bmv.web.paper import Paper

SECURITY = (Path(__file__).parent.parent / "SECURITY.md").read_text("utf-8")
LOCKS = dict(re.findall(r"^\| `((?:GET|POST) [^`]+)` \| ([^|]+) \|", SECURITY, re.MULTILINE))


async def test_every_route_is_in_the_table_with_its_lock_and_no_other() -> None:
    assert set(LOCKS) == await routes_of_the_app()


@pytest.mark.parametrize(
    ("paths", "lock"),
    [
        (Orders.PATHS, "`API_TOKEN`"),
        (Onlookers.PATHS, "a signed link"),
        (MetricsPage.PATHS, "`METRICS_TOKEN`"),
        (Paper.PATHS, "none"),
        (Health.PATHS, "none"),
        (Console.PATHS, ("a session", "the password", "a page of ours")),
    ],
)
def test_what_the_gate_leaves_open_has_a_lock_of_its_own(paths: frozenset[str], lock: str | tuple[str, ...]) -> None:
    told = {route: each for route, each in LOCKS.items() if route.split()[1] in paths}
    assert {route.split()[1] for route in told} == paths
    assert all(each.startswith(lock) for each in told.values()), told


def test_everything_else_is_said_to_be_signed() -> None:
    open_ = Health.PATHS | Orders.PATHS | Onlookers.PATHS | Paper.PATHS | Console.PATHS | MetricsPage.PATHS
    for route, lock in LOCKS.items():
        assert lock.startswith("Twilio's signature") == (route.split()[1] not in open_), route


def test_every_setting_that_is_named_exists() -> None:
    known = {setting.name for setting in SETTINGS}
    named = set(re.findall(r"`([A-Z][A-Z_]+_[A-Z]+)`", SECURITY))
    assert len(named) > 10
    assert named <= known
