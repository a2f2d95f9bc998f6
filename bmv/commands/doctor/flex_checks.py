"""Whether Flex can ring: its state, the workflow and its queues, and whether TaskRouter tells us what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bmv.commands.doctor.account_checks import AccountChecks, asked
from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes
from bmv.commands.doctor.webhook_urls import problem_of
from bmv.config import Settings
from bmv.telephony.account import Kind, Queue, TwilioAccount, Workflow
from bmv.telephony.taskrouter import MEANINGS

ACCEPTED: Final = "reservation.accepted"
EVENTS_PATH: Final = "/reservation-accepted"

LOST_WITHOUT: Final[Mapping[str, str]] = {
    "reservation.created": "the translator opens only when the agent accepts, so the first words come late",
    "reservation.wrapup": "an agent who left by a transfer is not noticed",
    "reservation.completed": "an agent who left by a transfer is not noticed",
    "task.canceled": "a caller whose task is cancelled goes on waiting",
    "task.deleted": "a caller whose task is deleted goes on waiting",
    "task.system-deleted": "a caller whose task is deleted goes on waiting",
}
"""What does not work without an event; without `reservation.accepted` nothing does."""

_NEVER = "Until then Flex never rings."


class FlexChecks:
    """The checks of Flex and TaskRouter."""

    def __init__(self, settings: Settings, account: AccountChecks) -> None:
        self._settings = settings
        self._account = account
        self.flex = Check("flex", self._flex)
        self.workflow = Check("workflow", self._workflow)
        self.queues = Check("queues", self._queues)
        self.events = Check("events", self._events)

    @property
    def all(self) -> list[Check[Any]]:
        """In the order of the report."""
        return [self.flex, self.workflow, self.queues, self.events]

    async def _flex(self, notes: Notes) -> str:
        """Give the workspace of Flex."""
        api = await self._account.api()
        flex = await asked(api.flex())
        if flex is None:
            if workspace := await self._own_workspace(api):
                notes.warning(
                    "this account has no Flex; its workflow is one of TaskRouter's own",
                    "All is well if software of yours lets agents accept tasks, with a conference. Else set Flex up.",
                )
                return workspace
            raise Fault(
                "this account has no Flex",
                "Set Flex up in the account of TWILIO_ACCOUNT_SID, or reach agents without it: AGENT_DESTINATION.",
            )
        if flex.status != "ok" or not flex.workspace_sid:
            raise Fault(
                f"Flex is not set up to the end (its status is {flex.status})",
                f"Open Flex once in the Console and wait until it is ready. {_NEVER}",
            )
        notes.ok("set up")
        return flex.workspace_sid

    async def _own_workspace(self, api: TwilioAccount) -> str | None:
        """The workspace of the workflow that is set, where there is no Flex: setup takes that one, too."""
        for workspace in await asked(api.workspaces()):
            if any(each.sid == self._settings.flex_workflow_sid for each in await asked(api.workflows(workspace.sid))):
                return workspace.sid
        return None

    async def _workflow(self, notes: Notes) -> Workflow:
        sid = self._settings.flex_workflow_sid
        if not sid:
            raise NotChecked("TWILIO_FLEX_WORKFLOW_SID is not set, or no use")
        workspace, api = await self.flex.value(), await self._account.api()
        own = await asked(api.workflows(workspace))
        found = next((each for each in own if each.sid == sid), None)
        if found:
            notes.ok(f"“{found.name}” is a workflow of the workspace")
            return found
        names = ", ".join(f"{each.sid} (“{each.name}”)" for each in own)
        raise Fault(
            "TWILIO_FLEX_WORKFLOW_SID is no workflow of Flex in this account",
            f"Set it to one of these: {names}. {_NEVER}"
            if names
            else f"Make a workflow in the workspace of Flex. {_NEVER}",
        )

    async def _queues(self, notes: Notes) -> None:
        workflow, workspace = await self.workflow.value(), await self.flex.value()
        api = await self._account.api()
        if not workflow.queue_sids:
            raise Fault(f"“{workflow.name}” leads to no queue", f"Give it a default queue in the Console. {_NEVER}")
        if not workflow.takes_all:
            notes.warning(
                f"“{workflow.name}” has no default queue: a call that none of its filters fits reaches nobody",
                "Give it one (Console, TaskRouter, Workflows), or see that a filter fits the attributes of our tasks: "
                "docs/twilio.md.",
            )
        asking = (asked(api.queue(workspace, sid)) for sid in workflow.queue_sids)
        queues: list[Queue] = await asyncio.gather(*asking)
        if not any(queue.workers for queue in queues):
            raise Fault(
                f"nobody is in a queue of “{workflow.name}” ({_names(queues)})",
                f"Log an agent in to Flex, and see that the queue's expression fits that worker. {_NEVER}",
            )
        if empty := [queue for queue in queues if not queue.workers]:
            notes.warning(
                f"nobody is in the queue {_names(empty)}", "Callers who are led there wait in vain: see its expression."
            )
        available = sum(queue.available for queue in queues)
        if available:
            notes.ok(f"{_names(queues)}: {available} available now")
        else:
            notes.warning(
                f"nobody of {_names(queues)} is available now",
                "Flex rings only for agents who are logged in and whose status is Available.",
            )

    async def _events(self, notes: Notes) -> None:
        workspace, host = await self.flex.value(), self._settings.public_host
        if not host:
            raise NotChecked("PUBLIC_HOST is not set, or no use")
        values = (await asked((await self._account.api()).fetch(Kind.WORKSPACE, workspace))).values
        silent = "Until then agents accept, and the caller goes on hearing the music: silence for the agent."
        only_one = "There is only one: if other software needs it, do not use `--force`. "
        if problem := problem_of(values["event_callback_url"], host=host, paths={EVENTS_PATH}):
            raise Fault(
                f"the event callback of the workspace {problem.words}",
                f"{problem.remedy} {only_one if values['event_callback_url'] else ''}{silent}",
            )
        chosen = {name.strip() for name in values["events_filter"].split(",")} - {""}
        if not chosen:
            notes.warning(
                "no event is chosen in the workspace; whether Twilio then sends all of them or none is not documented",
                f"Run `python -m bmv setup`, which chooses those that matter. {silent}",
            )
            return
        if ACCEPTED not in chosen:
            raise Fault(f"{ACCEPTED} is not among the workspace's events", f"Run `python -m bmv setup`. {silent}")
        missing = [name for name in MEANINGS if name not in chosen]
        if missing:
            lost = "; ".join(dict.fromkeys(LOST_WITHOUT[name] for name in missing))
            notes.warning(
                f"these events are not sent: {', '.join(missing)}", f"Run `python -m bmv setup`. Else {lost}."
            )
        else:
            notes.ok(f"all {len(MEANINGS)} that matter come to https://{host}{EVENTS_PATH}")


def _names(queues: list[Queue]) -> str:
    return ", ".join(f"“{queue.name}”" for queue in queues)
