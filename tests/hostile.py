"""What strangers may send, and what must hold of it: targets for quick tests and for `scripts/fuzz.py`.

A target takes any bytes at all and raises for what must not happen. Its `inputs` are what a stranger would try who
has read the documents: real messages with something wrong in them, in any order.
"""

from __future__ import annotations

import asyncio
import atexit
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

SAMPLES = Path(__file__).parent / "samples"
"""Inputs that once found something, and a few to begin from: a folder for each target."""

Json = Any


@dataclass(frozen=True)
class Target:
    """`rooms` are the modules that it is about, for a fuzzer that watches what is reached."""

    name: str
    run: Callable[[bytes], None]
    inputs: st.SearchStrategy[bytes]
    rooms: tuple[str, ...]

    def samples(self) -> list[Path]:
        """What was found before."""
        return sorted((SAMPLES / self.name).glob("*"))


# -- odd values ------------------------------------------------------------------------------------------------------

DEEP: Json = "deep"
for _ in range(60):
    DEEP = [DEEP]

ODD: Sequence[Json] = (
    *(None, True, -1, 0, 1, 20, 2**31, -(2**63), 2**63, 2**64, 10**30, 10**400, 0.5, -0.0, 1e308, -1e308),
    *("", "a", "null", "\x00", "\ud800", "\u202e\u2066", "\x1b[2J", "a\r\nb", "é" * 300, "9" * 400, "A" * 5000),
    *([], {}, [None], [[]], {"": {}}, {"a": 1, "b": [1, "2"]}, DEEP),
)
"""What a field may hold that nobody thought of."""

odd = st.sampled_from(ODD) | st.integers() | st.text(max_size=30) | st.floats(allow_nan=False, allow_infinity=False)


def _places(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [each for key, part in inner for each in _places(part, (*path, key))]


@st.composite
def messages(draw: st.DrawFn, shapes: Sequence[Json]) -> bytes:
    """One of these messages as JSON, mostly with something changed in it."""
    message = deepcopy(draw(st.sampled_from(shapes)))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 1, 2]))):
        places = _places(message)
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        inner = message
        for key in way:
            inner = inner[key]
        if draw(st.integers(0, 5)):
            inner[last] = deepcopy(draw(odd))
        else:
            del inner[last]
    text = json.dumps(message).encode("utf-8", "surrogatepass")
    if not draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.binary(max_size=3)) + text[place + 1 :]
    return text.replace(b"\n", b" ")


def lines(one: st.SearchStrategy[bytes], most: int = 30) -> st.SearchStrategy[bytes]:
    """Several of them, a line each."""
    return st.lists(one, max_size=most).map(b"\n".join)


# -- time ------------------------------------------------------------------------------------------------------------


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put on."""

    leapt = 0.0

    def time(self) -> float:
        return super().time() + self.leapt


_loops: list[LeapingLoop] = []


def loop() -> LeapingLoop:
    """The one in which all targets live."""
    if not _loops:
        _loops.append(LeapingLoop())
        atexit.register(_loops[0].close)
    return _loops[0]
