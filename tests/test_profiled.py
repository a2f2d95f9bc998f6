from __future__ import annotations

import json
import sys

import pytest

from bmv.commands.bench.profiled import Watcher, room_of


@pytest.mark.parametrize(
    ("file", "room"),
    [
        ("/home/me/bmv/bmv/call/session.py", "bmv.call"),
        ("/home/me/bmv/bmv/wire.py", "bmv.wire"),
        ("/home/me/bmv/.venv/lib/python3.11/site-packages/aiohttp/web_ws.py", "aiohttp"),
        ("/home/me/bmv/.venv/lib/python3.11/site-packages/webrtcvad.py", "webrtcvad"),
        ("/usr/lib/python3.11/asyncio/locks.py", "asyncio"),
        ("<string>", "Python"),
    ],
)
def test_a_file_is_in_a_room_of_ours_or_a_library(file: str, room: str) -> None:
    assert room_of(file) == room


def test_what_is_seen_is_counted_by_room_and_function_until_it_is_cleared() -> None:
    watcher = Watcher()
    watcher.look(0, sys._getframe())
    watcher.look(0, None)
    counted = json.loads(watcher.as_json())
    assert list(counted["rooms"].values()) == [1]
    (function,) = counted["functions"]
    assert function.endswith("test_profiled.test_what_is_seen_is_counted_by_room_and_function_until_it_is_cleared")
    watcher.clear()
    assert json.loads(watcher.as_json()) == {"rooms": {}, "functions": {}}
