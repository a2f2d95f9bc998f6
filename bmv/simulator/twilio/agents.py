"""Agents: how a task rings at one, is taken or not, and how the agent talks to the customer. Knows no queue."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bmv.simulator.twilio.conference import Beep, Conference, Participant
from bmv.simulator.twilio.exchange import new_sid
from bmv.simulator.twilio.party import Party
from bmv.simulator.twilio.transfers import Mode, Transfer
from bmv.simulator.twilio.watch import HungUpError

if TYPE_CHECKING:
    from bmv.simulator.twilio.taskrouter import Task


@dataclass(eq=False)
class Worker:
    """Somebody at whom tasks ring: `Worker("sue", {"languages": ["es"]})`.

    `attributes` come on top of the two that Flex itself keeps, contact_uri and full_name.
    """

    name: str = "alex"
    attributes: dict[str, object] = field(default_factory=dict)
    sid: str = field(default_factory=lambda: new_sid("WK"))
    available: bool = True
    """Whether tasks ring here at all: the worker's activity."""

    @property
    def all_attributes(self) -> dict[str, object]:
        """What the events carry as WorkerAttributes."""
        own = {"contact_uri": f"client:{self.name}", "full_name": f"{self.name.title()} Agent"}
        return own | self.attributes


class Reservation:
    """A task that rings at an agent.

    For tests: `sid`, `task`, `worker`, `status`; `accept()`, `reject()`, `expire()`, `rescind()`.
    `status`: pending, accepted, rejected, timeout, canceled, rescinded, wrapping or completed.
    """

    def __init__(self, task: "Task", worker: Worker) -> None:
        self.sid = new_sid("WR")
        self.task = task
        self.worker = worker
        self.status = "pending"

    async def accept(
        self, party: Party, *, beep: Beep = True, audio_first: bool = False, delay: float = 0.05
    ) -> "Agent":
        """The agent takes the call; returns once `party` is on the line and the event was answered.

        Normally the event goes out first and `party` is connected `delay` seconds after the server has answered it;
        with `audio_first` it is the other way round. Raises `HungUpError` when the call has gone meanwhile.
        """
        self._settle("accepted")
        agent = Agent(self, party)
        self.task.assign(agent)
        if audio_first:
            agent.join(beep)
            await asyncio.sleep(delay)
            await self._tell_accepted(agent)
        else:
            await self._tell_accepted(agent)
            await asyncio.sleep(delay)
            agent.join(beep)
        return agent

    async def _tell_accepted(self, agent: "Agent") -> None:
        self.tell("accepted")
        if self.task.transfer is not None:
            self.task.transfer.accept(agent)
        await self.task.postman.delivered()

    def reject(self) -> None:
        """The agent does not take it: it rings at the next one."""
        self._miss("rejected", "reject")

    def expire(self) -> None:
        """The agent did not react in time: it rings at the next one."""
        self._miss("timeout", "timeout")

    def rescind(self) -> None:
        """It is taken back (another agent had been rung at the same time, and was quicker): it rings at the next."""
        self._miss("rescinded", "rescind")

    def _miss(self, event: str, how: str) -> None:
        self._settle(event)
        self.task.status = "pending"
        self.tell(event)
        if self.task.transfer is not None:
            self.task.transfer.miss(how)
        self.task.offer()

    def _settle(self, status: str) -> None:
        if self.status != "pending" or self.task.over:
            raise HungUpError(f"the reservation is {self.status}, its task {self.task.status}")
        self.status = status

    def tell(self, event: str) -> None:
        """Post `reservation.<event>`."""
        if event != "created":
            self.status = {"wrapup": "wrapping"}.get(event, event)
        form = {
            "ResourceSid": self.sid,
            "ReservationSid": self.sid,
            "WorkerSid": self.worker.sid,
            "WorkerName": self.worker.name,
            "WorkerAttributes": json.dumps(self.worker.all_attributes),
            "WorkerActivitySid": "WA" + "0" * 32,
            "WorkerActivityName": "Available",
        }
        self.task.tell(f"reservation.{event}", "Reservation", form)


class Agent:
    """An agent in conversation.

    For tests: `party`, `participant`, `reservation`, `conference`; `hold()`, `resume()`, `transfer()` and what follows
    it, `hang_up()`, `hung_up()`.
    """

    def __init__(self, reservation: Reservation, party: Party) -> None:
        self.reservation = reservation
        self.party = party
        self.call_sid = new_sid("CA")
        self.participant: Participant | None = None
        """The agent in the conference; None before."""
        self.resumes = False
        """Whether a customer on hold is waiting for this agent to enter."""

    @property
    def conference(self) -> Conference:
        """Where the agent talks to the customer."""
        return self.reservation.task.conference

    def join(self, beep: Beep) -> None:
        """Enter the conference. Raises `HungUpError` when the customer has gone, or has gone on with somebody else."""
        task = self.reservation.task
        if task.over or self not in task.agents:
            raise HungUpError(f"the task is {task.status}, the reservation {self.reservation.status}")
        self.participant = self.conference.join(self.party, role="worker", beep=beep, call_sid=self.call_sid)
        task.joined(self)

    def hold(self) -> None:
        """Put the customer on hold."""
        self.conference.customer.hold = True

    def resume(self) -> None:
        """Take the customer off hold."""
        self.conference.customer.hold = False

    def transfer(self, mode: Mode) -> None:
        """Give the customer, who is put on hold, to the next worker: `twilio.next_reservation` is at that one.

        Cold: this agent leaves at once, and some time (`TaskRouter.unhold_seconds`) after the new one has entered the
        customer is taken off hold. Warm: this agent stays and talks to the new one, until `complete_transfer` or
        `cancel_transfer`. Raises `RuntimeError` where this agent is not in the conversation or a transfer is under way.
        """
        task = self.reservation.task
        if task.over or self not in task.agents:
            raise RuntimeError("this agent is not in the conversation")
        if task.transfer is not None:
            raise RuntimeError("a transfer is under way already")
        Transfer(self, mode).begin()

    def complete_transfer(self) -> None:
        """Leave the customer, off hold, to the agent who has accepted. Raises `RuntimeError` where there is none."""
        transfer = self._warm_transfer()
        if not transfer.in_consultation:
            raise RuntimeError("nobody has accepted the transfer yet")
        transfer.complete()

    def cancel_transfer(self) -> None:
        """Go on with the customer, off hold; the other agent leaves, or is not rung any more. May raise as above."""
        self._warm_transfer().cancel()

    def _warm_transfer(self) -> Transfer:
        transfer = self.reservation.task.transfer
        if transfer is None or transfer.initiator is not self or transfer.mode != "warm":
            raise RuntimeError("this agent has no warm transfer under way")
        return transfer

    async def hang_up(self) -> None:
        """Leave; unless there is another agent, that ends the conference.

        Then it returns when the customer's side of it (the Flex-side call) is closed too.
        """
        task = self.reservation.task
        if len(task.agents) > 1 and not task.over:
            self.retire()
            return
        task.finish()
        await task.call.ended(timeout=20)

    def retire(self) -> None:
        """Leave a conversation that goes on without this agent, who has nothing more to do after it."""
        task = self.reservation.task
        if task.transfer is not None and task.transfer.in_consultation:
            task.transfer = None
        task.agents.remove(self)
        if self.participant is not None:
            self.participant.leave()
        self.reservation.tell("wrapup")
        self.reservation.tell("completed")

    async def hung_up(self, timeout: float) -> None:
        """Wait until this agent is out of the conference, whoever did it. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            await self.party.hung_up.wait()
