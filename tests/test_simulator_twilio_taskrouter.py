"""TaskRouter of the fake Twilio: tasks, reservations, agents, and the events that tell of them."""

import json

import pytest
from simulator_twilio_server import (
    ACCOUNT,
    CALLER,
    FLEX,
    FRONT,
    a_company,
    a_queue,
    a_tone,
    connect,
    create,
    enqueue,
    events,
    twiml,
)

from bmv.audio.tones import is_tone
from bmv.simulator.twilio import HungUpError, Party, TaskRouter, Worker


async def test_a_task_has_the_attributes_of_the_call_and_those_of_the_twiml() -> None:
    async with a_company() as (twilio, server):
        await a_queue(twilio, server, enqueue('{"bmv_call_id": "7", "customers": {"phone": "+34"}, "from": "forged"}'))
        task = await twilio.next_task(1)
        await server.until(lambda: bool(events(server)))
        form = dict(server.forms)["/events"]
        attributes = json.loads(form["TaskAttributes"])
        assert attributes["bmv_call_id"] == "7"
        assert attributes["customers"] == {"phone": "+34"}
        assert (attributes["call_sid"], attributes["from"], attributes["to"]) == (task.call.sid, FRONT, FLEX)
        assert attributes["direction"] == "inbound"
        assert attributes["from_country"] == "US"


async def test_events_carry_the_documented_fields() -> None:
    async with a_company() as (twilio, server):
        await a_queue(twilio, server)
        reservation = await twilio.next_reservation(1)
        await reservation.accept(Party("Alex"))
        form = [form for path, form in server.forms if path == "/events"][-1]
        common = {"EventType", "AccountSid", "WorkspaceSid", "WorkspaceName", "EventDescription", "ResourceType"}
        assert common | {"ResourceSid", "Timestamp", "TaskSid", "TaskAttributes", "ReservationSid", "WorkerSid"} <= set(
            form
        )
        assert form["EventType"] == "reservation.accepted"
        assert form["ResourceType"] == "Reservation"
        assert form["ResourceSid"] == form["ReservationSid"] == reservation.sid
        assert form["TaskAssignmentStatus"] == "assigned"
        assert form["AccountSid"] == ACCOUNT


async def test_only_the_events_asked_for_are_posted() -> None:
    async with a_company() as (twilio, server):
        twilio.task_router = TaskRouter("https://bmv.test/events", events={"reservation.accepted"})
        await a_queue(twilio, server)
        agent = await (await twilio.next_reservation(1)).accept(Party())
        await agent.hang_up()
        assert events(server) == ["reservation.accepted"]


async def test_a_whole_conversation_is_told_in_order() -> None:
    async with a_company() as (twilio, server):
        call, socket = await a_queue(twilio, server)
        reservation = await twilio.next_reservation(1)
        alex = Party("Alex")
        agent = await reservation.accept(alex, beep=False)
        alex.say(a_tone(0.1, 900))
        await socket.play(a_tone(0.1, 500))
        await server.until(lambda: a_tone(0.1, 900) in socket.sound() and a_tone(0.1, 500) in alex.heard)
        await agent.hang_up()
        assert await call.ended(1) == "completed"
        assert socket.stopped.is_set()
        assert alex.hung_up.is_set()
        reservation.task.complete()
        expected = ["task.created", "task-queue.entered", "reservation.created", "reservation.accepted", "task.updated"]
        expected += ["reservation.wrapup", "task.wrapup", "reservation.completed", "task.completed"]
        await server.until(lambda: events(server) == expected)
        assert reservation.task.call.said == []  # a conversation that is over ends the call
        assert twilio.alerts == []


async def test_the_agent_comes_in_with_a_beep() -> None:
    async with a_company() as (twilio, server):
        _, socket = await a_queue(twilio, server)
        await (await twilio.next_reservation(1)).accept(Party())
        await server.until(lambda: any(is_tone(frame) for frame in _frames(socket.sound())))


def _frames(sound: bytes) -> list[bytes]:
    return [sound[n : n + 160] for n in range(0, len(sound), 160)]


async def test_the_beep_does_not_swallow_the_first_word() -> None:
    async with a_company() as (twilio, server):
        _, socket = await a_queue(twilio, server)
        alex = Party()
        alex.say(a_tone(0.06, 900))
        await (await twilio.next_reservation(1)).accept(alex)
        await alex.done_speaking(1)
        await server.until(lambda: len(socket.sound().strip(b"\xff")) >= 160)
        assert not is_tone(socket.sound().strip(b"\xff")[:160])  # two tones at once


async def test_the_event_comes_before_the_audio_or_after_it() -> None:
    async with a_company() as (twilio, server):
        for audio_first in (False, True):
            await a_queue(twilio, server)
            alex = Party()
            reservation = await twilio.next_reservation(1)
            heard_at_event: list[int] = []

            def accepted(_: dict[str, str], alex: Party = alex, heard: list[int] = heard_at_event) -> object:
                heard.append(alex.frames_heard)
                return _no_content()

            server.pages["/events"] = accepted  # type: ignore[assignment]
            agent = await reservation.accept(alex, audio_first=audio_first, delay=0.06)
            assert (heard_at_event[-1] > 0) is audio_first
            await agent.hang_up()


def _no_content() -> object:
    from aiohttp import web

    return web.Response(status=204)


async def test_an_accepted_reservation_was_told_to_the_server() -> None:
    async with a_company() as (twilio, server):
        await a_queue(twilio, server)
        reservation = await twilio.next_reservation(1)
        await reservation.accept(Party(), delay=0)
        assert twilio.webhooks[-1].fields["EventType"] == "reservation.accepted"
        assert twilio.webhooks[-1].answer is not None


async def test_a_held_stream_starts_after_the_agent_has_accepted() -> None:
    async with a_company() as (twilio, server):
        twilio.hold_outgoing_streams()
        server.pages["/flex"] = enqueue()
        await create(twilio, [("To", FLEX), ("From", FRONT), ("Twiml", connect())])
        await (await twilio.next_reservation(1)).accept(Party())
        assert "reservation.accepted" in events(server)
        assert server.sockets.empty()
        twilio.release_outgoing_streams()
        await server.socket()


async def test_a_rejected_or_missed_reservation_rings_at_the_next_agent() -> None:
    async with a_company() as (twilio, server):
        await a_queue(twilio, server)
        first = await twilio.next_reservation(1)
        first.reject()
        second = await twilio.next_reservation(1)
        second.expire()
        third = await twilio.next_reservation(1)
        assert len({first.sid, second.sid, third.sid}) == 3
        assert first.task is third.task
        with pytest.raises(HungUpError):
            await first.accept(Party())
        await third.accept(Party())
        assert events(server)[2:] == [
            "reservation.created",
            "reservation.rejected",
            "reservation.created",
            "reservation.timeout",
            "reservation.created",
            "reservation.accepted",
        ]


async def test_a_task_rings_only_at_workers_whom_it_suits() -> None:
    async with a_company() as (twilio, server):
        alex, sue = Worker("alex"), Worker("sue", {"queue": FRONT})
        twilio.task_router = TaskRouter(
            "https://bmv.test/events",
            workers=[alex, sue],
            suits=lambda task, worker: worker.attributes.get("queue") == task.attributes["from"],
        )
        await a_queue(twilio, server)
        first = await twilio.next_reservation(1)
        first.reject()
        second = await twilio.next_reservation(1)
        assert [first.worker, second.worker] == [sue, sue]


async def test_workers_are_rung_in_turn_and_events_tell_who_they_are() -> None:
    async with a_company() as (twilio, server):
        alex, sue = (
            Worker("alex", {"languages": ["en"]}),
            Worker("sue", {"languages": ["es", "en"], "full_name": "Sue S."}),
        )
        twilio.task_router = TaskRouter("https://bmv.test/events", workers=[alex, sue])
        await a_queue(twilio, server)
        first = await twilio.next_reservation(1)
        first.reject()
        second = await twilio.next_reservation(1)
        second.rescind()
        third = await twilio.next_reservation(1)
        await third.accept(Party())
        assert [first.worker, second.worker, third.worker] == [alex, sue, alex]
        forms = [form for path, form in server.forms if path == "/events" and "WorkerSid" in form]
        names = ["created", "rejected", "created", "rescinded", "created", "accepted"]
        assert [form["EventType"] for form in forms] == [f"reservation.{name}" for name in names]
        assert [form["WorkerSid"] for form in forms] == [each.sid for each in (alex, alex, sue, sue, alex, alex)]
        assert [form["WorkerName"] for form in forms[1:3]] == ["alex", "sue"]
        assert json.loads(forms[2]["WorkerAttributes"]) == {
            "contact_uri": "client:sue",
            "full_name": "Sue S.",
            "languages": ["es", "en"],
        }
        await a_queue(twilio, server)
        assert (await twilio.next_reservation(1)).worker is alex  # every task begins with the first


async def test_a_worker_of_whom_nothing_is_said_is_alex() -> None:
    async with a_company() as (twilio, server):
        await a_queue(twilio, server)
        worker = (await twilio.next_reservation(1)).worker
        assert worker.name == "alex"
        assert worker.all_attributes == {"contact_uri": "client:alex", "full_name": "Alex Agent"}


async def test_without_agents_a_task_waits_and_can_be_cancelled() -> None:
    async with a_company() as (twilio, server):
        assert twilio.task_router is not None
        twilio.task_router.agents_available = False
        call, socket = await a_queue(twilio, server, enqueue(attributes=' action="/left"'))
        server.pages["/left"] = twiml("<Say>left</Say>")
        task = await twilio.next_task(1)
        with pytest.raises(TimeoutError):
            await twilio.next_reservation(0.01)
        task.cancel("Task TTL Exceeded")
        await call.ended(1)
        assert task.call.said == [("left", "en-US")]
        assert server.events("/left", "QueueResult") == ["error"]
        assert events(server)[-1] == "task.canceled"
        assert server.events("/events", "Reason") == ["Task TTL Exceeded"]
        assert socket.stopped.is_set()


async def test_a_caller_who_hangs_up_in_the_queue_cancels_the_task() -> None:
    async with a_company() as (twilio, server):
        call, _ = await a_queue(twilio, server)
        reservation = await twilio.next_reservation(1)
        await call.hang_up()
        await server.until(lambda: events(server)[-2:] == ["reservation.canceled", "task.canceled"])
        with pytest.raises(HungUpError):
            await reservation.accept(Party())


async def test_nobody_is_offered_a_caller_who_has_gone() -> None:
    async with a_company() as (twilio, server):
        first, _ = await a_queue(twilio, server)
        await server.until(lambda: "reservation.created" in events(server))
        await first.hang_up()
        await server.until(lambda: "task.canceled" in events(server))
        second, _ = await a_queue(twilio, server)
        assert (await twilio.next_reservation(1)).task.call.sid == list(twilio.calls)[-1]
        assert second.sid == list(twilio.calls)[-2]


async def test_a_caller_who_hangs_up_in_the_conversation_sends_the_agent_to_wrap_up() -> None:
    async with a_company() as (twilio, server):
        call, _ = await a_queue(twilio, server)
        agent = await (await twilio.next_reservation(1)).accept(Party())
        await call.hang_up()
        await agent.hung_up(1)
        await server.until(lambda: events(server)[-2:] == ["reservation.wrapup", "task.wrapup"])


async def test_a_finished_conversation_leads_to_the_action() -> None:
    async with a_company() as (twilio, server):
        await a_queue(twilio, server, enqueue(attributes=' action="/left"'))
        agent = await (await twilio.next_reservation(1)).accept(Party())
        await agent.hang_up()
        assert server.events("/left", "QueueResult") == ["bridged"]


async def test_waiting_sounds_like_music_or_silence_and_hold_like_hold() -> None:
    music, hold = a_tone(0.5, 400), a_tone(0.5, 1200)
    async with a_company() as (twilio, server):
        twilio.task_router = TaskRouter(wait_music=music, hold_music=hold)
        _, silent = await a_queue(twilio, server)
        agent = await (await twilio.next_reservation(1)).accept(Party(), beep=False)
        assert silent.sound().strip(b"\xff") == b""
        agent.hold()
        await server.until(lambda: hold[:800] in silent.sound())
        agent.resume()
        alex = agent.party
        alex.say(a_tone(0.1, 900))
        await server.until(lambda: a_tone(0.1, 900) in silent.sound())
        _, loud = await a_queue(twilio, server, enqueue(attributes=""))
        await server.until(lambda: music[:800] in loud.sound())


@pytest.mark.parametrize(
    "page",
    [
        enqueue("[1]"),
        enqueue("{'a': 1}"),
        twiml('<Enqueue workflowSid="WWunknown"><Task>{}</Task></Enqueue><Say>after</Say>'),
    ],
)
async def test_a_wrong_enqueue_is_an_alert_and_the_next_verb_comes(page: str) -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = page
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
        await call.ended(1)
        assert [alert.code for alert in twilio.alerts] == [12200]
        assert call.said == [("after", "en-US")]


async def test_the_agent_hears_the_sentences_of_the_other_side() -> None:
    async with a_company() as (twilio, server):
        call, _ = await a_queue(twilio, server)
        alex = Party()
        await (await twilio.next_reservation(1)).accept(alex)
        await create(twilio, {"Twiml": twiml('<Say>A word</Say><Pause length="9"/>')}, f"/{call.sid}")
        await server.until(lambda: alex.sentences_heard == [("A word", "en-US")])
