"""The server under test: `python -m bmv serve` as it is, which also counts itself when it is sent SIGUSR1.

How many tasks and objects a process has cannot be seen from outside. It is written into the log, as `census`. This is
run by its path, and loads nothing that the server would not have loaded by then: its memory is measured.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import runpy
import signal
import sys
from collections import Counter

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


def _asked(_number: int, _frame: object) -> None:
    asyncio.get_running_loop().call_soon_threadsafe(count)  # a signal may come in the middle of a line of the log


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGUSR1, _asked)
    sys.argv[1:] = ["serve"]
    runpy.run_module("bmv", run_name="__main__", alter_sys=True)
