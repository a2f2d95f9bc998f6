"""Ports that are known before anybody listens on them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bmv.simulator import ports
from bmv.simulator.ports import PORTS, free_port

GIVEN_AWAY = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_it_is_none_of_those_that_outgoing_connections_get() -> None:
    assert free_port() in PORTS
    lowest = int(GIVEN_AWAY.read_text("ascii").split()[0]) if GIVEN_AWAY.exists() else 49_152
    assert max(PORTS) < lowest


def test_what_is_taken_is_passed_over_and_where_all_is_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    monkeypatch.setattr(ports, "PORTS", range(first, first + 1))
    assert free_port() == first
    with socket.create_server(("127.0.0.1", first)), pytest.raises(OSError, match="are taken"):
        free_port()
