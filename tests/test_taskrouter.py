"""TaskRouter's events, in the forms a workspace really sends."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import ACCOUNT_SID, FLEX_SID, OWN_NUMBER, WORKFLOW_SID

from bmv.call.carrier import Seat
from bmv.telephony.sids import LONGEST
from bmv.telephony.taskrouter import TaskEvent, TaskMeaning, decode_event, languages_of

ATTRIBUTES = {
    "from_country": "ES",
    "called": "+15005550007",
    "call_sid": FLEX_SID,
    "account_sid": ACCOUNT_SID,
    "from": OWN_NUMBER,
    "direction": "inbound",
    "name": "+34612345678",
    "type": "inbound",
    "bmv_call_id": "c1",
    "conversations": {"language": "Spanish"},
}


def task_event(kind: str, attributes: str | None = None, **more: str) -> dict[str, str]:
    return {
        "EventType": kind,
        "AccountSid": ACCOUNT_SID,
        "WorkspaceSid": "WS" + "7" * 32,
        "WorkspaceName": "Flex Task Assignment",
        "EventDescription": f"Event {kind}",
        "ResourceType": "Task",
        "ResourceSid": "WT" + "8" * 32,
        "Timestamp": "1795435200",
        "TimestampMs": "1795435200123",
        "Sid": "EV" + "9" * 32,
        "TaskSid": "WT" + "8" * 32,
        "TaskAttributes": json.dumps(ATTRIBUTES) if attributes is None else attributes,
        "TaskAge": "3",
        "TaskPriority": "0",
        "TaskAssignmentStatus": "reserved",
        "TaskChannelUniqueName": "voice",
        "WorkflowSid": WORKFLOW_SID,
        "WorkflowName": "Assign to Anyone",
    } | more


WORKER = {"contact_uri": "client:alice", "bmv_call_id": "not-this-one"}
NAMES = ("languages", "language", "routing.languages")
RESERVATION = {
    "ResourceType": "Reservation",
    "ReservationSid": "WR" + "1" * 32,
    "WorkerSid": "WK" + "2" * 32,
    "WorkerName": "alice",
    "WorkerAttributes": json.dumps(WORKER),
}


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("reservation.created", TaskMeaning.RESERVED),
        ("reservation.accepted", TaskMeaning.ACCEPTED),
        ("reservation.wrapup", TaskMeaning.LEFT),
        ("reservation.completed", TaskMeaning.LEFT),
        ("task.canceled", TaskMeaning.CANCELED),
        ("task.deleted", TaskMeaning.CANCELED),
        ("task.system-deleted", TaskMeaning.CANCELED),
    ],
)
def test_an_event_of_our_task_says_what_happened_to_which_call(kind: str, meaning: TaskMeaning) -> None:
    of_reservation = kind.startswith("reservation")
    form = task_event(kind, **(RESERVATION if of_reservation else {"Reason": "hangup"}))
    agent, sid = (RESERVATION["ReservationSid"], RESERVATION["WorkerSid"]) if of_reservation else ("", "")
    worker = WORKER if of_reservation else {}
    seat = Seat(form["WorkspaceSid"], form["TaskSid"])
    assert decode_event(form) == TaskEvent("c1", meaning, kind, seat, agent, sid, worker)


@pytest.mark.parametrize(
    ("conference", "sid", "customer"),
    [
        ({"sid": "CF1", "participants": {"worker": "CA1", "customer": "CA2"}}, "CF1", "CA2"),
        ({"sid": "CF1", "participants": {"worker": "CA1"}}, "CF1", ""),
        ({"sid": "CF1"}, "CF1", ""),
        ({"sid": 7, "participants": {"customer": ["CA2"]}}, "", ""),
        ({"participants": "nobody"}, "", ""),
        ("CF1", "", ""),
        (None, "", ""),
    ],
)
def test_the_callers_seat_in_the_conference_is_read_as_far_as_the_task_tells_it(
    conference: object, sid: str, customer: str
) -> None:
    form = task_event("reservation.accepted", json.dumps(ATTRIBUTES | {"conference": conference}), **RESERVATION)
    event = decode_event(form)
    assert event is not None
    assert event.seat == Seat(form["WorkspaceSid"], form["TaskSid"], sid, customer)


@pytest.mark.parametrize("attributes", ["", "{", "[]", "7", "null", "[" * 50_000])
def test_the_attributes_of_a_worker_may_be_anything(attributes: str) -> None:
    event = decode_event(task_event("reservation.accepted", **(RESERVATION | {"WorkerAttributes": attributes})))
    assert event is not None
    assert languages_of(event.worker, NAMES) == ()


@pytest.mark.parametrize(
    ("worker", "spoken"),
    [
        ({"languages": ["en", "es"]}, ["en", "es"]),
        ({"languages": ["Spanish", "en-GB"]}, ["es", "en"]),
        ({"languages": "es, en"}, ["es", "en"]),
        ({"language": "german"}, ["de"]),
        ({"languages": [], "language": "fr"}, ["fr"]),
        ({"languages": ["klingon", "fr"]}, ["fr"]),
        ({"languages": ["klingon"], "language": "fr"}, ["fr"]),
        ({"languages": {"en": 1}}, []),
        ({"languages": [["en"], 7, None]}, []),
        ({"routing": {"languages": ["hi"]}}, ["hi"]),
        ({"routing": "hi"}, []),
        ({"contact_uri": "client:alice"}, []),
        ({}, []),
    ],
)
def test_what_an_agent_speaks_is_the_first_attribute_that_names_a_language(
    worker: dict[str, object], spoken: list[str]
) -> None:
    assert [language.tag for language in languages_of(worker, NAMES)] == spoken


@pytest.mark.parametrize(
    "kind",
    [
        "task.created",
        "task.updated",
        "task.wrapup",
        "task.completed",
        "task-queue.entered",
        "workflow.entered",
        "reservation.rejected",
        "reservation.timeout",
        "reservation.rescinded",
        "reservation.canceled",
        "worker.activity.update",
        "Reservation.Accepted",
        "",
    ],
)
def test_other_events_are_of_no_matter(kind: str) -> None:
    assert decode_event(task_event(kind)) is None


def test_an_event_without_a_type_or_without_attributes_is_of_no_matter() -> None:
    for missing in ("EventType", "TaskAttributes"):
        form = task_event("reservation.accepted")
        del form[missing]
        assert decode_event(form) is None
    assert decode_event({}) is None


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        "{",
        "{}",
        "null",
        "[]",
        '["bmv_call_id"]',
        '"bmv_call_id"',
        "7",
        '{"name":"somebody else\'s task"}',
        '{"bmv_call_id":null}',
        '{"bmv_call_id":7}',
        '{"bmv_call_id":["c1"]}',
        '{"bmv_call_id":{"c1":1}}',
        '{"attributes":{"bmv_call_id":"c1"}}',
        "{'bmv_call_id':'c1'}",
        "[" * 50_000,
        '{"a":' * 10_000,
        "\ud800",
        '{"bmv_call_id":"c1"} ;',
    ],
    ids=lambda attributes: ascii(attributes[:30]),
)
def test_a_task_that_is_not_ours_is_none_of_our_business(attributes: str) -> None:
    assert decode_event(task_event("reservation.accepted", attributes)) is None


@settings(deadline=None)
@given(st.text())
def test_no_attributes_whatever_do_harm(attributes: str) -> None:
    decode_event(task_event("reservation.accepted", attributes))


def test_of_names_that_are_far_too_long_to_be_any_the_beginning_is_remembered_or_nothing() -> None:
    names = ("ReservationSid", "WorkerSid", "TaskSid", "WorkspaceSid")
    event = decode_event(task_event("reservation.accepted", **(RESERVATION | dict.fromkeys(names, "W" * 60_000))))
    assert event is not None
    assert {event.agent, event.seat.task, event.seat.workspace} == {"W" * LONGEST}
    assert event.worker_sid == ""
