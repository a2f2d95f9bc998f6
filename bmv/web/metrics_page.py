"""`GET /metrics`: what is measured, for Prometheus to fetch."""

from __future__ import annotations

import re
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from bmv.web import bearer

LOCAL_NAME = "localhost"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at this name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOCAL_NAME


@web.middleware
async def only_by_address(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who asks for an address or `localhost`, and 403 for any other name.

    Whoever owns a name can let it lead to this machine, and a page from there could then read what is served here
    (DNS rebinding).
    """
    asked_for = re.sub(r":\d*$", "", request.headers.get("Host", "")).lower()
    try:
        ip_address(asked_for.strip("[]"))
    except ValueError:
        if asked_for != LOCAL_NAME:
            raise web.HTTPForbidden(text="ask for the address, such as 127.0.0.1, and not for a name\n") from None
    return await handler(request)


class MetricsPage:
    """The page, once for the public port, where it wants a token, and once for a port of its own, where it does not."""

    PATHS = frozenset({"/metrics"})

    def __init__(self, figures: Collector, *, token: str | None) -> None:
        """Without a `token` there is no such page on the public port."""
        self._token = token
        self._registry = CollectorRegistry()  # of our own: nobody else's metrics get into it
        self._registry.register(figures)
        ProcessCollector(registry=self._registry)

    def routes(self) -> list[web.RouteDef]:
        """For the public port; Twilio has no part in it, so it wants no signature of Twilio's."""
        return [web.get("/metrics", self.show_to_bearer)]

    def open_routes(self) -> list[web.RouteDef]:
        """For a port that only the operator's own machines reach."""
        return [web.get("/metrics", self.show)]

    async def show_to_bearer(self, request: web.Request) -> web.Response:
        """The page, 401 without the token, 404 where none is set."""
        if self._token is None:
            raise web.HTTPNotFound
        if not bearer.bears(request, self._token):
            raise web.HTTPUnauthorized(
                text="the header Authorization must be: Bearer, and the METRICS_TOKEN\n", headers=bearer.CHALLENGE
            )
        return await self.show(request)

    async def show(self, _request: web.Request) -> web.Response:
        """The page."""
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
