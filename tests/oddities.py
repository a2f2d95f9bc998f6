"""Whatever a peer may send in place of what is expected, for tests that change true messages."""

import json
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
"""Any value of JSON, of no great size."""


def changed(shape: dict[str, Any], odd: object, data: st.DataObject) -> bytes:
    """Put something odd in one place of a message, at most one level deep, and then perhaps a byte of it too."""
    places = [(shape, name) for name in shape]
    places += [(inner, name) for inner in shape.values() if isinstance(inner, dict) for name in inner]
    where, name = data.draw(st.sampled_from(places))
    where[name] = odd
    message = bytearray(json.dumps(shape).encode())
    if data.draw(st.booleans()):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    return bytes(message)
