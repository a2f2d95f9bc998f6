"""What Twilio posts about a call, for tests of what it means."""

import json

from wires import AGENT_SID, CALLER, FLEX_NUMBER, OWN_NUMBER

NUMBERS = (OWN_NUMBER, FLEX_NUMBER)
OVER = ["completed", "busy", "failed", "no-answer", "canceled"]
RUNNING = ["queued", "initiated", "ringing", "in-progress", "answered"]


def agent_status(call_id: str, status: str, **more: str) -> tuple[str, dict[str, str]]:
    form = {"CallSid": AGENT_SID, "CallStatus": status, "SequenceNumber": "0"} | more
    return f"/call-status?bmv_call_id={call_id}&bmv_role=agent", form


def task_event(kind: str, call_id: str) -> dict[str, str]:
    return {"EventType": kind, "TaskAttributes": json.dumps({"name": CALLER, "bmv_call_id": call_id})}
