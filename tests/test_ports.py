"""Ports that are known before anybody listens on them."""

from __future__ import annotations

import socket

import pytest

from bmv.simulator import ports
from bmv.simulator.ports import PORTS, free_port

GIVEN_AWAY = 32_768  # from here on by Linux, unless somebody has changed that


def test_it_is_none_of_those_that_outgoing_connections_get() -> None:
    assert free_port() in PORTS
    assert max(PORTS) < GIVEN_AWAY


def test_what_is_taken_is_passed_over_and_where_all_is_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    monkeypatch.setattr(ports, "PORTS", range(first, first + 1))
    assert free_port() == first
    with socket.create_server(("127.0.0.1", first)), pytest.raises(OSError, match="are taken"):
        free_port()
