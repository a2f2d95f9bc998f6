"""What can go wrong on OpenAI's side, on cue: refused upgrades, broken promises, sessions that end too soon.

The statuses and bodies follow OpenAI's error documentation, the rest what clients of the real service reported.
"""

from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

Endpoint: TypeAlias = Literal["translations", "realtime"]
"""The continuous one and the turn-based one."""


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
    """An `error` event and, in the same moment, the end of the connection; or only one of them."""

    code: str | None = "session_expired"
    """None for an end without an error event."""
    close_code: int | None = 1001
    """None for an error that leaves the session open, as most are said to do."""
    kind: str = "invalid_request_error"
    after: float = 0.2
    """Seconds of audio that are heard before. With 0 it comes instead of `session.created`."""

    @classmethod
    def quota(cls, after: float = 0.2) -> Self:
        """Give the end of a session that was opened without money: the upgrade works, the session does not."""
        return cls("insufficient_quota", 4000, "insufficient_quota", after)

    @classmethod
    def complaint(cls, code: str = "server_error", *, kind: str = "server_error", after: float = 0.2) -> Self:
        """Give an error after which the session goes on."""
        return cls(code, None, kind, after)

    @classmethod
    def closed(cls, close_code: int = 1011, *, after: float = 0.2) -> Self:
        """Give an end in good manners, but without any reason."""
        return cls(None, close_code, "", after)

    @classmethod
    def invalid_key(cls) -> Self:
        """Give the other way to refuse a key: the sibling endpoint was seen to upgrade first, and to end at once."""
        return cls("invalid_api_key", 3000, after=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFault:
    """What goes wrong with one response of the turn-based endpoint. Without any of it, all is well."""

    status: Literal["failed", "incomplete", "cancelled"] | None = None
    """It ends like this, `after` so many seconds of its sound."""
    reason: str | None = None
    """Why: a reason of the documents, or for `failed` the code of the error."""
    kind: str = "server_error"
    """The type of the error of a failed one."""
    after: float = 0.0
    never_done: bool = False
    """It stops `after` so many seconds of its sound and is in progress for ever, until it is cancelled."""
    unanswered: bool = False
    """Nothing is heard of it at all, not even an error."""
    without_created: bool = False
    """There is no `response.created` (seen by several clients)."""
    late_deltas: int = 0
    """So many audio deltas still come after `response.done` (seen by several clients)."""
    messages: int = 1
    """It comes in so many message items, the sound shared out among them (gpt-realtime-2 was seen to do it)."""
    overtaken: bool = False
    """It waits until another response is done, which was asked for later."""
    conflict: bool = False
    """It is refused: the service believes that another response is still in progress."""
    says: str | None = None
    """It says this where it was told to read something else aloud."""

    @classmethod
    def failed(cls, code: str = "server_error", *, kind: str = "server_error", after: float = 0.0) -> Self:
        """Give a response that fails with the code of an error, such as "inference_rate_limit_exceeded"."""
        return cls(status="failed", reason=code, kind=kind, after=after)

    @classmethod
    def incomplete(cls, reason: str = "content_filter", *, after: float = 0.0) -> Self:
        """Give a response that is cut off by "content_filter" or "max_output_tokens"."""
        return cls(status="incomplete", reason=reason, after=after)

    @classmethod
    def cancelled(cls, reason: str = "turn_detected", *, after: float = 0.0) -> Self:
        """Give a response that the service cancels, with "turn_detected" or "client_cancelled"."""
        return cls(status="cancelled", reason=reason, after=after)


WELL: Final = ResponseFault()
"""The response to put between others that fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with one connection; several things may.

    Times are in seconds of audio heard so far, or said so far where the name ends in `output` (on the translation
    endpoint silence counts).
    """

    refuse: Refusal | None = None
    explained: bool = False
    """The refusal is repeated to whoever then asks for the model (`GET /v1/models/...`)."""
    reset_after: float | None = None
    """The TCP connection is cut, without a closing handshake."""
    reset_after_output: float | None = None
    silent_after: float | None = None
    """The connection stays, but nothing is ever sent again. Pings are answered."""
    silent_after_output: float | None = None
    deaf_after: float | None = None
    """Nothing more is taken from the socket, pings neither, so the line fills up. Nothing is sent either."""
    end: Ending | None = None
    expires_in: float | None = None
    """Seconds of real time that the session lives, instead of an hour; `expires_at` tells it, rounded up."""
    responses: tuple[ResponseFault, ...] = ()
    """What goes wrong with the first responses of a turn-based session; those after them are well."""
    forgets_formats: bool = False
    """Turn-based: an update that names `audio.input` or `audio.output` without its format sets that back to PCM. One
    report says so of the real service, the documents say the contrary."""
    keeps_pcm: bool = False
    """Turn-based: updates are taken, but all sound stays PCM, which a telephone plays as noise."""
    ignore_updates: bool = False
    """Updates are lost: no `session.updated`, and the session goes on in Spanish."""
    other_language: str | None = None
    """Updates are taken, but end up with this target language."""
    voiceless: bool = False
    """There are transcripts, but all sound is silence."""
    wordless: bool = False
    """There is sound, but no transcripts."""
    garbage: str | None = None
    """This text is sent before the first output, once."""
    never_closed: bool = False
    """`session.close` gives out the rest, but no `session.closed` and no end of the connection."""
    closing_seconds: float = 0.0
    """Real time from `session.close` until `session.closed`: 3.8 to 5.6 s were measured."""


NO_FAULT: Final = Fault()


@dataclass(slots=True)
class _Cue:
    fault: Fault
    times: int
    language: str | None
    endpoint: Endpoint | None


class Cues:
    """The faults that wait for connections."""

    def __init__(self, usual: Fault = NO_FAULT) -> None:
        """Let `usual` happen to each connection for which no other fault waits."""
        self.usual = usual
        self._waiting: list[_Cue] = []

    def add(self, fault: Fault, times: int, *, language: str | None, endpoint: Endpoint | None) -> None:
        """Let a fault wait for the next few connections. ValueError for a refusal by language.

        Nothing in an upgrade tells the direction, so a refusal cannot be for one of them. Whoever wants that breaks the
        session of this direction first: what then connects is its successor.
        """
        if fault.refuse is not None and language is not None:
            raise ValueError("an upgrade does not tell its language: break the session first, and refuse what follows")
        self._waiting.append(_Cue(fault, times, language, endpoint))

    def clear(self, language: str | None = None) -> None:
        """Let nothing wait any more, or nothing for this language."""
        self._waiting = [cue for cue in self._waiting if language is not None and cue.language != language]

    def at_upgrade(self, endpoint: Endpoint) -> Fault:
        """Give what befalls a connection that is being opened."""
        return self._take(endpoint, None) or self.usual

    def at_update(self, endpoint: Endpoint, language: str) -> Fault | None:
        """Give what befalls a session that has just told its language, if there is anything."""
        return self._take(endpoint, language)

    def _take(self, endpoint: Endpoint, language: str | None) -> Fault | None:
        for cue in self._waiting:
            if cue.language == language and cue.endpoint in (None, endpoint):
                cue.times -= 1
                if cue.times <= 0:
                    self._waiting.remove(cue)
                return cue.fault
        return None
