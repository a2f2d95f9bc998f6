"""Calls that are ordered: who may, what an order says, and what becomes of it. Over real HTTP, real calls behind."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs
from wires import AGENT_SID, API_TOKEN, CALLER_SID, FLEX_NUMBER, OWN_NUMBER, House, house, log_lines

from bmv import languages
from bmv.call.leg import Role
from bmv.call.session import CallSession
from bmv.call.state import CallState
from bmv.languages import Sentence
from bmv.web.orders import AgentPlaces

MARIA = "+34911222333"
ORDER = {"to": MARIA, "language": "es"}
PHONE = "+14155550123"
ON_A_PHONE = AgentPlaces(PHONE, flex=False)


async def order(home: House, body: object, *, token: str | None = API_TOKEN) -> tuple[int, dict[str, Any]]:
    """Post an order; gives the status and the JSON of the answer."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await home.send("POST", "/calls", data=data, headers=headers)
    return response.status, await response.json()


async def ask(home: House, call_id: str) -> tuple[int, dict[str, Any]]:
    response = await home.send("GET", f"/calls/{call_id}", headers={"Authorization": f"Bearer {API_TOKEN}"})
    return response.status, await response.json()


async def placed(home: House, body: object = ORDER) -> CallSession:
    """An order that was taken, and whose agent is being called."""
    status, answer = await order(home, body)
    assert (status, answer["state"]) == (201, "ordered")
    call = home.registry.find(answer["id"])
    assert call is not None
    await home.carrier.until_dialled()
    return call


async def stream(home: House, call: CallSession, role: Role, call_sid: str) -> None:
    """Whoever was called picks up."""
    token = next(each.token for each in home.carrier.dialled if each.role is role)
    await home.stream({"bmv_call_id": call.id, "bmv_role": role.value, "bmv_token": token}, call_sid=call_sid)


async def until_state(call: CallSession, state: CallState) -> None:
    async with asyncio.timeout(5):
        while call.state is not state:
            await asyncio.sleep(0.005)


# -- who may order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "wrong", API_TOKEN + "x", API_TOKEN[:-1], "ä"])
async def test_without_the_right_token_nothing_is_ordered_and_nothing_is_told(token: str | None) -> None:
    with capture_logs() as logs:
        async with house() as home:
            call_id = (await placed(home)).id
            headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
            for method, path in (("POST", "/calls"), ("GET", f"/calls/{call_id}")):
                response = await home.send(method, path, data=json.dumps(ORDER).encode(), headers=headers)
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"
                assert "id" not in await response.json()
            assert len(home.registry) == 1
    assert [entry["event"] for entry in logs].count("request_refused") == 2


async def test_where_no_token_is_set_nobody_can_order() -> None:
    async with house(api_token=None) as home:
        for token in ("", "None", API_TOKEN, None):
            status, answer = await order(home, ORDER, token=token)
            assert status == 403
            assert "API_TOKEN" in answer["problems"][0]
        assert len(home.registry) == 0


async def test_the_token_opens_no_webhook_of_twilios() -> None:
    async with house() as home:
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        for path in ("/incoming-call?lang=es", "/outbound-call", "/welcome", "/call-status"):
            assert (await home.send("POST", path, data={"CallSid": "CA1"}, headers=headers)).status == 403
        assert (await home.send("POST", "/calls/../incoming-call", headers=headers)).status in (403, 404)


async def test_neither_the_token_nor_the_number_is_logged() -> None:
    with log_lines() as lines:
        async with house() as home:
            await placed(home)
            await order(home, ORDER, token="a-guess-of-a-token")
    for private in (API_TOKEN, "a-guess", MARIA, MARIA[1:]):
        assert private not in lines.getvalue()
    assert '"event": "call_placed"' in lines.getvalue()


# -- what an order says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b'"to"',
        b"\xff",
        b"[" * 50_000,
        {},
        {"to": MARIA},
        {"language": "es"},
        {"to": 34911222333, "language": "es"},
        {"to": MARIA, "language": None},
        {"to": MARIA, "language": "es", "agent": 7},
        {"to": MARIA, "language": "es", "from": "+1"},
    ],
    ids=lambda body: ascii(body)[:40],
)
async def test_what_is_no_order_is_refused_with_the_reason(body: object) -> None:
    async with house() as home:
        status, answer = await order(home, body)
        assert status == 400
        assert answer["problems"][0].startswith("this is no order: ")
        assert len(home.registry) == 0


@pytest.mark.parametrize(
    "body", [b'{"t\xc7o": "+1"}', b'{"to": "\xff"}', b"[" * 50_000, b"", b"\x00"], ids=lambda body: ascii(body)[:20]
)
async def test_bytes_that_are_no_json_are_no_order_either(body: bytes) -> None:
    async with house() as home:
        headers = {"Authorization": f"Bearer {API_TOKEN}", "Content-Type": "application/json"}
        assert (await home.send("POST", "/calls", data=body, headers=headers)).status == 400


async def test_all_that_is_wrong_with_an_order_is_told_at_once() -> None:
    async with house(agents=ON_A_PHONE) as home:
        wrong = {"to": "911", "language": "klingon", "agent": "carrier-pigeon"}
        status, answer = await order(home, wrong)
        assert status == 400
        assert [problem.split()[0] for problem in answer["problems"]] == ["to", "language", "agent"]
        assert len(home.registry) == 0


@pytest.mark.parametrize(
    "agent", ["+", "sip:alex", "client:", "client:a b", "tel:+1", "sips:alex@example.org", "sip:a@b c", "x" * 1000]
)
async def test_an_agent_who_cannot_be_reached_is_refused(agent: str) -> None:
    async with house() as home:
        status, answer = await order(home, ORDER | {"agent": agent})
        assert (status, len(answer["problems"])) == (400, 1)


@pytest.mark.parametrize("number", [OWN_NUMBER, FLEX_NUMBER])
async def test_a_number_of_ours_cannot_be_called(number: str) -> None:
    """The caller number would be answered by the menu; on the Flex number it would be taken for another agent call."""
    async with house() as home:
        for body in (ORDER | {"to": number}, ORDER | {"agent": number}):
            status, answer = await order(home, body)
            assert status == 400
            assert "call itself" in answer["problems"][0]
        assert len(home.registry) == 0


async def test_nobody_is_connected_with_himself() -> None:
    async with house() as home:
        status, answer = await order(home, ORDER | {"agent": MARIA})
        assert (status, len(answer["problems"])) == (400, 1)


async def test_without_flex_no_agent_of_flex_can_be_asked_for() -> None:
    async with house(agents=ON_A_PHONE) as home:
        status, answer = await order(home, ORDER | {"agent": "flex"})
        assert status == 400
        assert "TWILIO_FLEX_" in answer["problems"][0]


@pytest.mark.parametrize(
    ("agents", "agent", "reached"),
    [
        (AgentPlaces(None, flex=True), None, None),
        (AgentPlaces(None, flex=True), "flex", None),
        (AgentPlaces(None, flex=True), PHONE, PHONE),
        (AgentPlaces(PHONE, flex=True), "flex", None),
        (ON_A_PHONE, None, PHONE),
        (ON_A_PHONE, "sip:alex@example.com", "sip:alex@example.com"),
        (ON_A_PHONE, "client:alex", "client:alex"),
    ],
)
async def test_the_agent_is_called_where_the_order_says_or_as_usual(
    agents: AgentPlaces, agent: str | None, reached: str | None
) -> None:
    async with house(agents=agents) as home:
        await placed(home, ORDER if agent is None else ORDER | {"agent": agent})
        (dialled,) = home.carrier.dialled
        assert (dialled.role, dialled.to) == (Role.AGENT, reached)


async def test_beyond_the_limit_and_while_the_process_stops_no_call_is_placed() -> None:
    async with house(max_calls=1) as home:
        await placed(home)
        status, answer = await order(home, ORDER)
        assert status == 503
        assert "MAX_CALLS" in answer["problems"][0]
        assert len(home.registry) == 1


# -- the life of such a call ------------------------------------------------------------------------------------------


async def test_first_the_agent_is_called_and_then_whom_to_call() -> None:
    async with house(agents=ON_A_PHONE) as home:
        call = await placed(home)
        assert [each.role for each in home.carrier.dialled] == [Role.AGENT]
        await stream(home, call, Role.AGENT, AGENT_SID)
        await until_state(call, CallState.CALLING)
        while len(home.carrier.dialled) < 2:
            await asyncio.sleep(0.005)
        customer = home.carrier.dialled[1]
        assert (customer.role, customer.to, customer.language.tag) == (Role.CALLER, MARIA, "es")
        assert (await ask(home, call.id))[1] == {"id": call.id, "state": "calling"}
        await stream(home, call, Role.CALLER, CALLER_SID)
        await until_state(call, CallState.BRIDGED)
        assert (await ask(home, call.id))[1] == {"id": call.id, "state": "bridged"}


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
async def test_when_whom_we_call_is_not_reached_the_agent_is_told(status: str) -> None:
    async with house(agents=ON_A_PHONE) as home:
        call = await placed(home)
        await stream(home, call, Role.AGENT, AGENT_SID)
        await until_state(call, CallState.CALLING)
        form = {"CallSid": CALLER_SID, "CallStatus": status, "SequenceNumber": "1"}
        await home.post(f"/call-status?bmv_call_id={call.id}&bmv_role=caller", form)
        await home.over()
        english = languages.get("en")
        assert home.carrier.said == [(AGENT_SID, english.sentences[Sentence.NOT_REACHED], english)]
        assert AGENT_SID in home.carrier.hung_up
        assert (await ask(home, call.id))[1] == {"id": call.id, "state": "ended", "reason": "not_reached"}


async def test_whom_we_call_and_who_hangs_up_was_reached() -> None:
    async with house(agents=ON_A_PHONE) as home:
        call = await placed(home)
        await stream(home, call, Role.AGENT, AGENT_SID)
        await until_state(call, CallState.CALLING)
        await stream(home, call, Role.CALLER, CALLER_SID)
        await until_state(call, CallState.BRIDGED)
        form = {"CallSid": CALLER_SID, "CallStatus": "completed", "SequenceNumber": "2"}
        await home.post(f"/call-status?bmv_call_id={call.id}&bmv_role=caller", form)
        await home.over()
        assert (await ask(home, call.id))[1]["reason"] == "caller_hung_up"


async def test_an_agent_who_does_not_answer_costs_nobody_a_call() -> None:
    async with house(agents=ON_A_PHONE) as home:
        call = await placed(home)
        form = {"CallSid": AGENT_SID, "CallStatus": "no-answer", "SequenceNumber": "1"}
        await home.post(f"/call-status?bmv_call_id={call.id}&bmv_role=agent", form)
        await home.over()
        assert [each.role for each in home.carrier.dialled] == [Role.AGENT]
        assert (await ask(home, call.id))[1]["reason"] == "agent_unavailable"


async def test_in_flex_the_task_says_that_it_is_we_who_call() -> None:
    async with house() as home:
        call = await placed(home)
        await home.pairing.claim(("+15005550006", "+15005550007"), call.id)
        form = {"CallSid": "CA9", "From": "+15005550006", "To": "+15005550007"}
        document = await (await home.post("/outbound-call", form)).text()
        assert '"type": "outbound"' in document.replace("&quot;", '"')
        assert MARIA in document


async def test_a_call_that_never_was_is_not_known() -> None:
    async with house() as home:
        assert (await ask(home, "0" * 24))[0] == 404
