"""The resources of the REST API as JSON: a call, a participant of a conference, a task.

Sources: Twilio "Call resource", "Conference Participant resource", "TaskRouter Task resource", and what the `twilio`
package reads of them.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.conference import Participant
from bmv.simulator.twilio.exchange import Exchange
from bmv.simulator.twilio.refusals import RefusalError

if TYPE_CHECKING:
    from bmv.simulator.twilio.calls import Call
    from bmv.simulator.twilio.taskrouter import Task

Kind: TypeAlias = Literal["participant", "task"]
Json: TypeAlias = dict[str, object]

_PARTICIPANT: Final = re.compile(r"/2010-04-01/Accounts/(AC\w+)/Conferences/(CF\w+)/Participants/(CA\w+)\.json")
_TASK: Final = re.compile(r"/v1/Workspaces/(WS\w+)/Tasks/(WT\w+)")


def kind_of(path: str) -> Kind | None:
    """What a path is the address of; None where it is none of these."""
    if _PARTICIPANT.fullmatch(path):
        return "participant"
    return "task" if _TASK.fullmatch(path) else None


def fetch(exchange: Exchange, path: str) -> Json:
    """The resource at a path of a known kind. Raises `RefusalError` (20404) where there is none."""
    finders: list[tuple[re.Pattern[str], Callable[..., Json | None]]] = [(_PARTICIPANT, _participant), (_TASK, _task)]
    for pattern, find in finders:
        if (match := pattern.fullmatch(path)) and (found := find(exchange, *match.groups())) is not None:
            return found
    raise RefusalError(404, 20404, f"The requested resource {path} was not found")


def _participant(exchange: Exchange, account: str, conference_sid: str, call_sid: str) -> Json | None:
    # Not of a conference that is over, nor who has left it: the resource tells of the present only.
    conference = exchange.conferences.get(conference_sid)
    if account != exchange.account_sid or conference is None:
        return None
    found = (each for each in conference.participants if each.call_sid == call_sid)
    return next((participant_json(account, participant) for participant in found), None)


def _task(exchange: Exchange, workspace_sid: str, task_sid: str) -> Json | None:
    task = exchange.all_tasks.get(task_sid)
    return None if task is None or task.router.sid != workspace_sid else task_json(task)


def participant_json(account_sid: str, participant: Participant) -> Json:
    """A participant as `ParticipantInstance` reads it."""
    sid = participant.conference.sid
    return {
        "account_sid": account_sid,
        "call_sid": participant.call_sid,
        "call_sid_to_coach": None,
        "coaching": False,
        "conference_sid": sid,
        "date_created": participant.created,
        "date_updated": fields.rfc2822(),
        "end_conference_on_exit": participant.role != "supervisor",
        "hold": participant.hold,
        "label": None,
        "muted": participant.muted,
        "queue_time": None,
        "start_conference_on_enter": True,
        "status": "connected",
        "uri": f"/2010-04-01/Accounts/{account_sid}/Conferences/{sid}/Participants/{participant.call_sid}.json",
    }


def task_json(task: "Task") -> Json:
    """A task as `TaskInstance` reads it."""
    url = f"https://taskrouter.twilio.com/v1/Workspaces/{task.router.sid}/Tasks/{task.sid}"
    return {
        "account_sid": task.call.account_sid,
        "addons": "{}",
        "age": task.age,
        "assignment_status": task.status,
        "attributes": json.dumps(task.attributes),
        "date_created": _iso(task.created),
        "date_updated": _iso(datetime.now(UTC)),
        "ignore_capacity": None,
        "links": {"reservations": f"{url}/Reservations"},
        "priority": task.verb.priority,
        "reason": task.reason or None,
        "routing_target": None,
        "sid": task.sid,
        "task_channel_sid": fields.TASK_CHANNEL_SID,
        "task_channel_unique_name": "voice",
        "task_queue_entered_date": _iso(task.created),
        "task_queue_friendly_name": fields.TASK_QUEUE_NAME,
        "task_queue_sid": fields.TASK_QUEUE_SID,
        "timeout": task.verb.timeout or 86_400,
        "url": url,
        "virtual_start_time": _iso(task.created),
        "workflow_friendly_name": fields.WORKFLOW_NAME,
        "workflow_sid": task.verb.workflow_sid,
        "workspace_sid": task.router.sid,
    }


def _iso(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def call_json(call: "Call") -> Json:
    """A call as `CallInstance` reads it."""
    uri = f"/2010-04-01/Accounts/{call.account_sid}/Calls/{call.sid}"
    return {
        "sid": call.sid,
        "account_sid": call.account_sid,
        "parent_call_sid": None,
        "from": call.from_,
        "from_formatted": call.from_,
        "to": call.to,
        "to_formatted": call.to,
        "status": call.status,
        "direction": call.direction,
        "duration": str(call.seconds) if call.over else None,
        "date_created": call.created,
        "date_updated": fields.rfc2822(),
        "start_time": None,
        "end_time": None,
        "price": None,
        "price_unit": "USD",
        "answered_by": None,
        "api_version": "2010-04-01",
        "forwarded_from": None,
        "group_sid": None,
        "caller_name": None,
        "phone_number_sid": None,
        "queue_time": "0",
        "trunk_sid": None,
        "annotation": None,
        "uri": f"{uri}.json",
        "subresource_uris": {"streams": f"{uri}/Streams.json"},
    }
