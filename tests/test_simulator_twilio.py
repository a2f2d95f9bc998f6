"""The fake Twilio as a whole: a full call, and that it leaves nothing behind and hides nothing."""

import asyncio

import pytest
from simulator_twilio_server import CALLER, FLEX, FRONT, PAUSE, WORKFLOW, a_company, a_tone, connect, create, twiml

from bmv.simulator.twilio import Party


async def test_a_full_call_both_ways() -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = connect()
        server.pages["/flex"] = twiml(f'<Enqueue workflowSid="{WORKFLOW}" waitUrl=""><Task>{{}}</Task></Enqueue>')
        maria, alex = Party("Maria"), Party("Alex")
        call = await twilio.dial(from_=CALLER, to=FRONT, party=maria)
        caller = await server.socket()
        await create(twilio, {"To": FLEX, "From": FRONT, "Twiml": connect()})
        flex = await server.socket()
        agent = await (await twilio.next_reservation(timeout=1)).accept(party=alex, beep=False)
        maria.say(a_tone(0.1, 500))
        await maria.done_speaking()
        await server.until(lambda: a_tone(0.1, 500) in caller.sound())
        await flex.play(a_tone(0.1, 700))
        await alex.hears_speech(timeout=1)
        await alex.hears_quiet(0.06, timeout=1)
        assert a_tone(0.1, 700) in alex.heard
        alex.say(a_tone(0.1, 900))
        await server.until(lambda: a_tone(0.1, 900) in flex.sound())
        await call.hang_up()
        await agent.hang_up()
        assert maria.hung_up.is_set()
        assert [await each.ended(1) for each in twilio.calls.values()] == ["completed"] * 3
        assert twilio.alerts == []


async def test_closing_the_company_ends_running_calls_with_a_stop() -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = connect("<Say>never</Say>")
        server.pages["/flex"] = PAUSE
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
        await create(twilio, {"To": FLEX, "From": FRONT, "Twiml": connect()})
        sockets = [await server.socket(), await server.socket()]
    assert all(socket.stopped.is_set() for socket in sockets)
    assert call.status == "completed"
    assert call.said == []
    assert server.events("/front-status", "CallStatus") == []  # nobody is told any more
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_of_the_script_stays_as_it_is_and_nothing_is_left() -> None:
    async def script() -> None:
        async with a_company() as (twilio, server):
            server.pages["/front"] = connect()
            await (await twilio.dial(from_=CALLER, to=FRONT, party=Party())).streaming(1)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await script()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_bug_in_the_company_ends_the_script() -> None:
    def speaker(text: str, language: str) -> bytes:
        raise ZeroDivisionError("a bug")

    async def script() -> None:
        async with a_company(say=speaker) as (twilio, server):
            server.pages["/front"] = twiml("<Say>x</Say>")
            await twilio.dial(from_=CALLER, to=FRONT, party=Party())
            await asyncio.sleep(5)

    with pytest.raises(BaseExceptionGroup) as error:
        await script()
    assert error.value.subgroup(ZeroDivisionError) is not None
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_bug_behind_the_rest_api_ends_the_script_too() -> None:
    async def script() -> None:
        async with a_company() as (twilio, _):
            twilio.numbers[FLEX] = None  # type: ignore[assignment]
            await create(twilio, {"To": FLEX, "From": FRONT, "Twiml": connect()})

    with pytest.raises(BaseExceptionGroup) as error:
        await script()
    assert error.value.subgroup(AttributeError) is not None


async def test_an_unknown_number_cannot_be_dialled() -> None:
    async with a_company() as (twilio, _):
        with pytest.raises(KeyError):
            await twilio.dial(from_=CALLER, to="+1666", party=Party())


async def test_many_calls_at_once_are_kept_apart() -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = connect()
        calls = [await twilio.dial(from_="anonymous", to=FRONT, party=Party(str(n))) for n in range(20)]
        sockets = [await server.socket() for _ in calls]
        assert {socket.start["start"]["callSid"] for socket in sockets} == {call.sid for call in calls}
