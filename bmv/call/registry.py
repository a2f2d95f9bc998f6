"""All calls of this process: admits them, finds them by what identifies a call, and lets none be forgotten."""

from __future__ import annotations

import asyncio
import math
from copy import deepcopy
from types import TracebackType
from typing import Self

import structlog

from bmv.call.services import Caller, CallServices
from bmv.call.session import CallSession
from bmv.call.state import CallState, EndReason
from bmv.call.totals import Moment, Refusal, Totals
from bmv.call.view import CallView
from bmv.errors import BmvError

log = structlog.get_logger()

OUTCOMES_KEPT = 1000  # of calls that are over, for whoever ordered them and asks


class NotAdmitted(BmvError):
    """No further call is taken now: as many run as are allowed or can be carried, or the process is shutting down."""


class CallRegistry:
    """The calls that are running, as tasks of one `TaskGroup`: `async with registry:` is the time they may live in.

    A call is found by our own id or by the CallSid of its caller, never by a telephone number.
    """

    def __init__(self, services: CallServices, *, max_calls: int) -> None:
        self._services = services
        self._max_calls = max_calls
        self._calls: dict[str, CallSession] = {}
        self._by_call_sid: dict[str, str] = {}
        self._outcomes: dict[str, EndReason] = {}
        self._over: dict[str, None] = {}  # CallSids, the oldest first
        self._totals = Totals()  # what calls left that are over
        self._tasks = asyncio.TaskGroup()
        self._changed = asyncio.Event()
        self.draining = False
        self.ended = 0
        """How many calls are over, since the process began."""
        self.ended_at = -math.inf
        """When the last of them was, by the clock of the loop, in seconds."""

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def limit(self) -> int:
        """`MAX_CALLS`."""
        return self._max_calls

    @property
    def full(self) -> bool:
        """Whether `MAX_CALLS` calls are running."""
        return len(self._calls) >= self._max_calls

    @property
    def overloaded(self) -> bool:
        """Whether those who are talking hear gaps, because the process comes too late."""
        return bool(self._calls) and self._services.metronome.starved.on

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_all()
        if isinstance(error, asyncio.CancelledError):
            await self._tasks.__aexit__(kind, error, trace)
        else:  # no call ever fails the group, so the block's own error comes out as it is and not in an ExceptionGroup
            await self._tasks.__aexit__(None, None, None)

    def answer(self, caller: Caller) -> CallSession:
        """A new call, or the one this CallSid already has: webhooks may be delivered twice. Raises `NotAdmitted`.

        A CallSid whose call is over makes no other one: the carrier ended it, so somebody plays back a request.
        """
        known = self.find_by_call_sid(caller.call_sid or "")
        if known is None and caller.call_sid in self._over:
            raise NotAdmitted("this call is over")
        return known or self.place(caller, self._services.policy.agent_destination)

    def place(self, caller: Caller, destination: str | None) -> CallSession:
        """A new call whose agent is reached at `destination` (None: the queue). Raises `NotAdmitted`."""
        if why := self.turn_away():
            raise NotAdmitted(why)
        call = CallSession(caller, self._services, destination=destination)
        self._calls[call.id] = call
        if caller.call_sid:
            self._by_call_sid[caller.call_sid] = call.id
        self._tasks.create_task(self._run(call), name=f"call-{call.id}")
        return call

    def turn_away(self) -> str | None:
        """Why a call that comes now is refused, which is counted; None where it can be taken."""
        if self.draining:
            refusal, why = Refusal.DRAINING, "shutting down"
        elif self.full:
            refusal, why = Refusal.BUSY, "MAX_CALLS calls are running"
        elif self.overloaded:
            refusal, why = Refusal.OVERLOADED, "the process comes too late for the calls that are running"
        else:
            return None
        self._totals.refused[refusal] += 1
        return why

    def measured(self) -> tuple[Totals, Moment]:
        """What all calls took so far, those that are over and those that are running, and how these are now."""
        totals, moment = deepcopy(self._totals), Moment()
        for call in self._calls.values():
            call.measure(totals, moment)
        return totals, moment

    def find(self, call_id: str | None) -> CallSession | None:
        """The running call with our id, if there is one."""
        return self._calls.get(call_id) if call_id else None

    def find_by_call_sid(self, call_sid: str) -> CallSession | None:
        """The running call whose caller's leg is the carrier's call `call_sid`."""
        return self.find(self._by_call_sid.get(call_sid))

    def views(self) -> list[CallView]:
        """How the running calls are now, the oldest first."""
        return [call.view() for call in self._calls.values()]

    def call_of_worker(self, worker_sid: str) -> CallSession | None:
        """The running call in which this agent is, by the carrier's name of the person.

        Of several the one in which people talk, and of those the newest.
        """
        found = [
            call for call in reversed(self._calls.values()) if call.reason is None and worker_sid in call.agents.workers
        ]
        talking = (call for call in found if call.state is CallState.BRIDGED)
        return next(talking, found[0] if found else None)

    def outcome(self, call_id: str) -> EndReason | None:
        """Why a call ended that is over since not too long ago."""
        return self._outcomes.get(call_id)

    async def drain(self, grace: float) -> None:
        """Admit no further calls, and wait for the running ones to end, at most `grace` seconds."""
        self.draining = True
        try:
            async with asyncio.timeout(grace):
                await self.over()
        except TimeoutError:
            log.warning("grace_time_over", calls=len(self._calls))

    async def over(self) -> None:
        """Wait until no call runs; see `end_all`."""
        while self._calls:
            self._changed.clear()
            await self._changed.wait()

    def end_all(self) -> None:
        """End every running call; both parties are told."""
        self.draining = True
        for call in tuple(self._calls.values()):
            call.end(EndReason.SHUTDOWN)

    async def _run(self, call: CallSession) -> None:
        try:
            await call.run()
        except Exception:  # a bug in one call must not reach the others through the TaskGroup
            log.exception("call_failed", call_id=call.id)
        finally:
            self.ended += 1
            self.ended_at = asyncio.get_running_loop().time()
            del self._calls[call.id]
            if call.caller.call_sid:
                del self._by_call_sid[call.caller.call_sid]
                self._over[call.caller.call_sid] = None
            if len(self._over) > OUTCOMES_KEPT:
                del self._over[next(iter(self._over))]
            self._outcomes[call.id] = call.reason or EndReason.INTERNAL_ERROR
            if len(self._outcomes) > OUTCOMES_KEPT:
                del self._outcomes[next(iter(self._outcomes))]
            call.measure(self._totals)
            self._changed.set()
