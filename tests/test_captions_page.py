"""The pages of those who look on, as they are served: who is let in, and what is told in which order."""

from __future__ import annotations

import asyncio
import json
import re
import time

import aiohttp
import pytest
from looking_on import (
    AGENT_PATH,
    DAY,
    LINKS,
    OWN_PAGE,
    TRANSLATION,
    WORKER,
    Event,
    Page,
    bridged,
    captions_path,
    reading,
    says,
)
from wires import LINK_SECRET, PUBLIC_HOST, House, house, log_lines

from bmv.call.leg import Role
from bmv.call.state import EndReason
from bmv.languages import PHRASES
from bmv.web import event_stream, onlookers
from bmv.web.links import Links, Purpose


async def read(page: Page, count: int) -> list[Event]:
    """The next so many lines."""
    lines: list[Event] = []
    while len(lines) < count:
        lines += [event for event in await page.until("line") if event[0] == "line"]
    return lines


# -- who is let in ----------------------------------------------------------------------------------------------------


async def test_the_page_runs_our_scripts_alone_is_kept_by_nobody_and_may_be_framed_by_flex() -> None:
    async with house() as home:
        for path in (captions_path("c1"), AGENT_PATH):
            page = await home.send("GET", path)
            assert page.status == 200
            policy = dict(part.split(maxsplit=1) for part in page.headers["Content-Security-Policy"].split("; "))
            assert policy["default-src"] == policy["base-uri"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert policy["frame-ancestors"] == "'self' https://flex.twilio.com"
            assert page.headers["Cache-Control"] == "no-store"
            assert page.headers["Referrer-Policy"] == "no-referrer"
            assert page.headers["X-Content-Type-Options"] == "nosniff"
            assert "Set-Cookie" not in page.headers
            assert "X-Frame-Options" not in page.headers
            text = await page.text()
            assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=|https?:", text)


BAD = {
    "nonsense": "nonsense",
    "expired": Links(PUBLIC_HOST, LINK_SECRET, clock=lambda: time.time() - 100).token(Purpose.CAPTIONS, "c1", 60),
    "forged": Links(PUBLIC_HOST, b"another secret").token(Purpose.CAPTIONS, "c1", DAY),
    "foreign": LINKS.token(Purpose.AGENT, WORKER, DAY),
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
async def test_a_link_that_is_not_good_opens_nothing_and_is_not_logged(token: str) -> None:
    with log_lines() as lines:
        async with house() as home:
            page = await home.send("GET", f"/captions/{token}")
            assert page.status == 403
            assert "does not work" in await page.text()
            assert "frame-ancestors" in page.headers["Content-Security-Policy"]
            assert (await home.send("GET", f"/captions/{token}/events")).status == 403
            assert (await home.send("POST", f"/captions/{token}", headers=OWN_PAGE, data="{}")).status == 403
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert len([each for each in told if each["event"] == "link_refused"]) == 3
    assert token not in lines.getvalue()


async def test_a_page_that_stays_open_is_told_nothing_any_more_once_its_link_has_expired() -> None:
    short = LINKS.token(Purpose.AGENT, WORKER, 2)  # which are whole seconds: it is good for one at least
    async with house() as home, reading(home, f"/agent/{short}/events") as page:
        await page.until("waiting")
        assert [name for name, _, _ in await page.rest()] == []
        assert (await home.send("GET", f"/agent/{short}/events")).status == 403


async def test_an_agents_page_wants_an_agents_link() -> None:
    async with house() as home:
        for token in ("x", WORKER, LINKS.token(Purpose.CAPTIONS, "c1", 60)):
            for more in ("", "/events"):
                assert (await home.send("GET", f"/agent/{token}{more}")).status == 403


async def test_styles_and_scripts_are_sent_again_only_when_they_have_changed() -> None:
    async with house() as home:
        script = await home.send("GET", "/pages/captions.js")
        assert (script.status, script.content_type) == (200, "text/javascript")
        assert script.headers["X-Content-Type-Options"] == "nosniff"
        assert script.headers["Cache-Control"] == "no-cache", "the next version is not kept from anybody"
        again = await home.send("GET", "/pages/captions.js", headers={"If-None-Match": script.headers["ETag"]})
        assert again.status == 304
        for name in ("captions.html", "none.js", "..%2fgate.py", "__init__.py"):
            assert (await home.send("GET", f"/pages/{name}")).status == 404


# -- what is told -----------------------------------------------------------------------------------------------------


async def test_the_page_is_told_who_talks_how_it_goes_and_what_was_said_in_order() -> None:
    async with house() as home:
        call = await home.call()
        says(call, 1, "Hola <script>alert(1)</script>")
        says(call, 1, "Hello", kind=TRANSLATION)
        says(call, 1, "Good", role=Role.AGENT)
        async with reading(home, captions_path(call.id) + "/events") as page:
            (first, _, who), (second, _, how) = [await page.event() for _ in range(2)]  # type: ignore[misc]
            assert (first, who["id"], who["caller"]["own"], who["agent"]["tag"]) == ("call", call.id, "Español", "en")
            assert [phrase["name"] for phrase in who["phrases"]] == [each.name.lower() for each in PHRASES]
            assert who["phrases"][0]["caller"] == call.language(Role.CALLER).sentences[PHRASES[0]]
            assert (second, how["state"], how["secured"]) == ("view", "answered", False)
            assert set(how["directions"]) == {"caller", "agent"}
            lines = await read(page, 3)
            assert [(data["speaker"], data["kind"], data["text"]) for _, _, data in lines] == [
                ("caller", "original", "Hola <script>alert(1)</script>"),
                ("caller", "translation", "Hello"),
                ("agent", "original", "Good"),
            ]
            assert [name for _, name, _ in lines] == [f"{call.id}:{number}" for number in (1, 2, 3)]
            says(call, 1, "Good morning", role=Role.AGENT)
            ((_, name, grown),) = await read(page, 1)
            assert (name, grown["text"], grown["line"], grown["final"]) == (f"{call.id}:4", "Good morning", 1, False)


@pytest.mark.parametrize(("caller", "same"), [("spanish", False), ("english", True)])
async def test_the_page_is_told_whether_both_speak_one_language(caller: str, same: bool) -> None:
    async with house() as home:
        call = await home.call(caller)
        async with reading(home, captions_path(call.id) + "/events") as page:
            (*_, (_, _, who)) = await page.until("call")
            assert who["same"] is same


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_page_that_comes_back_is_told_what_it_has_missed_and_nothing_twice(by: str) -> None:
    async with house() as home:
        call = await home.call()
        for number in range(1, 6):
            says(call, number, f"frase {number}")
        path = captions_path(call.id) + "/events"
        async with reading(home, path) as page:
            seen = (await read(page, 5))[2][1]
        says(call, 6, "while it was gone")
        after = int(seen.rpartition(":")[2])
        headers = {"Last-Event-ID": seen} if by == "header" else {}
        async with reading(home, path if by == "header" else f"{path}?after={seen}", headers) as page:
            missed = await read(page, len(call.transcript.lines(after)))
        assert [(data["event"], data["text"]) for _, _, data in missed] == [
            (line.event, line.text) for line in call.transcript.lines(after)
        ]
        assert missed[-1][2]["text"] == "while it was gone"


@pytest.mark.parametrize("seen", ["another:3", "nonsense", ":", "x" * 10_000, "é:1"])
async def test_a_page_that_has_seen_something_else_is_told_all(seen: str) -> None:
    async with house() as home:
        call = await home.call()
        says(call, 1, "hola")
        async with reading(home, captions_path(call.id) + "/events", {"Last-Event-ID": seen[:4000]}) as page:
            assert [data["text"] for _, _, data in await read(page, 1)] == ["hola"]


async def test_the_last_words_and_the_end_are_told_and_then_no_more_is_awaited() -> None:
    async with house() as home:
        call = await home.call()
        path = captions_path(call.id) + "/events"
        async with reading(home, path) as page:
            says(call, 1, "adiós")
            await read(page, 1)
            call.end(EndReason.CALLER_HUNG_UP)
            rest = await page.rest()
            assert [data["text"] for name, _, data in rest if name == "line" and data["final"]] == ["adiós"]
            assert rest[-1][0] == "over"
        await home.over()
        async with reading(home, path) as page:
            assert [name for name, _, _ in await page.rest()] == ["over"], "it is not kept"


async def test_a_quiet_stream_says_now_and_then_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "BEAT", 0.05)
    async with house() as home:
        async with reading(home, AGENT_PATH + "/events") as page:
            assert [name for name, _, _ in await page.until("beat")] == ["waiting", "beat"]
        call = await home.call()
        async with reading(home, captions_path(call.id) + "/events") as page:
            assert [name for name, _, _ in await page.until("beat")] == ["call", "view", "beat"]


async def test_a_page_that_goes_away_is_no_trouble_and_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onlookers, "MOST_STREAMS", 1)
    with log_lines() as lines:
        async with house() as home:
            call = await home.call()
            path = captions_path(call.id) + "/events"
            for _ in range(2):
                async with reading(home, path) as page:
                    await page.until("view")
                says(call, 1, "hola")
                async with asyncio.timeout(5):
                    while await may_not_read(home, path):
                        await asyncio.sleep(0.05)
    assert "Traceback" not in lines.getvalue()


async def may_not_read(home: House, path: str) -> bool:
    async with home.http.get(str(home.url.origin()) + path) as response:
        return response.status == 429


async def test_a_link_is_not_open_in_more_places_than_anybody_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onlookers, "MOST_STREAMS", 1)
    async with house() as home, reading(home, AGENT_PATH + "/events"):
        assert (await home.send("GET", AGENT_PATH + "/events")).status == 429


async def test_when_the_process_stops_every_stream_ends_and_no_call_is_said_to_be_over() -> None:
    async with aiohttp.ClientSession() as browser:
        async with house() as home:
            response = await browser.get(str(home.url.origin()) + AGENT_PATH + "/events")
            page = Page(response.content)
            await page.until("waiting")
        assert await page.rest() == []
        response.close()


async def test_a_call_that_goes_on_while_the_process_stops_is_not_said_to_be_over() -> None:
    async with house() as home:
        call = await home.call()
        async with reading(home, captions_path(call.id) + "/events") as page:
            await page.until("view")
            await home.server.app.shutdown()
            assert "over" not in [name for name, _, _ in await page.rest()]


# -- an agent's page --------------------------------------------------------------------------------------------------


async def test_an_agents_page_waits_and_goes_from_call_to_call() -> None:
    async with house() as home, reading(home, AGENT_PATH + "/events") as page:
        assert [name for name, _, _ in await page.until("waiting")] == ["waiting"]
        for number in range(2):
            call = await bridged(home, call_sid=f"CA{number:032}")
            assert (await page.until("call"))[-1][2]["id"] == call.id
            says(call, 1, "hola")
            assert (await read(page, 1))[0][1] == f"{call.id}:1"
            call.end(EndReason.CALLER_HUNG_UP)
            assert [name for name, _, _ in await page.until("waiting") if name != "line"][-2:] == [
                "over",
                "waiting",
            ]
            await home.over()
            home.registry.draining = False
            home.carrier.dialled.clear()


async def test_who_has_left_a_call_reads_no_further() -> None:
    async with house() as home:
        call = await bridged(home)
        async with reading(home, AGENT_PATH + "/events") as page:
            await page.until("call")
            call.agent_left("WR1")
            await page.until("waiting")
            says(call, 1, "not for these eyes")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):
                    await page.event()
