"""`GET /metrics`: what is measured, for Prometheus to fetch."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from bmv.web import bearer


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
