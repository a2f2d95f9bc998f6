"""The form fields of every webhook that this company sends. No asyncio in here.

Sources: Twilio "TwiML request parameters", "Call resource: StatusCallback", "TwiML Stream", "TaskRouter events".
"""

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from bmv.simulator.twilio.signing import Fields

if TYPE_CHECKING:
    from bmv.simulator.twilio.calls import Call
    from bmv.simulator.twilio.taskrouter import Task

TASK_CHANNEL_SID: Final = "TC" + "0" * 32
TASK_QUEUE_SID: Final = "WQ" + "0" * 32
TASK_QUEUE_NAME: Final = "Everyone"
WORKFLOW_NAME: Final = "Assign to Anyone"
_COUNTRIES: Final = {
    "+1": "US", "+30": "GR", "+31": "NL", "+33": "FR", "+34": "ES", "+39": "IT", "+44": "GB", "+49": "DE",
    "+52": "MX", "+55": "BR", "+81": "JP", "+86": "CN", "+91": "IN",
}  # fmt: skip
_SIP_CODES: Final = {"completed": "200", "busy": "486", "no-answer": "487", "canceled": "487", "failed": "404"}


def voice(call: "Call") -> Fields:
    """What every request about a call carries."""
    form = {
        "CallSid": call.sid,
        "AccountSid": call.account_sid,
        "From": call.from_,
        "To": call.to,
        "Caller": call.from_,
        "Called": call.to,
        "CallStatus": call.status,
        "Direction": call.direction,
        "ApiVersion": "2010-04-01",
    }
    for role, party in (("From", call.from_), ("Caller", call.from_), ("To", call.to), ("Called", call.to)):
        form |= _place(role, party)
    return {**call.extra, **form}


def _place(role: str, party: str) -> Fields:
    """Where a number is from. Blank values are sent where the place is not known: they are signed like the others."""
    if not party.startswith("+"):
        return {}
    country = next((_COUNTRIES[party[:n]] for n in (2, 3) if party[:n] in _COUNTRIES), "")
    return {f"{role}City": "", f"{role}State": "", f"{role}Zip": "", f"{role}Country": country}


def progress(call: "Call", sequence: int) -> Fields:
    """A status callback; `sequence` counts those of this call from 0."""
    form = voice(call) | {
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(sequence),
        "Timestamp": rfc2822(),
    }
    if call.status in _SIP_CODES:
        seconds = call.seconds
        form |= {
            "CallDuration": str(seconds),
            "Duration": str(-(-seconds // 60)),
            "SipResponseCode": _SIP_CODES[call.status],
        }
    return form


def stream_event(*, account_sid: str, call_sid: str, stream_sid: str, name: str) -> Fields:
    """A status callback of `<Stream>`, but for the event itself."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "AccountSid": account_sid,
        "CallSid": call_sid,
        "StreamSid": stream_sid,
        "StreamName": name,
        "Timestamp": now,
    }


def task_defaults(call: "Call") -> dict[str, object]:
    """The attributes that a task has from its call: the call's standard parameters in snake_case."""
    return {_snake(name): value for name, value in voice(call).items() if name not in call.extra}


def task_event(task: "Task") -> Fields:
    """What every event of a task carries."""
    now = datetime.now(UTC)
    return {
        "AccountSid": task.call.account_sid,
        "WorkspaceSid": task.router.sid,
        "WorkspaceName": task.router.name,
        "Timestamp": str(int(now.timestamp())),
        "TimestampMs": str(int(now.timestamp() * 1000)),
        "WorkflowSid": task.verb.workflow_sid,
        "WorkflowName": WORKFLOW_NAME,
        "TaskSid": task.sid,
        "TaskAttributes": json.dumps(task.attributes),
        "TaskAge": str(task.age),
        "TaskPriority": str(task.verb.priority),
        "TaskAssignmentStatus": task.status,
        "TaskChannelSid": TASK_CHANNEL_SID,
        "TaskChannelUniqueName": "voice",
        "TaskQueueSid": TASK_QUEUE_SID,
        "TaskQueueName": TASK_QUEUE_NAME,
        "TaskQueueTargetExpression": "1==1",
    }


def rfc2822() -> str:
    """The present time as the Calls API writes it."""
    return format_datetime(datetime.now(UTC))


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
