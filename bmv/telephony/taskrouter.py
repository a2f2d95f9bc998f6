"""TaskRouter: what a task tells Flex about a call, and what its event callbacks mean for the call.

Source: Twilio's "TaskRouter event reference". A workspace sends the events of all its tasks, also of those that are
none of our business; ours carry `bmv_call_id` in their attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from bmv import languages
from bmv.call.carrier import Seat
from bmv.languages import Language
from bmv.telephony.sids import LONGEST, sid_of
from bmv.telephony.twiml import CALL_ID
from bmv.wire import UNREADABLE


class TaskMeaning(Enum):
    """What an event means for a call."""

    RESERVED = "an agent is being rung"
    ACCEPTED = "an agent accepted"
    LEFT = "an agent who had accepted is not in the conversation any more"
    CANCELED = "the task is gone"


MEANINGS: Mapping[str, TaskMeaning] = {
    "reservation.created": TaskMeaning.RESERVED,
    "reservation.accepted": TaskMeaning.ACCEPTED,
    "reservation.wrapup": TaskMeaning.LEFT,
    "reservation.completed": TaskMeaning.LEFT,
    "task.canceled": TaskMeaning.CANCELED,
    "task.deleted": TaskMeaning.CANCELED,
    "task.system-deleted": TaskMeaning.CANCELED,
}


@dataclass(frozen=True)
class TaskEvent:
    """An event that matters for one of our calls.

    `agent` is the reservation that it is about, `worker_sid` the agent, `worker` the agent's attributes; they are empty
    for events about the task alone.
    """

    call_id: str
    meaning: TaskMeaning
    name: str
    seat: Seat
    agent: str
    worker_sid: str
    worker: Mapping[str, Any]


def decode_event(form: Mapping[str, str]) -> TaskEvent | None:
    """The event a callback brings, or None when it is of no matter here. The attributes may be anything at all."""
    name = form.get("EventType", "")
    meaning = MEANINGS.get(name)
    if meaning is None:
        return None
    attributes = form.get("TaskAttributes", "")
    call_id = _decode(attributes).get(CALL_ID)
    if not isinstance(call_id, str):
        return None
    return TaskEvent(
        call_id,
        meaning,
        name,
        seat=seat(attributes, form.get("WorkspaceSid", "")[:LONGEST], form.get("TaskSid", "")[:LONGEST]),
        agent=form.get("ReservationSid", "")[:LONGEST],
        worker_sid=sid_of(form.get("WorkerSid")),
        worker=_decode(form.get("WorkerAttributes", "")),
    )


def seat(attributes: object, workspace: str, task: str) -> Seat:
    """Where the customer of a task sits, as far as its attributes (JSON) say: Flex adds that when an agent joins.

    What is no name of Twilio's counts as missing: it would become part of an address that is asked.
    """
    conference = _decode(attributes).get("conference")
    if not isinstance(conference, dict):
        return Seat(workspace, task)
    participants = conference.get("participants")
    customer = participants.get("customer") if isinstance(participants, dict) else None
    return Seat(workspace, task, sid_of(conference.get("sid")), sid_of(customer))


def languages_of(worker: Mapping[str, Any], names: Sequence[str]) -> tuple[Language, ...]:
    """What an agent speaks, by the first of these attributes that names a language of ours; the best one first.

    An attribute may be inside of another ("routing.languages"). It holds a word, several with commas, or a list.
    """
    for name in names:
        value: Any = worker
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if found := tuple(filter(None, map(languages.find, _words(value)))):
            return found
    return ()


def encode_attributes(
    call_id: str | None, number: str, language: Language, *, outbound: bool = False, captions_url: str = ""
) -> dict[str, object]:
    """What the task shall tell Flex: who calls or is called, in which language, and which of our calls it is.

    `name` is the title that Flex shows; `conversations` and `customers` are read by Flex Insights; `captions_url` is
    for whatever shows the captions beside the call: docs/flex.md.
    """
    ours: dict[str, object] = {CALL_ID: call_id, "captions_url": captions_url} if call_id else {}
    return ours | {
        "name": number,
        "type": "outbound" if outbound else "inbound",
        "language": language.tag,
        "caller_number": number,
        "conversations": {"language": language.english},
        "customers": {"phone": number},
    }


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.split(",")
    elif isinstance(value, list):
        for each in value:
            yield from _words(each) if isinstance(each, str) else ()


def _decode(text: object) -> dict[str, Any]:
    """A JSON object; an empty one for everything else."""
    if not isinstance(text, str):
        return {}
    try:
        attributes = msgspec.json.decode(text)
    except UNREADABLE:
        return {}
    return attributes if isinstance(attributes, dict) else {}
