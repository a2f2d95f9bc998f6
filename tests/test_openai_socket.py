"""The socket under both of OpenAI's endpoints, against a local server: opening, refusals, sending, closing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from nameless import NoNames
from openai_server import KEY, MODEL, OpenAI, Refusal, Session, openai
from structlog.testing import capture_logs

from bmv.call.alongside import alongside
from bmv.call.translator import TranslatorLost
from bmv.metrics import Histogram
from bmv.translators.openai_socket import (
    BODY_BYTES,
    OUTBOX_MESSAGES,
    SESSION_SECONDS,
    SILENT_SECONDS,
    Endpoint,
    Line,
    renew_after,
)

QUOTA = Refusal.of(429, "credit_balance_exhausted", "insufficient_quota")
BUSY = Refusal.of(429, "rate_limit_exceeded", "requests")
SILENT = Refusal(429)
HEADERS = {"Authorization": f"Bearer {KEY}"}


def endpoint(server: OpenAI, *, send_seconds: float = 5, clock: list[float] | None = None) -> Endpoint:
    times = clock if clock is not None else [0.0]
    return Endpoint(
        server.http,
        url=f"{server.url}/realtime/translations",
        headers=HEADERS,
        model=MODEL,
        send_seconds=send_seconds,
        clock=lambda: times[0],
    )


async def unconfigured(line: Line) -> None:
    """Be content with the open socket."""


async def refusal(address: Endpoint) -> TranslatorLost:
    with pytest.raises(TranslatorLost) as error:
        async with address.connect(Histogram(), unconfigured):
            pass
    assert KEY not in str(error.value)
    assert address.problem.text == str(error.value)
    return error.value


async def listening(session: Session) -> None:
    """Say nothing; what the client sends is recorded."""


# -- refusals -------------------------------------------------------------------------------------------------------


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
    clock = [0.0]
    async with openai(refuse=[SILENT] * 4) as server:
        address = endpoint(server, clock=clock)
        told = []
        for _ in range(4):
            told.append(await refusal(address))
            clock[0] += SILENT_SECONDS / 2
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
    async with openai(listening, refuse=[SILENT, SILENT, between, SILENT]) as server:
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
    clock = [0.0]
    async with openai(refuse=[SILENT] * 3) as server:
        address = endpoint(server, clock=clock)
        told = []
        for _ in range(3):
            told.append(await refusal(address))
            clock[0] += SILENT_SECONDS / 2 + 1
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

    app = web.Application()
    app.router.add_get("/v1/realtime", refuse)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/realtime"
    finally:
        await runner.cleanup()


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
    async with openai(listening) as elsewhere:
        led = Refusal(status, headers={"Location": f"{elsewhere.url}/realtime/translations"})
        async with openai(listening, refuse=[led]) as server:
            url = f"{server.url}/realtime/translations"
            told = await refusal(Endpoint(server.http, url=url, headers={"api-key": KEY}, model=MODEL))
    assert told.permanent
    assert f"another address (HTTP {status}): check OPENAI_BASE_URL" in str(told)
    assert not elsewhere.sessions


# -- opening --------------------------------------------------------------------------------------------------------


async def test_a_configuration_that_fails_closes_the_socket_and_is_the_problem() -> None:
    async def fail(line: Line) -> None:
        raise TranslatorLost("not like this")

    before = asyncio.all_tasks()
    async with openai(listening) as server:
        address = endpoint(server)
        with pytest.raises(TranslatorLost, match="not like this"):
            async with address.connect(Histogram(), fail):
                pass
        assert address.problem.text == "not like this"
        await server.session.closed.wait()
    assert asyncio.all_tasks() == before


async def test_several_lines_of_one_endpoint_do_not_disturb_each_other() -> None:
    async with openai(listening) as server:
        address = endpoint(server)
        async with address.connect(Histogram(), unconfigured) as first:
            async with address.connect(Histogram(), unconfigured) as second:
                second.post(b'{"of":"second"}', audio=False)
                await arrived(server.sessions[1], 1)
            first.post(b'{"of":"first"}', audio=False)
            await arrived(server.sessions[0], 1)
    assert [session.received for session in server.sessions] == [[{"of": "first"}], [{"of": "second"}]]


async def arrived(session: Session, count: int) -> None:
    while len(session.received) < count:  # bounded by the server's own time limit
        await asyncio.sleep(0.001)


# -- sending --------------------------------------------------------------------------------------------------------


async def test_messages_are_sent_in_their_order_and_the_waiting_is_measured() -> None:
    uplink = Histogram()
    async with openai(listening) as server, endpoint(server).connect(uplink, unconfigured) as line:
        await line.send(b'{"n":0}')
        assert all(line.post(b'{"n":%d}' % number, audio=number % 2 == 0) for number in range(1, 20))
        await arrived(server.session, 20)
    assert server.session.received == [{"n": number} for number in range(20)]
    assert uplink.count == 19
    assert uplink.maximum < 5


@asynccontextmanager
async def clogged() -> AsyncIterator[tuple[Line, asyncio.Event, OpenAI]]:
    """A line whose server takes nothing until it is told to, and has `FILLER` on its way."""

    async def deaf_at_first(session: Session) -> None:
        await hears.wait()

    hears = asyncio.Event()
    async with (
        openai(deaf_at_first, small=True) as server,
        endpoint(server).connect(Histogram(), unconfigured) as line,
    ):
        while not line._sender.is_stuck:
            assert line.post(FILLER, audio=True)
        yield line, hears, server


FILLER = b'{"filler":"%s"}' % (b"x" * 40_000)


def without_filler(session: Session) -> list[dict[str, object]]:
    return [message for message in session.received if "filler" not in message]


async def test_a_full_queue_drops_its_oldest_audio_and_says_so_and_never_anything_else() -> None:
    with capture_logs() as logs:
        async with clogged() as (line, hears, server):
            kept = [line.post(b'{"control":%d}' % number, audio=False) for number in range(3)]
            kept += [line.post(b'{"audio":"%d"}' % number, audio=True) for number in range(OUTBOX_MESSAGES)]
            kept.append(line.post(b'{"control":3}', audio=False))
            hears.set()
            while {"control": 3} not in server.session.received:
                await asyncio.sleep(0.001)
    assert kept == [True] * OUTBOX_MESSAGES + [False] * 4
    control = [{"control": number} for number in range(4)]
    audio = [{"audio": str(number)} for number in range(4, OUTBOX_MESSAGES)]
    assert without_filler(server.session) == [*control[:3], *audio, control[3]]
    assert [entry["event"] for entry in logs].count("translator_audio_dropped") == 4


async def test_a_queue_full_of_other_things_takes_more_of_them() -> None:
    async with clogged() as (line, hears, server):
        kept = [line.post(b'{"n":%d}' % number, audio=False) for number in range(OUTBOX_MESSAGES + 1)]
        kept.append(line.post(b'{"n":-1}', audio=True))
        hears.set()
        while {"n": OUTBOX_MESSAGES} not in server.session.received:
            await asyncio.sleep(0.001)
    assert kept == [True] * (OUTBOX_MESSAGES + 1) + [False]
    assert without_filler(server.session) == [{"n": number} for number in range(OUTBOX_MESSAGES + 1)]


async def test_a_server_that_takes_nothing_is_noticed() -> None:
    over = asyncio.Event()

    async def deaf(session: Session) -> None:
        await over.wait()

    async def flood(line: Line) -> None:
        while True:
            line.post(b"x" * 20_000, audio=True)
            await asyncio.sleep(0)

    before = asyncio.all_tasks()
    with capture_logs() as logs:
        async with openai(deaf, small=True) as server:
            async with endpoint(server, send_seconds=0.1).connect(Histogram(), unconfigured) as line:
                async with alongside(flood(line)):
                    assert [message async for message in line.messages()] == []
                told = line.lost(None)
            over.set()
    assert str(told) == "OpenAI took no audio for 0.1 s"
    assert not told.permanent
    assert [entry["event"] for entry in logs].count("translator_takes_no_audio") == 1
    assert asyncio.all_tasks() == before


# -- receiving and the end ------------------------------------------------------------------------------------------


async def test_messages_are_taken_up_where_they_were_left() -> None:
    async def talkative(session: Session) -> None:
        for number in range(4):
            await session.say("word", n=number)
        await session.ws.close(code=1001, message=b"bye")

    heard: list[bytes] = []

    async def configure(line: Line) -> None:
        async for message in line.messages():
            heard.append(message)
            return

    async with openai(talkative) as server, endpoint(server).connect(Histogram(), configure) as line:
        codes = [line.close_code]
        heard += [message async for message in line.messages()]
        codes.append(line.close_code)
        assert codes == [None, 1001]
        assert str(line.lost(None)) == "OpenAI closed the connection (code 1001)"
    assert [b'"n": %d' % number in message for number, message in enumerate(heard)] == [True] * 4


async def test_a_torn_connection_is_no_goodbye() -> None:
    async def torn(session: Session) -> None:
        session.transport.abort()

    async with openai(torn) as server, endpoint(server).connect(Histogram(), unconfigured) as line:
        assert [message async for message in line.messages()] == []
        assert line.close_code == 1006


async def test_a_goodbye_without_a_code_is_one() -> None:
    async def curt(session: Session) -> None:
        session.transport.write(b"\x88\x00")

    async with openai(curt) as server, endpoint(server).connect(Histogram(), unconfigured) as line:
        assert [message async for message in line.messages()] == []
        assert line.close_code == 1005


async def test_a_message_beyond_all_measure_ends_the_line() -> None:
    async def overwhelming(session: Session) -> None:
        await session.ws.send_str("x" * (16 * 2**20 + 1))

    async with openai(overwhelming) as server, endpoint(server).connect(Histogram(), unconfigured) as line:
        assert [message async for message in line.messages()] == []
        assert not line.lost(None).permanent


async def test_only_a_loss_that_all_others_would_share_is_a_problem() -> None:
    async def closing(session: Session) -> None:
        code, reason = reasons.pop(0)
        await session.ws.close(code=code, message=reason)

    reasons = [(1001, b"going away"), (4000, b"invalid_request_error.beta_api_shape_disabled")]
    problems = []
    async with openai(closing) as server:
        address = endpoint(server)
        for _ in range(2):
            async with address.connect(Histogram(), unconfigured) as line:
                assert [message async for message in line.messages()] == []
                lost = line.lost(None)
                problems.append(address.problem.text)
    assert problems == [None, str(lost)]


@pytest.mark.parametrize("script", ["listening", "deaf"])
async def test_leaving_closes_the_socket_within_moments_and_leaves_no_task(script: str) -> None:
    over = asyncio.Event()

    async def deaf(session: Session) -> None:
        await over.wait()

    before = asyncio.all_tasks()
    async with openai(deaf if script == "deaf" else listening) as server:
        started = asyncio.get_running_loop().time()
        async with endpoint(server).connect(Histogram(), unconfigured):
            pass
        assert asyncio.get_running_loop().time() - started < 3
        over.set()
    assert asyncio.all_tasks() == before


# -- renewal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chance", "minutes"), [(0, 50), (0.5, 52.5), (1, 55)])
def test_a_session_of_an_hour_is_renewed_five_to_ten_minutes_before_its_end(chance: float, minutes: float) -> None:
    assert renew_after(5000 + 3600, now=5000, chance=lambda: chance) == pytest.approx(minutes * 60)


def test_a_shorter_session_is_renewed_in_proportion() -> None:
    assert renew_after(5000 + 12, now=5000, chance=lambda: 0) == pytest.approx(10)


@pytest.mark.parametrize("expires_at", [None, 0, 4999, 5000, 5000 + 2 * SESSION_SECONDS, float("inf"), float("nan")])
def test_a_session_that_does_not_say_sensibly_when_it_ends_is_taken_to_last_an_hour(expires_at: float | None) -> None:
    assert renew_after(expires_at, now=5000, chance=lambda: 0) == pytest.approx(3000)


def test_many_sessions_do_not_renew_at_once() -> None:
    moments = [renew_after(5000 + 3600, now=5000) for _ in range(100)]
    assert all(3000 <= moment <= 3300 for moment in moments)
    assert max(moments) - min(moments) > 60
