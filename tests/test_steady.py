"""The clock of the tests, on a machine that stops."""

import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from selectors import EVENT_READ

import pytest
from steady import SHORT, SteadyLoop, Waiting

IMPATIENT = """
import asyncio, steady

async def waits():
    began = asyncio.get_running_loop().time()
    print("begun", flush=True)
    async with asyncio.timeout(1.5):
        await asyncio.sleep(1.0)
    print(asyncio.get_running_loop().time() - began)

steady.be_steady()
asyncio.run(waits())
"""


class Machine:
    """Its clock, on which time passes only while somebody waits."""

    def __init__(self, each_wait: float) -> None:
        self._each_wait = each_wait
        self._asked = 0

    def __call__(self) -> float:
        self._asked += 1
        return 100.0 + self._asked // 2 * self._each_wait


def waits(process: int) -> bool:
    """Whether it sleeps until something happens, as its loop does."""
    return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize(
    ("timeout", "took", "lost"),
    [
        (0.0, 0.5 + SHORT, 0.5),
        (0.01, 0.51 + SHORT, 0.5),
        (-1.0, 0.5 + SHORT, 0.5),
        (0.01, 0.01 + SHORT, 0.0),
        (0.01, 0.005, 0.0),
    ],
    ids=["at once", "after its time", "no time", "a little too long", "something happened"],
)
def test_what_is_slept_beyond_what_was_asked_for_is_lost(timeout: float, took: float, lost: float) -> None:
    waiting = Waiting(Machine(took))
    waiting.select(timeout)
    waiting.close()
    assert waiting.overslept == pytest.approx(lost)


def test_whoever_waits_for_something_alone_oversleeps_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        waiting = Waiting(Machine(9.0))
        waiting.register(ours, EVENT_READ)
        theirs.send(b"!")
        waiting.select(None)
        waiting.close()
    assert waiting.overslept == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whether a process sleeps")
async def test_while_the_machine_stops_no_time_passes_and_no_patience_ends() -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IMPATIENT), env=os.environ | {"PYTHONPATH": path}, stdout=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    while not waits(process.pid):  # on its way there time passes
        await asyncio.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.5)
    process.send_signal(signal.SIGCONT)
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert 1.0 <= float(said) < 1.4


async def test_what_keeps_the_loop_from_waiting_is_time_all_the_same() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    time.sleep(0.2)  # noqa: ASYNC251 - on purpose
    await asyncio.sleep(0)
    assert loop.time() - began >= 0.2


async def test_every_test_has_such_a_loop_and_so_has_every_command_that_it_runs() -> None:
    async def kind() -> type[object]:
        return type(asyncio.get_running_loop())

    assert await kind() is SteadyLoop
    assert await asyncio.to_thread(asyncio.run, kind()) is SteadyLoop


async def test_where_it_is_switched_off_what_was_overslept_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SteadyLoop, "on", False)
    loop = SteadyLoop()
    began = loop.time()
    loop._waiting.overslept += 9
    assert loop.time() >= began
    loop.close()
