"""What an account at Twilio may have, as values, and how they are read from the SDK's objects. No requests in here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_ALWAYS = re.compile(r"\s*1\s*={1,2}\s*1\s*")


class Kind(StrEnum):
    """What setup may change."""

    NUMBER = "number"
    APP = "app"
    FLOW = "flow"
    WORKSPACE = "workspace"


@dataclass(frozen=True)
class Resource:
    """Something setup may change. `values` are texts, named as the SDK names them; "" = Twilio has none.

    NUMBER: voice_url, voice_method, status_callback, status_callback_method, voice_application_sid, trunk_sid.
    APP: voice_url, voice_method. WORKSPACE: event_callback_url, events_filter (between commas, as Twilio gives it).
    FLOW: status ("draft" or "published") and, unless it is from a list, definition: JSON with sorted keys, so that
    equal definitions are equal texts.
    """

    kind: Kind
    sid: str
    name: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class PhoneNumber(Resource):
    """A number, in E.164, and whether it can take calls; `name` is its friendly name."""

    number: str
    voice: bool


@dataclass(frozen=True)
class Flow(Resource):
    """A Studio flow. `webhook_url` is what a number must have as its voice_url; `revision` counts from 1."""

    webhook_url: str
    revision: int


@dataclass(frozen=True)
class Account:
    """`kind` is Full or Trial; `status` is active, suspended or closed."""

    sid: str
    name: str
    kind: str
    status: str


@dataclass(frozen=True)
class FlexConfiguration:
    """`status` is ok, inprogress or notstarted; a sid may be None until it is ok."""

    workspace_sid: str | None
    workflow_sid: str | None
    status: str


@dataclass(frozen=True)
class Workflow:
    """`queue_sids` are all the queues that its configuration names, in that order, each once.

    `takes_all` tells whether every task gets to a queue: by a default filter, or by one whose expression is `1==1`.
    """

    sid: str
    name: str
    queue_sids: tuple[str, ...]
    takes_all: bool = True


@dataclass(frozen=True)
class Queue:
    """How many people may get its tasks, and how many of them are in an activity that is available."""

    sid: str
    name: str
    workers: int
    available: int


@dataclass(frozen=True)
class Alert:
    """An entry of Twilio's debugger; `url` is the request it is about, "" where there is none. `code` 0 = none."""

    code: int
    text: str
    at: datetime
    url: str


@dataclass(frozen=True)
class CustomerProfile:
    """A compliance profile; which kind it is, only `policy_sid` tells."""

    sid: str
    name: str
    status: str
    policy_sid: str


# --- read from the SDK's instances: ValueError, AttributeError for what is none --------------------------------------


def account(found: Any) -> Account:
    """From an `AccountInstance`."""
    return Account(_needed(found.sid), _text(found.friendly_name), _text(found.type), _text(found.status))


def phone_number(found: Any) -> PhoneNumber:
    """From an `IncomingPhoneNumberInstance`."""
    names = (
        "voice_url", "voice_method", "status_callback", "status_callback_method", "voice_application_sid", "trunk_sid"
    )  # fmt: skip
    can = found.capabilities if isinstance(found.capabilities, dict) else {}
    return PhoneNumber(
        Kind.NUMBER,
        _needed(found.sid),
        _text(found.friendly_name),
        _values(found, *names),
        _needed(found.phone_number),
        can.get("voice") is True,
    )


def app(found: Any) -> Resource:
    """From an `ApplicationInstance`."""
    return Resource(
        Kind.APP, _needed(found.sid), _text(found.friendly_name), _values(found, "voice_url", "voice_method")
    )


def flow(found: Any) -> Flow:
    """From a `FlowInstance`, which has no definition when it is from a list."""
    values = _values(found, "status")
    if found.definition is not None:
        values["definition"] = canonical(found.definition)
    return Flow(
        Kind.FLOW,
        _needed(found.sid),
        _text(found.friendly_name),
        values,
        _needed(found.webhook_url),
        int(found.revision or 0),
    )


def workspace(found: Any) -> Resource:
    """From a `WorkspaceInstance`."""
    values = _values(found, "event_callback_url", "events_filter")
    return Resource(Kind.WORKSPACE, _needed(found.sid), _text(found.friendly_name), values)


def flex_configuration(found: Any) -> FlexConfiguration:
    """From a `ConfigurationInstance` of Flex."""
    workspace_sid, workflow_sid = found.taskrouter_workspace_sid, found.taskrouter_target_workflow_sid
    return FlexConfiguration(workspace_sid or None, workflow_sid or None, _needed(found.status))


def workflow(found: Any) -> Workflow:
    """From a `WorkflowInstance`. A configuration that is no JSON names no queues."""
    try:
        configuration = json.loads(found.configuration or "{}")
    except ValueError:
        configuration = {}
    queues = tuple(dict.fromkeys(_queues(configuration)))
    return Workflow(_needed(found.sid), _text(found.friendly_name), queues, _takes_all(configuration))


def alert(found: Any) -> Alert:
    """From an `AlertInstance`."""
    at = found.date_generated or found.date_created
    if not isinstance(at, datetime):
        raise ValueError(f"an alert has no readable time: {at!r}")
    code = _text(found.error_code)
    return Alert(int(code) if code.isdecimal() else 0, _text(found.alert_text), at, _text(found.request_url))


def customer_profile(found: Any) -> CustomerProfile:
    """From a `CustomerProfilesInstance`."""
    return CustomerProfile(_needed(found.sid), _text(found.friendly_name), _text(found.status), _text(found.policy_sid))


def canonical(definition: Any) -> str:
    """A flow's definition as text: the same for the same definition, in whatever order its keys are."""
    return json.dumps(definition, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def flow_errors(refusal: BaseException | None) -> list[str]:
    """What Studio's refusal of a definition says is wrong with it: a message and where, for each error."""
    details = getattr(refusal, "details", None)
    errors = details.get("errors") if isinstance(details, dict) else None
    return [_error_words(each) for each in errors] if isinstance(errors, list) else []


def _error_words(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    message, where = _text(error.get("message")), _text(error.get("property_path"))
    return f"{message} (at {where})" if where else message


def _queues(configuration: Any) -> Iterator[str]:
    """Every queue in a workflow's configuration: those of the filters' targets, and the default filter's."""
    if isinstance(configuration, list):
        for each in configuration:
            yield from _queues(each)
    elif isinstance(configuration, dict):
        for name, value in configuration.items():
            if name == "queue" and isinstance(value, str):
                yield value
            else:
                yield from _queues(value)


def _takes_all(configuration: Any) -> bool:
    """Whether a default filter names a queue, or a filter fits everything."""
    routing = configuration.get("task_routing") if isinstance(configuration, dict) else None
    if not isinstance(routing, dict):
        return False
    default, filters = routing.get("default_filter"), routing.get("filters")
    fitting = [each for each in filters if isinstance(each, dict)] if isinstance(filters, list) else []
    return any(_queues(default)) or any(_ALWAYS.fullmatch(_text(each.get("expression"))) for each in fitting)


def _values(found: Any, *names: str) -> dict[str, str]:
    return {name: _text(getattr(found, name)) for name in names}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _needed(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a text, got {value!r}")
    return value
