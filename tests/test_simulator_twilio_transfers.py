"""Transfers of the fake Twilio: cold and warm, accepted and not, with what everybody hears and the server is told."""

import asyncio
import json

import pytest
from simulator_twilio_server import Server, Socket, a_company, a_queue, a_tone, events

from bmv.simulator.twilio import Agent, FakeTwilio, HungUpError, Party, TaskRouter, Worker

HOLD = a_tone(0.5, 1200)
CUSTOMER, ALEX, SUE = a_tone(0.1, 500), a_tone(0.1, 700), a_tone(0.1, 900)


async def a_talk(twilio: FakeTwilio, server: Server, **settings: object) -> tuple[Agent, Socket]:
    """Alex in conversation with a customer whose side of it is a stream; Sue is the next worker, Bob the one after."""
    workers = [Worker("alex"), Worker("sue", {"languages": ["es"]}), Worker("bob")]
    twilio.task_router = TaskRouter(
        "https://bmv.test/events",
        workers=workers,
        hold_music=HOLD,
        **settings,  # type: ignore[arg-type]
    )
    _, socket = await a_queue(twilio, server)
    agent = await (await twilio.next_reservation(1)).accept(Party("Alex"), beep=False)
    await server.until(lambda: events(server)[-1:] == ["task.updated"])
    return agent, socket


async def the_next(twilio: FakeTwilio, name: str = "Sue") -> Agent:
    """The agent who accepts what rings next."""
    return await (await twilio.next_reservation(1)).accept(Party(name), beep=False)


def on_hold(agent: Agent) -> bool:
    """Whether the customer is."""
    return agent.conference.customer.hold


def since_the_start(server: Server) -> list[str]:
    """The events after Alex has entered the conference."""
    return events(server)[5:]


async def test_a_cold_transfer_goes_on_with_another_agent_on_the_same_task() -> None:
    async with a_company() as (twilio, server):
        alex, socket = await a_talk(twilio, server)
        task = alex.reservation.task
        alex.transfer("cold")
        assert alex.party.hung_up.is_set()
        assert on_hold(alex)
        await server.until(lambda: HOLD[:1600] in socket.sound())
        reservation = await twilio.next_reservation(1)
        assert (reservation.worker.name, reservation.task, task.status) == ("sue", task, "reserved")
        sue = await reservation.accept(Party("Sue"), beep=False)
        await server.until(lambda: not on_hold(alex))
        sue.party.say(SUE)
        await socket.play(CUSTOMER)
        await server.until(lambda: SUE in socket.sound() and CUSTOMER in sue.party.heard)
        expected = ["task.transfer-initiated", "reservation.wrapup", "reservation.completed", "reservation.created"]
        expected += ["reservation.accepted", "task.transfer-completed", "task.updated"]
        await server.until(lambda: since_the_start(server) == expected)
        assert len(set(server.events("/events", "TaskSid"))) == 1
        assert alex.reservation.status == "completed"
        assert task.attributes["conference"]["participants"]["worker"] == sue.call_sid  # type: ignore[index]
        assert twilio.alerts == []


async def test_the_customer_of_a_cold_transfer_stays_on_hold_until_some_time_after_the_new_agent_came() -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server, unhold_seconds=0.3)
        alex.transfer("cold")
        sue = await the_next(twilio)
        begin = asyncio.get_running_loop().time()
        assert on_hold(sue)
        await server.until(lambda: not on_hold(sue))
        assert asyncio.get_running_loop().time() - begin >= 0.2


async def test_a_cold_transfer_takes_the_customer_off_hold_even_if_the_event_comes_last() -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server, unhold_seconds=0)
        alex.transfer("cold")
        sue = await (await twilio.next_reservation(1)).accept(Party("Sue"), audio_first=True)
        assert not on_hold(sue)


async def test_a_transfer_tells_from_whom_it_comes() -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server)
        alex.transfer("cold")
        await the_next(twilio)
        await server.until(lambda: "task.transfer-completed" in events(server))
        forms = [form for path, form in server.forms if form.get("EventType", "").startswith("task.transfer-")]
        for form, status in zip(forms, ("initiated", "completed"), strict=True):
            assert (form["TransferMode"], form["TransferStatus"], form["TransferType"]) == ("COLD", status, "QUEUE")
            assert form["TransferInitiatingReservationSid"] == alex.reservation.sid
            assert form["TransferInitiatingWorkerSid"] == alex.reservation.worker.sid
            assert form["ResourceSid"] == form["TaskTransferSid"]
            assert form["ResourceType"] == "transfer"
            assert "TransferFailedReason" not in form
            assert json.loads(form["TaskAttributes"])["conference"]
        new = [form for path, form in server.forms if form.get("EventType") == "reservation.accepted"][-1]
        assert (new["WorkerName"], json.loads(new["WorkerAttributes"])["languages"]) == ("sue", ["es"])


async def test_in_a_warm_transfer_the_agents_talk_while_the_customer_is_on_hold() -> None:
    async with a_company() as (twilio, server):
        alex, socket = await a_talk(twilio, server)
        task = alex.reservation.task
        alex.transfer("warm")
        sue = await the_next(twilio)
        assert on_hold(alex)
        alex.party.say(ALEX)
        await server.until(lambda: ALEX in sue.party.heard)
        sue.party.say(SUE)
        await server.until(lambda: SUE in alex.party.heard and HOLD[:1600] in socket.sound())
        assert ALEX not in socket.sound()
        assert SUE not in socket.sound()
        alex.complete_transfer()
        assert alex.party.hung_up.is_set()
        assert not on_hold(alex)
        sue.party.say(SUE)
        await server.until(lambda: SUE in socket.sound())
        expected = ["task.transfer-initiated", "reservation.created", "reservation.accepted", "task.transfer-completed"]
        expected += ["task.updated", "reservation.wrapup", "reservation.completed"]
        await server.until(lambda: since_the_start(server) == expected)
        assert server.events("/events", "WorkerName")[-2:] == ["alex", "alex"]
        assert (task.status, task.agents) == ("assigned", [sue])


async def test_a_warm_transfer_can_be_cancelled_while_it_rings() -> None:
    async with a_company() as (twilio, server):
        alex, socket = await a_talk(twilio, server)
        alex.transfer("warm")
        reservation = await twilio.next_reservation(1)
        alex.cancel_transfer()
        with pytest.raises(HungUpError):
            await reservation.accept(Party())
        alex.party.say(ALEX)
        await server.until(lambda: ALEX in socket.sound())
        expected = ["task.transfer-initiated", "reservation.created", "reservation.canceled", "task.transfer-canceled"]
        await server.until(lambda: since_the_start(server) == expected)
        assert alex.reservation.task.status == "assigned"
        alex.transfer("warm")  # and it may be tried again


async def test_a_warm_transfer_can_be_cancelled_while_the_agents_talk() -> None:
    async with a_company() as (twilio, server):
        alex, socket = await a_talk(twilio, server)
        alex.transfer("warm")
        sue = await the_next(twilio)
        alex.cancel_transfer()
        assert sue.party.hung_up.is_set()
        alex.party.say(ALEX)
        await server.until(lambda: ALEX in socket.sound())
        expected = ["task.transfer-canceled", "reservation.wrapup", "reservation.completed"]
        await server.until(lambda: since_the_start(server)[5:] == expected)
        assert server.events("/events", "WorkerName")[-1] == "sue"
        assert alex.reservation.task.agents == [alex]


async def test_an_agent_who_accepts_a_transfer_that_is_cancelled_meanwhile_does_not_get_in() -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server)
        alex.transfer("warm")
        accepting = asyncio.ensure_future((await twilio.next_reservation(1)).accept(Party("Sue"), delay=0.2))
        await server.until(lambda: "task.transfer-completed" in events(server))
        alex.cancel_transfer()
        with pytest.raises(HungUpError):
            await accepting
        assert [each.role for each in alex.conference.participants] == ["customer", "worker"]


@pytest.mark.parametrize("mode", ["cold", "warm"])
async def test_a_transfer_that_is_not_taken_rings_at_the_next_worker(mode: str) -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server)
        alex.transfer(mode)  # type: ignore[arg-type]
        (await twilio.next_reservation(1)).reject()
        reservation = await twilio.next_reservation(1)
        assert (reservation.worker.name, on_hold(alex)) == ("bob", True)
        expected = [
            "reservation.created",
            "reservation.rejected",
            "task.transfer-attempt-failed",
            "reservation.created",
        ]
        await server.until(lambda: since_the_start(server)[-4:] == expected)
        form = next(form for path, form in server.forms if "TransferFailedReason" in form)
        assert (form["TransferStatus"], form["TransferFailedReason"]) == (
            "initiated",
            "Transfer attempt failed on reservation reject",
        )
        bob = await reservation.accept(Party("Bob"))
        if mode == "warm":
            alex.complete_transfer()
        assert alex.reservation.task.agents == [bob]


@pytest.mark.parametrize("mode", ["cold", "warm"])
async def test_a_customer_who_hangs_up_while_a_transfer_rings_ends_it(mode: str) -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server)
        alex.transfer(mode)  # type: ignore[arg-type]
        reservation = await twilio.next_reservation(1)
        await alex.reservation.task.call.hang_up()
        with pytest.raises(HungUpError):
            await reservation.accept(Party())
        expected = ["reservation.canceled", "task.transfer-failed"]
        expected += ["task.canceled"] if mode == "cold" else ["reservation.wrapup", "task.wrapup"]
        await server.until(lambda: since_the_start(server)[-len(expected) :] == expected)
        assert alex.party.hung_up.is_set()


async def test_both_agents_go_to_wrap_up_when_the_customer_hangs_up_in_a_consultation() -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server)
        task = alex.reservation.task
        alex.transfer("warm")
        sue = await the_next(twilio)
        await task.call.hang_up()
        await sue.hung_up(1)
        task.complete()
        expected = ["reservation.wrapup", "reservation.wrapup", "task.wrapup"]
        expected += ["reservation.completed", "reservation.completed", "task.completed"]
        await server.until(lambda: since_the_start(server)[-6:] == expected)


async def test_the_last_agent_ends_the_conference_and_an_earlier_one_only_leaves_it() -> None:
    async with a_company() as (twilio, server):
        alex, socket = await a_talk(twilio, server)
        alex.transfer("warm")
        sue = await the_next(twilio)
        await alex.hang_up()
        assert alex.party.hung_up.is_set()
        assert not sue.party.hung_up.is_set()
        assert sue.reservation.task.transfer is None
        sue.resume()
        sue.party.say(SUE)
        await server.until(lambda: SUE in socket.sound())
        await sue.hang_up()
        assert await sue.reservation.task.call.ended(1) == "completed"
        await server.until(lambda: events(server)[-2:] == ["reservation.wrapup", "task.wrapup"])


async def test_only_what_is_under_way_can_be_completed_or_cancelled() -> None:
    async with a_company() as (twilio, server):
        alex, _ = await a_talk(twilio, server)
        for impossible in (alex.complete_transfer, alex.cancel_transfer):
            with pytest.raises(RuntimeError):
                impossible()
        alex.transfer("warm")
        with pytest.raises(RuntimeError, match="accepted"):
            alex.complete_transfer()
        with pytest.raises(RuntimeError, match="under way"):
            alex.transfer("cold")
        sue = await the_next(twilio)
        with pytest.raises(RuntimeError):
            sue.complete_transfer()
        alex.complete_transfer()
        with pytest.raises(RuntimeError, match="not in the conversation"):
            alex.transfer("cold")
        sue.transfer("cold")  # one transfer after the other
        bob = await the_next(twilio, "Bob")
        assert bob.reservation.worker.name == "bob"
        await bob.hang_up()
        with pytest.raises(RuntimeError):
            bob.transfer("cold")
