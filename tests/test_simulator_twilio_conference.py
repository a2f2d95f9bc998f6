"""Conferences of the fake Twilio: who hears whom, hold, and what the REST API tells of it."""

import asyncio
import json

import pytest
from simulator_twilio_server import (
    ACCOUNT,
    TOKEN,
    Server,
    Socket,
    a_company,
    a_queue,
    a_tone,
    create,
    enqueue,
    events,
    look_up,
    twiml,
)
from twilio.rest import Client
from twilio_sdk import SdkClient

from bmv.audio.tones import is_tone
from bmv.simulator.twilio import Agent, FakeTwilio, HungUpError, Party, TaskRouter

WAIT, HOLD = a_tone(0.5, 400), a_tone(0.5, 1200)
CUSTOMER, ALEX, SUE = a_tone(0.1, 500), a_tone(0.1, 700), a_tone(0.1, 900)
SDK = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def a_talk(twilio: FakeTwilio, server: Server, **accept: object) -> tuple[Agent, Socket]:
    """An agent in conversation with a customer whose side of it is a stream."""
    twilio.task_router = TaskRouter("https://bmv.test/events", wait_music=WAIT, hold_music=HOLD)
    _, socket = await a_queue(twilio, server)
    reservation = await twilio.next_reservation(1)
    return await reservation.accept(Party("Alex"), **({"beep": False} | accept)), socket  # type: ignore[arg-type]


def participant_path(agent: Agent, call_sid: str) -> str:
    return f"/2010-04-01/Accounts/{ACCOUNT}/Conferences/{agent.conference.sid}/Participants/{call_sid}.json"


def has_a_tone(sound: bytes) -> bool:
    return any(is_tone(sound[n : n + 160]) for n in range(0, len(sound) - 159, 160))


async def test_three_hear_each_other_and_nobody_himself() -> None:
    async with a_company() as (twilio, server):
        agent, socket = await a_talk(twilio, server)
        alex, sue = agent.party, Party("Sue")
        agent.conference.join(sue, beep=False)
        alex.say(ALEX)
        await server.until(lambda: ALEX in socket.sound() and ALEX in sue.heard)
        sue.say(SUE)
        await server.until(lambda: SUE in socket.sound() and SUE in alex.heard)
        await socket.play(CUSTOMER)
        await server.until(lambda: CUSTOMER in alex.heard and CUSTOMER in sue.heard)
        assert alex.heard.replace(SUE, b"").replace(CUSTOMER, b"").strip(b"\xff") == b""
        assert sue.heard.replace(ALEX, b"").replace(CUSTOMER, b"").strip(b"\xff") == b""
        assert socket.sound().replace(ALEX, b"").replace(SUE, b"").strip(b"\xff") == b""
        assert twilio.alerts == []


async def test_two_who_speak_at_once_are_mixed() -> None:
    async with a_company() as (twilio, server):
        agent, socket = await a_talk(twilio, server)
        sue = Party("Sue")
        agent.conference.join(sue, beep=False)
        agent.party.say(ALEX)
        sue.say(SUE)
        await sue.done_speaking(1)
        await server.until(lambda: len(socket.sound().strip(b"\xff")) > 700)
        assert ALEX[160:320] not in socket.sound()
        assert SUE[160:320] not in socket.sound()


@pytest.mark.parametrize(
    ("beep", "entry", "exit_"),
    [(True, True, True), (False, False, False), ("onEnter", True, False), ("onExit", False, True)],
)
async def test_the_others_hear_a_beep_when_somebody_comes_or_goes(beep: str, entry: bool, exit_: bool) -> None:
    async with a_company() as (twilio, server):
        agent, socket = await a_talk(twilio, server)
        sue = Party("Sue")
        participant = agent.conference.join(sue, beep=beep)  # type: ignore[arg-type]
        sue.say(a_tone(0.02, 3000) + b"\xff" * 4000)
        await sue.done_speaking(1)
        await server.until(lambda: len(socket.sound()) > 8000)
        assert has_a_tone(socket.sound()) is has_a_tone(agent.party.heard) is entry
        assert not has_a_tone(sue.heard)
        before = len(socket.sound())
        participant.leave()
        assert sue.hung_up.is_set()
        await server.until(lambda: len(socket.sound()) > before + 5000)
        assert has_a_tone(socket.sound()[before + 320 :]) is exit_
        participant.leave()  # and nothing happens


async def test_who_is_on_hold_hears_music_and_is_heard_by_nobody() -> None:
    async with a_company() as (twilio, server):
        agent, socket = await a_talk(twilio, server)
        alex, sue = agent.party, Party("Sue")
        agent.conference.join(sue, beep=False)
        agent.hold()
        alex.say(ALEX)
        await socket.play(CUSTOMER)
        await server.until(lambda: ALEX in sue.heard and HOLD[:1600] in socket.sound())
        await alex.hears_quiet(0.2, 1)
        assert ALEX not in socket.sound()
        assert CUSTOMER not in alex.heard
        agent.resume()
        await socket.play(CUSTOMER)
        await server.until(lambda: CUSTOMER in alex.heard and CUSTOMER in sue.heard)
        alex.say(ALEX)
        await server.until(lambda: ALEX in socket.sound())


async def test_sentences_of_the_customer_s_side_are_not_heard_while_it_is_on_hold() -> None:
    async with a_company() as (twilio, server):
        agent, _ = await a_talk(twilio, server)
        call = next(iter(twilio.calls.values()))
        agent.hold()
        await create(twilio, {"Twiml": twiml('<Say>one</Say><Pause length="9"/>')}, f"/{call.sid}")
        await server.until(lambda: call.said[-1:] == [("one", "en-US")])
        agent.resume()
        await create(twilio, {"Twiml": twiml('<Say>two</Say><Pause length="9"/>')}, f"/{call.sid}")
        await server.until(lambda: agent.party.sentences_heard == [("two", "en-US")])


async def test_who_is_muted_hears_and_is_not_heard() -> None:
    async with a_company() as (twilio, server):
        agent, socket = await a_talk(twilio, server)
        sue = Party("Sue")
        listener = agent.conference.join(sue, beep=False, muted=True)
        sue.say(SUE)
        agent.party.say(ALEX)
        await server.until(lambda: ALEX in sue.heard and ALEX in socket.sound())
        assert SUE not in socket.sound()
        listener.muted = False
        sue.say(SUE)
        await server.until(lambda: SUE in socket.sound())


async def test_a_conference_ends_with_the_customer_s_call() -> None:
    async with a_company() as (twilio, server):
        agent, _ = await a_talk(twilio, server)
        sue = Party("Sue")
        agent.conference.join(sue)
        await agent.hang_up()
        assert sue.hung_up.is_set()
        assert agent.conference.participants == []
        with pytest.raises(HungUpError):
            agent.conference.join(Party())


async def test_the_attributes_of_the_task_tell_of_the_conference() -> None:
    async with a_company() as (twilio, server):
        agent, _ = await a_talk(twilio, server)
        task = agent.reservation.task
        await server.until(lambda: events(server)[-1] == "task.updated")
        form = [form for path, form in server.forms if path == "/events"][-1]
        conference = json.loads(form["TaskAttributes"])["conference"]
        assert conference["sid"] == agent.conference.sid
        assert conference["participants"] == {"worker": agent.call_sid, "customer": task.call.sid}
        assert conference["room_name"] == form["TaskSid"] == task.sid


async def test_the_attributes_may_lag_behind() -> None:
    async with a_company() as (twilio, server):
        twilio.task_router = TaskRouter("https://bmv.test/events", conference_lag=0.3)
        await a_queue(twilio, server)
        agent = await (await twilio.next_reservation(1)).accept(Party())
        path = f"/v1/Workspaces/{twilio.task_router.sid}/Tasks/{agent.reservation.task.sid}"
        assert "conference" not in json.loads((await look_up(twilio, path))[1]["attributes"])
        assert "task.updated" not in events(server)
        await server.until(lambda: events(server)[-1] == "task.updated")
        assert "conference" in json.loads((await look_up(twilio, path))[1]["attributes"])


async def test_a_task_that_is_over_is_not_updated_late() -> None:
    async with a_company() as (twilio, server):
        twilio.task_router = TaskRouter("https://bmv.test/events", conference_lag=0.1)
        await a_queue(twilio, server)
        agent = await (await twilio.next_reservation(1)).accept(Party(), delay=0)
        await agent.hang_up()
        await asyncio.sleep(0.2)
        assert "task.updated" not in events(server)


async def test_a_participant_can_be_looked_up_with_its_hold() -> None:
    async with a_company() as (twilio, server):
        agent, _ = await a_talk(twilio, server)
        path = participant_path(agent, agent.conference.customer.call_sid)
        status, body = await look_up(twilio, path)
        assert (status, body["hold"], body["muted"], body["status"]) == (200, False, False, "connected")
        agent.hold()
        assert (await look_up(twilio, path))[1]["hold"] is True
        agent.resume()
        assert (await look_up(twilio, path))[1]["hold"] is False
        assert (await look_up(twilio, participant_path(agent, agent.call_sid)))[0] == 200
        assert [(request.method, request.status) for request in twilio.requests[1:]] == [("GET", 200)] * 4


async def test_who_is_not_in_the_conference_is_not_found() -> None:
    async with a_company() as (twilio, server):
        _, socket = await a_queue(twilio, server)
        task = await twilio.next_task(1)
        path = f"/2010-04-01/Accounts/{ACCOUNT}/Conferences/{task.conference.sid}/Participants/{task.call.sid}.json"
        assert (await look_up(twilio, path))[0] == 404  # nobody has joined yet
        agent = await (await twilio.next_reservation(1)).accept(Party())
        assert (await look_up(twilio, path))[0] == 200
        for wrong in (
            participant_path(agent, "CA" + "0" * 32),
            path.replace(task.conference.sid, "CF" + "0" * 32),
            path.replace(ACCOUNT, "AC" + "2" * 32),
            f"/v1/Workspaces/WS{'0' * 32}/Tasks/{task.sid}",
            f"/v1/Workspaces/{task.router.sid}/Tasks/WT{'0' * 32}",
        ):
            status, body = await look_up(twilio, wrong)
            assert (status, body["code"], body["status"]) == (404, 20404, 404)
        await agent.hang_up()
        assert (await look_up(twilio, path))[0] == 404
        assert socket.stopped.is_set()


async def test_a_task_can_be_looked_up() -> None:
    async with a_company() as (twilio, server):
        assert twilio.task_router is not None
        page = enqueue('{"bmv_call_id": "7"}').replace("<Task>", '<Task priority="3" timeout="60">')
        await a_queue(twilio, server, page)
        task = await twilio.next_task(1)
        path = f"/v1/Workspaces/{twilio.task_router.sid}/Tasks/{task.sid}"
        _, body = await look_up(twilio, path)
        assert (body["assignment_status"], body["priority"], body["timeout"]) == ("reserved", 3, 60)
        assert json.loads(body["attributes"])["bmv_call_id"] == "7"
        agent = await (await twilio.next_reservation(1)).accept(Party())
        assert (await look_up(twilio, path))[1]["assignment_status"] == "assigned"
        await agent.hang_up()
        assert (await look_up(twilio, path))[1]["assignment_status"] == "wrapping"


async def test_a_look_up_needs_the_password_and_the_right_method() -> None:
    async with a_company() as (twilio, server):
        agent, _ = await a_talk(twilio, server)
        path = participant_path(agent, agent.call_sid)
        import aiohttp

        async with aiohttp.ClientSession() as session, session.get(twilio.url + path) as response:
            assert response.status == 401
        status, body = await create(twilio, {"Hold": "true"}, f"/../Conferences/{path.split('/Conferences/')[1][:-5]}")
        assert (status, body["code"]) == (405, 20004)


async def test_look_ups_can_be_refused_and_kept_waiting() -> None:
    async with a_company() as (twilio, server):
        agent, _ = await a_talk(twilio, server)
        participant = participant_path(agent, agent.call_sid)
        task = f"/v1/Workspaces/{agent.reservation.task.router.sid}/Tasks/{agent.reservation.task.sid}"
        twilio.refuse_next_fetch("participant", times=2, status=429, code=20429)
        assert (await look_up(twilio, task))[0] == 200
        for _ in range(2):
            status, body = await look_up(twilio, participant)
            assert (status, body["code"]) == (429, 20429)
        assert (await look_up(twilio, participant))[0] == 200
        twilio.hang_next_fetch("task", 60)
        waiting = asyncio.ensure_future(look_up(twilio, task))
        await server.until(lambda: any(each.path == task and each.status == 0 for each in twilio.requests))
        assert (await look_up(twilio, participant))[0] == 200
        assert not waiting.done()
        waiting.cancel()
        assert (await look_up(twilio, task))[0] == 200


@SDK
async def test_the_twilio_package_can_look_up_both() -> None:
    async with a_company() as (twilio, server):
        agent, _ = await a_talk(twilio, server)
        task = agent.reservation.task
        client = Client(ACCOUNT, TOKEN, http_client=SdkClient(twilio))
        agent.hold()
        participants = client.conferences(agent.conference.sid).participants
        participant = await participants(task.call.sid).fetch_async()
        assert (participant.hold, participant.call_sid) == (True, task.call.sid)
        assert participant.date_created is not None
        found = await client.taskrouter.v1.workspaces(task.router.sid).tasks(task.sid).fetch_async()
        assert json.loads(found.attributes)["conference"]["sid"] == participant.conference_sid
        assert (found.assignment_status, found.sid) == ("assigned", task.sid)
        assert found.date_created is not None
        await client.http_client.close()
