"""Transfers: how a conversation goes from one agent to another, cold or warm. Knows no sound.

Sources: Twilio "TaskRouter event reference", Twilio's package twilio-taskrouter.js and its tests against the service
(status and reasons of transfers; the customer is on hold from the start until the new agent's side takes it off),
Twilio "Call control concepts". What is not in them is said to be unsure at the line.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.exchange import new_sid
from bmv.simulator.twilio.signing import Fields

if TYPE_CHECKING:
    from bmv.simulator.twilio.agents import Agent

Mode: TypeAlias = Literal["cold", "warm"]


class Transfer:
    """A task on its way to the next worker of the queue. For tests: `sid`, `mode`, `status`.

    `status`: initiated (it rings), completed (somebody has accepted), canceled or failed. After a warm transfer was
    accepted the two agents talk while the customer is on hold, until the first completes or cancels it.
    """

    def __init__(self, agent: "Agent", mode: Mode) -> None:
        self.sid = new_sid("TT")
        self.mode = mode
        self.status = "initiated"
        self.initiator = agent
        self.successor: Agent | None = None
        self._task = agent.reservation.task
        self._started = datetime.now(UTC)

    @property
    def in_consultation(self) -> bool:
        """Whether the two agents talk to each other."""
        return self.mode == "warm" and self.successor is not None

    def begin(self) -> None:
        """Put the customer on hold and ring at the next worker; after a cold transfer the first agent is gone."""
        self._task.transfer = self
        self._tell("initiated")
        self._task.conference.customer.hold = True
        if self.mode == "cold":
            self.initiator.retire()
            self._task.status = "pending"
        self._task.offer()

    def accept(self, agent: "Agent") -> None:
        """Somebody takes it. For TaskRouter even a warm transfer is completed with that."""
        self.successor = agent
        self.status = "completed"
        self._tell("completed")
        if self.mode == "cold":
            self._task.transfer = None

    def miss(self, how: str) -> None:
        """The worker at whom it rang does not take it; it will ring at the next."""
        self._tell("attempt-failed", f"Transfer attempt failed on reservation {how}")

    def complete(self) -> None:
        """Give the customer to the second agent; the first leaves."""
        self._task.transfer = None
        self._task.conference.customer.hold = False
        self.initiator.retire()

    def cancel(self) -> None:
        """Go back to the first agent. Which events a transfer has that was accepted before is unsure."""
        self._task.transfer = None
        self.status = "canceled"
        if self.successor is None:
            self._task.withdraw()
        self._tell("canceled")
        if self.successor is not None:
            self.successor.retire()
        self._task.status = "assigned"
        self._task.conference.customer.hold = False

    def fail(self) -> None:
        """The customer is gone while it rings."""
        self.status = "failed"
        self._tell("failed", "Transfer failed because the task was canceled")

    def _tell(self, event: str, reason: str = "") -> None:
        # Seen in others' handlers: ResourceType in small letters, TransferMode, TransferInitiatingReservationSid. The
        # other names are those of Event Streams in this notation: unsure.
        form: Fields = {
            "ResourceSid": self.sid,
            "TaskTransferSid": self.sid,
            "TransferMode": self.mode.upper(),
            "TransferType": "QUEUE",
            "TransferTo": fields.TASK_QUEUE_SID,
            "TransferStatus": self.status,
            "TransferStarted": self._started.isoformat(),
            "TransferInitiatingReservationSid": self.initiator.reservation.sid,
            "TransferInitiatingWorkerSid": self.initiator.reservation.worker.sid,
        }
        if reason:
            form["TransferFailedReason"] = reason
        self._task.tell(f"task.transfer-{event}", "transfer", form)
