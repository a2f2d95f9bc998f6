"""What is measured of a server with some calls, here of a plain bridge in this process."""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from bench_bridge import bridged

from bmv.audio import mulaw
from bmv.audio.levels import is_silent
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS
from bmv.call.playout import Playout
from bmv.commands.bench import sound
from bmv.commands.bench.point import MEANT_SECONDS, Bench, SetUp
from bmv.commands.bench.processes import ServerFailed, Usage, plain_server
from bmv.commands.bench.sound import DELTA_FRAMES
from bmv.commands.bench.world import Kind, world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench measures on Linux alone")


@pytest.mark.parametrize("loses", ["words", "translations"])
async def test_what_does_not_come_at_the_end_of_the_time_is_lost(loses: str) -> None:
    async with bridged("24k-2x", loses) as (made, port), aiohttp.ClientSession() as http:
        point = await Bench("plain", made, os.getpid(), port, http).measure(4.0, settling=0, due=0.5)
    assert point.lost > 30
    assert not point.in_bounds


def test_what_it_takes_to_set_a_call_up_is_what_the_calls_that_were_there_did_not_take() -> None:
    """Ten calls in 2 seconds, of which five were there on the average; each takes a hundredth of a core."""
    assert SetUp(10, 0.5, 10.0).each(0.01) == pytest.approx(0.04)
    assert SetUp(10, 0.05, 10.0).each(0.01) == 0


async def test_how_a_call_begins_is_told_where_the_calls_are_new_and_were_watched_for_long() -> None:
    async with bridged("24k-2x") as (made, port), aiohttp.ClientSession() as http:
        bench = Bench("plain", made, os.getpid(), port, http)
        await bench.reach(3)
        point = await bench.measure(0.1, settling=0.5, due=0, steady=0.5)
        assert point.first_ms is not None
        assert point.set_up_ms is not None
        assert min(point.first_ms, point.set_up_ms) > 0.5
        assert (await bench.measure(0.1, settling=0, due=0, steady=0.5)).first_ms is None
        await bench.reach(4)
        assert (await bench.measure(0.1, settling=0.5, due=0, steady=0.5)).set_up_ms is None


async def test_a_server_that_has_ended_is_told_as_such() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    async with world("24k") as made, aiohttp.ClientSession() as http:
        bench = Bench("bmv", made, process.pid, 1, http)
        await process.communicate(b"\n")
        with pytest.raises(ServerFailed, match="the server ended"):
            await bench.measure(0.01, settling=0)
        with pytest.raises(ServerFailed, match="the server ended"):
            await bench.reach(1)


def test_a_process_that_runs_is_looked_at() -> None:
    assert Usage.here().memory > 2**20


async def test_a_server_that_ends_before_it_is_ready_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"ended before it was ready, with 1\n(?s:.*)ValueError"):
        async with plain_server("24k", tmp_path, cast("int", "no number")):
            pass


def translated(kind: Kind, turns: int) -> Iterator[tuple[float, float, bytes]]:
    """What OpenAI's end sends: when, when the beginning of the turn in it was sent if there is one, and mu-law."""
    step = 0.2 if kind == "24k" else 0.1
    filler = b"" if kind == "mulaw" else b"\xff" * (DELTA_FRAMES * FRAME_BYTES)
    now = 100.0
    for turn in range(turns):
        for _ in range(60):
            now += step
            yield now, math.inf, filler
        now += 0.0037 * turn  # so that the beats fall everywhere
        for number, delta in enumerate(sound.translation("caller")):
            now += step
            yield now, math.inf if number else now, delta.ulaw


@pytest.mark.parametrize("kind", ["mulaw", "24k", "24k-2x"])
def test_a_playout_that_loses_no_time_hands_over_each_turn_within_the_last_beat_at_which_it_is_meant_to(
    kind: Kind,
) -> None:
    playout = Playout(original_level_db=-18.0)
    sent, beat, beyond = deque(translated(kind, 20)), 5000, list[float]()
    began = math.inf
    while sent:
        now = beat * FRAME_SECONDS
        while sent and sent[0][0] <= now:
            at, start, audio = sent.popleft()
            began = min(began, start)
            playout.speak(audio, at)
        audio = playout.take(now)
        playout.buffer.add(len(audio) // FRAME_BYTES)
        if began < now and any(not is_silent(frame) for frame in mulaw.frames(audio)):
            beyond.append(now - began - MEANT_SECONDS[kind] - FRAME_SECONDS)
            began = math.inf
        beat += 1
    assert len(beyond) == 20
    assert -FRAME_SECONDS - 0.001 <= min(beyond) < -FRAME_SECONDS / 2 < max(beyond) <= 0.001


@pytest.mark.parametrize(("kind", "meant"), [("mulaw", 0.16), ("24k", 0.12), ("24k-2x", 0.14)])
async def test_the_way_down_counts_from_the_last_beat_at_which_it_was_meant_to_go(kind: Kind, meant: float) -> None:
    """So it is negative for what went at an earlier one; of the plain bridge all counts."""
    async with world(kind) as made, aiohttp.ClientSession() as http:
        bmv, plain = (Bench(bridge, made, os.getpid(), 1, http) for bridge in ("bmv", "plain"))
        assert bmv._beyond([meant, meant + 0.03]) == [pytest.approx(-0.02), pytest.approx(0.01)]
        assert plain._beyond([0.25]) == [0.25]
