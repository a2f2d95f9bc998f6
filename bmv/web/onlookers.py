"""The pages of those who look on: the captions of one call, and of whatever call an agent is in.

Both are opened by a signed link and follow what happens by server-sent events. What they can do, pause the translation
and have a phrase said, wants the same link, a page of ours, and patience.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from bmv.call.registry import CallRegistry
from bmv.call.session import CallSession
from bmv.call.transcript import Transcript, Transcripts
from bmv.web import call_news, paper
from bmv.web.event_stream import EventStream, last_seen
from bmv.web.links import LinkRefused, Links, Purpose
from bmv.web.own_pages import RateLimit, from_own_page, read_json

log = structlog.get_logger()

LOOK_SECONDS = 0.2  # from one look at a call to the next: who speaks, how late the translation is
CALM_SECONDS = 0.08  # between two versions of a line that grows; more often nobody could read
ACTIONS_AT_ONCE, ACTION_SECONDS = 6, 2.0
MOST_STREAMS = 20  # pages open at once by one link
FRAMED_BY = f"'self' {paper.FLEX}"
TITLES = {Purpose.CAPTIONS: "Captions", Purpose.AGENT: "Captions of your calls"}


class Action(msgspec.Struct, forbid_unknown_fields=True):
    """What a page asks for: in which call (its id), and one of these."""

    call: str
    pause: bool | None = None
    say: str | None = None


class Onlookers:
    """`/captions/{token}` and `/agent/{token}`: the page (GET), its `/events`, and what its buttons do (POST)."""

    PATHS = frozenset(f"/{purpose}/{{token}}{more}" for purpose in Purpose for more in ("", "/events"))

    def __init__(
        self, registry: CallRegistry, transcripts: Transcripts, *, links: Links, public_host: str, captions: bool
    ) -> None:
        """`captions` says whether there are any; without them the pages still show whose turn it is, and act."""
        self._registry = registry
        self._transcripts = transcripts
        self._captions = captions
        self._links = links
        self._host = public_host
        self._limit = RateLimit(ACTIONS_AT_ONCE, ACTION_SECONDS)
        self._streams: dict[str, int] = {}  # how many are open, by subject
        self._closing = False

    def routes(self) -> list[web.RouteDef]:
        """Three for each kind of page; a link is their lock, and Twilio has no part in them."""
        routes = []
        for purpose in Purpose:
            path = f"/{purpose}/{{token}}"
            routes += [
                web.get(path, self.show),
                web.get(f"{path}/events", self.tell, allow_head=False),
                web.post(path, self.act),
            ]
        return routes

    async def close(self, _app: web.Application | None = None) -> None:
        """The process stops: every stream ends within a moment, and the pages try to come back."""
        self._closing = True

    # -- what is asked ------------------------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        """The page itself: it holds nothing of the call, and asks for that by and by."""
        try:
            purpose, _ = self._opened(request)
        except web.HTTPForbidden:
            return paper.page("refused.html", framed_by=FRAMED_BY, status=HTTPStatus.FORBIDDEN)
        return paper.page("captions.html", framed_by=FRAMED_BY, purpose=purpose.value, title=TITLES[purpose])

    async def tell(self, request: web.Request) -> web.StreamResponse:
        """What happens, from what the page has seen last on, until the call is over, or page or link are gone."""
        purpose, subject = self._opened(request)
        if self._streams.get(subject, 0) >= MOST_STREAMS:
            raise web.HTTPTooManyRequests(text="this link is open in too many places\n")
        self._streams[subject] = self._streams.get(subject, 0) + 1
        try:
            stream = await EventStream.open(request)
            with suppress(ConnectionError, TimeoutError):  # the page is gone, or may read no further
                async with asyncio.timeout(self._links.lasts(request.match_info["token"])):
                    if purpose is Purpose.CAPTIONS:
                        await self._follow(stream, subject, last_seen(request), lambda: True)
                    else:
                        await self._accompany(stream, subject, last_seen(request))
            return stream.response
        finally:
            self._streams[subject] -= 1
            if not self._streams[subject]:
                del self._streams[subject]

    async def act(self, request: web.Request) -> web.Response:
        """Pause the translation or go on with it, or say a phrase; 409 when the call has no place for it now."""
        purpose, subject = self._opened(request)
        if not from_own_page(request, self._host):
            log.warning("action_refused", reason="it was not asked for by a page of ours")
            raise web.HTTPForbidden(text="only a page of ours may ask for that\n")
        if not self._limit.allows(subject):
            raise web.HTTPTooManyRequests(text="that was too often; wait a moment\n")
        action = await read_json(request, Action)
        call = self._registry.find(action.call)
        if call is None or call.reason or self._call_of(purpose, subject) is not call:
            raise web.HTTPConflict(text="this call is over\n")
        _perform(action, call)
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})

    def _opened(self, request: web.Request) -> tuple[Purpose, str]:
        """What the link in the path is for, and whom it is about. Raises 403, and tells the log why, not which."""
        purpose = Purpose(request.path.split("/")[1])
        try:
            return purpose, self._links.subject(purpose, request.match_info["token"])
        except LinkRefused as refused:
            log.warning("link_refused", page=purpose.value, reason=str(refused))
            raise web.HTTPForbidden(text="this link does not work, or not any more\n") from refused

    def _call_of(self, purpose: Purpose, subject: str) -> CallSession | None:
        return self._registry.find(subject) if purpose is Purpose.CAPTIONS else self._registry.call_of_worker(subject)

    # -- what is told -------------------------------------------------------------------------------------------

    async def _accompany(self, stream: EventStream, worker: str, seen: str) -> None:
        """One call of an agent after the other, as long as the page is there."""
        over: CallSession | None = None  # which the agent may still be in for a moment
        waits = False
        while not self._closing:
            call = self._registry.call_of_worker(worker)
            if call and call is not over:
                waits = False
                await self._follow(stream, call.id, seen, partial(self._is_in, worker, call))
            elif not waits:
                waits = True
                await stream.send(call_news.waiting_told())
            over = call
            await stream.beat()
            await asyncio.sleep(LOOK_SECONDS)

    def _is_in(self, worker: str, call: CallSession) -> bool:
        return self._registry.call_of_worker(worker) is call

    async def _follow(self, stream: EventStream, call_id: str, seen: str, goes_on: Callable[[], bool]) -> None:
        """Everything about one call that the page has not seen; returns when the call is over, or is to be left."""
        transcript = self._transcripts.of(call_id)
        after = call_news.seen_of(call_id, seen)
        told: tuple[object, bytes] = ((), b"")
        while transcript and not self._closing:
            over = transcript.over or not goes_on()  # before the lines are read: what comes last is to be told
            told, news = self._news(call_id, told)
            lines = transcript.lines(after)
            after = lines[-1].event if lines else after
            await stream.send(*news, *call_news.lines_told(call_id, lines))
            if over:
                break
            await stream.beat()
            await _until_news(transcript, after)
        if not self._closing:
            await stream.send(call_news.over_told())

    def _news(self, call_id: str, told: tuple[object, bytes]) -> tuple[tuple[object, bytes], list[bytes]]:
        """What has changed of a running call since it was told last, and what is told by then."""
        call = self._registry.find(call_id)
        if call is None:
            return told, []
        view = call.view()
        who = (view.caller_language, view.agent_language)
        now = call_news.view_told(view)
        news = [call_news.call_told(view, captions=self._captions)] if who != told[0] else []
        return (who, now), news + ([now] if now != told[1] else [])


async def _until_news(transcript: Transcript, after: int) -> None:
    """Wait a moment, and then until there is something to read or to look at again."""
    await asyncio.sleep(CALM_SECONDS)
    try:
        async with asyncio.timeout(LOOK_SECONDS - CALM_SECONDS):
            await transcript.changed(after)
    except TimeoutError:
        pass


def _perform(action: Action, call: CallSession) -> None:
    match action:
        case Action(pause=bool(pause), say=None):
            call.secure(pause)
        case Action(pause=None, say=str(name)):
            sentence = call_news.phrase_named(name)
            if sentence is None:
                raise web.HTTPBadRequest(text="there is no such phrase\n")
            if not call.say_phrase(sentence):
                raise web.HTTPConflict(text="the caller cannot hear it now\n")
        case _:
            raise web.HTTPBadRequest(text="either pause or say\n")
