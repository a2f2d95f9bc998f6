"""The console: a supervisor sees all calls of this process, ends one, opens its captions, and makes links for agents.

It has a password of its own; see `console_login` for its sessions. What changes something wants a page of ours as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from string import ascii_letters, digits

import msgspec
import structlog
from aiohttp import web

from bmv.call.registry import CallRegistry
from bmv.call.state import EndReason
from bmv.web import paper
from bmv.web.console_login import SESSION_SECONDS, Sessions
from bmv.web.event_stream import EventStream
from bmv.web.gate import read_form
from bmv.web.links import Links, Purpose
from bmv.web.overview import Overview
from bmv.web.own_pages import RateLimit, from_own_page, read_json

log = structlog.get_logger()

TRIES_AT_ONCE, TRY_SECONDS = 5, 10.0  # of the password, whoever tries: behind a proxy all look alike
ACTIONS_AT_ONCE, ACTION_SECONDS = 10, 1.0
MOST_STREAMS = 20
NEWS_SECONDS = 0.25  # from one look for something new to the next
NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Action(msgspec.Struct, forbid_unknown_fields=True):
    """What the page asks for, one of these: to end a call (its id), or a link for an agent (the worker's SID)."""

    end: str | None = None
    agent_link: str | None = None


class Console:
    """`/console` and what belongs to it. Without a password, which is without `sessions`, there is none of it: 404."""

    PATHS = frozenset(f"/console{more}" for more in ("", "/login", "/logout", "/events", "/captions/{call}"))

    def __init__(
        self, registry: CallRegistry, overview: Overview, *, sessions: Sessions | None, links: Links, public_host: str
    ) -> None:
        self._registry = registry
        self._overview = overview
        self._sessions = sessions
        self._links = links
        self._host = public_host
        self._tries = RateLimit(TRIES_AT_ONCE, TRY_SECONDS)
        self._actions = RateLimit(ACTIONS_AT_ONCE, ACTION_SECONDS)
        self._streams = 0
        self._closing = False

    def routes(self) -> list[web.RouteDef]:
        """All of them; a session is their lock, and Twilio has no part in them."""
        return [
            web.get("/console", self.show),
            web.post("/console", self.act),
            web.post("/console/login", self.log_in),
            web.post("/console/logout", self.log_out),
            web.get("/console/events", self.tell, allow_head=False),
            web.get("/console/captions/{call}", self.open_captions, allow_head=False),
        ]

    async def watching(self, _app: web.Application) -> AsyncIterator[None]:
        """Note what the chart shows, as long as the process serves."""
        task = asyncio.create_task(self._overview.run()) if self._sessions else None
        yield
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def close(self, _app: web.Application | None = None) -> None:
        """The process stops: every stream ends within a moment, and the pages try to come back."""
        self._closing = True

    # -- the password -------------------------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        """The page, or the form that asks for the password."""
        return paper.page("console.html") if self._door().holds(request) else _login()

    async def log_in(self, request: web.Request) -> web.Response:
        """Open a session for whoever has the password; 403 for others, 429 when it is tried too often."""
        sessions = self._door()
        if not from_own_page(request, self._host):
            log.warning("action_refused", reason="it was not asked for by a page of ours")
            return _login("Open this page anew.", HTTPStatus.FORBIDDEN)
        # Each under a name of its own: of what comes often the log leaves lines out, and no wrong password is to be
        # among them.
        if not self._tries.allows(""):
            log.warning("console_login_too_often")
            return _login("Too many tries. Wait a minute.", HTTPStatus.TOO_MANY_REQUESTS)
        if not sessions.fits((await read_form(request)).get("password", "")):
            log.warning("console_login_refused", reason="wrong password")
            return _login("That is not the password.", HTTPStatus.FORBIDDEN)
        log.info("console_login")
        response = _back()
        sessions.begin(response)
        return response

    async def log_out(self, request: web.Request) -> web.Response:
        """End the session, in every tab."""
        sessions = self._door()
        if not from_own_page(request, self._host):
            raise web.HTTPForbidden(text="only a page of ours may ask for that\n")
        response = _back()
        sessions.end(request, response)
        return response

    def _door(self) -> Sessions:
        if self._sessions is None:
            raise web.HTTPNotFound
        return self._sessions

    def _enter(self, request: web.Request) -> Sessions:
        """Raises 403 where there is no session."""
        sessions = self._door()
        if not sessions.holds(request):
            raise web.HTTPForbidden(text="log in first\n")
        return sessions

    # -- what is shown and done ---------------------------------------------------------------------------------

    async def tell(self, request: web.Request) -> web.StreamResponse:
        """How all calls are, until the session or the page is gone."""
        sessions = self._enter(request)
        if self._streams >= MOST_STREAMS:
            raise web.HTTPTooManyRequests(text="the console is open in too many places\n")
        self._streams += 1
        try:
            stream, told = await EventStream.open(request), b""
            with suppress(ConnectionError, TimeoutError):  # the page is gone
                while not self._closing and sessions.holds(request):
                    now = self._overview.told()
                    if now != told:
                        await stream.send(now)
                        told = now
                    await stream.beat()
                    await asyncio.sleep(NEWS_SECONDS)
            return stream.response
        finally:
            self._streams -= 1

    async def act(self, request: web.Request) -> web.Response:
        """End a call (204; 409 when it is over), or make a link for an agent (its `url`)."""
        self._enter(request)
        if not from_own_page(request, self._host):
            log.warning("action_refused", reason="it was not asked for by a page of ours")
            raise web.HTTPForbidden(text="only a page of ours may ask for that\n")
        if not self._actions.allows(""):
            raise web.HTTPTooManyRequests(text="that was too often; wait a moment\n")
        match await read_json(request, Action):
            case Action(end=str(call_id), agent_link=None):
                return self._end(call_id)
            case Action(end=None, agent_link=str(worker)):
                return self._link(worker)
        raise web.HTTPBadRequest(text="either end or agent_link\n")

    async def open_captions(self, request: web.Request) -> web.Response:
        """Lead on to the captions of a call."""
        self._enter(request)
        call = self._registry.find(request.match_info["call"])
        if call is None:
            raise web.HTTPNotFound(text="this call is over\n")
        token = self._links.token(Purpose.CAPTIONS, call.id, SESSION_SECONDS)
        return web.Response(status=HTTPStatus.SEE_OTHER, headers=NO_STORE | {"Location": f"/captions/{token}"})

    def _end(self, call_id: str) -> web.Response:
        call = self._registry.find(call_id)
        if call is None or call.reason:
            raise web.HTTPConflict(text="this call is over\n")
        log.info("console_ends_call", call_id=call.id)
        call.end(EndReason.SUPERVISOR)
        self._overview.stale()
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=NO_STORE)

    def _link(self, worker: str) -> web.Response:
        if not (len(worker) == 34 and worker.startswith("WK") and set(worker) <= set(ascii_letters + digits)):
            raise web.HTTPBadRequest(text="a worker's SID is WK and 32 letters and digits\n")
        log.info("console_makes_link", worker=worker)
        url = self._links.url(Purpose.AGENT, worker, SESSION_SECONDS)
        return web.json_response({"url": url, "hours": SESSION_SECONDS // 3600}, headers=NO_STORE)


def _login(problem: str = "", status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return paper.page("console_login.html", status=status, problem=problem)


def _back() -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers=NO_STORE | {"Location": "/console"})
