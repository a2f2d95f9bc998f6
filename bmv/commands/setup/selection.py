"""Which of what the account has shall serve: numbers, workspace, workflow, app, flow. Nothing live is ever guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from bmv.commands.plain import one_line
from bmv.commands.setup.asking import Asker
from bmv.commands.setup.finding import NAME, Found
from bmv.commands.setup.inputs import Given
from bmv.commands.setup.request import SetupFailed, SetupRequest, Unsettled
from bmv.telephony.account import Flow, PhoneNumber, Resource, Workflow

WELCOME, INCOMING, OUTBOUND = "/welcome", "/incoming-call", "/outbound-call"
WORKSPACE_OF_FLEX, WORKFLOW_OF_FLEX = "Flex Task Assignment", "Assign to Anyone"
"""What Flex calls them when it makes them."""


R = TypeVar("R", bound=Resource)


@dataclass(frozen=True)
class Selection:
    """What shall serve; without Flex the caller number alone. `app` and `flow` are None where there is none yet."""

    caller: PhoneNumber
    flex_number: PhoneNumber | None
    with_app: bool
    app: Resource | None
    flow: Flow | None
    studio: bool
    workspace: Resource | None
    workflow: Workflow | None


def select(found: Found, given: Given, request: SetupRequest, asker: Asker) -> Selection:
    """Raises `Unsettled` with the candidates where it is not clear which, and nobody is there to ask."""
    with_flex = given.destination is None
    if not with_flex and (request.app or request.flex_number):
        raise Unsettled(
            "AGENT_DESTINATION is set, so that nothing leads into Flex: leave out --app and --flex-number, or "
            "AGENT_DESTINATION. Nothing was changed."
        )
    with_app = with_flex and (request.app or given.app_sid is not None)
    workspace, workflow = _workflow(found, given) if with_flex else (None, None)
    caller, flex = _numbers(found, given, asker, second=with_flex and not with_app)
    flow = _flow(found, caller, request)
    studio = request.studio if request.studio is not None else flow is not None
    return Selection(
        caller, flex, with_app, _app(found, given) if with_app else None, flow, studio, workspace, workflow
    )


def leads_to(number: PhoneNumber, flow: Flow) -> bool:
    """Whether a number's calls begin in a flow."""
    return number.values["voice_url"] == flow.webhook_url


def _numbers(found: Found, given: Given, asker: Asker, *, second: bool) -> tuple[PhoneNumber, PhoneNumber | None]:
    """The number that callers dial and, where there shall be a `second` one, that which leads into Flex."""
    numbers = _Numbers(found, given)
    caller = numbers.named("TWILIO_CALLER_NUMBER", given.caller_number)
    flex = numbers.named("TWILIO_FLEX_NUMBER", given.flex_number) if second else None
    caller = caller or numbers.ours(WELCOME, INCOMING, but=flex)
    flex = flex or (numbers.ours(OUTBOUND, but=caller) if second else None)
    chosen = _asked(caller, flex, second, numbers, asker)
    _not_each_other(*chosen, given)
    return chosen


class _Numbers:
    """The numbers of the account that can take calls."""

    def __init__(self, found: Found, given: Given) -> None:
        self.all = [number for number in found.numbers if number.voice]
        self._dumb = [number.number for number in found.numbers if not number.voice]
        self._hosts, self._flows = given.hosts, found.flows

    def named(self, setting: str, number: str | None) -> PhoneNumber | None:
        """The number that a setting or an option names."""
        if number is None:
            return None
        for each in self.all:
            if each.number == number:
                return each
        if number in self._dumb:
            raise Unsettled(f"{setting} is {number}, and that number cannot take calls (it has no voice capability).")
        raise Unsettled(f"{setting} is {number}, and this account has no such number. {self.listed()}")

    def ours(self, *paths: str, but: PhoneNumber | None) -> PhoneNumber | None:
        """The one number, `but` left out, that leads to this server already, under a name that it has or had."""
        leading = [each for each in self.all if each != but and self._leads_here(each, paths)]
        return leading[0] if len(leading) == 1 else None

    def listed(self) -> str:
        if not self.all:
            return "It has none that can take calls: buy one in the console (Phone Numbers, Buy a number)."
        return "It has:\n" + "\n".join(f"  {described(each)}" for each in self.all)

    def _leads_here(self, number: PhoneNumber, paths: Sequence[str]) -> bool:
        if any(leads_to(number, flow) for flow in self._flows):
            return WELCOME in paths
        host, path = host_and_path(number.values["voice_url"])
        return host in self._hosts and path in paths


def host_and_path(url: str) -> tuple[str, str]:
    """Both "" for what is no address."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.path
    except ValueError:
        return "", ""


def described(number: PhoneNumber) -> str:
    """A number in a list: how it is called, and where it leads now."""
    values = number.values
    leads = values["voice_application_sid"] or values["trunk_sid"] or values["voice_url"] or "nothing"
    return f"{number.number}  ({one_line(number.name)})  leads to {one_line(leads)}"


def _asked(
    caller: PhoneNumber | None, flex: PhoneNumber | None, with_flex: bool, numbers: _Numbers, asker: Asker
) -> tuple[PhoneNumber, PhoneNumber | None]:
    """Let somebody choose the numbers that are not settled. Raises `SetupFailed` where there are too few."""
    missing = [caller is None, with_flex and flex is None]
    free = [each for each in numbers.all if each not in (caller, flex)]
    if len(free) < sum(missing):
        raise SetupFailed(_too_few(numbers, with_flex))
    if any(missing) and not asker.present:
        options = ["--caller-number" if missing[0] else "", "--flex-number" if missing[1] else ""]
        raise Unsettled(
            f"Which number shall serve? Name it with {' and '.join(filter(None, options))}. A number that may be in "
            f"use is not chosen for you, and nothing was changed. This account: {numbers.listed()}"
        )
    if caller is None:
        caller = free.pop(asker.one_of("Which number shall callers dial?", [described(each) for each in free]))
    if with_flex and flex is None:
        flex = free.pop(asker.one_of("Which number shall lead into Flex?", [described(each) for each in free]))
    return caller, flex


def _too_few(numbers: _Numbers, with_flex: bool) -> str:
    if not with_flex:
        return f"A number is needed that callers dial, and none is free. This account: {numbers.listed()}"
    return (
        "Two numbers are needed, one that callers dial and one that leads into Flex; with --app a TwiML App takes the "
        f"place of the second. This account: {numbers.listed()}"
    )


def _not_each_other(caller: PhoneNumber, flex: PhoneNumber | None, given: Given) -> None:
    if caller == flex:
        raise Unsettled(
            f"{caller.number} cannot be both: the number that callers dial, and the one that leads into Flex."
        )
    if given.destination == caller.number:
        raise Unsettled("AGENT_DESTINATION is the number that callers dial: they would call themselves.")


def _app(found: Found, given: Given) -> Resource | None:
    if given.app_sid:
        return next(app for app in found.apps if app.sid == given.app_sid)
    return _only(found.apps, "TwiML Apps", "TWILIO_FLEX_APP_SID says which one to use")


def _flow(found: Found, caller: PhoneNumber, request: SetupRequest) -> Flow | None:
    """The flow of our name that callers are led to; where there shall be one, else the only one."""
    used = [flow for flow in found.flows if leads_to(caller, flow)]
    if used or not request.studio:
        return used[0] if used else None
    return _only(found.flows, "Studio flows", "rename or delete the others in the console (Studio, Flows)")


def _only(found: Sequence[R], what: str, remedy: str) -> R | None:
    if len(found) > 1:
        sids = ", ".join(each.sid for each in found)
        raise Unsettled(f"This account has several {what} named “{NAME}” ({sids}): {remedy}.")
    return found[0] if found else None


def _workflow(found: Found, given: Given) -> tuple[Resource, Workflow]:
    """The workflow that finds an agent, and the workspace that it is in, which has to tell us of its events."""
    if given.workflow_sid:
        for workspace in found.workspaces:
            for workflow in found.workflows[workspace.sid]:
                if workflow.sid == given.workflow_sid:
                    return workspace, workflow
        raise Unsettled(
            f"TWILIO_FLEX_WORKFLOW_SID names {given.workflow_sid}, and this account has no such workflow. Leave it "
            f"blank, or take one of these:\n{_workflows(found, found.workspaces)}"
        )
    workspace = _workspace(found)
    workflows = found.workflows[workspace.sid]
    target = found.flex.workflow_sid if found.flex else None
    for fits in (lambda each: each.sid == target, lambda each: each.name == WORKFLOW_OF_FLEX, lambda _each: True):
        fitting = [each for each in workflows if fits(each)]
        if len(fitting) == 1:
            return workspace, fitting[0]
    if not workflows:
        raise SetupFailed(
            f"The TaskRouter workspace “{workspace.name}” has no workflow, so nobody would be found for a call. Make "
            "one in the console (TaskRouter, Workspaces, Workflows)."
        )
    raise Unsettled(
        "Which workflow finds an agent? Set TWILIO_FLEX_WORKFLOW_SID to one of these:\n"
        f"{_workflows(found, [workspace])}"
    )


def _workspace(found: Found) -> Resource:
    of_flex = found.flex.workspace_sid if found.flex else None
    for fitting in (
        [each for each in found.workspaces if each.sid == of_flex],
        [each for each in found.workspaces if each.name == WORKSPACE_OF_FLEX],
        found.workspaces,
    ):
        if len(fitting) == 1:
            return fitting[0]
    if not found.workspaces:
        raise SetupFailed(
            "This account has no Flex and no TaskRouter workspace, so there is nobody to take calls. Create a Flex "
            "project (console.twilio.com, Flex), or set AGENT_DESTINATION to a telephone and do without. Nothing was "
            "changed."
        )
    raise Unsettled(
        "This account has several TaskRouter workspaces, none of them Flex's. Set TWILIO_FLEX_WORKFLOW_SID to the "
        f"workflow that finds an agent:\n{_workflows(found, found.workspaces)}"
    )


def _workflows(found: Found, workspaces: Iterable[Resource]) -> str:
    lines = [
        f"  {workflow.sid}  “{workflow.name}” in “{workspace.name}”"
        for workspace in workspaces
        for workflow in found.workflows[workspace.sid]
    ]
    return "\n".join(lines) or "  (there are none)"
