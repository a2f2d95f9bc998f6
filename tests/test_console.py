"""The console as it is served: who gets in, how a session ends, what is told, and what can be done."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.cookies import Morsel
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from house import HOST, TOKEN, House, house
from wires import log_lines

from bmv.call.leg import Role
from bmv.call.state import EndReason
from bmv.call.view import CallView, DirectionView
from bmv.logs import Sparing
from bmv.web import console
from bmv.web.console_login import COOKIE, SESSION_SECONDS, Sessions
from bmv.web.links import CLOCK_SECONDS, Links, Purpose, secret_of
from bmv.web.overview import STEPS, LagHistory

PASSWORD = "correct-horse-battery"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
WORKER = "WK" + "7" * 32
SECRET = secret_of(None, TOKEN)


class Time:
    now = 1_775_000_000.0


class Supervisor:
    """A browser at the console; it keeps no cookie by itself, since it is not on https."""

    def __init__(self, home: House, http: aiohttp.ClientSession) -> None:
        self._base = home.base_url
        self._http = http
        self.cookie = ""

    async def asks(
        self, method: str, path: str = "", headers: Mapping[str, str] = OWN_PAGE, **options: Any
    ) -> aiohttp.ClientResponse:
        async with self._http.request(
            method,
            f"{self._base}/console{path}",
            headers={"Cookie": f"{COOKIE}={self.cookie}", **headers},
            allow_redirects=False,
            **options,
        ) as answer:
            await answer.read()
            return answer

    async def logs_in(self, password: str = PASSWORD, headers: Mapping[str, str] = OWN_PAGE) -> aiohttp.ClientResponse:
        answer = await self.asks("POST", "/login", headers, data={"password": password})
        if COOKIE in answer.cookies:
            self.cookie = answer.cookies[COOKIE].value
        return answer

    async def does(self, headers: Mapping[str, str] = OWN_PAGE, **action: object) -> aiohttp.ClientResponse:
        return await self.asks("POST", "", headers, json=action)

    async def acts(self, action: object) -> int:
        return (await self.asks("POST", json=action)).status

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[aiohttp.StreamReader]:
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"}
        async with self._http.get(f"{self._base}/console/events", headers=cookie) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/event-stream"
            yield answer.content


async def told(stream: aiohttp.StreamReader) -> dict[str, Any]:
    """What the next `now` says; fails at the end of the stream."""
    async with asyncio.timeout(5):
        while line := await stream.readline():
            if line.startswith(b"data: {"):
                facts: dict[str, Any] = json.loads(line[6:])
                return facts
    raise AssertionError("the stream ended")


@asynccontextmanager
async def open_console() -> AsyncIterator[tuple[House, Supervisor]]:
    async with (
        house(TRANSLATOR="loopback", CONSOLE_PASSWORD=PASSWORD) as home,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        yield home, Supervisor(home, http)


# -- who gets in ------------------------------------------------------------------------------------------------------


async def test_without_a_password_there_is_no_console() -> None:
    async with house(TRANSLATOR="loopback") as home, aiohttp.ClientSession() as http:
        supervisor = Supervisor(home, http)
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("POST", "/login"),
            ("POST", "/logout"),
            ("GET", "/events"),
            ("GET", "/captions/c1"),
        ):
            assert (await supervisor.asks(method, path)).status == 404


async def test_the_password_opens_a_session_by_a_cookie_that_no_script_and_no_other_site_gets_hold_of() -> None:
    with log_lines() as lines:
        async with open_console() as (_, supervisor):
            asked = await supervisor.asks("GET")
            assert asked.status == 200
            assert 'type="password"' in await asked.text()
            answer = await supervisor.logs_in()
            assert (answer.status, answer.headers["Location"]) == (303, "/console")
            cookie: Morsel[str] = answer.cookies[COOKIE]
            assert cookie.key.startswith("__Host-")
            assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Strict")
            assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", str(SESSION_SECONDS))
            page = await supervisor.asks("GET")
            assert 'id="calls"' in await page.text()
            for each in (asked, page):
                policy = each.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "frame-ancestors 'none'" in policy
                assert each.headers["Cache-Control"] == "no-store"
    events = [json.loads(line)["event"] for line in lines.getvalue().splitlines()]
    assert "console_login" in events
    assert PASSWORD not in lines.getvalue()
    assert supervisor.cookie not in lines.getvalue()


async def test_a_wrong_password_is_refused_and_logged_without_it_and_so_is_another_site() -> None:
    with log_lines() as lines:
        async with open_console() as (_, supervisor):
            answer = await supervisor.logs_in("battery-horse correct")
            assert answer.status == 403
            assert "not the password" in await answer.text()
            assert COOKIE not in answer.cookies
            for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
                assert (await supervisor.logs_in(headers=headers)).status == 403
            assert (await supervisor.logs_in(headers={"Origin": f"https://{HOST}"})).status == 303
    assert warnings(lines) == ["console_login_refused"] + 3 * ["action_refused"]
    assert "battery-horse" not in lines.getvalue()


def warnings(lines: io.StringIO) -> list[str]:
    told = map(json.loads, lines.getvalue().splitlines())
    return [each["event"] for each in told if each["level"] == "warning"]


async def test_no_wrong_password_is_lost_among_tries_that_were_not_even_looked_at() -> None:
    with log_lines() as lines:
        async with open_console() as (home, supervisor):
            for _ in range(Sparing.AT_ONCE):
                await supervisor.logs_in(headers={})
            for _ in range(Sparing.AT_ONCE + console.TRIES_AT_ONCE):
                await supervisor.logs_in("wrong password")
            await supervisor.logs_in(headers={})
            assert home
    told = warnings(lines)
    assert told.count("console_login_refused") == console.TRIES_AT_ONCE
    assert told.count("console_login_too_often") == told.count("action_refused") == Sparing.AT_ONCE


async def test_it_is_not_guessed_by_trying_and_who_is_in_stays_in() -> None:
    async with open_console() as (_, supervisor):
        await supervisor.logs_in()
        tried = [(await supervisor.logs_in("wrong password")).status for _ in range(console.TRIES_AT_ONCE)]
        assert tried == [403] * (console.TRIES_AT_ONCE - 1) + [429]
        assert (await supervisor.logs_in()).status == 429, "nor by the right one"
        assert 'id="calls"' in await (await supervisor.asks("GET")).text()


def request_with(cookie: str) -> web.Request:
    return make_mocked_request("GET", "/console", headers={"Cookie": f"{COOKIE}={cookie}"})


def session(password: str = PASSWORD, secret: bytes = SECRET) -> str:
    response = web.Response()
    Sessions(password, secret, clock=lambda: Time.now).begin(response)
    return response.cookies[COOKIE].value


def test_a_cookie_is_good_for_twelve_hours_also_after_a_restart() -> None:
    cookie, now = session(), Time.now
    again = Sessions(PASSWORD, SECRET, clock=lambda: now)
    assert again.holds(request_with(cookie))
    now -= CLOCK_SECONDS  # the clock is put back a little
    assert again.holds(request_with(cookie))
    now -= 1  # and so far that nobody knows for how long it would be good
    assert not again.holds(request_with(cookie))
    now = Time.now + SESSION_SECONDS - 1
    assert again.holds(request_with(cookie))
    now += 1
    assert not again.holds(request_with(cookie))


def forgeries() -> dict[str, str]:
    name, expiry, signature = session().split(".")
    later = str(int(expiry) + 1)
    return {
        "none": "",
        "nonsense": "nonsense",
        "longer": f"{name}.{later}.{signature}",
        "another session": f"{'A' * 22}.{expiry}.{signature}",
        "unsigned": f"{name}.{expiry}.{'A' * 43}",
        "another password": session(password="another password"),
        "another secret": session(secret=b"another secret"),
        "a link": Links(HOST, SECRET).token(Purpose.AGENT, WORKER, 600),
    }


@pytest.mark.parametrize("cookie", forgeries().values(), ids=forgeries())
def test_a_cookie_that_we_did_not_sign_for_this_password_opens_nothing(cookie: str) -> None:
    assert not Sessions(PASSWORD, SECRET, clock=lambda: Time.now).holds(request_with(cookie))


async def test_without_a_session_nothing_is_told_and_nothing_done() -> None:
    async with open_console() as (home, supervisor):
        _, call = await home.calls()
        (view,) = home.server.registry.views()
        supervisor.cookie = session()  # of another clock: it has expired
        for method, path in (("GET", "/events"), ("GET", f"/captions/{view.id}")):
            assert (await supervisor.asks(method, path)).status == 403
        assert (await supervisor.does(end=view.id)).status == 403
        assert (await supervisor.does(agent_link=WORKER)).status == 403
        assert not call.over
        await call.hang_up()


async def test_logging_out_ends_the_session_in_every_tab() -> None:
    async with open_console() as (_, supervisor):
        await supervisor.logs_in()
        async with supervisor.watching() as stream:
            await told(stream)
            assert (await supervisor.asks("POST", "/logout", {"Sec-Fetch-Site": "cross-site"})).status == 403
            answer = await supervisor.asks("POST", "/logout")
            assert (answer.status, answer.headers["Location"]) == (303, "/console")
            assert answer.cookies[COOKIE]["max-age"] == "0"
            async with asyncio.timeout(5):
                await stream.read()
        assert (await supervisor.asks("GET", "/events")).status == 403, "though the cookie was kept"
        assert 'type="password"' in await (await supervisor.asks("GET")).text()


# -- what is told and done --------------------------------------------------------------------------------------------


async def test_every_call_is_told_with_its_directions_and_the_end_of_one_is_counted() -> None:
    async with open_console() as (home, supervisor):
        await supervisor.logs_in()
        async with supervisor.watching() as stream:
            empty = await told(stream)
            assert (empty["calls"], empty["ended"], empty["limit"]) == ([], {}, 50)
            assert (empty["draining"], empty["overloaded"]) == (False, False)
            assert [len(steps) for steps in empty["lags"].values()] == [STEPS, STEPS]
            _, call = await home.calls()
            await home.accepts()
            while not (now := await told(stream))["calls"] or now["calls"][0]["state"] != "bridged":
                pass
            (shown,) = now["calls"]
            assert (shown["caller"], shown["agent"], shown["secured"]) == ("Spanish", "English", False)
            assert shown["worker"].startswith("WK")
            assert set(shown["directions"]["caller"]) == {"mode", "rung", "p50", "p95", "backlog"}
            assert "+34" not in json.dumps(now)
            await call.hang_up()
            while (now := await told(stream))["calls"]:
                pass
            assert now["ended"] == {"caller_hung_up": 1}


async def test_a_call_is_ended_and_both_are_told() -> None:
    with log_lines() as lines:
        async with open_console() as (home, supervisor):
            await supervisor.logs_in()
            _, call = await home.calls()
            await home.accepts()
            (view,) = home.server.registry.views()
            assert (await supervisor.does({"Sec-Fetch-Site": "cross-site"}, end=view.id)).status == 403
            form = await supervisor.asks("POST", "", data={"end": view.id})
            assert form.status == 415
            assert not call.over
            assert (await supervisor.does(end=view.id)).status == 204
            await call.ended(timeout=5)
            await home.empty()
            assert home.server.registry.outcome(view.id) is EndReason.SUPERVISOR
            assert (await supervisor.does(end=view.id)).status == 409
    assert '"console_ends_call"' in lines.getvalue()


@pytest.mark.parametrize("action", [{}, {"end": "c1", "agent_link": WORKER}, {"agent_link": "WK1"}, {"x": 1}])
async def test_what_cannot_be_done_is_refused(action: dict[str, object]) -> None:
    async with open_console() as (_, supervisor):
        await supervisor.logs_in()
        assert await supervisor.acts(action) == 400


@pytest.mark.parametrize("body", [b'{"e\xc7nd": "c1"}', b"[" * 50_000, b""], ids=["not UTF-8", "deep", "nothing"])
async def test_bytes_that_are_no_json_are_refused(body: bytes) -> None:
    async with open_console() as (_, supervisor):
        await supervisor.logs_in()
        headers = {"Content-Type": "application/json", **OWN_PAGE}
        assert (await supervisor.asks("POST", "", headers, data=body)).status == 400


async def test_links_lead_to_the_captions_of_a_call_and_to_an_agents_page() -> None:
    with log_lines() as lines:
        async with open_console() as (home, supervisor):
            await supervisor.logs_in()
            _, call = await home.calls()
            (view,) = home.server.registry.views()
            leads = await supervisor.asks("GET", f"/captions/{view.id}")
            assert leads.status == 303
            _, purpose, token = leads.headers["Location"].split("/")
            assert purpose == "captions"
            assert Links(HOST, SECRET).subject(Purpose.CAPTIONS, token) == view.id
            assert (await supervisor.asks("GET", "/captions/none")).status == 404
            made = await (await supervisor.does(agent_link=WORKER)).json()
            start, agents = made["url"].rsplit("/", 1)
            assert (start, made["hours"]) == (f"https://{HOST}/agent", 12)
            assert Links(HOST, SECRET).subject(Purpose.AGENT, agents) == WORKER
            await call.hang_up()
    assert token not in lines.getvalue()
    assert agents not in lines.getvalue()


# -- the chart --------------------------------------------------------------------------------------------------------


def view_of(lag: float | None, call_id: str = "c1") -> CallView:
    caller = DirectionView(False, False, "translating", lag, None, None, 0.0, 1)
    quiet = DirectionView(False, False, "translating", None, None, None, 0.0, 1)
    directions = {Role.CALLER: caller, Role.AGENT: quiet}
    return CallView(call_id, "bridged", "es", "en", 1.0, directions, False, None, None, None)  # type: ignore[arg-type]


def test_every_turn_counts_once_in_the_step_in_which_it_was_measured_and_for_ten_minutes() -> None:
    history = LagHistory()
    for now, lag in ((100.0, None), (101.0, 2.0), (102.0, 2.0), (109.0, 3.0), (110.0, 3.0), (131.0, 1.5)):
        history.look([view_of(lag)], now)
    lags = history.told(131.0)
    assert lags["caller"][-4:] == [(2.5, 3.0), None, None, (1.5, 1.5)]
    assert set(lags["agent"]) == {None}
    assert [each for each in history.told(709.0)["caller"] if each] == [(1.5, 1.5)]
    assert not any(history.told(800.0)["caller"])
