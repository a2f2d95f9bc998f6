"""The body of a request as it is, for those that are no forms: within a time, and in plain."""

from __future__ import annotations

import asyncio

from aiohttp import web

BODY_SECONDS = 5.0  # for the whole body, from whoever sends it


async def body_of(request: web.Request) -> bytes:
    """All of it. Compressed ones are refused (415), slow ones (408) and broken ones (400); aiohttp those too large."""
    if "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType(text="only what is not compressed\n")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text="that takes too long\n") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise web.HTTPBadRequest(text="that cannot be read\n") from error
