"""TaskRouter: what a task tells Flex about a call, and what its event callbacks mean for the call.

Source: Twilio's "TaskRouter event reference". A workspace sends the events of all its tasks, also of those that are
none of our business; ours carry `bmv_call_id` in their attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from bmv.languages import Language
from bmv.telephony.twiml import CALL_ID


class TaskMeaning(Enum):
    """What an event means for a call."""

    RESERVED = "an agent is being rung"
    ACCEPTED = "an agent accepted"
    CANCELED = "the task is gone"


MEANINGS: Mapping[str, TaskMeaning] = {
    "reservation.created": TaskMeaning.RESERVED,
    "reservation.accepted": TaskMeaning.ACCEPTED,
    "task.canceled": TaskMeaning.CANCELED,
    "task.deleted": TaskMeaning.CANCELED,
    "task.system-deleted": TaskMeaning.CANCELED,
}


@dataclass(frozen=True)
class TaskEvent:
    """An event that matters for one of our calls."""

    call_id: str
    task_sid: str
    meaning: TaskMeaning
    name: str


def decode_event(form: Mapping[str, str]) -> TaskEvent | None:
    """The event a callback brings, or None when it is of no matter here. `TaskAttributes` may be anything at all."""
    name = form.get("EventType", "")
    meaning = MEANINGS.get(name)
    if meaning is None:
        return None
    try:
        attributes = msgspec.json.decode(form.get("TaskAttributes", ""))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):  # the last: brackets thousands deep
        return None
    call_id = attributes.get(CALL_ID) if isinstance(attributes, dict) else None
    return TaskEvent(call_id, form.get("TaskSid", ""), meaning, name) if isinstance(call_id, str) else None


def encode_attributes(call_id: str | None, number: str, language: Language) -> dict[str, object]:
    """What the task shall tell Flex: who calls, in which language, and which of our calls it is, if it is one.

    `name` is the title that Flex shows; `conversations` and `customers` are read by Flex Insights.
    """
    ours: dict[str, object] = {CALL_ID: call_id} if call_id else {}
    return ours | {
        "name": number,
        "type": "inbound",
        "language": language.tag,
        "caller_number": number,
        "conversations": {"language": language.english},
        "customers": {"phone": number},
    }
