"""The log: one pipeline for our own events and those of the libraries, and what must never be seen in it.

An event is a name and values (`log.info("call_bridged", wait_ms=1200)`), written as one line. Secrets, phone numbers,
query strings, audio and words spoken on the phone are masked here, at the last moment before a line is written, so that
no caller has to remember it; the callers' part is to give such values a telling key.
"""

import json
import logging
import math
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any, TextIO
from urllib.parse import quote

import structlog

from bmv.logs.output import Output

MASK = "***"

SHORTEST_SECRET = 4
"""Characters; to replace a shorter value wherever it stands would make every line unreadable."""

LONGEST_TEXT = 20_000
"""Characters of one value that are written. A traceback fits; what is cut out is cut out of the middle."""

_MOST_KINDS, _LONGEST_NAME = 2000, 100  # of lines that are counted: by their call, and the beginning of their names

_DEEPEST, _WIDEST = 3, 20  # of values within values, and of values side by side, that are written

# Keys, in snake case, whose value is nobody's business. Numbers are let through: `tokens=120`, `audio_ms=20`.
_PRIVATE_KEY = re.compile(
    r"(?:^|_)(?:token|secret|(?:api|shared)_?key|authorization|password|cookie|credential|signature"
    r"|audio|payload|transcript|text|caption|body)s?(?:_|$)"
)
_NUMBER_KEY = re.compile(r"(?:^|_)(?:from|to|caller|called|number|phone)(?:_|$)")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")

# What is found in any text, in one pass. No alternative looks at a character more than a fixed number of times.
_PRIVATE = re.compile(
    r"(?P<number>(?:\+|%2[bB])[0-9]{7,})"
    r"|(?P<party>\b(?:sips?|client):[^\s@;?&\"'<>,…]++…?)"
    r"|(?P<query>\?(?:[\w.%~\[\]-]++=|(?<=[\w/]\?)[^\s\"'<>])[^\s\"'<>]*+)"
    r"|(?P<link>(?:(?<=/captions/)|(?<=/agent/))[^\s/?#\"'<>]{40,}+)"  # what lets somebody in without a password
    r"|(?P<login>(?<=://)[^\s/@\"'<>]++(?=@))"
    r"|(?P<credential>(?<=\b[Bb]earer )\S++|(?<=\b[Bb]asic )[\w+/=-]{8,})"
    r"|(?P<encoded>[A-Za-z0-9+/_-]{160,}+=*+|(?:\\x[0-9a-f]{2}){8,}+)"  # a frame of audio is 216 characters of base64
)
_ENCODED_FRAME = 160

_NOBODY = frozenset({"", "anonymous", "restricted", "unknown", "unavailable", "blocked", "private"})
_DIGITS = re.compile(r"\+?[0-9]{7,}")


def mask_number(number: str) -> str:
    """Return a party of a call so that it can be told from others and not be called: for logs only.

    `+34612345689` becomes `+34…89`, `sip:alice@example.com` becomes `sip:al…@example.com`, `client:alice` becomes
    `client:al…`; `anonymous` and its like stay. What is masked already stays as it is.
    """
    scheme, colon, party = number.partition(":")
    if not colon or scheme not in ("sip", "sips", "client"):
        return _shortened(number)
    user, at, host = party.partition("@")
    return f"{scheme}:{_shortened(user)}{at}{re.split('[;?]', host, maxsplit=1)[0]}"


def _shortened(party: str) -> str:
    if "…" in party or party.lower() in _NOBODY:
        return party
    party = re.sub(r"^%2[bB]", "+", party)
    if _DIGITS.fullmatch(party):
        return f"{party[:3]}…{party[-2:]}"
    return f"{party[: min(2, len(party) // 2)]}…"


def _replacement(found: re.Match[str]) -> str:
    text = found.group()
    match found.lastgroup:
        case "number" | "party":
            return mask_number(text)
        case "query":
            return "?…"
        case _:
            return MASK


@lru_cache(maxsize=1000)
def _kind_of_key(key: str) -> str:
    snake = _CAPITAL.sub("_", key).lower()
    if _PRIVATE_KEY.search(snake):
        return "private"
    return "number" if _NUMBER_KEY.search(snake) else ""


class Masker:
    """Turns the values of an event into plain data (text, numbers, lists, dicts) with nothing private left in it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secret values; each is also found where it is percent-encoded."""
        spelled = {each for secret in secrets for each in (secret, quote(secret, safe=""))}
        # The longest first: one secret may be part of another.
        self._secrets = sorted((each for each in spelled if len(each) >= SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Be a structlog processor: the one before the renderer, when exceptions have become text."""
        masked: dict[str, Any] = {key: event.pop(key, "") for key in ("timestamp", "level")}
        masked["event"] = self.text(str(event.pop("event", "")))
        for key, value in event.items():
            masked[key] = self.value(key, value)
        return masked

    def text(self, text: str) -> str:
        """Return the text with everything private in it replaced."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        if len(text) < _ENCODED_FRAME and (text.isalnum() or text.isidentifier()):
            return text  # nearly every value is a name, an id or a state, and needs no closer look
        if len(text) > LONGEST_TEXT:
            text = f"{text[: LONGEST_TEXT // 2]} … {text[-LONGEST_TEXT // 2 :]}"
        return _PRIVATE.sub(_replacement, text)

    def value(self, key: str, value: object, depth: int = 0) -> Any:
        """Return the value of that key as plain data; depth counts the values around it."""
        if value is None or type(value) in (int, bool):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        kind = _kind_of_key(key)
        if kind == "private":
            return MASK
        if not isinstance(value, str):
            return self._object(key, value, depth)
        return mask_number(value) if kind == "number" and _DIGITS.fullmatch(value) else self.text(value)

    def _object(self, key: str, value: object, depth: int) -> Any:
        if (size := _size_of_bytes(value)) is not None:
            return f"<{size} bytes>"
        parts = _parts(value)
        if depth == _DEEPEST and (parts is not None or isinstance(value, Collection)):
            return f"<{type(value).__name__}>"
        if parts is not None:
            some = islice(parts.items(), _WIDEST)
            return {self.text(str(name)): self.value(str(name), part, depth + 1) for name, part in some}
        if isinstance(value, Collection):
            return [self.value(key, part, depth + 1) for part in islice(value, _WIDEST)]
        return self.text(_shown(value))


def _parts(value: object) -> Mapping[Any, object] | None:
    """Return a mapping's items or a record's fields by name, so that the rules for keys hold for them."""
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    names = getattr(value, "__struct_fields__", None)  # a msgspec.Struct
    return {name: getattr(value, name) for name in names} if isinstance(names, tuple) else None


def _size_of_bytes(value: object) -> int | None:
    try:
        return memoryview(value).nbytes  # type: ignore[arg-type]  # anything may be asked
    except (TypeError, ValueError, BufferError):
        return None


def _shown(value: object) -> str:
    if isinstance(value, Enum):
        return value.name.lower()
    try:
        return f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    except Exception:  # somebody else's __str__ must not end a call that only wanted to log
        return f"<{type(value).__name__}>"


class Sparing:
    """Leaves out what somebody could fill the log with: the same kind of line, again and again.

    That is warnings about no call of ours, which strangers cause, and of each call any line, which its telephones and
    its translators cause. So many of each kind are written at once, and then one every so many seconds, which tells how
    many were `left_out`. What no line of its kind came to tell, the last one of the call does.
    """

    AT_ONCE, SECONDS = 60, 2.0
    NEVER = frozenset({"log_lines_missing"})
    """Left out: what tells of lines that are missing."""
    LAST = "call_ended"

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free_at: dict[tuple[str, str], float] = {}  # by call and name
        self._left_out: dict[tuple[str, str], int] = {}

    def __call__(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Be a structlog processor; raises `structlog.DropEvent`."""
        name, call = str(event.get("event", ""))[:_LONGEST_NAME], str(event.get("call_id", ""))[:_LONGEST_NAME]
        if method == "debug" or (method == "info" and not call) or name in self.NEVER:
            return event
        now, kind = self._clock(), (call, name)
        if len(self._free_at) > _MOST_KINDS:
            self._forget(now)
        free_at = max(self._free_at.get(kind, now), now)
        if free_at - now > (self.AT_ONCE - 1) * self.SECONDS:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            raise structlog.DropEvent
        self._free_at[kind] = free_at + self.SECONDS
        told = [each for each in self._left_out if each[0] == call] if call and name == self.LAST else [kind]
        if left_out := sum(self._left_out.pop(each, 0) for each in told):
            event["left_out"] = left_out
        return event

    def _forget(self, now: float) -> None:
        """What was not written for long may be written at once; all may where a library makes its words anew each time.

        What was left out of it is not told any more.
        """
        self._free_at = {kind: free_at for kind, free_at in self._free_at.items() if free_at > now}
        if len(self._free_at) > _MOST_KINDS // 2:
            self._free_at.clear()
        self._left_out = {kind: count for kind, count in self._left_out.items() if kind in self._free_at}


class _FromLibraries(logging.Handler):
    """Hands the records of the standard library's `logging` (aiohttp, asyncio, twilio …) to the same pipeline."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = record.getMessage()
        except Exception:  # arguments that do not fit their format; logging itself would print them unmasked
            event = str(record.msg)
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        structlog.get_logger().log(level, event, logger=record.name, exc_info=record.exc_info)


def _escaped(text: str) -> str:
    """Spell out what is not printable (line ends, terminal commands, text direction), as JSON does."""
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return _escaped(_encode(event))


def _as_line(colours: bool) -> Any:
    render = structlog.dev.ConsoleRenderer(
        colors=colours, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
    )

    def as_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        traceback = str(event.pop("exception", ""))
        safe = {_escaped(key): _escaped(part) if isinstance(part, str) else part for key, part in event.items()}
        # Indented, so that a line end inside an exception's message cannot begin a line of its own.
        return "\n    ".join([render(logger, method, safe), *map(_escaped, traceback.splitlines())])

    return as_line


def configure(level: str, fmt: str, secrets: Iterable[str], stream: TextIO | None = None) -> None:
    """Send every log of this process, ours and the libraries', through the one pipeline to the stream.

    `level` is debug, info, warning or error; `fmt` json, console or auto (console on a terminal); `secrets` are masked
    wherever they stand; the stream is standard error unless given. May be called again: the last call counts.
    """
    stream = sys.stderr if stream is None else stream
    console = fmt == "console" or (fmt == "auto" and stream.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    output = Output(stream)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Sparing(),
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            Masker(secrets),
            _as_line(stream.isatty()) if console else _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_FromLibraries()]
    root.setLevel(number)
    # At info, Twilio's SDK logs whole requests: numbers, TwiML, tokens.
    logging.getLogger("twilio").setLevel(max(number, logging.WARNING))
