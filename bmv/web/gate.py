"""The gate before every handler: who may come in, and the log line on the way out."""

from __future__ import annotations

import asyncio
import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import MultiDict

from bmv.telephony.signatures import SignatureVerifier
from bmv.web.bodies import BODY_SECONDS

log = structlog.get_logger()

FORM = web.RequestKey("form", MultiDict[str])
"""The text fields that were posted, read once by the gate."""

FORM_TYPE = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 64 * 1024  # Twilio's largest webhook, a TaskRouter event with attributes, has a few kilobytes


class Gate:
    """Lets only Twilio's signed requests pass, except on the open paths: health, and what has a lock of its own."""

    def __init__(self, verifier: SignatureVerifier, *, open_paths: frozenset[str]) -> None:
        """`open_paths` are the routes as they are declared, with their `{names}`."""
        self._verifier = verifier
        self._open_paths = open_paths

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the signature, then handle the request; a query string is never logged, it may name a person."""
        route = request.match_info.route.resource
        if request.match_info.http_exception is not None or (route and route.canonical in self._open_paths):
            return await handler(request)
        started = time.perf_counter()
        request[FORM] = form = await read_form(request)
        scheme = "wss" if request.headers.get("Upgrade", "").lower() == "websocket" else "https"
        refused = self._verifier.why_refused(scheme, request.raw_path, form, request.headers)
        if refused is not None:
            log.warning("request_refused", method=request.method, path=request.path, reason=refused)
            raise web.HTTPForbidden(text="not signed by Twilio\n")
        response = await handler(request)
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        log.info("request", method=request.method, path=request.path, status=response.status, ms=milliseconds)
        return response


async def read_form(request: web.Request) -> MultiDict[str]:
    """Every posted text field. What Twilio would not send is refused before it costs anything.

    Larger bodies than Twilio's are refused by aiohttp (413), compressed and other kinds here (415), slow ones (408) and
    broken ones (400).
    """
    if not request.body_exists:
        return MultiDict()
    if request.content_type != FORM_TYPE or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType(text=f"only {FORM_TYPE}\n")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            posted = await request.post()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="the form takes too long\n") from error
    except (ValueError, LookupError, ConnectionError) as error:  # LookupError: a charset that does not exist
        raise web.HTTPBadRequest(text="the form cannot be read\n") from error
    return MultiDict((name, value) for name, value in posted.items() if isinstance(value, str))
