"""Whether the process lives, and whether it can take a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

Check = Callable[[], str | None]
"""None while all is well, else what is wrong, in plain words."""


class Health:
    """`GET /live`: the process answers. `GET /ready`: it can take a further call, or 503 and what is in the way."""

    PATHS = frozenset({"/live", "/ready"})

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    def routes(self) -> list[web.RouteDef]:
        """Both routes; they need no signature and tell nothing about calls."""
        return [web.get("/live", self.live), web.get("/ready", self.ready)]

    async def live(self, _request: web.Request) -> web.Response:
        """200 as long as the event loop turns."""
        return web.json_response({"live": True})

    async def ready(self, _request: web.Request) -> web.Response:
        """200, or 503 with every reason."""
        problems = {name: problem for name, check in self._checks.items() if (problem := check())}
        return web.json_response({"ready": not problems, "problems": problems}, status=503 if problems else 200)
