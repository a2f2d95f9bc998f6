"""The entrance of the phones: names, origins and the key."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from bmv.commands.phone import PhoneRequest, entrance_of
from bmv.simulator.phone import Entrance

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it


def admitted(entrance: Entrance, host: str, origin: str | None = None, path: str = "/phone/caller") -> bool:
    """Whether a browser gets a phone that calls us by this name."""
    headers = {"Host": host, "Origin": f"http://{host}" if origin is None else origin}
    return entrance.admits_socket(make_mocked_request("GET", path, headers=headers))


@pytest.mark.parametrize("host", ["127.0.0.1:5051", "localhost:5051", "[::1]:5051", "127.0.0.1"])
def test_this_machine_comes_in_by_its_usual_names(host: str) -> None:
    assert admitted(entrance_of(PhoneRequest()), host)
    assert admitted(entrance_of(PhoneRequest()), host, origin=f"https://{host}")


@pytest.mark.parametrize("host", ["evil.example:5051", "192.168.0.7:5051", "127.0.0.1.evil.example", "", "[", "::1"])
def test_no_other_name_does(host: str) -> None:
    assert not admitted(entrance_of(PhoneRequest()), host)


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", "http://127.0.0.1:8000", "http://127.0.0.1:5051.evil.example", "http://["],
)
def test_no_page_of_others_gets_a_phone(origin: str) -> None:
    assert not admitted(entrance_of(PhoneRequest()), "127.0.0.1:5051", origin=origin)


@pytest.mark.parametrize("request_", [PhoneRequest(EVERYWHERE), PhoneRequest(public_host="me.ngrok-free.app")])
def test_from_elsewhere_it_takes_the_key(request_: PhoneRequest) -> None:
    entrance = entrance_of(request_)
    host = request_.public_host or "192.168.0.7:5051"
    assert entrance.key is not None
    assert len(entrance.key) >= 20
    assert admitted(entrance, host, path=f"/phone/caller?key={entrance.key}")
    for query in ("", "?key=", f"?key={entrance.key}x", "?key=%ff%00é"):
        assert not admitted(entrance, host, path=f"/phone/caller{query}")
    assert not admitted(entrance, "evil.example", path=f"/phone/caller?key={entrance.key}")
