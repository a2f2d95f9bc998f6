"""Whose something is that setup would change: this server's, under a name that it has or had, or somebody else's.

An address of ours alone does not tell. A second server of this kind in the same account has the same paths, and the
same names of flow and app: to take its events or its callers away would end its calls.
"""

from __future__ import annotations

import json

from bmv.commands.setup.env_text import value_of
from bmv.commands.setup.inputs import Given, usable
from bmv.commands.setup.journal import Journal
from bmv.commands.setup.request import Unsettled
from bmv.commands.setup.selection import Selection, host_and_path
from bmv.telephony.account import Flow, Resource

RESERVATIONS = "/reservation-accepted"
_OR_FORCE = (
    "Nothing was changed. If nobody needs that any more, or if it is an old name of this server's, setup --force takes "
    "it (and setup --undo puts it back)."
)


def spare_others(chosen: Selection, given: Given, journal: Journal) -> None:
    """Raise `Unsettled` where TaskRouter tells somebody else of its events, or a flow or an app is somebody else's."""
    if chosen.workspace is not None and tells_others(chosen.workspace, given, journal):
        raise Unsettled(_callback_of_others(chosen.workspace, given))
    if chosen.studio and chosen.flow is not None and not _is_our_flow(chosen.flow, given, journal):
        where = host_of(chosen.flow.values["definition"])
        raise Unsettled(
            f"The Studio flow “{chosen.flow.name}” ({chosen.flow.sid}) {_leading(where)}, so it is not this server's. "
            f"{_OR_FORCE} Else rename it, or let this server ask for the language: setup --no-studio."
        )
    if chosen.app is not None and not _is_our_app(chosen.app, given, journal):
        where = host_and_path(chosen.app.values["voice_url"])[0]
        raise Unsettled(
            f"The TwiML App “{chosen.app.name}” ({chosen.app.sid}) {_leading(where)}, so it is not this server's. "
            f"{_OR_FORCE} TWILIO_FLEX_APP_SID={chosen.app.sid} says so, too. Else rename it."
        )


def tells_us(workspace: Resource, given: Given, journal: Journal) -> bool:
    """Whether TaskRouter tells this server of its events."""
    host, path = host_and_path(workspace.values["event_callback_url"])
    return (path == RESERVATIONS and host in _hosts(given, journal)) or journal.is_ours(workspace, "event_callback_url")


def tells_others(workspace: Resource, given: Given, journal: Journal) -> bool:
    """Whether TaskRouter tells anybody else."""
    return bool(workspace.values["event_callback_url"]) and not tells_us(workspace, given, journal)


def host_of(definition: str) -> str:
    """Where a flow that is built like ours leads to; "" for any other flow."""
    try:
        states = json.loads(definition)["states"]
        values = [each for state in states for each in state["properties"].get("variables", ())]
        return next(str(each["value"]) for each in values if each["key"] == "public_host")
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return ""


def _is_our_flow(flow: Flow, given: Given, journal: Journal) -> bool:
    return host_of(flow.values["definition"]) in _hosts(given, journal) or journal.is_ours(flow, "definition")


def _is_our_app(app: Resource, given: Given, journal: Journal) -> bool:
    """One that a setting names is meant to be changed."""
    address = app.values["voice_url"]
    known = not address or host_and_path(address)[0] in _hosts(given, journal)
    return known or app.sid == given.app_sid or journal.is_ours(app, "voice_url")


def _hosts(given: Given, journal: Journal) -> frozenset[str]:
    """Every name that this server has or had, as far as .env and the journal know."""
    records = [record for record in journal.records.lines if record.name == "PUBLIC_HOST"]
    lines = [line for record in records for line in (record.before, *record.ours) if line]
    found = (usable("PUBLIC_HOST", {"PUBLIC_HOST": value_of(line, "PUBLIC_HOST") or ""}) for line in lines)
    return given.hosts | {str(host) for host in found if host}


def _leading(host: str) -> str:
    return f"leads to {host}" if host else "was made by somebody else"


def _callback_of_others(workspace: Resource, given: Given) -> str:
    callback = workspace.values["event_callback_url"]
    alike = host_and_path(callback)[1] == RESERVATIONS
    whose = " It may be another server of this kind." if alike else ""
    return (
        f"TaskRouter “{workspace.name}” tells {callback} of its events, and a workspace has one such address only."
        f"{whose} {_OR_FORCE} Else let its owner pass the events on to https://{given.host}{RESERVATIONS}, signed as "
        "Twilio signs them for that address."
    )
