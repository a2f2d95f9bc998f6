"""The server under test: `python -m bmv serve` as it is, which also obeys orders.

They are lines on standard input, read when it is sent SIGUSR1. One has it counted: how many tasks and objects a process
has cannot be seen from outside; it is written into the log, as `census`. The others bring what befalls a process from
the system below it. This is run by its path, and loads nothing that the server would not have loaded by then: its
memory is measured.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import runpy
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

import aiohttp

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
MOST = 6  # kinds of tasks that are named
TIMER = "TimerHandle"  # of asyncio and uvloop alike


def count() -> None:
    """Log how much there is, now, when what nobody refers to any more has been put away.

    What the C library has free is given back to the system: a heap with holes is no leak, and would look like one.
    """
    import structlog  # noqa: PLC0415 - not before the server has loaded it

    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc
    if trim:
        trim(0)
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    structlog.get_logger().info(
        "census", tasks=tasks.total(), kinds=dict(tasks.most_common(MOST)), objects=dict(_objects())
    )


def _objects() -> Counter[str]:
    """What there is of our own, and timers, by class: one that a call left is found long before memory tells of it.

    Not what was there before the first call: the server has set that aside (`bmv.commands.garbage`).
    """
    found: Counter[str] = Counter()
    for kind, number in Counter(type(each) for each in gc.get_objects()).items():
        if str(kind.__module__).startswith("bmv.") or kind.__qualname__ == TIMER:
            found[kind.__qualname__] += number
    return found


class WallClock:
    """What `time.time` is here: a clock that may jump. Whoever remembers the function itself has this one, too."""

    def __init__(self) -> None:
        self._real, self._ahead = time.time, 0.0

    def now(self) -> float:
        """Seconds of Unix time, as it is told."""
        return self._real() + self._ahead

    def jump(self, seconds: float) -> None:
        """Forwards, or back."""
        self._ahead += seconds


class Disk:
    """The one that the log is on, which may be full: standard error leads to /dev/full then."""

    def __init__(self) -> None:
        self._log: int | None = None
        """Where standard error leads else; None while it leads there."""
        self._lines = 0

    def fill(self) -> None:
        """Have no room. The log has `disk_full` as its last line."""
        import structlog  # noqa: PLC0415 - not before the server has loaded it

        structlog.get_logger().info("disk_full")
        structlog.get_config()["processors"].insert(-1, self._count)
        self._log, self._lines = os.dup(2), 0
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, 2)
        os.close(full)

    def free(self) -> None:
        """Have room again. The log has `disk_free` as its first line, with how many there would have been before it."""
        import structlog  # noqa: PLC0415

        if self._log is None:
            return
        os.dup2(self._log, 2)
        os.close(self._log)
        self._log = None
        structlog.get_config()["processors"].remove(self._count)
        structlog.get_logger().info("disk_free", lines=self._lines)

    def _count(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Be a processor of structlog's, before the one that makes a line of the event."""
        self._lines += 1
        return event


wall_clock, disk = WallClock(), Disk()


def forget_name(whose: int, seconds: float) -> None:
    """From now on the name of the service at this port cannot be looked up; each time that takes so long to be known.

    By the port, since on one machine both services are at the same name.
    """
    loop = asyncio.get_running_loop()
    look_up = type(loop).getaddrinfo

    async def unknown(host: str, port: int, **kind: Any) -> Any:
        if port != whose:
            return await look_up(loop, host, port, **kind)
        await asyncio.sleep(seconds)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    loop.getaddrinfo = unknown  # type: ignore[assignment, method-assign]


def know_name() -> None:
    """Look it up again."""
    with suppress(AttributeError):  # it was known
        del asyncio.get_running_loop().getaddrinfo


def obey(order: str) -> None:
    """Do what a line of standard input says. Raises `ValueError`."""
    match order.split():
        case ["census"]:
            count()
        case ["name", "unknown", port, seconds]:
            forget_name(int(port), float(seconds))
        case ["name", "known"]:
            know_name()
        case ["clock", seconds]:
            wall_clock.jump(float(seconds))
        case ["disk", "full"]:
            disk.fill()
        case ["disk", "free"]:
            disk.free()
        case _:
            raise ValueError(order)


def _obey_all() -> None:
    with suppress(BlockingIOError):  # of two orders at once both were read for the first one
        for order in os.read(sys.stdin.fileno(), 4096).decode().splitlines():
            obey(order)


def _asked(_number: int, _frame: object) -> None:
    asyncio.get_running_loop().call_soon_threadsafe(_obey_all)  # a signal may come in the middle of a line of the log


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    os.set_blocking(sys.stdin.fileno(), False)
    signal.signal(signal.SIGUSR1, _asked)
    time.time = wall_clock.now
    # What was looked up is good for ten seconds, in which nobody would notice that no name is known.
    aiohttp.TCPConnector = partial(aiohttp.TCPConnector, use_dns_cache=False)  # type: ignore[misc, assignment]
    sys.argv[1:] = ["serve"]
    runpy.run_module("bmv", run_name="__main__", alter_sys=True)
