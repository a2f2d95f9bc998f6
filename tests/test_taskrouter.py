"""TaskRouter's events, in the forms a workspace really sends."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import ACCOUNT_SID, FLEX_SID, OWN_NUMBER, WORKFLOW_SID

from bmv.telephony.taskrouter import TaskEvent, TaskMeaning, decode_event

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


RESERVATION = {
    "ResourceType": "Reservation",
    "ReservationSid": "WR" + "1" * 32,
    "WorkerSid": "WK" + "2" * 32,
    "WorkerName": "alice",
    "WorkerAttributes": json.dumps({"contact_uri": "client:alice", "bmv_call_id": "not-this-one"}),
}


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("reservation.created", TaskMeaning.RESERVED),
        ("reservation.accepted", TaskMeaning.ACCEPTED),
        ("task.canceled", TaskMeaning.CANCELED),
        ("task.deleted", TaskMeaning.CANCELED),
        ("task.system-deleted", TaskMeaning.CANCELED),
    ],
)
def test_an_event_of_our_task_says_what_happened_to_which_call(kind: str, meaning: TaskMeaning) -> None:
    form = task_event(kind, **(RESERVATION if kind.startswith("reservation") else {"Reason": "hangup"}))
    assert decode_event(form) == TaskEvent("c1", form["TaskSid"], meaning, kind)


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
        "reservation.wrapup",
        "reservation.completed",
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
