"""Both legs of a call over real WebSockets: who may join, as what, once; and that the voices reach each other."""

import asyncio
import base64
import json
from contextlib import suppress

import aiohttp
import pytest
import wires
from wires import AGENT_SID, CALLER, CALLER_SID, House, house, log_lines, parameters, received_until_close

from bmv.audio.mulaw import FRAME_BYTES, SILENCE
from bmv.call.leg import Role
from bmv.call.session import CallSession
from bmv.call.state import CallState, EndReason
from bmv.telephony.headway import AHEAD_SECONDS

POLICY_VIOLATION = aiohttp.WSCloseCode.POLICY_VIOLATION
Socket = aiohttp.ClientWebSocketResponse


async def until(home: House, call: CallSession, state: CallState) -> None:
    """Wait until the call is where it should be, one request of the server's after the other."""
    async with asyncio.timeout(5):
        while call.state is not state:
            await home.send("GET", "/live")


async def invited(home: House, lang: str = "spanish") -> tuple[CallSession, dict[str, str]]:
    """Give a call and what the caller's stream is to show."""
    custom = parameters(await home.incoming(lang))
    call = home.registry.find(custom["bmv_call_id"])
    assert call is not None
    return call, custom


async def agents_invitation(home: House) -> dict[str, str]:
    agent_call = await home.carrier.until_dialled()
    return {"bmv_call_id": agent_call.call_id, "bmv_role": "agent", "bmv_token": agent_call.token}


async def bridged(home: House, lang: str = "spanish") -> tuple[CallSession, Socket, Socket]:
    """Give a call in which both hear each other, and the sockets of caller and agent."""
    call, custom = await invited(home, lang)
    caller = await home.stream(custom)
    agent = await home.stream(await agents_invitation(home), call_sid=AGENT_SID)
    await until(home, call, CallState.QUEUED)
    attributes = json.dumps({"bmv_call_id": call.id})
    await home.post("/reservation-accepted", {"EventType": "reservation.accepted", "TaskAttributes": attributes})
    await until(home, call, CallState.BRIDGED)
    return call, caller, agent


async def refused(ws: Socket) -> bool:
    return await received_until_close(ws) == [] and ws.close_code == POLICY_VIOLATION


# -- who may join ---------------------------------------------------------------------------------------------------


async def test_the_callers_stream_joins_its_call_and_the_agent_is_called() -> None:
    async with house() as home:
        call, custom = await invited(home)
        await home.stream(custom)
        agent_call = await home.carrier.until_dialled()
        assert agent_call.call_id == call.id
        assert call.state is CallState.DIALLING


async def test_a_stream_without_a_call_or_a_token_is_refused_and_the_call_does_not_notice() -> None:
    async with house() as home:
        call, custom = await invited(home)
        for wrong in (
            {},
            {"bmv_call_id": call.id},
            {"bmv_token": custom["bmv_token"]},
            custom | {"bmv_call_id": "unknown"},
            custom | {"bmv_token": ""},
            custom | {"bmv_token": custom["bmv_token"][:-1]},
            custom | {"bmv_token": custom["bmv_token"] + "é"},
        ):
            assert await refused(await home.stream(wrong)), wrong
        assert call.state is CallState.ANSWERED
        assert home.carrier.dialled == []
        await home.stream(custom)
        await home.carrier.until_dialled()


async def test_a_token_is_good_once() -> None:
    async with house() as home:
        call, custom = await invited(home)
        first = await home.stream(custom)
        await home.carrier.until_dialled()
        assert await refused(await home.stream(custom))
        await first.send_json(wires.media(SILENCE))
        assert not first.closed
        assert call.state is CallState.DIALLING


async def test_a_token_of_one_call_opens_no_other() -> None:
    async with house() as home:
        (first, custom), other = await invited(home), parameters(await home.incoming(CallSid="CA9"))
        assert await refused(await home.stream(custom | {"bmv_token": other["bmv_token"]}))
        assert first.state is CallState.ANSWERED


async def test_the_token_says_who_joins_and_not_the_parameter_beside_it() -> None:
    async with house() as home:
        call, custom = await invited(home)
        await home.stream(custom | {"bmv_role": "agent"})
        await home.carrier.until_dialled()
        assert call.state is CallState.DIALLING


async def test_a_stream_of_a_call_that_is_over_is_refused() -> None:
    async with house() as home:
        call, custom = await invited(home)
        call.end(EndReason.CALLER_HUNG_UP)
        assert await refused(await home.stream(custom))
        await home.over()
        assert await refused(await home.stream(custom))


@pytest.mark.parametrize(
    "message",
    ["hello", '{"event":"media","media":{"payload":""}}', '{"event":"start"}', json.dumps(wires.stop())],
)
async def test_a_socket_that_does_not_begin_as_twilios_do_is_closed(message: str) -> None:
    async with house() as home:
        ws = await home.connect()
        await ws.send_str(message)
        assert await refused(ws)


async def test_a_second_stream_with_a_token_of_its_own_takes_the_place_of_the_first() -> None:
    async with house() as home:
        call, custom = await invited(home)
        again = custom | {"bmv_token": call.tokens.issue(Role.CALLER)}
        first = await home.stream(custom)
        await home.carrier.until_dialled()
        second = await home.stream(again)
        assert await asyncio.wait_for(first.receive(), 5)
        while not first.closed:
            await first.receive()
        await second.send_json(wires.media(SILENCE))
        await home.send("GET", "/live")
        assert call.state is CallState.DIALLING
        assert len(home.carrier.dialled) == 1
        await second.close()
        await until(home, call, CallState.ENDED)


# -- what is said ---------------------------------------------------------------------------------------------------


async def heard_by(ws: Socket, enough: int) -> bytes:
    """Give what a party is played until there are so many bytes that are not silence, or ring-back's end."""
    audio = b""
    async with asyncio.timeout(5):
        while sum(audio.count(wires.frame(number)) for number in range(1, 12)) * FRAME_BYTES < enough:
            message = json.loads((await ws.receive()).data)
            assert message["event"] == "media"
            assert message["streamSid"] == wires.STREAM_SID
            audio += base64.b64decode(message["media"]["payload"])
    return audio


@pytest.mark.parametrize("speaker", ["caller", "agent"])
async def test_what_one_says_the_other_hears_complete_and_in_order(speaker: str) -> None:
    said = [wires.frame(number) for number in range(1, 11)]
    async with house() as home:
        _call, caller, agent = await bridged(home)
        speaks, listens = (caller, agent) if speaker == "caller" else (agent, caller)
        for number, frame in enumerate([*said, *[SILENCE] * 10], 1):
            await speaks.send_json(wires.media(frame, number=number))
            await asyncio.sleep(0.005)
        audio = await heard_by(listens, len(said) * FRAME_BYTES)
    assert b"".join(said) in audio


async def test_before_an_agent_accepted_nothing_is_passed_on() -> None:
    async with house() as home:
        call, custom = await invited(home, "english")
        caller = await home.stream(custom)
        agent = await home.stream(await agents_invitation(home), call_sid=AGENT_SID)
        await until(home, call, CallState.QUEUED)
        for number in range(1, 11):
            await caller.send_json(wires.media(wires.frame(number), number=number))
        await caller.send_json(wires.stop())
        assert await received_until_close(agent) == []


# -- the end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "reason"), [("caller", EndReason.CALLER_HUNG_UP), ("agent", EndReason.AGENT_HUNG_UP)])
async def test_a_party_that_hangs_up_ends_the_call_for_both(who: str, reason: EndReason) -> None:
    async with house() as home:
        call, caller, agent = await bridged(home)
        leaves, stays = (caller, agent) if who == "caller" else (agent, caller)
        await leaves.send_json(wires.stop())
        await received_until_close(stays)
        await home.over()
        assert call.reason is reason
        assert {CALLER_SID, AGENT_SID} <= set(home.carrier.hung_up)
        assert stays.close_code == aiohttp.WSCloseCode.OK


@pytest.mark.parametrize(
    ("who", "reason"), [("caller", EndReason.CALLER_STREAM_LOST), ("agent", EndReason.AGENT_STREAM_LOST)]
)
async def test_a_stream_that_breaks_ends_the_call_for_both(who: str, reason: EndReason) -> None:
    async with house() as home:
        call, caller, agent = await bridged(home)
        breaks, stays = (caller, agent) if who == "caller" else (agent, caller)
        await breaks.close()
        await received_until_close(stays)
        await home.over()
        assert call.reason is reason
        assert {CALLER_SID, AGENT_SID} <= set(home.carrier.hung_up)


async def test_rubbish_in_a_running_stream_does_not_end_the_call() -> None:
    async with house() as home:
        call, caller, agent = await bridged(home)
        for rubbish in ("{", '{"event":"media"}', '{"event":"new"}'):
            await caller.send_str(rubbish)
        await caller.send_bytes(b"\x00")
        for number in range(1, 21):
            await caller.send_json(wires.media(wires.frame(number % 10 + 1), number=number))
        assert await heard_by(agent, 5 * FRAME_BYTES)
        assert call.state is CallState.BRIDGED


async def test_a_stream_that_sends_faster_than_anybody_speaks_ends_before_much_is_kept_of_it() -> None:
    with log_lines() as lines:
        async with house() as home:
            call, caller, _agent = await bridged(home, "english")
            with suppress(ConnectionError):  # our end may be closed before all is written
                for number in range(6000):  # two minutes
                    await caller.send_json(wires.media(wires.frame(5), number=number))
            await received_until_close(caller)
            assert caller.close_code == POLICY_VIOLATION
            await home.over()
            assert call.reason is EndReason.CALLER_STREAM_LOST
            assert call.view().directions[Role.CALLER].backlog <= AHEAD_SECONDS + 1
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    told = [entry for entry in logged if entry["event"] == "stream_refused"]
    assert [(entry["call_id"], entry["role"]) for entry in told] == [(call.id, "caller")]
    assert "s of sound within" in told[0]["error"]


async def test_a_message_that_is_too_large_ends_the_stream_and_with_it_the_call() -> None:
    async with house() as home:
        call, caller, _agent = await bridged(home)
        await caller.send_json(wires.media(bytes(70_000)))
        await until(home, call, CallState.ENDED)
        assert call.reason is EndReason.CALLER_STREAM_LOST


async def test_when_the_house_closes_no_task_and_no_socket_is_left() -> None:
    before = asyncio.all_tasks()
    async with house() as home:
        _call, caller, agent = await bridged(home)
    assert caller.closed
    assert agent.closed
    assert asyncio.all_tasks() == before


async def test_neither_tokens_nor_numbers_nor_what_is_said_or_pressed_is_logged() -> None:
    with log_lines() as lines:
        async with house() as home:
            _call, caller, agent = await bridged(home)
            tokens = [home.carrier.dialled[0].token]
            await caller.send_json(wires.dtmf("*#*#"))
            for number in range(1, 30):
                await caller.send_json(wires.media(wires.frame(5), number=number))
            await heard_by(agent, FRAME_BYTES)
            wrong = await home.stream({"bmv_call_id": "x", "bmv_token": tokens[0]})
            await received_until_close(wrong)
            await caller.send_str('{"event":"media","media":{"payload":"secret-' + "A" * 300)
            await caller.close()
            await home.over()
    logged = lines.getvalue()
    for event in ("stream_started", "stream_ended", "stream_refused", "key_pressed", "call_bridged", "call_ended"):
        assert f'"event": "{event}"' in logged
    payload = base64.b64encode(wires.frame(5)).decode()
    for private in (*tokens, CALLER, CALLER[1:], "*#*#", payload[:40], "secret-", "A" * 100, "Traceback"):
        assert private not in logged
