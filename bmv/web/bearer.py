"""The lock of routes that a token opens: `Authorization: Bearer`, compared in constant time."""

from __future__ import annotations

import hmac

import structlog
from aiohttp import web

log = structlog.get_logger()

CHALLENGE = {"WWW-Authenticate": "Bearer"}
"""What an answer 401 has to say."""


def bears(request: web.Request, token: str) -> bool:
    """Whether the request has the token; that it has not is logged, without what it has instead."""
    given = request.headers.get("Authorization", "")
    if hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {token}".encode()):
        return True
    log.warning("request_refused", method=request.method, path=request.path, reason="the token does not fit")
    return False
