import ssl
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web
from front import Lead, good, http, self_signed, unknown
from house import HOST
from practice import practice

from bmv.commands.doctor.findings import Level
from bmv.simulator.ports import free_port

pytestmark = pytest.mark.usefixtures("logs")

PUBLIC = {"public name", "certificate", "public server", "readiness", "webhooks", "media streams"}


def other_name(_host: str) -> ssl.SSLContext:
    return good("other.example.com")


def expired(host: str) -> ssl.SSLContext:
    return good(host, days=-1)


async def test_a_server_behind_a_good_certificate_is_reached_in_every_respect() -> None:
    async with practice() as patient:
        found = await patient.examine()

    assert {name: found.of(name).level for name in PUBLIC} == dict.fromkeys(PUBLIC, Level.OK)
    assert found.of("local server").message.startswith("answers on this machine")
    assert "59 more days" in found.of("certificate").message


async def test_a_name_that_dns_does_not_know_is_a_fault_and_what_builds_on_it_is_not_checked() -> None:
    async with practice() as patient:
        found = await patient.examine(PUBLIC_HOST="gone.ngrok.app")

    found.has("public name", "fault", "DNS knows no gone.ngrok.app", "setup --host")
    assert found.skipped >= PUBLIC - {"public name"}
    assert all("“public name”" in found.of(name).message for name in PUBLIC - {"public name"})


async def test_a_front_that_speaks_nothing_but_http_2_is_told_to_speak_the_other_as_well() -> None:
    settings_frame = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    async with practice(reply=lambda _: settings_frame) as patient:
        found = await patient.examine()

    found.has("public server", "fault", "no HTTP/1.1", "WebSockets")


async def test_a_name_that_leads_into_a_private_network_is_a_warning() -> None:
    async def look_up(_: str) -> list[str]:
        return ["10.0.0.5"]

    async with practice() as patient:
        patient.roads = replace(patient.roads, look_up=look_up)
        found = await patient.examine()

    found.has("public name", "warning", "10.0.0.5", "only machines nearby")
    assert found.of("public server").level is Level.OK


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        (expired, "has expired"),
        (other_name, "is for another name"),
        (self_signed, "is self-signed"),
        (unknown, "without the intermediate certificates, or is of an authority that nobody knows"),
    ],
)
async def test_a_certificate_that_twilio_would_refuse_is_a_fault_with_its_reason(
    tls: Callable[[str], ssl.SSLContext], words: str
) -> None:
    async with practice(tls=tls) as patient:
        found = await patient.examine()

    found.has("certificate", "fault", words, "Twilio refuses such a certificate")
    assert found.skipped == PUBLIC - {"public name", "certificate"}


async def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    async with practice(tls=lambda host: good(host, days=13.5)) as patient:
        found = await patient.examine()

    found.has("certificate", "warning", "13 more days only", "Renew it")
    assert found.of("public server").level is Level.OK


async def test_nothing_at_port_443_is_told_from_something_without_tls() -> None:
    nobody = free_port()
    async with practice() as patient:
        patient.roads = replace(patient.roads, resolver=lambda: Lead(HOST, int(patient.settings["API_PORT"])))
        plain = await patient.examine()
        patient.roads = replace(patient.roads, resolver=lambda: Lead(HOST, nobody))
        closed = await patient.examine()

    plain.has("certificate", "fault", "speaks no TLS", "plain HTTP")
    closed.has("certificate", "fault", "nothing answers at voice.example.com, port 443", "Start the proxy or tunnel")


NGROK = "<html><body>{code}</body></html>"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (http(404, NGROK.format(code="ERR_NGROK_3200"), kind="text/html"), "no tunnel is running"),
        (http(502, ngrok_error_code="ERR_NGROK_8012"), "the tunnel is up, but no server is behind it"),
        (http(200, NGROK.format(code="ERR_NGROK_6024"), kind="text/html"), "page of warning"),
        (http(302, Location="https://login.example.com/"), "leads on to login.example.com"),
        (http(200, "<title>Parked</title>", kind="text/html"), "a web page is in front"),
        (http(404, "404 page not found"), "it is not this server"),
    ],
)
async def test_who_answers_in_our_place_is_named(reply: bytes, words: str) -> None:
    async with practice(reply=lambda _: reply) as patient:
        found = await patient.examine()

    found.has("public server", "fault", words)
    assert found.skipped == {"readiness", "webhooks", "media streams"}


async def test_a_tunnel_without_a_server_behind_it_and_none_here_says_to_start_it() -> None:
    async with practice(target=None) as patient:
        found = await patient.examine(API_PORT=str(patient.front.port + 1 if patient.front.port < 65_535 else 1))

    found.has("public server", "fault", "no server is behind it (HTTP 502)", "make run")
    found.has("local server", "fault", "no server answers on this machine", "make run")


async def test_a_server_elsewhere_needs_none_on_this_machine() -> None:
    nobody = str(free_port())
    async with practice() as patient:
        found = await patient.examine(API_PORT=nobody)

    found.has("local server", "ok", "served from elsewhere")


async def test_something_else_at_our_own_port_is_a_warning() -> None:
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with practice() as patient:
            found = await patient.examine(API_PORT=str(site.port))
    finally:
        await runner.cleanup()

    found.has("local server", "warning", "something else answers", "API_PORT")


async def test_a_port_that_nobody_knows_is_not_looked_at() -> None:
    async with practice() as patient:
        found = await patient.examine(API_PORT="0")

    found.has("local server", "ok", "not looked for")


async def test_what_keeps_the_server_from_taking_calls_is_told_from_its_own_word() -> None:
    async with practice(settings={"MAX_CALLS": "1"}) as patient:
        _, call = await patient.house.calls()
        found = await patient.examine()
        await call.hang_up()
        await patient.house.empty()

    found.has("readiness", "warning", "takes no further call now", "MAX_CALLS")


async def test_a_refusal_that_the_server_remembers_is_a_fault() -> None:
    reply = http(503, '{"ready": false, "problems": {"carrier": "Twilio refused (21215)"}}', kind="application/json")
    async with practice(reply=lambda head: reply if head.startswith("GET /ready") else None) as patient:
        found = await patient.examine()

    found.has("readiness", "fault", "(carrier): Twilio refused (21215)")


async def test_a_ready_that_is_no_answer_of_ours_is_told_apart() -> None:
    reply = http(404, "not found")
    async with practice(reply=lambda head: reply if head.startswith("GET /ready") else None) as patient:
        found = await patient.examine()

    found.has("readiness", "fault", "/ready: something answers")


async def test_a_front_that_never_answers_is_given_up() -> None:
    async with practice(silent=lambda _: True) as patient:
        patient.roads = replace(patient.roads, request_seconds=2.0)
        found = await patient.examine()

    found.has("public server", "fault", "is not answered within", "passes it on to nobody")
