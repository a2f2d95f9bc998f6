"""Our log as it is configured in production, written to where a test can read it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from bmv.logs import configure

TOKEN = "0123456789abcdef0123456789abcdef"
KEY = "sk-proj/odd+key=="


@contextmanager
def logging_to(
    fmt: str = "json", level: str = "info", stream: io.StringIO | None = None
) -> Iterator[tuple[Any, io.StringIO]]:
    """Yield our logger and what it writes to; everything global is put back afterwards."""
    stream = io.StringIO() if stream is None else stream
    root, twilio = logging.getLogger(), logging.getLogger("twilio")
    before = root.handlers[:], root.level, twilio.level
    try:
        configure(level, fmt, [TOKEN, KEY], stream)
        yield structlog.get_logger(), stream
    finally:
        root.handlers[:], root.level, twilio.level = before
        logging.Logger.manager._clear_cache()  # type: ignore[attr-defined]  # levels were put back past setLevel
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()


def logged(event: str = "something", **values: Any) -> dict[str, Any]:
    with logging_to() as (log, stream):
        log.info(event, **values)
        line: dict[str, Any] = json.loads(stream.getvalue())
        return line
