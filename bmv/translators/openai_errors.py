"""How OpenAI says that something failed, and whether another try could succeed: by code, close code and HTTP status.

No I/O. The words made here name codes and what to check; the provider's own sentences are for the log alone, for they
can name an account. Sources: docs/openai.md, "When it fails".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TypeVar

import msgspec

from bmv.call.translator import TranslatorLost
from bmv.errors import ProtocolError
from bmv.wire import UNREADABLE

LONGEST_RETRY_SECONDS = 120.0


class ErrorDetail(msgspec.Struct):
    """What went wrong, in the provider's words."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None  # the event of ours that it answers, if that had an id

    def __str__(self) -> str:
        where = f" ({self.param})" if self.param else ""
        return f"{self.code or self.type or 'error'}: {self.message or 'no message'}{where}"

    @property
    def name(self) -> str:
        """Its code, or its type, if it looks like a name and not like a sentence; else "unknown"."""
        return next((name for name in (self.code, self.type) if name and _NAME.fullmatch(name)), "unknown")


class ErrorEvent(msgspec.Struct, tag_field="type", tag="error"):
    """An error; most leave the session open."""

    error: ErrorDetail

    def __str__(self) -> str:
        return str(self.error)


Event = TypeVar("Event")


def read(decode: Callable[[bytes], Event], message: bytes) -> Event:
    """Give one event by the `decode` of its wire. What cannot be read costs the session: `TranslatorLost`."""
    try:
        return decode(message)
    except ProtocolError as error:
        raise TranslatorLost(str(error)) from error


class Severity(Enum):
    """What an error means for the session it came from."""

    BENIGN = "benign"  # it goes on
    TRANSIENT = "transient"  # it, or its current turn, is lost; the next try may succeed
    PERMANENT = "permanent"  # it is lost, and every other one would be


NO_MONEY = "no credit is left or a limit of spending is reached: check billing"
WRONG_KEY = "the key is wrong, revoked or missing: check OPENAI_API_KEY"
NO_MODEL = "no such model or address: check the model's name and OPENAI_BASE_URL"
NO_DEPLOYMENT = "the resource has no deployment of this name: check the model settings and OPENAI_BASE_URL"
NO_SUCH_USE = "this deployment's model does not work for this: check which deployment each model setting names"
WRONG_SHAPE = "this version and the address do not fit together: check OPENAI_BASE_URL"
TOO_MUCH = "too many sessions or requests: check the account's limits"
NOT_ALLOWED = "the key's project may not use this model, or the country is not supported"

PERMANENT = {
    "invalid_api_key": WRONG_KEY,
    "account_deactivated": "the account is deactivated",
    "billing_hard_limit_reached": NO_MONEY,
    "insufficient_quota": NO_MONEY,
    "credit_balance_exhausted": NO_MONEY,
    "unsupported_country_region_territory": NOT_ALLOWED,
    "model_not_found": NO_MODEL,
    "beta_api_shape_disabled": WRONG_SHAPE,
    # Azure's own codes
    "401": WRONG_KEY,
    "PermissionDenied": NOT_ALLOWED,
    "DeploymentNotFound": NO_DEPLOYMENT,
    "OperationNotSupported": NO_SUCH_USE,
    "OpperationNotSupported": NO_SUCH_USE,  # so it is spelt on the wire
}
"""Codes and types of errors that another try does not mend, and what to check."""

TRANSIENT = {
    "session_expired": "the session's time was over",
    "rate_limit_exceeded": TOO_MUCH,
    "inference_rate_limit_exceeded": TOO_MUCH,
    "slow_down": TOO_MUCH,
    "server_is_overloaded": "the service is overloaded",
    "server_error": "the service failed",
    # Azure's own codes
    "429": TOO_MUCH,
    "RateLimitReached": TOO_MUCH,
}
"""Codes and types of errors that cost the session or the turn and not the next one."""

_KNOWN = PERMANENT | TRANSIENT

STATUS = {
    400: "the request is not valid for this address: check OPENAI_BASE_URL and the model's name",
    401: WRONG_KEY,
    403: NOT_ALLOWED,
    404: NO_MODEL,
    429: "too many sessions, or no credit left: check limits and billing",
}
PERMANENT_STATUS = frozenset({400, 401, 403, 404})
TOO_MANY_REQUESTS = 429

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_REASON = re.compile(r"(?:([a-z_]+_error)\.)?([a-z_]+)")
_INVALID = "invalid_request_error"
_OUR_FAULT = 4000  # what the service closes with when it does not accept how it is spoken to


def classify(error: ErrorDetail) -> Severity:
    """Tell what an error means: by its code, or by its type where the code says nothing.

    A code that nobody knew when this was written is benign: most errors leave the session open, and one that does not
    is followed by the close.
    """
    for name in (error.code, error.type):
        if name in PERMANENT:
            return Severity.PERMANENT
        if name in TRANSIENT:
            return Severity.TRANSIENT
    return Severity.BENIGN


def reported(error: ErrorDetail, *, configuring: bool = False) -> TranslatorLost:
    """Make the loss of a session from an error event.

    An update of the configuration that is refused as invalid would be refused again: while `configuring` that is final.
    """
    final = configuring and error.type == _INVALID and classify(error) is Severity.BENIGN
    what = "refused the configuration" if configuring else "reported an error"
    return TranslatorLost(
        f"OpenAI {what} ({error.name}): {_advice(error)}", permanent=final or classify(error) is Severity.PERMANENT
    )


def closed(code: int | None, reason: str, last_error: ErrorDetail | None) -> TranslatorLost:
    """Make the loss of a session from the closing of its socket.

    `reason` is what the close frame said: "invalid_request_error.<code>" or prose. What the last error event said
    counts more.
    """
    error = last_error if last_error and classify(last_error) is not Severity.BENIGN else _closing_error(reason)
    severity = classify(error) if error else Severity.BENIGN
    final = code == _OUR_FAULT and error is not None and error.type == _INVALID and severity is Severity.BENIGN
    named = error or last_error
    after = f" after the error {named.name}: {_advice(named)}" if named else ""
    return TranslatorLost(
        f"OpenAI closed the connection (code {code}){after}", permanent=final or severity is Severity.PERMANENT
    )


def refused(status: int, error: ErrorDetail | None, headers: Mapping[str, str], *, now: float) -> TranslatorLost:
    """Make the failure of opening a session from the HTTP answer to it.

    `error` is what its body says, if anything: it tells the two kinds of 429 apart, "too much" and "no money". `now` is
    in seconds of Unix time.
    """
    severity = classify(error) if error else Severity.BENIGN
    known = error is not None and severity is not Severity.BENIGN
    code = f" ({error.name})" if error and error.name != "unknown" else ""
    why = _advice(error) if error and known else STATUS.get(status, "see the provider's status page")
    permanent = severity is Severity.PERMANENT or status in PERMANENT_STATUS
    wait = None if permanent else retry_after(headers.get("Retry-After", ""), now=now)
    return TranslatorLost(
        f"OpenAI refused the session with HTTP {status}{code}: {why}", permanent=permanent, retry_after=wait
    )


def read_body(body: bytes) -> ErrorDetail | None:
    """Read the error in an HTTP answer, or None where there is none to be read (a proxy's page, nothing at all)."""
    try:
        return msgspec.json.decode(body, type=_Body).error
    except UNREADABLE:
        return None


def retry_after(header: str, *, now: float) -> float | None:
    """Seconds to wait, from seconds or an HTTP date; None for anything else. Never negative, and two minutes at most.

    A date means nothing where a clock is wrong, and a call is not to do without translation for the rest of its time.
    """
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_SECONDS) if math.isfinite(seconds) else None


class _Body(msgspec.Struct):
    error: ErrorDetail


def _closing_error(reason: str) -> ErrorDetail | None:
    found = _REASON.fullmatch(reason)
    if found is None or not (found[1] or found[2] in _KNOWN):
        return None  # prose, such as "keepalive ping timeout"
    return ErrorDetail(type=found[1], code=found[2])


def _advice(error: ErrorDetail) -> str:
    return next((_KNOWN[name] for name in (error.code, error.type) if name in _KNOWN), "see the log")
