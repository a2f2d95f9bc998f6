"""TaskRouter: the tasks that `<Enqueue>` makes of calls, and the events that tell what becomes of them.

Sources: Twilio "TaskRouter: Event reference", "Queue calls with TaskRouter", "Call control concepts".
"""

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.agents import Agent, Reservation
from bmv.simulator.twilio.conference import Seat
from bmv.simulator.twilio.exchange import new_sid
from bmv.simulator.twilio.signing import Fields
from bmv.simulator.twilio.twiml import task_attributes
from bmv.simulator.twilio.verbs import Enqueue

if TYPE_CHECKING:
    from bmv.simulator.twilio.calls import Call


@dataclass(eq=False)
class TaskRouter:
    """The workspace: where its events go, which ones, and which workflows it has.

    `events` None = all. `workflows` empty = any workflow sid is known. With `agents_available` False tasks just wait.
    """

    event_callback_url: str | None = None
    events: Collection[str] | None = None
    workflows: Collection[str] = ()
    agents_available: bool = True
    wait_music: bytes | None = None
    """Mu-law that a waiting call hears again and again; where the TwiML says waitUrl="" it is silence."""
    hold_music: bytes | None = None
    result_of_cancel: str = "error"
    """QueueResult when a waiting call's task is cancelled; what the real one says is documented nowhere."""
    sid: str = field(default_factory=lambda: new_sid("WS"))

    def enqueue(self, call: "Call", verb: Enqueue) -> "Task | None":
        """Make a task of a call; None (and an alert) where the verb is wrong."""
        own = task_attributes(verb.task)
        if own is None:
            call.exchange.alert(12200, f"<Task> is not a JSON object: {verb.task[:80]!r}")
            return None
        if self.workflows and verb.workflow_sid not in self.workflows:
            call.exchange.alert(12200, f"<Enqueue>: no workflow {verb.workflow_sid!r}")
            return None
        return Task(self, call, verb, own)

    def wants(self, event: str) -> bool:
        """Whether events of this type are posted."""
        return self.event_callback_url is not None and (self.events is None or event in self.events)


class Task:
    """A call that waits for an agent, or talks to one.

    For tests: `sid`, `attributes`, `status`, `call`; `cancel()`, `complete()`.
    `status`: pending, reserved, assigned, wrapping, completed or canceled.
    """

    def __init__(self, router: TaskRouter, call: "Call", verb: Enqueue, own: dict[str, object]) -> None:
        self.sid = new_sid("WT")
        self.call = call
        self.router = router
        self.status = "pending"
        # Which side wins is documented nowhere; this way a key that collides is noticed.
        self.attributes = own | fields.task_defaults(call)
        self.seat = Seat(None if verb.wait_url == "" else router.wait_music, router.hold_music)
        self.postman = call.exchange.postman()
        self._verb = verb
        self._reservation: Reservation | None = None
        self._agent: Agent | None = None
        self._result = ""
        self._left = asyncio.Event()
        self._created = asyncio.get_running_loop().time()

    @property
    def over(self) -> bool:
        """Whether the call has left the queue and the conference."""
        return self._left.is_set()

    async def wait(self) -> str:
        """Live until the call leaves; return the QueueResult. Cancelling it means that the caller hangs up."""
        self.tell("task.created", "Task")
        self.call.exchange.tasks.put_nowait(self)
        self.tell("task-queue.entered", "Task")
        self.offer()
        try:
            await self._left.wait()
        except asyncio.CancelledError:
            self._leave("hangup", "hangup")
            raise
        return self._result

    def cancel(self, reason: str = "Task canceled on request") -> None:
        """Somebody (a supervisor, a time limit, a script) cancels the task: the call leaves the queue."""
        self._leave(self.router.result_of_cancel, reason)

    def offer(self) -> None:
        """Ring at an agent, where one is available."""
        if not self.over and self.router.agents_available:
            self.status = "reserved"
            self._reservation = Reservation(self)
            self._reservation.tell("created")
            self.call.exchange.reservations.put_nowait(self._reservation)

    def assign(self, agent: Agent) -> None:
        """An agent has accepted."""
        self.status, self._agent = "assigned", agent

    def finish(self) -> None:
        """The conversation is over because the agent left."""
        self._leave("bridged", "")

    def _leave(self, result: str, reason: str) -> None:
        if self.over:
            return
        self._result = result
        self._left.set()
        if self._agent is not None:
            self._agent.leave()
            self.status = "wrapping"
            self._agent.reservation.tell("wrapup")
            self.tell("task.wrapup", "Task", {"Reason": reason} if reason else None)
            return
        self.status = "canceled"
        if self._reservation is not None and self._reservation.status == "pending":
            self._reservation.tell("canceled")
        self.tell("task.canceled", "Task", {"Reason": reason})

    def complete(self) -> None:
        """The agent has finished the work after the call."""
        if self._agent is not None and self.status == "wrapping":
            self.status = "completed"
            self._agent.reservation.tell("completed")
            self.tell("task.completed", "Task")

    def tell(self, event: str, resource: str, more: Fields | None = None) -> None:
        """Post an event to the workspace's callback, where it is asked for."""
        if self.router.wants(event) and self.router.event_callback_url is not None:
            form = self._form() | {"EventType": event, "EventDescription": event, "ResourceType": resource}
            form |= {"ResourceSid": self.sid, "Sid": new_sid("EV")} | (more or {})
            self.postman.post(self.router.event_callback_url, form)

    def _form(self) -> Fields:
        now = datetime.now(UTC)
        return {
            "AccountSid": self.call.account_sid,
            "WorkspaceSid": self.router.sid,
            "WorkspaceName": "Flex Task Assignment",
            "Timestamp": str(int(now.timestamp())),
            "TimestampMs": str(int(now.timestamp() * 1000)),
            "WorkflowSid": self._verb.workflow_sid,
            "WorkflowName": "Assign to Anyone",
            "TaskSid": self.sid,
            "TaskAttributes": json.dumps(self.attributes),
            "TaskAge": str(int(asyncio.get_running_loop().time() - self._created)),
            "TaskPriority": str(self._verb.priority),
            "TaskAssignmentStatus": self.status,
            "TaskChannelSid": "TC" + "0" * 32,
            "TaskChannelUniqueName": "voice",
            "TaskQueueSid": "WQ" + "0" * 32,
            "TaskQueueName": "Everyone",
            "TaskQueueTargetExpression": "1==1",
        }
