"""The server of a soak: what befalls a process from below, brought about within it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from bmv.commands.soak.child import WallClock, obey

ROOT = {"PYTHONPATH": str(Path(__file__).parent.parent)}


async def test_one_name_cannot_be_looked_up_until_it_is_known_again() -> None:
    resolver = aiohttp.ThreadedResolver()
    obey("name unknown 80 0.0")
    with pytest.raises(socket.gaierror, match="name resolution"):
        await resolver.resolve("localhost", 80)
    assert await resolver.resolve("localhost", 81), "the other one's"
    obey("name known")
    obey("name known")
    assert await resolver.resolve("localhost", 80)


async def test_it_may_take_a_while_until_a_name_turns_out_to_be_unknown() -> None:
    obey("name unknown 80 60")
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(aiohttp.ThreadedResolver().resolve("localhost", 80), 0.02)
    finally:
        obey("name known")


def test_the_wall_clock_jumps_forwards_and_back() -> None:
    clock = WallClock()
    assert clock.now() == pytest.approx(time.time(), abs=1)
    clock.jump(3600)
    assert clock.now() == pytest.approx(time.time() + 3600, abs=1)
    clock.jump(-7200)
    assert clock.now() == pytest.approx(time.time() - 3600, abs=1)


LOGS = """
import structlog
from bmv import logs
from bmv.commands.soak.child import obey

logs.configure("info", "json", ())
log = structlog.get_logger()
bound = log.bind(call_id="c1")
for words in ("before", "disk full", "lost", "disk free", "after", "disk full", "disk free", "disk free"):
    obey(words) if " " in words else [each.info(words) for each in (log, bound)]
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_takes_no_line_and_is_told_how_many_it_would_have_taken() -> None:
    environ = os.environ | ROOT | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run([sys.executable, "-c", LOGS], env=environ, capture_output=True, check=True)  # noqa: S603
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in told if line["event"] not in ("before", "after")] == [
        *("disk_full", "disk_free", "log_lines_missing"),
        *("disk_full", "disk_free"),
    ]
    assert [line["lines"] for line in told if "lines" in line] == [2, 2, 0]
    assert sum(line["event"] == "after" for line in told) == 2


def test_an_order_that_nobody_knows_is_no_order() -> None:
    with pytest.raises(ValueError, match="clock"):
        obey("clock")
