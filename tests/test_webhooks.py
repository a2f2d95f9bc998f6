"""What Twilio's webhooks mean for a call, but for those about its status: over real HTTP, with real calls behind."""

import json
from urllib.parse import urlsplit

import pytest
import wires
from posted import NUMBERS, agent_status, task_event
from wires import (
    AGENT_SID,
    CALLER,
    CALLER_SID,
    FLEX_NUMBER,
    FLEX_SID,
    OWN_NUMBER,
    house,
    log_lines,
    parameters,
    spoken,
    tree,
)

from bmv import languages
from bmv.call.leg import Role
from bmv.call.state import CallState, EndReason
from bmv.languages import Sentence

ANNOUNCED = {"CallSid": FLEX_SID, "From": OWN_NUMBER, "To": FLEX_NUMBER, "CallStatus": "ringing"}


def task_of(document: str) -> dict[str, object]:
    task: dict[str, object] = json.loads(tree(document).findtext("Enqueue/Task") or "")
    return task


async def test_while_the_process_shuts_down_only_new_callers_are_refused() -> None:
    async with house() as home:
        call = await home.call()
        home.registry.draining = True
        assert spoken(await home.incoming("de", CallSid="CA9")) == [languages.get("de").sentences[Sentence.BUSY]]
        assert (await home.post(*agent_status(call.id, "ringing"))).status == 204
        assert home.registry.find(call.id) is call


@pytest.mark.parametrize("form", [{"From": CALLER}, {"From": CALLER, "CallSid": ""}])
async def test_a_request_that_names_no_call_is_refused(form: dict[str, str]) -> None:
    async with house() as home:
        assert (await home.post("/outbound-call", form)).status == 400


# -- an agent call reached Flex -------------------------------------------------------------------------------------


async def test_an_agent_call_becomes_a_task_that_holds_our_call_id() -> None:
    async with house() as home:
        call = await home.call("spanish")
        await home.pairing.claim(NUMBERS, call.id)
        document = await (await home.post("/outbound-call", ANNOUNCED)).text()
    enqueue = tree(document).find("Enqueue")
    assert enqueue is not None
    assert enqueue.attrib == {"workflowSid": wires.WORKFLOW_SID, "waitUrl": ""}
    assert task_of(document) == {
        "name": CALLER,
        "type": "inbound",
        "language": "es",
        "bmv_call_id": call.id,
        "captions_url": f"https://{wires.PUBLIC_HOST}/captions/{call.id}",
        "caller_number": CALLER,
        "conversations": {"language": "Spanish"},
        "customers": {"phone": CALLER},
    }


async def test_an_agent_call_to_a_twiml_app_brings_the_call_id_itself() -> None:
    async with house() as home:
        call = await home.call()
        other = parameters(await home.incoming(CallSid="CA9"))["bmv_call_id"]
        await home.pairing.claim(NUMBERS, other)
        document = await (await home.post("/outbound-call", ANNOUNCED | {"bmv_call_id": call.id})).text()
        assert task_of(document)["bmv_call_id"] == call.id
        assert home.pairing.match(NUMBERS, "CA8") == other


async def test_the_task_of_a_caller_with_a_hostile_name_is_still_json() -> None:
    hostile = '","bmv_call_id":"x"}</Task></Enqueue><Hangup/>'
    async with house() as home:
        call_id = parameters(await home.incoming(From=hostile))["bmv_call_id"]
        document = await (await home.post("/outbound-call", ANNOUNCED | {"bmv_call_id": call_id})).text()
    assert task_of(document)["bmv_call_id"] == call_id
    assert task_of(document)["name"] == hostile
    assert [element.tag for element in tree(document).iter()] == ["Response", "Enqueue", "Task"]


async def test_an_announcement_that_is_repeated_gets_the_same_task_and_takes_nobodys_place() -> None:
    async with house() as home:
        first = await home.call()
        await home.pairing.claim(NUMBERS, first.id)
        documents = [await (await home.post("/outbound-call", ANNOUNCED)).text()]
        second = parameters(await home.incoming(CallSid="CA9"))["bmv_call_id"]
        await home.pairing.claim(NUMBERS, second)
        documents.append(await (await home.post("/outbound-call", ANNOUNCED)).text())
        documents.append(await (await home.post("/outbound-call", ANNOUNCED | {"CallSid": "CA8"})).text())
    assert [task_of(document)["bmv_call_id"] for document in documents] == [first.id, first.id, second]


async def test_an_agent_call_whose_call_is_over_is_rejected_unanswered() -> None:
    async with house() as home:
        await home.pairing.claim(NUMBERS, "gone")
        for form in (ANNOUNCED, ANNOUNCED | {"CallSid": "CA8"}, ANNOUNCED | {"From": CALLER, "bmv_call_id": "gone"}):
            document = await (await home.post("/outbound-call", form)).text()
            assert [element.tag for element in tree(document)] == ["Reject"]


async def test_somebody_who_dials_the_flex_number_is_queued_untranslated() -> None:
    async with house() as home:
        call = await home.call()
        await home.pairing.claim(NUMBERS, call.id)
        document = await (await home.post("/outbound-call", ANNOUNCED | {"From": CALLER})).text()
        task = task_of(document)
        assert (task["name"], task["type"], task["language"]) == (CALLER, "inbound", "en")
        assert "bmv_call_id" not in task
        assert home.pairing.match(NUMBERS, "CA8") == call.id


# -- TaskRouter -----------------------------------------------------------------------------------------------------


async def test_a_call_is_bridged_when_an_agent_accepts() -> None:
    async with house() as home:
        call = await home.queued()
        response = await home.post("/reservation-accepted", task_event("reservation.accepted", call.id))
        assert response.status == 204
        assert response.headers["Content-Type"] == "application/json"
        assert call.state is CallState.BRIDGED


async def test_a_task_that_was_cancelled_ends_its_call() -> None:
    async with house() as home:
        call = await home.queued()
        assert (await home.post("/reservation-accepted", task_event("task.canceled", call.id))).status == 204
        assert call.reason is EndReason.TASK_CANCELED
        await home.over()
        assert {CALLER_SID, AGENT_SID} <= set(home.carrier.hung_up)


async def test_another_task_with_copied_attributes_does_not_end_the_call() -> None:
    async with house() as home:
        call = await home.queued()
        ours, other = {"TaskSid": "WT-ours"}, {"TaskSid": "WT-other"}
        await home.post("/reservation-accepted", task_event("reservation.created", call.id) | ours)
        await home.post("/reservation-accepted", task_event("task.canceled", call.id) | other)
        reasons = [call.reason]
        await home.post("/reservation-accepted", task_event("task.canceled", call.id) | ours)
        assert [*reasons, call.reason] == [None, EndReason.TASK_CANCELED]
        await home.over()


async def test_another_task_with_copied_attributes_neither_begins_the_conversation_nor_changes_its_language() -> None:
    async with house() as home:
        call = await home.queued()
        ours, other = {"TaskSid": "WT-ours"}, {"TaskSid": "WT-other", "ReservationSid": "WR-other"}
        german = {"WorkerAttributes": '{"languages": ["de"]}'}
        await home.post("/reservation-accepted", task_event("reservation.created", call.id) | ours)
        await home.post("/reservation-accepted", task_event("reservation.accepted", call.id) | other | german)
        assert call.state is CallState.QUEUED
        await home.post("/reservation-accepted", task_event("reservation.accepted", call.id) | ours)
        await home.post("/reservation-accepted", task_event("reservation.accepted", call.id) | other | german)
        assert str(call.state) == str(CallState.BRIDGED)
        assert call.language(Role.AGENT).tag == "en"
        assert call.agents.seat is not None
        assert call.agents.seat.task == "WT-ours"  # whose conference is asked about hold


@pytest.mark.parametrize(
    "kinds",
    [
        ["reservation.accepted"],
        ["reservation.accepted", "reservation.accepted", "reservation.created"],
        ["task.canceled", "reservation.accepted", "task.canceled", "reservation.created"],
        ["reservation.created", "reservation.created"],
        ["worker.activity.update", "task.created", "", "nonsense"],
    ],
)
async def test_events_out_of_order_or_repeated_are_answered_all_the_same(kinds: list[str]) -> None:
    with log_lines() as lines:
        async with house() as home:
            call = await home.call()  # no stream has started: nothing can be accepted yet
            for kind in kinds:
                assert (await home.post("/reservation-accepted", task_event(kind, call.id))).status == 204
                assert (await home.post("/reservation-accepted", task_event(kind, "foreign"))).status == 204
            assert call.reason is (EndReason.TASK_CANCELED if "task.canceled" in kinds else None)
    assert "Traceback" not in lines.getvalue()


@pytest.mark.parametrize("attributes", ["", "{", "[]", '"x"', '{"bmv_call_id":7}', "[" * 15_000])
async def test_tasks_of_others_are_none_of_our_business(attributes: str) -> None:
    async with house() as home:
        call = await home.call()
        form = {"EventType": "task.canceled", "TaskAttributes": attributes}
        assert (await home.post("/reservation-accepted", form)).status == 204
        assert (await home.post("/reservation-accepted", {"EventType": "task.canceled"})).status == 204
        assert call.reason is None


# -- addresses ------------------------------------------------------------------------------------------------------


async def test_every_address_we_give_to_twilio_is_one_we_serve() -> None:
    async with house() as home:
        stream = tree(await home.incoming()).find("Connect/Stream")
        assert stream is not None
        callback = urlsplit(stream.attrib["statusCallback"])
        response = await home.post(f"{callback.path}?{callback.query}", {"StreamEvent": "stream-started"})
        assert response.status == 204
        assert urlsplit(stream.attrib["url"]).path == "/intercept"
