"""How the events of the service are written: JSON with an id of their own. Both endpoints have the `error` event."""

import itertools
import json
from collections.abc import Mapping


class EventWriter:
    """Writes the events of one session."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def event(self, kind: str, **fields: object) -> str:
        """Write one event of this type."""
        return json.dumps({"type": kind, "event_id": f"event_{next(self._count):08d}", **fields})

    def error(self, error: Mapping[str, object]) -> str:
        """`error`, with what `error_body` gives."""
        return self.event("error", error=error)


def error_body(
    message: str,
    *,
    kind: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    event_id: str | None = None,
) -> dict[str, str | None]:
    """Give the object inside an `error` event."""
    return {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
