"""The page of metrics, of the real server with real calls: who may read it, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from house import CALLER_NUMBER, FLEX_NUMBER, MARIA_NUMBER, House, environment, house, tells
from scraping import Scrape, scrape
from structlog.testing import capture_logs

from bmv.app import CannotListen, serving
from bmv.config import Settings
from bmv.simulator import voices
from bmv.simulator.openai import Fault
from bmv.simulator.ports import free_port
from bmv.simulator.twilio import Party

TOKEN = "a-token-of-the-scraper"
SPANISH = voices.speak("Buenas tardes, mi pedido todavía no ha llegado.", "es")


async def status(url: str, headers: dict[str, str] | None = None) -> tuple[int, str, str | None]:
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers.get("WWW-Authenticate")


def inside(home: House) -> str:
    return f"http://127.0.0.1:{home.server.metrics_port}/metrics"


def falls(before: Scrape, after: Scrape) -> dict[object, tuple[float, float]]:
    """What went back, or is no longer there."""
    now = after.counters
    return {key: (was, now.get(key, -1)) for key, was in before.counters.items() if now.get(key, -1) < was}


async def until(happened: Callable[[Scrape], bool], url: str) -> Scrape:
    """Scrape until it shows."""
    async with asyncio.timeout(15):
        while not happened(page := await scrape(url)):
            await asyncio.sleep(0.05)
    return page


# -- who may read it --------------------------------------------------------------------------------------------------


async def test_without_the_token_nothing_is_told() -> None:
    wrong = [{}, *({"Authorization": each} for each in ("", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", TOKEN, "ä"))]
    with capture_logs() as logs:
        async with house(TRANSLATOR="loopback", METRICS_TOKEN=TOKEN) as home:
            for headers in wrong:
                code, text, challenge = await status(f"{home.base_url}/metrics", headers)
                assert (code, challenge) == (401, "Bearer")
                assert "bmv_" not in text
    refused = [entry["path"] for entry in logs if entry["event"] == "request_refused"]
    assert refused == ["/metrics"] * len(wrong)
    assert TOKEN not in str(logs)
    assert "wrong" not in str(logs)


async def test_with_the_token_it_is_told_and_the_token_opens_nothing_else() -> None:
    async with house(TRANSLATOR="loopback", METRICS_TOKEN=TOKEN, API_TOKEN="another-token-of-the-tests") as home:
        page = await scrape(f"{home.base_url}/metrics", TOKEN)
        assert page["bmv_calls_limit"] == 50
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert (await status(f"{home.base_url}/calls/1", headers))[0] == 401
        assert (await status(f"{home.base_url}/intercept", headers))[0] == 403
        async with aiohttp.ClientSession() as http, http.post(f"{home.base_url}/metrics", headers=headers) as answer:
            assert answer.status == 405


async def test_where_nothing_is_set_there_is_no_such_page() -> None:
    async with house(TRANSLATOR="loopback") as home:
        assert home.server.metrics_port is None
        for headers in ({}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer "}):
            assert (await status(f"{home.base_url}/metrics", headers))[0] == 404


async def test_on_a_port_of_its_own_it_wants_no_token_and_there_is_nothing_else() -> None:
    async with house(TRANSLATOR="loopback", METRICS_PORT="0") as home:
        assert (await scrape(inside(home)))["bmv_calls_limit"] == 50
        for path in ("/", "/live", "/ready", "/calls", "/intercept"):
            assert (await status(inside(home).replace("/metrics", path)))[0] == 404
        assert (await status(f"{home.base_url}/metrics"))[0] == 404  # from outside there is none
        port = home.server.metrics_port
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_page_whose_name_leads_to_this_machine_cannot_read_them() -> None:
    async with house(TRANSLATOR="loopback", METRICS_PORT="0") as home:
        for host in ("evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example", "evil:x:1", "[evil]", ""):
            code, text, _ = await status(inside(home), {"Host": host})
            assert (code, "bmv_" in text) == (403, False), host
        for host in ("127.0.0.1:9464", "127.0.0.1", "localhost:9464", "LOCALHOST", "[::1]:9464", "10.0.0.7:9464"):
            assert (await status(inside(home), {"Host": host}))[0] == 200, host


async def test_a_port_that_others_reach_may_be_asked_for_by_any_name() -> None:
    async with (
        house(TRANSLATOR="loopback", METRICS_PORT="0", METRICS_HOST="0.0.0.0") as home,  # noqa: S104 - as in a container
    ):
        assert (await status(inside(home), {"Host": "bmv:9464"}))[0] == 200


async def test_a_port_that_is_taken_is_said_to_be_that_of_the_metrics() -> None:
    async with house(TRANSLATOR="loopback", METRICS_PORT=str(free_port())) as home:
        changes = {"TRANSLATOR": "loopback", "METRICS_PORT": str(home.server.metrics_port)}
        with pytest.raises(CannotListen) as raised:
            async with serving(Settings.load(environment(home.twilio, home.openai, changes))):
                pass
    assert raised.value.setting == "METRICS"
    assert raised.value.where == f"127.0.0.1:{changes['METRICS_PORT']}"


# -- what it says -----------------------------------------------------------------------------------------------------


async def test_a_call_is_seen_while_it_lasts_and_its_figures_stay_when_it_is_over() -> None:
    async with house(METRICS_PORT="0") as home:
        nobody = await scrape(inside(home))
        maria, call = await home.calls()
        waiting = await until(lambda page: page.of("bmv_calls", state="queued") == 1, inside(home))
        assert waiting["bmv_calls_free"] == 49
        alex, _ = await home.accepts()
        await until(lambda page: page.of("bmv_directions", mode="translating") == 2, inside(home))
        await tells(maria, SPANISH, alex)
        talking = await scrape(inside(home))
        assert talking.of("bmv_calls", state="bridged") == talking["bmv_calls"] == 1
        assert talking.of("bmv_directions_on_rung", rung="1") == 2
        assert talking.of("bmv_lag_seconds_count", speaker="caller") == 1
        assert talking.of("bmv_lag_seconds_count", speaker="agent") == 0
        assert 0.1 < talking.of("bmv_lag_seconds_sum", speaker="caller") < 5
        assert talking.of("bmv_lag_seconds_bucket", speaker="caller", le="15.0") == 1
        assert talking.of("bmv_uplink_seconds_count", speaker="caller") > 10
        assert talking.of("bmv_downlink_seconds_count", speaker="caller") >= 1
        assert talking.of("bmv_frames_received_total", party="caller") > 100
        assert talking.of("bmv_frames_sent_total", party="agent") > 50
        assert talking.of("bmv_speech_heard_seconds_total", speaker="caller") > 1
        assert talking.of("bmv_cost_usd_total", speaker="caller") > 0
        assert talking.of("bmv_backlog_worst_seconds", speaker="caller") > 0
        assert talking["bmv_event_loop_lag_seconds_count"] > 100
        assert talking["process_resident_memory_bytes"] > 10_000_000
        await call.hang_up()
        await home.empty()
        over = await scrape(inside(home))
    assert over["bmv_calls"] == over["bmv_directions"] == 0
    assert over["bmv_calls_free"] == 50
    assert over.of("bmv_calls_ended_total", reason="caller_hung_up") == over["bmv_calls_ended_total"] == 1
    assert over.of("bmv_speech_seconds_total", speaker="caller", bin="translated") > 1
    assert over["bmv_speech_seconds_total"] == pytest.approx(over["bmv_speech_heard_seconds_total"])
    assert over.of("bmv_call_worst_backlog_seconds_count", speaker="caller") == 1
    for before, after in ((nobody, waiting), (waiting, talking), (talking, over)):
        assert not falls(before, after)


async def test_a_lost_session_is_counted_and_so_is_the_one_in_its_place() -> None:
    async with house(METRICS_PORT="0") as home:
        home.openai.fail_next(Fault(reset_after=1.0), times=2)
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        maria.say(SPANISH)
        page = await until(lambda page: page["bmv_sessions_reopened_total"] == 2, inside(home))
        assert page["bmv_sessions_lost_total"] == 2
        assert page["bmv_sessions_opened_total"] == 4
        assert page["bmv_sessions_refused_total"] == 0
        await call.hang_up()
        await home.empty()
        assert not falls(page, await scrape(inside(home)))


async def test_callers_who_are_turned_away_and_a_process_that_is_full_are_seen() -> None:
    async with house(TRANSLATOR="loopback", MAX_CALLS="1", METRICS_PORT="0") as home:
        _, call = await home.calls()
        full = await scrape(inside(home))
        assert (full["bmv_calls_free"], full.of("bmv_problem", check="capacity"), full["bmv_problem"]) == (0, 1, 1)
        second = await home.twilio.dial(from_="+34911222444", to=CALLER_NUMBER, party=Party("Ines"))
        await second.ended(timeout=5)
        assert (await scrape(inside(home))).of("bmv_calls_refused_total", reason="busy") == 1
        await call.hang_up()


async def test_nothing_on_the_page_tells_a_call_or_a_person() -> None:
    async with house(METRICS_PORT="0") as home:
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        (running,) = home.server.registry._calls.values()
        page = await scrape(inside(home))
        for private in (running.id, MARIA_NUMBER[1:], CALLER_NUMBER[1:], FLEX_NUMBER[1:], str(call.sid)):
            assert private not in page.text
        assert len(page.samples) < 400
        await call.hang_up()
