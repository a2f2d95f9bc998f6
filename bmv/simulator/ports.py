"""A port that is known before anybody listens on it, for a server that is told its address when it is started."""

from __future__ import annotations

import socket
from contextlib import suppress
from random import SystemRandom

PORTS = range(20_000, 32_000)
"""Below those that systems give away, Linux from 32768 on and others from 49152: each outgoing connection gets one, so
that a server that takes seconds to start may find that a port from among them is gone."""


def free_port() -> int:
    """Find a port of this machine that nobody uses. Raises `OSError` where there is none."""
    for port in SystemRandom().sample(PORTS, len(PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError(f"all ports from {PORTS.start} to {PORTS.stop - 1} are taken")
