"""Who may come in: over real HTTP, with the real routes behind the gate."""

import asyncio
import json

import aiohttp
import pytest
import wires
from wires import AUTH_TOKEN, CALLER, CALLER_SID, PUBLIC_HOST, house, log_lines, signature

from bmv.web import gate
from bmv.web.gate import MAX_BODY_BYTES

WEBHOOKS = ["/incoming-call?lang=es", "/outbound-call", "/reservation-accepted", "/call-status", "/stream-status"]
FORM = {"CallSid": CALLER_SID, "From": CALLER}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


def signed(target: str, form: wires.Form = {}) -> dict[str, str]:  # noqa: B006 - is only read
    return {"X-Twilio-Signature": signature(f"https://{PUBLIC_HOST}{target}", form)}


@pytest.mark.parametrize("target", WEBHOOKS)
async def test_a_webhook_is_handled_only_with_twilios_signature(target: str) -> None:
    async with house() as home:
        assert (await home.post(target, FORM)).status in {200, 204}
        calls = len(home.registry)
        for headers in ({}, {"X-Twilio-Signature": "x"}, signed(target, FORM | {"From": "+1"}), signed("/x", FORM)):
            response = await home.send("POST", target, data=FORM, headers=headers)
            assert response.status == 403
        assert len(home.registry) == calls


async def test_the_host_and_scheme_of_the_request_itself_do_not_count() -> None:
    async with house() as home:
        headers = signed("/call-status", FORM) | {"Host": "127.0.0.1:5050", "X-Forwarded-Host": "evil.example"}
        assert (await home.send("POST", "/call-status", data=FORM, headers=headers)).status == 204
        forged = {"X-Twilio-Signature": signature("https://evil.example/call-status", FORM), "Host": "evil.example"}
        assert (await home.send("POST", "/call-status", data=FORM, headers=forged)).status == 403


@pytest.mark.parametrize("target", ["/incoming-call?lang=espa%C3%B1ol", "/incoming-call?lang=espa%c3%b1ol&x=a+b%20c"])
async def test_the_query_is_checked_as_it_came(target: str) -> None:
    async with house() as home:
        assert (await home.post(target, FORM)).status == 200
        assert (await home.send("POST", target + "&y=1", data=FORM, headers=signed(target, FORM))).status == 403


async def test_every_field_is_checked_repeated_and_blank_ones_too() -> None:
    fields = [("CallSid", CALLER_SID), ("CallStatus", "ringing"), ("CallerName", ""), ("X", "b"), ("X", "a")]
    async with house() as home:
        assert (await home.post("/call-status", fields)).status == 204
        headers = {"X-Twilio-Signature": signature(f"https://{PUBLIC_HOST}/call-status", fields)}
        for fewer in (fields[:2], fields[:3], fields[:4]):
            response = await home.send("POST", "/call-status", data=aiohttp.FormData(fewer), headers=headers)
            assert response.status == 403


async def test_a_socket_is_not_opened_without_twilios_signature() -> None:
    async with house() as home:
        for headers in (
            {},
            {"X-Twilio-Signature": "x"},
            {"X-Twilio-Signature": signature(f"https://{PUBLIC_HOST}/intercept")},
            {"X-Twilio-Signature": signature(f"wss://{PUBLIC_HOST}/intercept", secret="another")},
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await home.connect(headers=headers)
            assert refused.value.status == 403


@pytest.mark.parametrize("url", ["wss://{}/intercept", "wss://{}/intercept/", "wss://{}:443/intercept"])
async def test_a_socket_is_opened_with_any_of_twilios_spellings(url: str) -> None:
    async with house() as home:
        ws = await home.connect(headers={"X-Twilio-Signature": signature(url.format(PUBLIC_HOST))})
        assert not ws.closed
        await ws.close()


async def test_the_socket_cannot_be_had_as_a_plain_page() -> None:
    async with house() as home:
        assert (await home.send("GET", "/intercept")).status == 403
        assert (await home.send("GET", "/intercept", headers=signed("/intercept"))).status == 400


async def test_health_is_open_to_everybody_and_nothing_else_is() -> None:
    async with house() as home:
        for path in ("/live", "/ready", "/%6cive", "/live?x=1"):
            assert (await home.send("GET", path)).status == 200
        for path in ("/live/../call-status", "//call-status", "/live/"):
            assert (await home.send("POST", path, data=FORM)).status in {403, 404, 405}


async def test_an_unknown_path_is_not_found_and_a_wrong_method_not_allowed() -> None:
    async with house() as home:
        for method in ("GET", "POST"):
            assert (await home.send(method, "/nowhere", headers=signed("/nowhere"))).status == 404
        assert (await home.send("GET", "/incoming-call")).status == 405
        assert (await home.send("POST", "/live")).status == 405


async def test_a_body_larger_than_any_of_twilios_is_not_read() -> None:
    form = FORM | {"TaskAttributes": "x" * MAX_BODY_BYTES}
    async with house() as home:
        assert (await home.post("/reservation-accepted", form)).status == 413


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (URLENCODED, b"a=\xff"),
        ({"Content-Type": "application/x-www-form-urlencoded; charset=nonsense"}, b"a=b"),
        ({"Content-Type": "application/x-www-form-urlencoded; charset=zip"}, b"a=b"),
        ({"Content-Type": "application/x-www-form-urlencoded; charset=unicode_escape"}, b"a=\\ud800"),
        (URLENCODED, b"&".join(b"a=1" for _ in range(5000))),
    ],
    ids=["not UTF-8", "charset", "codec", "surrogate", "many"],
)
async def test_a_form_that_cannot_be_read_is_the_clients_fault(headers: dict[str, str], body: bytes) -> None:
    with log_lines() as lines:
        async with house() as home:
            response = await home.send("POST", "/call-status", data=body, headers=headers)
    assert response.status in {400, 403, 413}
    assert "Traceback" not in lines.getvalue()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json"},
        URLENCODED | {"Content-Encoding": "identity"},
    ],
    ids=["multipart", "json", "encoded"],
)
async def test_what_twilio_would_not_send_is_not_even_read(headers: dict[str, str]) -> None:
    with log_lines() as lines:
        async with house() as home:
            assert (await home.send("POST", "/call-status", data=b"--x\r\n", headers=headers)).status == 415
    assert "Traceback" not in lines.getvalue()


@pytest.mark.parametrize("goes", [True, False], ids=["goes away", "stays"])
async def test_who_sends_half_a_body_costs_no_more_than_its_time(goes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.05)
    head = b"POST /call-status HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
    with log_lines() as lines:
        async with house() as home:
            reader, writer = await asyncio.open_connection("127.0.0.1", home.url.port)
            writer.write(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\na=b")
            await writer.drain()
            if not goes:
                assert b" 408 " in await reader.readline()
            writer.close()
            await writer.wait_closed()
            assert (await home.send("GET", "/live")).status == 200
    assert "Traceback" not in lines.getvalue()


async def test_a_signature_that_is_not_utf_8_is_refused_like_any_other() -> None:
    with log_lines() as lines:
        async with house() as home:
            reader, writer = await asyncio.open_connection("127.0.0.1", home.url.port)
            head = b"POST /call-status HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: \xff\r\nContent-Length: 0\r\n"
            writer.write(head + b"Connection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
    assert answer.split()[1] == b"403"
    assert "Traceback" not in lines.getvalue()


async def test_a_signature_by_shared_key_needs_that_key() -> None:
    settings = {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256"}
    with log_lines() as lines:
        async with house() as home:
            assert (await home.post("/call-status", FORM, headers=settings)).status == 403
        async with house(shared_key="shared") as home:
            assert (await home.post("/call-status", FORM)).status == 204
            assert (await home.post("/call-status", FORM, headers=settings)).status == 403
    assert "TWILIO_WEBHOOK_SHARED_KEY" in lines.getvalue()


async def test_what_came_in_and_what_was_refused_is_logged_without_anything_private() -> None:
    token = "a-private-stream-token"
    async with house() as home:
        with log_lines() as lines:
            target = f"/incoming-call?lang=klingon&name=Alicia&bmv_token={token}"
            await home.post(target, FORM | {"CallerName": "Alicia Private"})
            await home.send("POST", "/call-status?name=Alicia", data=FORM, headers={"X-Twilio-Signature": token})
            ws = await home.stream({"bmv_call_id": "c", "bmv_token": token})
            await wires.received_until_close(ws)
            await home.send("GET", "/nowhere?name=Alicia")
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    names = [event["event"] for event in events]
    assert "request_refused" in names
    assert {"path": "/incoming-call", "status": 200}.items() <= events[names.index("request")].items()
    assert "PUBLIC_HOST" in events[names.index("request_refused")]["reason"]
    for private in ("Alicia", token, CALLER, CALLER[3:], AUTH_TOKEN, "name="):
        assert private not in lines.getvalue()
