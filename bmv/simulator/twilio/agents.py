"""Agents: how a task rings at one, is taken or not, and how the agent talks to the customer. Knows no queue."""

import asyncio
import json
from typing import TYPE_CHECKING

from bmv.simulator.twilio.exchange import new_sid
from bmv.simulator.twilio.party import Party
from bmv.simulator.twilio.watch import HungUpError

if TYPE_CHECKING:
    from bmv.simulator.twilio.taskrouter import Task


class Reservation:
    """A task that rings at an agent. For tests: `sid`, `task`, `status`; `accept()`, `reject()`, `expire()`.

    `status`: pending, accepted, rejected, timeout, canceled, wrapping or completed.
    """

    def __init__(self, task: "Task") -> None:
        self.sid = new_sid("WR")
        self.task = task
        self.status = "pending"
        self.worker_sid = new_sid("WK")
        self.worker_name = "alex"

    async def accept(
        self, party: Party, *, beep: bool = True, audio_first: bool = False, delay: float = 0.05
    ) -> "Agent":
        """The agent takes the call; returns once `party` is on the line and the event was answered.

        Normally the event goes out first and `party` is connected `delay` seconds after the server has answered it;
        with `audio_first` it is the other way round. Raises `HungUpError` when the call has gone meanwhile.
        """
        self._settle("accepted", "")
        agent = Agent(self, party)
        self.task.assign(agent)
        if audio_first:
            agent.join(beep)
            await asyncio.sleep(delay)
            await self._tell_accepted()
        else:
            await self._tell_accepted()
            await asyncio.sleep(delay)
            agent.join(beep)
        return agent

    async def _tell_accepted(self) -> None:
        self.tell("accepted")
        await self.task.postman.delivered()

    def reject(self) -> None:
        """The agent does not take it: it rings at the next one."""
        self._settle("rejected", "rejected")
        self.task.offer()

    def expire(self) -> None:
        """The agent did not react in time: it rings at the next one."""
        self._settle("timeout", "timeout")
        self.task.offer()

    def _settle(self, status: str, event: str) -> None:
        if self.status != "pending" or self.task.over:
            raise HungUpError(f"the reservation is {self.status}, its task {self.task.status}")
        self.status = status
        if event:
            self.task.status = "pending"
            self.tell(event)

    def tell(self, event: str) -> None:
        """Post `reservation.<event>`."""
        if event != "created":
            self.status = {"wrapup": "wrapping"}.get(event, event)
        form = {
            "ResourceSid": self.sid,
            "ReservationSid": self.sid,
            "WorkerSid": self.worker_sid,
            "WorkerName": self.worker_name,
            "WorkerAttributes": json.dumps({"contact_uri": f"client:{self.worker_name}", "full_name": "Alex Agent"}),
            "WorkerActivitySid": "WA" + "0" * 32,
            "WorkerActivityName": "Available",
        }
        self.task.tell(f"reservation.{event}", "Reservation", form)


class Agent:
    """An agent in conversation. For tests: `party`, `hang_up()`, `hold()`, `resume()`, `hung_up()`."""

    def __init__(self, reservation: Reservation, party: Party) -> None:
        self.reservation = reservation
        self.party = party
        self.call_sid = new_sid("CA")

    def join(self, beep: bool) -> None:
        """Enter the conference. Raises `HungUpError` when the customer has gone."""
        task = self.reservation.task
        if task.over:
            raise HungUpError(f"the task is {task.status}")
        task.attributes["conference"] = {
            "sid": new_sid("CF"),
            "participants": {"worker": self.call_sid, "customer": task.call.sid},
        }
        task.seat.seat(self.party, beep=beep)

    async def hang_up(self) -> None:
        """End the conference. Returns when the customer's side of it (the Flex-side call) is closed too."""
        self.reservation.task.finish()
        await self.reservation.task.call.ended(timeout=20)

    async def hung_up(self, timeout: float) -> None:
        """Wait until the conference is over, whoever ended it. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            await self.party.hung_up.wait()

    def hold(self) -> None:
        """Put the customer on hold."""
        self.reservation.task.seat.hold(True)

    def resume(self) -> None:
        """Take the customer off hold."""
        self.reservation.task.seat.hold(False)

    def leave(self) -> None:
        """The line of the agent is cut."""
        self.party.cut_off()
