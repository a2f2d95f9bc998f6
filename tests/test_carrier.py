"""Placing, ending and farewelling calls, against a local server that answers as Twilio's REST API does."""

import asyncio
import base64

import aiohttp
import pytest
from aiohttp import web
from nameless import NoNames
from rest_api import (
    AGENT_CALL,
    APP_SID,
    CALL,
    CALLS,
    CREATE_FIELDS,
    ENGLISH,
    NUMBERS,
    Answer,
    call_json,
    carrier_at,
    created,
    hanging_up,
    refusing,
    silent,
    twilio,
    updated,
)
from wires import ACCOUNT_SID, AGENT_SID, AUTH_TOKEN, FLEX_NUMBER, OWN_NUMBER, PUBLIC_HOST, parameters

from bmv import languages
from bmv.call.carrier import CarrierError, NewCall
from bmv.call.leg import Role
from bmv.languages import Sentence
from bmv.telephony import rest
from bmv.telephony.carrier import TwilioCarrier

# -- placing the agent call -----------------------------------------------------------------------------------------


async def test_the_agent_call_is_asked_for_in_twilios_own_fields() -> None:
    async with twilio() as (carrier, api, _pairing):
        assert await carrier.dial(AGENT_CALL) == AGENT_SID
    (asked,) = api.asked
    assert (asked.method, asked.path) == ("POST", CALLS)
    assert {name for name, _ in asked.form} <= CREATE_FIELDS
    fields = [(name, value) for name, value in asked.form if name != "Twiml"]
    assert sorted(fields) == [
        ("From", OWN_NUMBER),
        ("StatusCallback", f"https://{PUBLIC_HOST}/call-status?bmv_call_id=c1&bmv_role=agent"),
        ("StatusCallbackEvent", "answered"),
        ("StatusCallbackEvent", "completed"),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "ringing"),
        ("StatusCallbackMethod", "POST"),
        ("TimeLimit", "15000"),
        ("Timeout", "30"),
        ("To", FLEX_NUMBER),
    ]


async def test_the_agent_call_brings_its_own_twiml_with_its_token() -> None:
    async with twilio() as (carrier, api, _pairing):
        await carrier.dial(AGENT_CALL)
    document = api.asked[0].one("Twiml")
    assert parameters(document) == {"bmv_call_id": "c1", "bmv_role": "agent", "bmv_token": "a-secret-token"}
    assert len(document) < 4000


async def test_requests_are_signed_with_the_account() -> None:
    async with twilio() as (carrier, api, _pairing):
        await carrier.dial(AGENT_CALL)
    kind, _, login = api.asked[0].authorization.partition(" ")
    assert (kind, base64.b64decode(login).decode()) == ("Basic", f"{ACCOUNT_SID}:{AUTH_TOKEN}")


async def test_a_twiml_app_is_told_our_call_id_and_nobody_waits() -> None:
    async with twilio(app_sid=APP_SID) as (carrier, api, pairing):
        await carrier.dial(AGENT_CALL)
        await carrier.dial(NewCall("c2", Role.AGENT, "t", None, ENGLISH))
        assert [asked.one("To") for asked in api.asked] == [
            f"app:{APP_SID}?bmv_call_id={each}" for each in ("c1", "c2")
        ]
        assert pairing.match(NUMBERS, "CA9") is None


async def test_a_call_to_a_number_is_matched_by_its_numbers_and_the_next_waits_for_that() -> None:
    async with twilio() as (carrier, api, pairing):
        await carrier.dial(AGENT_CALL)
        second = asyncio.create_task(carrier.dial(NewCall("c2", Role.AGENT, "t", None, ENGLISH)))
        await asyncio.sleep(0.02)
        assert len(api.asked) == 1
        assert pairing.match(NUMBERS, "CA1") == "c1"
        await second
        assert len(api.asked) == 2
        assert pairing.match(NUMBERS, "CA2") == "c2"


async def test_without_any_way_to_the_agents_the_call_cannot_be_placed() -> None:
    async with twilio(flex_number=None) as (carrier, api, _pairing):
        with pytest.raises(CarrierError, match=r"TWILIO_FLEX_NUMBER.*TWILIO_FLEX_APP_SID"):
            await carrier.dial(AGENT_CALL)
    assert api.asked == []


async def test_another_region_in_the_environment_does_not_lead_calls_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "another")
    async with twilio() as (carrier, api, _pairing):
        assert await carrier.dial(AGENT_CALL) == AGENT_SID
    assert api.asked[0].path == CALLS
    assert base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode() in api.asked[0].authorization


# -- when Twilio will not -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, 21210, "The source phone number provided is not yet verified for your account"),
        (400, 21211, "The 'To' number is not a valid phone number"),
        (401, 20003, "Authenticate"),
        (429, 20429, "Too many requests"),
        (500, 20500, "An internal server error has occurred"),
    ],
)
async def test_a_refusal_is_told_in_twilios_words_and_asked_only_once(status: int, code: int, words: str) -> None:
    async with twilio(refusing(status, code, words)) as (carrier, api, _pairing):
        with pytest.raises(CarrierError, match=f"{code}.*{words}"):
            await carrier.dial(AGENT_CALL)
        assert str(code) in (carrier.problem or "")
        assert words not in (carrier.problem or "")  # everybody may read it, and Twilio's words may hold numbers
    assert len(api.asked) == 1


async def test_a_refusal_in_the_newer_form_is_told_too() -> None:
    async def problem(_request: web.Request) -> web.Response:
        body = {"type": "about:blank", "title": "Recipient not allowed", "status": 400, "code": 573002, "detail": "no"}
        return web.json_response(body, status=400)

    async with twilio(problem) as (carrier, _api, _pairing):
        with pytest.raises(CarrierError, match=r"573002.*Recipient not allowed"):
            await carrier.dial(AGENT_CALL)


async def test_after_a_refusal_the_next_call_need_not_wait() -> None:
    async with twilio(refusing(400, 21211, "no")) as (carrier, api, pairing):
        with pytest.raises(CarrierError):
            await carrier.dial(AGENT_CALL)
        api.answer = created
        async with asyncio.timeout(5):
            await carrier.dial(NewCall("c2", Role.AGENT, "t", None, ENGLISH))
        assert pairing.match(NUMBERS, "CA1") == "c2"


async def test_the_problem_is_over_when_a_call_was_placed() -> None:
    async with twilio(refusing(401, 20003, "Authenticate"), app_sid=APP_SID) as (carrier, api, _pairing):
        problems = [carrier.problem]
        with pytest.raises(CarrierError):
            await carrier.dial(AGENT_CALL)
        problems.append(carrier.problem)
        api.answer = created
        await carrier.dial(AGENT_CALL)
        problems.append(carrier.problem)
    assert problems == [None, "Twilio refused the agent call (20003): see the log", None]


@pytest.mark.parametrize(
    ("answer", "told"),
    [(silent, "did not answer"), (refusing(500, 20500, "An internal server error has occurred"), "20500")],
)
async def test_a_call_that_twilio_did_not_confirm_may_exist_and_is_not_placed_again(answer: Answer, told: str) -> None:
    async with twilio(answer) as (carrier, api, pairing):
        with pytest.raises(CarrierError, match=told):
            await carrier.dial(AGENT_CALL)
        assert len(api.asked) == 1
        assert pairing.match(NUMBERS, "CA1") == "c1"  # so that its far end is not taken for the next call's


async def test_a_call_that_is_placed_while_nobody_wants_it_any_more_is_hung_up() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if request.path == CALLS:
            asked.set()
            await go_on.wait()
        return web.json_response(call_json())

    async with twilio(slow) as (carrier, api, _pairing):
        dialling = asyncio.create_task(carrier.dial(AGENT_CALL))
        await asked.wait()
        dialling.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        assert [asked.path for asked in api.asked] == [CALLS, CALL]
        assert api.asked[1].form == [("Status", "completed")]


@pytest.mark.parametrize("used_before", [False, True], ids=["new connection", "kept connection"])
async def test_a_connection_that_breaks_does_not_place_the_call_twice(used_before: bool) -> None:
    async with twilio(created, app_sid=APP_SID) as (carrier, api, _pairing):
        if used_before:
            await carrier.dial(AGENT_CALL)
        api.answer, api.asked = hanging_up, []
        with pytest.raises(CarrierError, match="cannot be reached"):
            await carrier.dial(AGENT_CALL)
        assert len(api.asked) == 1


async def cannot_dial(carrier: TwilioCarrier) -> None:
    """Try it for two calls: the first is not in the way of the second."""
    for call_id in ("c1", "c2"):
        with pytest.raises(CarrierError, match="cannot be reached"):
            await carrier.dial(NewCall(call_id, Role.AGENT, "t", None, ENGLISH))


async def test_where_nobody_listens_nothing_was_dialled_and_nobody_waits() -> None:
    async with twilio() as (_carrier, _api, pairing), aiohttp.ClientSession() as http:
        carrier = carrier_at("http://127.0.0.1:1", http, pairing)
        async with asyncio.timeout(5):
            await cannot_dial(carrier)


async def test_where_the_name_cannot_be_looked_up_nothing_was_dialled_and_the_next_may_try() -> None:
    nameless = aiohttp.TCPConnector(resolver=NoNames())
    async with twilio() as (_carrier, _api, pairing), aiohttp.ClientSession(connector=nameless) as http:
        carrier = carrier_at("https://api.twilio.example", http, pairing)
        async with asyncio.timeout(5):
            await cannot_dial(carrier)
            with pytest.raises(CarrierError, match="cannot be reached"):
                await carrier.hang_up(AGENT_SID)
        assert carrier.problem == "Twilio does not answer: see the log"


@pytest.mark.parametrize("body", ["", "<html>Bad gateway</html>", "[]", "{}", '{"sid":null}', "null", '"CA"'])
@pytest.mark.parametrize("status", [200, 502])
async def test_an_answer_that_is_not_twilios_is_a_failure_and_no_call(body: str, status: int) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body, status=status, content_type="application/json")

    async with twilio(answer, app_sid=APP_SID) as (carrier, _api, _pairing):
        with pytest.raises(CarrierError):
            await carrier.dial(AGENT_CALL)


@pytest.mark.parametrize(("status", "zipped"), [(201, False), (201, True), (503, False)])
async def test_an_answer_that_does_not_end_is_not_read_to_its_end(status: int, *, zipped: bool) -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status)
        if zipped:
            response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        while sent < 50 * rest.MOST_BYTES:  # the carrier has hung up long before
            await response.write(b" " * 1_000_000)
            sent += 1_000_000
        return response

    async with twilio(answer, app_sid=APP_SID) as (carrier, _api, _pairing):
        with pytest.raises(CarrierError, match="Twilio's answer is longer than 8000000 bytes"):
            await carrier.dial(AGENT_CALL)
    assert sent < 10 * rest.MOST_BYTES or zipped


# -- other calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["+34911222333", "sip:alex@example.sip.twilio.com", "client:alex"])
@pytest.mark.parametrize("role", Role)
async def test_whoever_is_not_in_flex_is_called_there_and_nobody_waits_for_a_match(to: str, role: Role) -> None:
    async with twilio(flex_number=None) as (carrier, api, pairing):
        await carrier.dial(NewCall("c1", role, "secret", to, languages.get("es")))
        assert pairing.match((OWN_NUMBER, to), "CA9") is None
    (asked,) = api.asked
    assert (asked.one("To"), asked.one("From")) == (to, OWN_NUMBER)
    assert asked.one("StatusCallback").endswith(f"/call-status?bmv_call_id=c1&bmv_role={role.value}")
    document = asked.one("Twiml")
    assert parameters(document) == {"bmv_call_id": "c1", "bmv_role": role.value, "bmv_token": "secret"}
    assert languages.get("es").sentences[Sentence.CUT_OFF] in document
    assert len(document) < 4000


async def test_a_customer_who_cannot_be_called_is_no_reason_not_to_be_ready() -> None:
    async with twilio(refusing(400, 21211, "invalid number")) as (carrier, _api, _pairing):
        with pytest.raises(CarrierError):
            await carrier.dial(NewCall("c1", Role.CALLER, "t", "+34911222333", ENGLISH))
        assert carrier.problem is None


# -- farewells and hanging up ---------------------------------------------------------------------------------------


async def test_hanging_up_completes_the_call_and_asks_for_nothing_else() -> None:
    async with twilio(updated) as (carrier, api, _pairing):
        await carrier.hang_up(AGENT_SID)
    (asked,) = api.asked
    assert (asked.method, asked.path, asked.form) == ("POST", CALL, [("Status", "completed")])


async def test_a_farewell_replaces_what_the_call_does() -> None:
    spanish = languages.get("es")
    async with twilio(updated) as (carrier, api, _pairing):
        await carrier.say(AGENT_SID, "Adiós & hasta luego <ya>.", spanish)
    (asked,) = api.asked
    assert (asked.method, asked.path) == ("POST", CALL)
    ((name, document),) = asked.form
    assert name == "Twiml"
    assert "Adiós &amp; hasta luego &lt;ya&gt;." in document
    assert "<Hangup" in document


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, 20404, "The requested resource was not found"),
        (404, 404, "not found"),
        (400, 21220, "Call is not in-progress. Cannot redirect."),
    ],
)
async def test_a_call_that_is_already_over_is_hung_up_all_right(status: int, code: int, words: str) -> None:
    async with twilio(refusing(status, code, words)) as (carrier, _api, _pairing):
        await carrier.hang_up(AGENT_SID)
        with pytest.raises(CarrierError, match=words):
            await carrier.say(AGENT_SID, "Goodbye.", languages.get("en"))


@pytest.mark.parametrize(
    "answer", [refusing(401, 20003, "Authenticate"), refusing(500, 20500, "no"), silent, hanging_up]
)
async def test_a_call_that_cannot_be_hung_up_is_reported(answer: Answer) -> None:
    async with twilio(answer) as (carrier, api, _pairing):
        with pytest.raises(CarrierError):
            await carrier.hang_up(AGENT_SID)
        assert len(api.asked) == 1
        assert carrier.problem is None  # which is about placing calls


async def test_hanging_up_can_be_cancelled() -> None:
    async with twilio(silent) as (carrier, _api, _pairing):
        hanging = asyncio.create_task(carrier.hang_up(AGENT_SID))
        await asyncio.sleep(0.05)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
