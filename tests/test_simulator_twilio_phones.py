"""Telephones outside, called by REST at the fake Twilio: numbers, SIP addresses and Voice SDK clients."""

import asyncio
from typing import Any

import pytest
from simulator_twilio_server import FLEX, FRONT, Server, a_company, a_tone, connect, create, twiml

from bmv.simulator.twilio import Call, FakeTwilio, Party, Phone
from bmv.simulator.twilio.exchange import Outcome

NUMBER, SIP, CLIENT = "+34600111222", "sip:sue@example.com", "client:sue"


async def an_order(twilio: FakeTwilio, to: str, **changes: str) -> tuple[int, Any]:
    form = {"To": to, "From": FRONT, "Twiml": connect(), "StatusCallback": "https://bmv.test/status"} | changes
    events = [("StatusCallbackEvent", event) for event in ("initiated", "ringing", "answered", "completed")]
    return await create(twilio, [*form.items(), *events])


async def a_call(twilio: FakeTwilio, to: str, **changes: str) -> Call:
    assert (await an_order(twilio, to, **changes))[0] == 201
    return await twilio.next_call(1)


def statuses(server: Server) -> list[str]:
    return server.events("/status", "CallStatus")


@pytest.mark.parametrize("address", [NUMBER, SIP, CLIENT])
async def test_a_telephone_is_picked_up_by_its_party(address: str) -> None:
    async with a_company() as (twilio, server):
        sue = Party("Sue")
        twilio.phones[address] = sue
        call = await a_call(twilio, address)
        socket = await server.socket()
        await socket.play(a_tone(0.1, 500))
        sue.say(a_tone(0.1, 900))
        await server.until(lambda: a_tone(0.1, 500) in sue.heard and a_tone(0.1, 900) in socket.sound())
        assert (call.to, call.direction, call.parameters) == (address, "outbound-api", {})
        await call.hang_up()
        assert sue.hung_up.is_set()
        await server.until(lambda: statuses(server) == ["initiated", "ringing", "in-progress", "completed"])
        assert server.events("/status", "To") == [address] * 4
        assert twilio.alerts == []


@pytest.mark.parametrize("address", [SIP, CLIENT])
async def test_parameters_of_an_address_are_for_the_far_end_only(address: str) -> None:
    async with a_company() as (twilio, server):
        twilio.phones[address] = Party("Sue")
        status, body = await an_order(twilio, f"{address}?X-call=a%20b&X-language=es")
        assert (status, body["to"]) == (201, address)
        call = await twilio.next_call(1)
        assert call.parameters == {"X-call": "a b", "X-language": "es"}
        await call.streaming(1)
        await server.until(lambda: "in-progress" in statuses(server))
        assert not [name for _, form in server.forms for name in form if name.startswith("X-")]


@pytest.mark.parametrize("address", [f"{NUMBER}?x=1", "sip:bob@example.com", "client:bob", "client:"])
async def test_an_address_where_nobody_is_cannot_be_called(address: str) -> None:
    async with a_company() as (twilio, _):
        twilio.phones.update({NUMBER: Party(), SIP: Party(), CLIENT: Party()})
        status, body = await an_order(twilio, address)
        assert (status, body["code"]) == (400, 21211)


async def test_a_telephone_rings_before_it_is_picked_up() -> None:
    async with a_company() as (twilio, server):
        twilio.phones[SIP] = Phone(Party("Sue"), ring_seconds=0.3)
        begin = asyncio.get_running_loop().time()
        call = await a_call(twilio, SIP)
        await server.until(lambda: statuses(server) == ["initiated", "ringing"])
        await call.answered(2)
        assert asyncio.get_running_loop().time() - begin >= 0.3


@pytest.mark.parametrize("outcome", ["busy", "failed"])
async def test_a_telephone_may_never_be_picked_up(outcome: Outcome) -> None:
    async with a_company() as (twilio, server):
        sue = Party("Sue")
        twilio.phones[SIP] = Phone(sue, outcome=outcome)
        call = await a_call(twilio, SIP)
        assert await call.ended(1) == outcome
        await server.until(lambda: statuses(server) == ["initiated", "ringing", outcome])
        assert server.sockets.empty()
        assert sue.frames_heard == 0


@pytest.mark.parametrize(
    ("phone", "ring_for"),
    [(Phone(Party(), outcome="no-answer"), 0.0), (Phone(Party(), ring_seconds=9), 0.0), (Phone(Party()), 9.0)],
)
async def test_a_telephone_that_rings_too_long_has_not_answered(phone: Phone, ring_for: float) -> None:
    async with a_company() as (twilio, server):
        twilio.phones[CLIENT] = phone
        twilio.ring_for(ring_for)
        begin = asyncio.get_running_loop().time()
        call = await a_call(twilio, CLIENT, Timeout="1")
        assert await call.ended(3) == "no-answer"
        assert asyncio.get_running_loop().time() - begin >= 1
        await server.until(lambda: statuses(server) == ["initiated", "ringing", "no-answer"])


async def test_the_next_call_to_a_telephone_may_come_to_nothing() -> None:
    async with a_company() as (twilio, _):
        twilio.phones[NUMBER] = Party()
        twilio.next_outgoing_call("busy")
        assert await (await a_call(twilio, NUMBER)).ended(1) == "busy"
        await (await a_call(twilio, NUMBER)).answered(1)


async def test_a_call_can_be_cancelled_while_the_telephone_rings() -> None:
    async with a_company() as (twilio, server):
        twilio.phones[NUMBER] = Phone(Party(), ring_seconds=60)
        call = await a_call(twilio, NUMBER)
        await server.until(lambda: call.status == "ringing")
        await create(twilio, {"Status": "canceled"}, f"/{call.sid}")
        assert await call.ended(1) == "canceled"


async def test_keys_of_a_telephone_are_heard_by_the_stream_and_by_a_gather() -> None:
    async with a_company() as (twilio, server):
        twilio.phones[NUMBER] = Party()
        call = await a_call(twilio, NUMBER)
        socket = await server.socket()
        call.press("5")
        await server.until(lambda: [message["dtmf"]["digit"] for message in socket.of("dtmf")] == ["5"])
        server.pages["/chosen"] = twiml('<Pause length="9"/>')
        page = twiml('<Gather action="https://bmv.test/chosen" numDigits="1"/>')
        await create(twilio, {"Twiml": page}, f"/{call.sid}")
        await call.gathering(1)
        call.press("7")
        await server.until(lambda: server.events("/chosen", "Digits") == ["7"])
        assert server.events("/chosen", "Direction") == ["outbound-api"]


async def test_a_telephone_that_has_not_been_picked_up_has_no_keys() -> None:
    async with a_company() as (twilio, _):
        twilio.phones[NUMBER] = Phone(Party(), ring_seconds=60)
        call = await a_call(twilio, NUMBER)
        with pytest.raises(RuntimeError):
            call.press("5")


async def test_a_number_that_rings_too_long_is_never_asked() -> None:
    async with a_company() as (twilio, server):
        twilio.ring_for(9)
        assert await (await a_call(twilio, FLEX, Timeout="0")).ended(1) == "no-answer"
        assert len(twilio.calls) == 1  # there is no far end
