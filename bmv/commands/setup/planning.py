"""Makes the plan: what the account and .env are, compared with what they must be. No request is made here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bmv.commands.setup import env_plan, ownership
from bmv.commands.setup.finding import NAME, Found
from bmv.commands.setup.inputs import Given
from bmv.commands.setup.journal import Journal
from bmv.commands.setup.ownership import RESERVATIONS
from bmv.commands.setup.request import SetupRequest
from bmv.commands.setup.selection import OUTBOUND, WELCOME, Selection
from bmv.commands.setup.steps import Action, Change, Made, Plan, ResourceStep, Step, Value
from bmv.telephony import flow as studio
from bmv.telephony.account import Kind, PhoneNumber, Resource
from bmv.telephony.belongings import canonical
from bmv.telephony.menu import Menu
from bmv.telephony.taskrouter import MEANINGS

CALL_STATUS = "/call-status"

LABELS: Final[Mapping[str, str]] = {
    "voice_url": "a call comes in",
    "voice_method": "HTTP method",
    "voice_application_sid": "TwiML App",
    "trunk_sid": "SIP trunk",
    "status_callback": "call status changes",
    "status_callback_method": "HTTP method of that",
    "event_callback_url": "event callback",
    "events_filter": "events",
    "definition": "definition",
    "status": "status",
}
"""What the console calls these values, or nearly so."""


@dataclass(frozen=True)
class Situation:
    """Everything that a plan is made from."""

    found: Found
    given: Given
    selection: Selection
    journal: Journal
    env_text: str | None
    sample: str


def plan(now: Situation, request: SetupRequest) -> Plan:
    """The steps in their order: the caller number is the last, so that calls come only when all is ready for them.

    Raises `Unsettled` where something would be taken away from somebody else, unless that is forced.
    """
    chosen = now.selection
    if not request.force:
        ownership.spare_others(chosen, now.given, now.journal)
    steps: list[Step] = [
        *(_app(now) if chosen.with_app else ()),
        *(_flow(now) if chosen.studio else ()),
        *(_flex_number(now, chosen.flex_number) if chosen.flex_number else ()),
        *(_workspace(now, chosen.workspace) if chosen.workspace else ()),
    ]
    env_step, env_notes = env_plan.lines(now.given, _settings(now), now.env_text, now.sample)
    steps += [*env_step, *_caller_number(now)]
    return Plan(tuple(steps), (*_notes(now), *env_notes))


def _settings(now: Situation) -> dict[str, Value]:
    """What the server has to be told."""
    chosen = now.selection
    values: dict[str, Value] = {**now.given.typed, "PUBLIC_HOST": now.given.host}
    values["TWILIO_CALLER_NUMBER"] = chosen.caller.number
    if chosen.flex_number:
        values["TWILIO_FLEX_NUMBER"] = chosen.flex_number.number
    if chosen.with_app:
        values["TWILIO_FLEX_APP_SID"] = chosen.app.sid if chosen.app else Made(Kind.APP)
    if chosen.workflow:
        values["TWILIO_FLEX_WORKFLOW_SID"] = chosen.workflow.sid
    return values


def _url(now: Situation, path: str) -> str:
    return f"https://{now.given.host}{path}"


# --- what each resource must be --------------------------------------------------------------------------------------


def _app(now: Situation) -> Iterator[Step]:
    wanted = {"voice_url": _url(now, OUTBOUND), "voice_method": "POST"}
    yield from _made_or_updated(now, Kind.APP, now.selection.app, wanted)


def _flow(now: Situation) -> Iterator[Step]:
    definition = studio.build(Menu(now.given.languages), now.given.host)
    wanted = {"definition": canonical(definition), "status": "published"}
    yield from _made_or_updated(now, Kind.FLOW, now.selection.flow, wanted)


def _flex_number(now: Situation, number: PhoneNumber) -> Iterator[Step]:
    wanted: dict[str, Value] = {"voice_url": _url(now, OUTBOUND), "voice_method": "POST"}
    yield from _updated(now, number, f"Flex number {number.number}", {**wanted, **_nothing_before(number)})


def _caller_number(now: Situation) -> Iterator[Step]:
    number, flow = now.selection.caller, now.selection.flow
    wanted: dict[str, Value] = {"voice_url": _url(now, WELCOME), "voice_method": "POST"}
    if now.selection.studio:
        wanted["voice_url"] = flow.webhook_url if flow else Made(Kind.FLOW, webhook=True)
    wanted |= {"status_callback": _url(now, CALL_STATUS), "status_callback_method": "POST"}
    yield from _updated(now, number, f"caller number {number.number}", {**wanted, **_nothing_before(number)})


def _workspace(now: Situation, workspace: Resource) -> Iterator[Step]:
    ticked = _listed(workspace.values["events_filter"])
    ours = ownership.tells_us(workspace, now.given, now.journal)
    others = [event for event in ticked if event not in MEANINGS and ours]  # ticked for our sake as well
    events = [*others, *MEANINGS]
    wanted: dict[str, Value] = {"event_callback_url": _url(now, RESERVATIONS)}
    if set(events) != set(ticked):
        wanted["events_filter"] = ",".join(events)
    yield from _updated(now, workspace, f"TaskRouter “{workspace.name}”", wanted)


def _nothing_before(number: PhoneNumber) -> dict[str, Value]:
    """A TwiML App or a trunk would take the calls in place of the address."""
    return {name: "" for name in ("voice_application_sid", "trunk_sid") if number.values[name]}


# --- comparing -------------------------------------------------------------------------------------------------------


def _made_or_updated(now: Situation, kind: Kind, there: Resource | None, wanted: Mapping[str, Value]) -> Iterator[Step]:
    title = f"{'Studio flow' if kind is Kind.FLOW else 'TwiML App'} “{there.name if there else NAME}”"
    if there is not None:
        yield from _updated(now, there, title, wanted)
        return
    changes = tuple(_change(None, attribute, value) for attribute, value in wanted.items())
    yield ResourceStep(Action.CREATE, kind, "", NAME, title, changes)


def _updated(now: Situation, there: Resource, title: str, wanted: Mapping[str, Value]) -> Iterator[Step]:
    different = {
        attribute: value
        for attribute, value in wanted.items()
        if value != there.values.get(attribute)
        and not (isinstance(value, str) and now.journal.stands_for(there, attribute, value))
    }
    if different:
        changes = tuple(_change(there, attribute, value) for attribute, value in different.items())
        yield ResourceStep(Action.UPDATE, there.kind, there.sid, there.name, title, changes)


def _change(there: Resource | None, attribute: str, after: Value) -> Change:
    before = there.values.get(attribute, "") if there else ""
    if not isinstance(after, str):
        return Change(attribute, LABELS[attribute], before, after)
    now, then = shown(attribute, before), shown(attribute, after)
    told = (now, then if now != then else f"{then}, as the settings have it by now")
    return Change(attribute, LABELS[attribute], before, after, told)


def shown(attribute: str, value: str) -> str:
    """A value as people can read it; "" for none."""
    if attribute == "definition" and value:
        return f"leads to {ownership.host_of(value) or 'another address'}"
    return ", ".join(_listed(value)) if attribute == "events_filter" else value


def _listed(events: str) -> list[str]:
    return [event for each in events.split(",") if (event := each.strip())]


# --- what to know before agreeing ------------------------------------------------------------------------------------


def _notes(now: Situation) -> Iterator[str]:
    for number in filter(None, (now.selection.caller, now.selection.flex_number)):
        for name in _nothing_before(number):
            yield f"{number.number} is led by a {LABELS[name]} now, which would win over the address: it is taken off."
    workspace = now.selection.workspace
    if workspace and ownership.tells_others(workspace, now.given, now.journal):
        callback = workspace.values["event_callback_url"]
        yield f"{callback} will hear nothing of TaskRouter “{workspace.name}” any more."
    of_flex = now.found.flex.workspace_sid if now.found.flex else None
    if workspace and of_flex and workspace.sid != of_flex:
        yield f"TaskRouter “{workspace.name}”, in which the workflow is, is not that of Flex: Flex will never ring."
    flow = now.selection.flow
    if now.selection.studio and flow and flow.values.get("status") == "draft":
        yield (
            "The flow's latest revision is a draft, and gives way to ours. --undo makes it the draft again; what "
            "callers then hear is still ours, until you publish another."
        )
    if now.found.account.kind == "Trial":
        yield "This is a trial account: calls are reported to fail there. Upgrade it before the first call."
    if now.found.flex and now.found.flex.status != "ok":
        yield f"Flex is not ready yet (its status is {now.found.flex.status}): finish its setup in the console."
