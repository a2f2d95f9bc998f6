"""TaskRouter: the tasks that `<Enqueue>` makes of calls, and the events that tell what becomes of them.

Sources: Twilio "TaskRouter: Event reference", "Queue calls with TaskRouter", "Call control concepts".
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.agents import Agent, Reservation, Worker
from bmv.simulator.twilio.conference import Conference
from bmv.simulator.twilio.exchange import new_sid
from bmv.simulator.twilio.signing import Fields
from bmv.simulator.twilio.transfers import Transfer
from bmv.simulator.twilio.twiml import task_attributes
from bmv.simulator.twilio.verbs import Enqueue

if TYPE_CHECKING:
    from bmv.simulator.twilio.calls import Call


@dataclass(eq=False)
class TaskQueue:
    """A queue of the workspace, as the REST API tells of it: calls do not wait in it, they ring at all workers."""

    name: str = fields.TASK_QUEUE_NAME
    sid: str = fields.TASK_QUEUE_SID
    members: Collection[Worker] | None = None
    """Who may get its tasks; None = everybody."""


@dataclass(eq=False)
class TaskRouter:
    """The workspace: where its events go, which ones, and which workflows it has.

    `events` None = all. `workflows` empty = any workflow sid is known. With `agents_available` False tasks just wait.
    Each task rings at the `workers` who are available in turn, the first of them first, and after the last at the
    first again. A change by REST is one of these fields: the next event already goes by it.
    """

    event_callback_url: str | None = None
    events: Collection[str] | None = None
    workflows: Collection[str] = ()
    agents_available: bool = True
    workers: list[Worker] = field(default_factory=lambda: [Worker()])
    suits: "Callable[[Task, Worker], bool]" = lambda _task, _worker: True
    """Whether a task may ring at a worker at all, as a workflow's expressions say it by skills."""
    wait_music: bytes | None = None
    """Mu-law that a waiting call hears again and again; where the TwiML says waitUrl="" it is silence."""
    hold_music: bytes | None = None
    conference_lag: float = 0.0
    """Seconds from an agent's entry into the conference until the task's attributes tell of it (task.updated)."""
    unhold_seconds: float = 0.2
    """How long after the entry of the new agent a cold transfer leaves the customer on hold."""
    result_of_cancel: str = "error"
    """QueueResult when a waiting call's task is cancelled; what the real one says is documented nowhere."""
    sid: str = field(default_factory=lambda: new_sid("WS"))
    name: str = "Flex Task Assignment"
    queues: list[TaskQueue] = field(default_factory=lambda: [TaskQueue()])
    queues_of: dict[str, list[str]] = field(default_factory=dict)
    """The queues that a workflow's configuration names, by the workflow's sid; one that is not in it names all."""
    expression: str = ""
    """Where there is one, a workflow's queues are all behind filters with it; "" = one of them is the default queue."""

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

    For tests: `sid`, `attributes`, `status`, `call`, `conference`, `agents`, `transfer`; `cancel()`, `complete()`.
    `status`: pending, reserved, assigned, wrapping, completed or canceled.
    """

    def __init__(self, router: TaskRouter, call: "Call", verb: Enqueue, own: dict[str, object]) -> None:
        self.sid = new_sid("WT")
        self.call = call
        self.router = router
        self.status = "pending"
        # Which side wins is documented nowhere; this way a key that collides is noticed.
        self.attributes = own | fields.task_defaults(call)
        wait_music = None if verb.wait_url == "" else router.wait_music
        self.conference = Conference(call.sid, wait_music, router.hold_music)
        call.exchange.conferences[self.conference.sid] = self.conference
        call.exchange.all_tasks[self.sid] = self
        self.postman = call.exchange.postman()
        self.created = datetime.now(UTC)
        self.verb = verb
        self.agents: list[Agent] = []
        """Who has accepted and not left; after the conversation, who has left last."""
        self.transfer: Transfer | None = None
        """The transfer that rings, or over which two agents confer."""
        self._reservation: Reservation | None = None
        self._rung = 0
        self.reason = ""
        """Why it was canceled; "" = it was not."""
        self._result = ""
        self._left = asyncio.Event()
        self._created = asyncio.get_running_loop().time()

    @property
    def age(self) -> int:
        """Seconds since it was made."""
        return int(asyncio.get_running_loop().time() - self._created)

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
        """Ring at the next worker, where agents are available."""
        workers = [each for each in self.router.workers if each.available and self.router.suits(self, each)]
        if not self.over and self.router.agents_available and workers:
            self.status = "reserved"
            self._reservation = Reservation(self, workers[self._rung % len(workers)])
            self._rung += 1
            self._reservation.tell("created")
            self.call.exchange.reservations.put_nowait(self._reservation)

    def withdraw(self) -> None:
        """Stop ringing."""
        if self._reservation is not None and self._reservation.status == "pending":
            self._reservation.tell("canceled")

    def assign(self, agent: Agent) -> None:
        """An agent has accepted."""
        self.status = "assigned"
        self.agents.append(agent)
        agent.resumes = self.transfer is not None and self.transfer.mode == "cold"

    def joined(self, agent: Agent) -> None:
        """An agent has entered the conference: its attributes tell of it, sooner or later."""
        self._after(self.router.conference_lag, agent, self._tell_of_conference)
        if agent.resumes:
            self._after(self.router.unhold_seconds, agent, Agent.resume)

    def _after(self, seconds: float, agent: Agent, do: Callable[[Agent], None]) -> None:
        """Do something later, or at once where that is 0 seconds, unless the agent has left meanwhile."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            if not self.over and agent in self.agents:
                do(agent)

        if seconds:
            self.call.exchange.spawn(wait())
        else:
            do(agent)

    def _tell_of_conference(self, agent: Agent) -> None:
        # Whether `worker` becomes the new agent after a transfer is unsure.
        self.attributes["conference"] = {
            "sid": self.conference.sid,
            "room_name": self.sid,
            "participants": {"worker": agent.call_sid, "customer": self.call.sid},
        }
        self.tell("task.updated", "Task")

    def finish(self) -> None:
        """The conversation is over because the agent left."""
        self._leave("bridged", "")

    def _leave(self, result: str, reason: str) -> None:
        if self.over:
            return
        self._result = result
        self._left.set()
        self.conference.end()
        self.withdraw()
        if self.transfer is not None and self.transfer.status == "initiated":
            self.transfer.fail()
        if not self.agents:
            self.status, self.reason = "canceled", reason
            self.tell("task.canceled", "Task", {"Reason": reason})
            return
        self.status = "wrapping"
        for agent in self.agents:
            agent.reservation.tell("wrapup")
        self.tell("task.wrapup", "Task", {"Reason": reason} if reason else None)

    def complete(self) -> None:
        """The agents have finished the work after the call."""
        if self.status == "wrapping":
            self.status = "completed"
            for agent in self.agents:
                agent.reservation.tell("completed")
            self.tell("task.completed", "Task")

    def tell(self, event: str, resource: str, more: Fields | None = None) -> None:
        """Post an event to the workspace's callback, where it is asked for."""
        if self.router.wants(event) and self.router.event_callback_url is not None:
            form = fields.task_event(self) | {"EventType": event, "EventDescription": event, "ResourceType": resource}
            form |= {"ResourceSid": self.sid, "Sid": new_sid("EV")} | (more or {})
            self.postman.post(self.router.event_callback_url, form)
