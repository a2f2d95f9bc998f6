"""How a client's JSON is checked, field by field: small checks that are put together to the shape of an event.

A check takes a value and its path, and raises RefusedEvent if the service would not have it. The first thing wrong
refuses the whole event, as reported of the real service.
"""

import base64
import binascii
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NoReturn, TypeAlias

Check: TypeAlias = Callable[[object, str], None]
Shape: TypeAlias = Mapping[str, Check]

LONGEST_AUDIO: Final = 15 * 1024 * 1024
"""Characters of base64 in one event (OpenAI's package says 15 MiB "in each event")."""

_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer", float: "a number"}


class RefusedEvent(Exception):
    """A client's event that is answered with an `error` event and otherwise ignored."""

    def __init__(self, code: str, message: str, param: str | None = None, event_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id = event_id


def read(message: str | bytes, shapes: Mapping[str, tuple[Shape, Collection[str]]]) -> dict[str, Any]:
    """Read and check one message: `shapes` has, for each event's type, its fields and which of them are required.

    RefusedEvent says what is wrong, with which field, and in which event if that had an id.
    """
    event = _parsed(message)
    event_id = event.get("event_id")
    try:
        _check_event(event, shapes)
    except RefusedEvent as refusal:
        refusal.event_id = event_id if isinstance(event_id, str) else None
        raise
    return event


def _parsed(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, bytes):
        text = "Expected a text WebSocket message; binary frames are not supported."
        raise RefusedEvent("invalid_event", text)
    try:
        event = json.loads(message)
    except ValueError as error:
        raise RefusedEvent("invalid_json", f"Invalid event: failed to parse JSON value. {error}") from error
    if not isinstance(event, dict):
        raise RefusedEvent("invalid_event", "Invalid event: expected a JSON object.")
    return event


def _check_event(event: dict[str, Any], shapes: Mapping[str, tuple[Shape, Collection[str]]]) -> None:
    if "type" not in event:
        raise _missing("type")
    kind = event["type"]
    if not isinstance(kind, str) or kind not in shapes:
        raise _unsupported(kind, "type", shapes)
    fields, required = shapes[kind]
    record({"type": text, "event_id": text, **fields}, required=required)(event, "")


def record(fields: Shape, *, required: Collection[str] = ()) -> Check:
    """An object with these fields and no others."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _mistyped(value, path, "an object")
        within = f"{path}." if path else ""
        for name in value:
            if name not in fields:
                raise RefusedEvent("unknown_parameter", f"Unknown parameter: '{within}{name}'.", within + name)
        for name in required:
            if name not in value:
                raise _missing(within + name)
        for name, inner in value.items():
            fields[name](inner, within + name)

    return check


def variants(field: str, shapes: Mapping[str, Check]) -> Check:
    """An object whose shape depends on the value of one field, which must be there."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _mistyped(value, path, "an object")
        if field not in value:
            raise _missing(f"{path}.{field}")
        kind = value[field]
        if not isinstance(kind, str) or kind not in shapes:
            raise _unsupported(kind, f"{path}.{field}", shapes)
        shapes[kind](value, path)

    return check


def array(of: Check, *, most: int | None = None) -> Check:
    """A list of such values, of at most so many."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise _mistyped(value, path, "an array")
        if most is not None and len(value) > most:
            raise _invalid(path, f"expected at most {most} elements, but got {len(value)}")
        for index, inner in enumerate(value):
            of(inner, f"{path}[{index}]")

    return check


def one_of(*values: str) -> Check:
    """One of these strings."""

    def check(value: object, path: str) -> None:
        text(value, path)
        if value not in values:
            raise _unsupported(value, path, values)

    return check


def number(least: float, most: float) -> Check:
    """A number within these bounds."""

    def check(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _mistyped(value, path, "a number")
        if not least <= value <= most:
            raise _invalid(path, f"expected a value from {least} to {most}")

    return check


def whole(least: int, most: int) -> Check:
    """A whole number within these bounds."""

    def check(value: object, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _mistyped(value, path, "an integer")
        if not least <= value <= most:
            raise _invalid(path, f"expected a value from {least} to {most}")

    return check


def either(first: Check, second: Check) -> Check:
    """What one of two checks lets pass; if neither does, the second says why."""

    def check(value: object, path: str) -> None:
        try:
            first(value, path)
        except RefusedEvent:
            second(value, path)

    return check


def nullable(inner: Check) -> Check:
    """Null, or what the check lets pass."""

    def check(value: object, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def text(value: object, path: str) -> None:
    """A string."""
    if not isinstance(value, str):
        raise _mistyped(value, path, "a string")


def flag(value: object, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _mistyped(value, path, "a boolean")


def anything(_value: object, _path: str) -> None:
    """Whatever it may be."""


def base64_text(value: object, path: str) -> None:
    """Bytes in base64, within the limit of one event."""
    text(value, path)
    if len(str(value)) > LONGEST_AUDIO:
        raise _invalid(path, "expected at most 15 MiB")
    try:
        base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(path, "expected base64-encoded bytes") from None


def refuse_unless(holds: bool, path: str, reason: str) -> None:
    """Refuse a value for another reason than its shape."""
    if not holds:
        raise _invalid(path, reason)


def not_simulated(_value: object, path: str) -> NoReturn:
    """What the real service can do and this one cannot. It says so, rather than to do as if."""
    raise RefusedEvent("not_simulated", f"The simulator does not know what the real service does with '{path}'.", path)


def _missing(path: str) -> RefusedEvent:
    return RefusedEvent("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def _invalid(path: str, reason: str) -> RefusedEvent:
    return RefusedEvent("invalid_value", f"Invalid '{path}': {reason}.", path)


def _unsupported(value: object, path: str, values: Collection[str]) -> RefusedEvent:
    supported = ", ".join(f"'{one}'" for one in values)
    return RefusedEvent("invalid_value", f"Invalid value: '{value}'. Supported values are: {supported}.", path)


def _mistyped(value: object, path: str, wanted: str) -> RefusedEvent:
    got = "null" if value is None else _KINDS[type(value)]
    return RefusedEvent("invalid_type", f"Invalid type for '{path}': expected {wanted}, but got {got} instead.", path)
