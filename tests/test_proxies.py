"""The proxies of docs/deploy/ in front of the server: real nginx and real Caddy, with TLS, as Twilio meets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from house import ACCOUNT, CALLER_NUMBER, HOST, MARIA_NUMBER, TOKEN, house, house_is_quiet, tells
from listening import assert_heard
from proxies import CADDY, KINDS, NGINX, NO_CHANGES, OLD_CADDY, Proxy, proxy, trickle, trust

from bmv.simulator import voices
from bmv.simulator.ports import free_port
from bmv.simulator.twilio import FakeTwilio, Number, Party
from bmv.simulator.twilio.courier import DeliveryError
from bmv.web.event_stream import EventStream, encode

SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")
ENGLISH = voices.speak("Your parcel arrives on Friday.", "en")

IMPATIENT = {  # with times that a test can wait for
    NGINX: {
        "client_header_timeout   10s": "client_header_timeout 1s",
        "client_body_timeout     5s": "client_body_timeout 1s",
    },
    CADDY: {"read_header 10s": "read_header 1s", "read_body 5s": "read_body 1s", "idle 15s": "idle 1s"},
}
IMPATIENT[OLD_CADDY] = IMPATIENT[CADDY]

each_proxy = pytest.mark.parametrize("kind", KINDS)


class Desk:
    """A server behind a proxy that counts what arrives, and says nothing on its WebSockets but what it hears."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.peers: set[object] = set()
        self.url = ""
        self.closing = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.raw_path)
        self.peers.add(request.transport and request.transport.get_extra_info("peername"))
        if request.path.endswith("/events"):
            stream = await EventStream.open(request)
            await stream.send(encode("waiting", b"{}"))
            while not self.closing:
                await asyncio.sleep(0.05)
            return stream.response
        if request.path != "/intercept":
            return web.Response(text=str(len(await request.read())))
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data)
        return ws


@asynccontextmanager
async def desk(port: int = 0) -> AsyncIterator[Desk]:
    served = Desk()
    app = web.Application(client_max_size=10**6)
    app.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    served.url = f"http://127.0.0.1:{site.port}"
    try:
        yield served
    finally:
        served.closing = True
        await runner.cleanup()


@asynccontextmanager
async def company(front: Proxy) -> AsyncIterator[FakeTwilio]:
    """A telephone company to which our host is that proxy."""
    async with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN) as twilio:
        twilio.route(HOST, front.address, ssl=trust())
        yield twilio


@asynccontextmanager
async def streaming(
    kind: str, changes: Mapping[str, str] = NO_CHANGES
) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Proxy]]:
    """A media stream through a proxy."""
    async with AsyncExitStack() as stack:
        behind = await stack.enter_async_context(desk())
        front = await stack.enter_async_context(proxy(kind, behind.url, changes))
        twilio = await stack.enter_async_context(company(front))
        stream = twilio.raw_stream(f"wss://{HOST}/intercept", start=False)
        yield await stack.enter_async_context(stream), front


async def still_there(ws: aiohttp.ClientWebSocketResponse) -> bool:
    """Whether what is said comes back."""
    try:
        await ws.send_str("there?")
        return await ws.receive_str(timeout=2) == "there?"
    except (TypeError, ConnectionError, aiohttp.ClientError):  # TypeError: it was the close instead of a text
        return False


async def within(seconds: float, happens: Callable[[], bool]) -> bool:
    """Whether it happens in time."""
    try:
        async with asyncio.timeout(seconds):
            while not happens():
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True


@each_proxy
async def test_a_whole_call_goes_through(kind: str) -> None:
    async with house() as home, proxy(kind, home.base_url) as front:
        home.twilio.route(HOST, front.address, ssl=trust())
        maria, call = await home.calls()
        alex, _ = await home.accepts()
        assert_heard(await tells(maria, SPANISH, alex), SPANISH)
        assert_heard(await tells(alex, ENGLISH, maria), ENGLISH)
        await call.hang_up()
        await house_is_quiet(home.twilio, home.openai, home.server)  # before there is no way to it any more
    assert home.twilio.alerts == []
    assert {webhook.path for webhook in home.twilio.webhooks} >= {"/incoming-call", "/outbound-call", "/call-status"}


@each_proxy
async def test_only_what_is_signed_passes_and_the_query_arrives_as_it_was_signed(kind: str) -> None:
    odd = f"https://{HOST}/call-status?a=b%20c+d%2Fe&empty=&&=x&semi=a;b&%41=%c3%a1&lang=espa%C3%B1ol"
    form = {"CallStatus": "ringing", "CallSid": "CA" + "0" * 32}
    async with house() as home, proxy(kind, home.base_url) as front:
        home.twilio.route(HOST, front.address, ssl=trust())
        assert (await home.twilio.post(odd, form)).status == 204
        assert (await home.twilio.post(odd, form, signature="")).status == 403
        assert (await home.twilio.post(odd, form, signature="wrong")).status == 403
        with pytest.raises(DeliveryError, match="403"):
            async with home.twilio.raw_stream(f"wss://{HOST}/intercept", signature="wrong"):
                pass
        async with aiohttp.ClientSession() as http:
            for path, expected in (("/live", 200), ("/ready", 200), ("/calls/x", 403), ("/else", 404)):
                address = f"{front.address}{path}"
                async with http.get(address, ssl=trust(), server_hostname=HOST, headers={"Host": HOST}) as answer:
                    assert answer.status == expected, path


@each_proxy
async def test_a_path_and_a_query_reach_the_server_unchanged(kind: str) -> None:
    url = "/a%2Fb//c/../%7Ed?x=%20+;&y"
    async with desk() as behind, proxy(kind, behind.url) as front, company(front) as twilio:
        await twilio.post(f"https://{HOST}{url}", {})
    assert behind.paths == [url]


@each_proxy
async def test_no_request_is_trusted_to_a_connection_that_the_server_may_be_closing(kind: str) -> None:
    async with desk() as behind, proxy(kind, behind.url) as front, company(front) as twilio:
        for _ in range(3):
            await twilio.post(f"https://{HOST}/welcome", {})
    assert len(behind.peers) == 3


@each_proxy
async def test_a_stream_that_is_silent_for_long_is_not_cut(kind: str) -> None:
    impatient = IMPATIENT[kind] | ({"proxy_read_timeout    15s": "proxy_read_timeout 1s"} if kind == NGINX else {})
    async with streaming(kind, impatient) as (ws, _):
        await asyncio.sleep(2.5)
        assert await still_there(ws)


async def test_what_keeps_a_silent_stream_open_in_nginx_is_the_timeout_of_that_route() -> None:
    changes = {"proxy_read_timeout 1h": "proxy_read_timeout 1s"}
    async with streaming(NGINX, changes) as (ws, _):
        await asyncio.sleep(2.5)
        assert not await still_there(ws)


@each_proxy
async def test_a_reload_of_the_proxy_is_not_noticed_in_a_call(kind: str) -> None:
    async with streaming(kind) as (ws, front):
        assert await still_there(ws)
        await front.reload()
        async with company(front) as twilio:
            assert (await twilio.post(f"https://{HOST}/welcome", {})).status == 200
        await asyncio.sleep(0.5)
        assert await still_there(ws) == (kind != OLD_CADDY)  # which is why docs/operations.md warns of it


async def test_what_keeps_a_stream_open_when_caddy_is_reloaded_is_the_delay() -> None:
    changes = {"\t\tstream_close_delay 5h\n": ""}
    async with streaming(CADDY, changes) as (ws, front):
        await front.reload()
        assert not await still_there(ws)


@each_proxy
async def test_a_body_larger_than_any_of_twilios_is_refused(kind: str) -> None:
    async with desk() as behind, proxy(kind, behind.url) as front, company(front) as twilio:
        assert (await twilio.post(f"https://{HOST}/welcome", {"x": "y" * 60_000})).body == "60002"
        too_large = await twilio.post(f"https://{HOST}/welcome", {"x": "y" * 70_000})
    assert too_large.status == (502 if kind == OLD_CADDY else 413)


async def test_nginx_writes_nothing_that_is_posted_to_a_file() -> None:
    changes = {"error.log crit;": "error.log warn;"}  # where it would say so
    async with desk() as behind, proxy(NGINX, behind.url, changes) as front, company(front) as twilio:
        assert (await twilio.post(f"https://{HOST}/welcome", {"x": "y" * 60_000})).status == 200
        assert "temporary file" not in front.logs()


@each_proxy
async def test_a_server_that_is_down_is_said_at_once_and_one_that_is_back_is_found_at_once(kind: str) -> None:
    port = free_port()
    loop = asyncio.get_running_loop()
    async with proxy(kind, f"http://127.0.0.1:{port}") as front, company(front) as twilio:
        twilio.numbers[CALLER_NUMBER] = Number(voice_url=f"https://{HOST}/welcome")
        began = loop.time()
        call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=Party("Maria"))
        await call.ended(timeout=5)
        assert loop.time() - began < 1.5
        assert [webhook.answer.status for webhook in twilio.webhooks if webhook.answer] == [502]
        assert [alert.code for alert in twilio.alerts] == [11200]
        async with desk(port):
            assert (await twilio.post(f"https://{HOST}/welcome", {})).status == 200
        assert (await twilio.post(f"https://{HOST}/welcome", {})).status == 502
        async with desk(port):
            assert (await twilio.post(f"https://{HOST}/welcome", {})).status == 200


HEADERS = b"POST /welcome HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\nX-Slow: "
BODY = (
    b"POST /welcome HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\nContent-Length: 9999\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
)


@pytest.mark.parametrize(("tls", "first"), [(False, b""), (True, HEADERS)], ids=["no handshake", "slow headers"])
@each_proxy
async def test_who_connects_and_never_gets_to_a_request_is_sent_away(kind: str, tls: bool, first: bytes) -> None:
    async with (
        desk() as behind,
        proxy(kind, behind.url, IMPATIENT[kind]) as front,
        trickle(front, tls=tls, first=first) as cut_off,
    ):
        assert await within(4, cut_off)
    assert behind.paths == []


@each_proxy
async def test_what_comes_slowly_does_not_keep_others_waiting(kind: str) -> None:
    async with desk() as behind, proxy(kind, behind.url) as front, company(front) as twilio:  # noqa: SIM117
        async with trickle(front, tls=True, first=HEADERS), trickle(front, tls=True, first=BODY):
            assert (await twilio.post(f"https://{HOST}/call-status", {})).status == 200


LINK = f"{'c' * 24}.1775000000.{'s' * 43}"


@each_proxy
async def test_captions_come_while_the_stream_is_open_and_their_links_are_in_no_log(kind: str) -> None:
    async with desk() as behind, proxy(kind, behind.url) as front, aiohttp.ClientSession() as browser:
        for path in (f"/captions/{LINK}/events?after=c:1", f"/agent/{LINK}/events"):
            request = browser.get(front.address + path, ssl=trust(), server_hostname=HOST, headers={"Host": HOST})
            async with asyncio.timeout(5), request as response:
                told = b"".join([await response.content.readline() for _ in range(3)])
                assert b"event: waiting" in told
        behind.closing = True  # by which a proxy notices at the latest that nobody listens any more
        assert await within(3, lambda: "/agent/" in front.logs() and "/captions/" in front.logs())
        assert LINK[:24] not in front.logs()
        assert "events" not in front.logs()


@each_proxy
async def test_no_query_string_and_no_signature_is_in_any_log(kind: str) -> None:
    port = free_port()
    async with proxy(kind, f"http://127.0.0.1:{port}") as front, company(front) as twilio:
        async with desk(port):
            await twilio.post(f"https://{HOST}/call-status?who=Maria", {}, signature="a-signature")
        await twilio.post(f"https://{HOST}/call-status?who=Maria", {}, signature="a-signature")
        await twilio.post(f"https://{HOST}/call-status?who=Maria", {"x": "y" * 70_000}, signature="a-signature")
        assert await within(3, lambda: front.logs().count("/call-status") >= 3)
        told = front.logs()
    for private in ("who=", "Maria", "a-signature"):
        assert private not in told


async def test_a_certificate_for_another_host_is_refused_as_twilio_does() -> None:
    async with desk() as behind, proxy(NGINX, behind.url) as front:
        async with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN) as twilio:
            twilio.route("other.example.com", front.address, ssl=trust())
            with pytest.raises(DeliveryError, match="certificate"):
                await twilio.post("https://other.example.com/welcome", {})
            with pytest.raises(DeliveryError, match="31902"):
                async with twilio.raw_stream("wss://other.example.com/intercept"):
                    pass
        assert behind.paths == []
