"""Processes that do not outlive the one that started them, however that ends."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


def die_with_parent() -> Callable[[], None] | None:
    """For `preexec_fn` of what starts a process: it is sent SIGTERM when we are gone, even where we were killed.

    On Linux; elsewhere this is None, and the process would stay behind.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(DIE_WITH_PARENT, signal.SIGTERM)
