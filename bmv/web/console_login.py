"""Who may see the console: whoever knew the password, for twelve hours, by a signed cookie.

The cookie is `<session>.<expiry>.<signature>`. Sessions that are open are stored nowhere, so they outlive a restart.
Those that were ended by logging out are remembered until they would have expired, which a restart forgets: a cookie
that somebody copied before is good again then. Another password, LINK_SECRET or auth token ends them all.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

from aiohttp import web

from bmv.web.links import CLOCK_SECONDS

LABEL = b"bmv console 1\n"  # what the key is derived for
COOKIE = "__Host-bmv-console"  # a browser takes it over https alone, from this host, for this host
SESSION_SECONDS = 12 * 3600

_VALUE = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")


class Sessions:
    """Opens sessions for whoever has the password, knows them again, and ends them."""

    def __init__(self, password: str, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        """`secret` is what signs links; see `secret_of`. `clock` gives the seconds since 1970."""
        self._password = password.encode()
        self._key = hmac.digest(secret, LABEL + self._password, sha256)
        self._clock = clock
        self._ended: dict[str, int] = {}  # their expiry, by session

    def fits(self, password: str) -> bool:
        """Whether this is the password, in constant time."""
        return hmac.compare_digest(password.encode("utf-8", "replace"), self._password)

    def begin(self, response: web.StreamResponse) -> None:
        """Give the browser that gets this response a session."""
        session, expiry = secrets.token_urlsafe(16), int(self._clock() + SESSION_SECONDS)
        value = f"{session}.{expiry}.{self._signature(session, expiry)}"
        response.set_cookie(
            COOKIE, value, max_age=SESSION_SECONDS, path="/", secure=True, httponly=True, samesite="Strict"
        )

    def holds(self, request: web.Request) -> bool:
        """Whether the request belongs to a session that is open."""
        return self._session_of(request) is not None

    def end(self, request: web.Request, response: web.StreamResponse) -> None:
        """Log out: the session is over, whoever has its cookie."""
        if known := self._session_of(request):
            now = self._clock()
            self._ended = {each: expiry for each, expiry in self._ended.items() if expiry > now}
            session, expiry = known
            self._ended[session] = expiry
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")

    def _session_of(self, request: web.Request) -> tuple[str, int] | None:
        parts = _VALUE.fullmatch(request.cookies.get(COOKIE, ""))
        if parts is None:
            return None
        session, expiry = parts[1], int(parts[2])
        fits = hmac.compare_digest(parts[3], self._signature(session, expiry))
        left = expiry - self._clock()  # more than there can be was signed by a clock that was ahead
        open_ = fits and 0 < left <= SESSION_SECONDS + CLOCK_SECONDS and session not in self._ended
        return (session, expiry) if open_ else None

    def _signature(self, session: str, expiry: int) -> str:
        digest = hmac.digest(self._key, f"{session}\n{expiry}".encode(), sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
