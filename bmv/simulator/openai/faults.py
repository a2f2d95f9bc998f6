"""What can go wrong on OpenAI's side, on cue: refused upgrades, broken promises, sessions that end too soon.

The statuses and bodies follow OpenAI's error documentation, the rest what clients of the real service reported.
"""

from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upgrade that is refused with a status and a JSON body."""

    status: int
    code: str | None
    message: str
    kind: str = "invalid_request_error"
    retry_after: int | None = None
    """Seconds, for the `Retry-After` header; None sends no such header."""

    @classmethod
    def of(cls, status: int, *, retry_after: int | None = None) -> Self:
        """Give the usual refusal of 401, 403, 404, 429 (too fast) or 500. KeyError for any other status."""
        kind, code, message = _USUAL[status]
        return cls(status, code, message, kind, retry_after)

    @classmethod
    def out_of_money(cls) -> Self:
        """Give the other 429: no credit is left, and waiting does not help."""
        return cls(429, "credit_balance_exhausted", "You exceeded your current quota.", kind="insufficient_quota")


_USUAL: Final = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: (
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country or region not supported.",
    ),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please slow down."),
    500: ("server_error", "server_error", "The server had an error while processing your request."),
}


@dataclass(frozen=True, slots=True)
class Ending:
    """An `error` event and, in the same moment, the end of the connection."""

    code: str = "session_expired"
    close_code: int = 1001
    kind: str = "invalid_request_error"
    after: float = 0.2
    """Seconds of audio that are heard before. With 0 it comes instead of `session.created`."""

    @classmethod
    def quota(cls, after: float = 0.2) -> Self:
        """Give the end of a session that was opened without money: the upgrade works, the session does not."""
        return cls("insufficient_quota", 4000, "insufficient_quota", after)

    @classmethod
    def invalid_key(cls) -> Self:
        """Give the other way to refuse a key: the sibling endpoint was seen to upgrade first, and to end at once."""
        return cls("invalid_api_key", 3000, after=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one connection; several things may. Times are in seconds of audio heard so far."""

    refuse: Refusal | None = None
    reset_after: float | None = None
    """The TCP connection is cut, without a closing handshake."""
    silent_after: float | None = None
    """The connection stays, but nothing is ever sent again."""
    end: Ending | None = None
    ignore_updates: bool = False
    """Updates are lost: no `session.updated`, and the session goes on in Spanish."""
    other_language: str | None = None
    """Updates are taken, but end up with this target language."""
    voiceless: bool = False
    """There are transcripts, but all sound is silence."""
    wordless: bool = False
    """There is sound, but no transcripts."""
    garbage: str | None = None
    """This text is sent in the middle of the output."""
    never_closed: bool = False
    """`session.close` gives out the rest, but no `session.closed` and no end of the connection."""
    closing_seconds: float = 0.0
    """Real time from `session.close` until `session.closed`: 3.8 to 5.6 s were measured."""


NO_FAULT: Final = Fault()
