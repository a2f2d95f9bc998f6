"""Refusals by OpenAI's endpoints: who may try again and when, what is the problem, and where the key does not go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from local_server import serving
from nameless import NoNames
from openai_server import HEADERS, KEY, MODEL, Refusal, endpoint, openai, silent, unconfigured
from structlog.testing import capture_logs

from bmv.call.translator import TranslatorLost
from bmv.metrics import Histogram
from bmv.translators.openai_socket import BODY_BYTES, SILENT_SECONDS, Endpoint

QUOTA = Refusal.of(429, "credit_balance_exhausted", "insufficient_quota")
BUSY = Refusal.of(429, "rate_limit_exceeded", "requests")
SILENT = Refusal(429)


async def refusal(address: Endpoint) -> TranslatorLost:
    with pytest.raises(TranslatorLost) as error:
        async with address.connect(Histogram(), unconfigured):
            pass
    assert KEY not in str(error.value)
    assert address.problem.text == str(error.value)
    return error.value


async def silent_refusals(count: int, *, seconds_apart: float) -> list[TranslatorLost]:
    """Ask again and again where the answer is a 429 that says nothing."""
    clock = [0.0]
    told = []
    async with openai(refuse=[SILENT] * count) as server:
        address = endpoint(server, clock=clock)
        for _ in range(count):
            told.append(await refusal(address))
            clock[0] += seconds_apart
    return told


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_who_is_refused_for_good_need_not_ask_again(status: int) -> None:
    async with openai(refuse=[Refusal.of(status, "x_y")]) as server:
        told = await refusal(endpoint(server))
    assert told.permanent
    assert f"HTTP {status} (x_y)" in str(told)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_who_is_refused_for_now_is_told_when_to_come_back(status: int) -> None:
    async with openai(refuse=[Refusal(status, headers={"Retry-After": "12"})]) as server:
        told = await refusal(endpoint(server))
    assert not told.permanent
    assert told.retry_after == 12


async def test_the_body_of_a_refusal_tells_no_money_from_too_fast() -> None:
    """What aiohttp raises by itself does not hold the body."""
    with capture_logs() as logs:
        async with openai(refuse=[QUOTA, BUSY]) as server:
            address = endpoint(server)
            money, busy = await refusal(address), await refusal(address)
    assert money.permanent
    assert "credit_balance_exhausted" in str(money)
    assert not busy.permanent
    assert "rate_limit_exceeded" in str(busy)
    errors = [entry["error"] for entry in logs if entry["event"] == "translator_refused"]
    assert errors == ["credit_balance_exhausted: No.", "rate_limit_exceeded: No."]


async def test_a_refusal_without_a_readable_body_is_told_by_its_status() -> None:
    async with openai(refuse=[Refusal(503, b"<html>overloaded</html>")]) as server:
        assert str(await refusal(endpoint(server))).endswith("HTTP 503: see the provider's status page")


async def test_the_third_429_in_a_row_that_says_nothing_means_no_money() -> None:
    told = await silent_refusals(4, seconds_apart=SILENT_SECONDS / 2)
    assert [each.permanent for each in told] == [False, False, True, True]
    assert "3 times in a row" in str(told[2])


async def test_calls_that_are_refused_together_with_a_429_that_says_nothing_may_all_try_again() -> None:
    async with openai(refuse=[SILENT] * 6) as server:
        address = endpoint(server, clock=[0.0])
        assert not any([(await refusal(address)).permanent for _ in range(6)])


@pytest.mark.parametrize("between", [BUSY, Refusal(429, headers={"Retry-After": "0"}), Refusal(503), None], ids=str)
async def test_a_429_that_says_nothing_is_not_counted_together_with_those_before_something_else(
    between: Refusal | None,
) -> None:
    async with openai(silent, refuse=[SILENT, SILENT, between, SILENT]) as server:
        address = endpoint(server)
        told = [await refusal(address), await refusal(address)]
        if between is None:
            async with address.connect(Histogram(), unconfigured):
                pass
        else:
            told.append(await refusal(address))
        told.append(await refusal(address))
    assert not any(each.permanent for each in told)


async def test_a_429_that_says_nothing_is_forgotten_after_a_minute() -> None:
    told = await silent_refusals(3, seconds_apart=SILENT_SECONDS / 2 + 1)
    assert not any(each.permanent for each in told)


async def test_a_name_that_cannot_be_looked_up_is_a_loss_that_may_pass() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames())) as http:
        told = await refusal(Endpoint(http, url="https://api.openai.example/v1", headers=HEADERS, model=MODEL))
    assert not told.permanent
    assert "cannot be reached" in str(told)


@asynccontextmanager
async def never_ending_refusal() -> AsyncIterator[str]:
    """A server that announces a body and does not send it."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=429, headers={"Content-Length": "100"})
        await response.prepare(request)
        gone = asyncio.Event()
        await gone.wait()
        return response

    async with serving(web.get("/v1/realtime", refuse), handler_cancellation=True) as address:
        yield f"{address}/v1/realtime"


async def test_a_refusal_whose_body_never_comes_is_one_all_the_same() -> None:
    async with never_ending_refusal() as url, aiohttp.ClientSession() as http:
        told = await refusal(Endpoint(http, url=url, headers=HEADERS, model=MODEL))
    assert "HTTP 429" in str(told)


async def test_of_a_refusal_without_measure_only_the_beginning_is_read() -> None:
    long = Refusal(403, b" " * BODY_BYTES + Refusal.of(403, "x_y").body)
    async with openai(refuse=[long, Refusal.of(403, "x_y")]) as server:
        told, short = await refusal(endpoint(server)), await refusal(endpoint(server))
    assert "HTTP 403" in str(told)
    assert "x_y" not in str(told)
    assert "x_y" in str(short)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_is_not_taken_to_another_address(status: int) -> None:
    async with openai(silent) as elsewhere:
        led = Refusal(status, headers={"Location": f"{elsewhere.url}/realtime/translations"})
        async with openai(silent, refuse=[led]) as server:
            url = f"{server.url}/realtime/translations"
            told = await refusal(Endpoint(server.http, url=url, headers={"api-key": KEY}, model=MODEL))
    assert told.permanent
    assert f"another address (HTTP {status}): check OPENAI_BASE_URL" in str(told)
    assert not elsewhere.sessions
