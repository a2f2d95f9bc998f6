"""The exchange: what every part of the telephone company shares. Numbers, apps, calls, the courier, the task group."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import uuid4

from bmv.simulator.twilio.courier import Alert, Courier, Postman
from bmv.simulator.twilio.party import Party

if TYPE_CHECKING:
    from bmv.simulator.twilio.agents import Reservation
    from bmv.simulator.twilio.calls import Call
    from bmv.simulator.twilio.conference import Conference
    from bmv.simulator.twilio.holdings import Holdings
    from bmv.simulator.twilio.taskrouter import Task, TaskRouter

Speaker = Callable[[str, str], bytes]
"""(text, language as in `<Say>`) -> mu-law. Called in the event loop, so it has to be quick."""


Outcome: TypeAlias = Literal["busy", "no-answer", "failed"]
"""What becomes of a call that nobody picks up."""


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number that the account owns, and who is asked when it is called.

    `status_callback` gets `completed` when an inbound call on it is over. Where `voice_application_sid` is set, that
    app is asked instead of `voice_url`; where `trunk_sid` is, nobody is. `voice` False: it is one for messages only.
    A change by REST puts a new `Number` into `FakeTwilio.numbers`.
    """

    voice_url: str
    status_callback: str | None = None
    voice_method: str = "POST"
    status_callback_method: str = "POST"
    voice_application_sid: str = ""
    trunk_sid: str = ""
    name: str = ""
    """"" = the number itself."""
    voice: bool = True
    sid: str = field(default_factory=lambda: new_sid("PN"), compare=False)


@dataclass(frozen=True, slots=True)
class App:
    """A TwiML App: where `app:AP…` leads to. A change by REST puts a new `App` into `FakeTwilio.apps`."""

    voice_url: str
    status_callback: str | None = None
    voice_method: str = "POST"
    status_callback_method: str = "POST"
    name: str = "An app"


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone outside, at a number, `sip:user@host` or `client:name`; its party picks up after `ring_seconds`.

    With an `outcome` it never does: `busy` and `failed` come after `ring_seconds`, `no-answer` when the order's Timeout
    is over (that is how long the caller waits in vain; `FakeTwilio.next_outgoing_call` has one that waits less).
    """

    party: Party
    ring_seconds: float = 0.0
    outcome: Outcome | None = None


@dataclass(eq=False)
class Exchange:
    """The parts of the company find each other here; nothing in it is wired to one call."""

    account_sid: str
    courier: Courier
    say: Speaker | None
    holdings: "Holdings"
    numbers: dict[str, Number] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    phones: dict[str, Party | Phone] = field(default_factory=dict)
    calls: dict[str, "Call"] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """CallToken -> the caller's number that it allows to be shown."""
    task_router: "TaskRouter | None" = None
    all_tasks: dict[str, "Task"] = field(default_factory=dict)
    conferences: dict[str, "Conference"] = field(default_factory=dict)
    tasks: "asyncio.Queue[Task]" = field(default_factory=asyncio.Queue)
    reservations: "asyncio.Queue[Reservation]" = field(default_factory=asyncio.Queue)
    ordered: "asyncio.Queue[Call]" = field(default_factory=asyncio.Queue)
    outgoing_streams: asyncio.Event = field(default_factory=asyncio.Event)
    """Clear: streams of calls that were placed by REST wait before they dial the server."""
    ring_seconds: float = 0.0
    next_outcome: Outcome | None = None
    group: asyncio.TaskGroup | None = None
    running: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.outgoing_streams.set()

    def alert(self, code: int, text: str) -> None:
        """Note what the server did wrong."""
        self.courier.alerts.append(Alert(code, text))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something until the company closes; an exception of it fails the whole company."""
        if self.group is None:
            work.close()
            raise RuntimeError("the company works only inside of `async with`")
        task = self.group.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    def fail(self, error: Exception) -> None:
        """Tell everybody that the company itself has a bug: the `async with` block ends with this error."""

        async def fail() -> None:
            raise error

        self.spawn(fail())

    def postman(self) -> Postman:
        """Somebody new who delivers in order."""
        return Postman(self.courier, self.spawn)


def new_sid(prefix: str) -> str:
    """A fresh identifier of the kind that `prefix` (CA, MZ, WT, WR, …) stands for."""
    return prefix + uuid4().hex
