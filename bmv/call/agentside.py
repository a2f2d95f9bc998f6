"""The agent's side of a call: who is there and speaks what, whether anybody listens, and what its line carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from bmv.audio.levels import silent_frames
from bmv.audio.likeness import SpeechLikeness
from bmv.audio.mulaw import cut
from bmv.call.agents import Agents
from bmv.call.beep import BeepGate
from bmv.call.carrier import Carrier, CarrierError, Seat
from bmv.call.holdwatch import HoldWatch
from bmv.languages import Language
from bmv.waiting import Event

log = structlog.get_logger()

JOINED_AFTER = 3.0  # seconds after the acceptance: by then an agent hears us, though nothing was heard of him


class AgentSide:
    """What a call knows of its agents. `run` it as a task of the call."""

    def __init__(self, *, caller: Language | None, otherwise: Language, queued: bool) -> None:
        """`queued` agents take the call from a queue and join with a beep; others are called on a telephone.

        For the languages see `Agents`.
        """
        self._agents = Agents(caller=caller, otherwise=otherwise)
        self._watch = HoldWatch(SpeechLikeness())
        self._beep = BeepGate()
        self._queued = queued
        self._ask = Event()
        self._met = False  # nobody has accepted yet
        self._accepted_at = float("-inf")
        self._sounded = False  # the line, since then
        self.seat: Seat | None = None
        """Where the carrier keeps the caller; without it hold cannot be asked about."""
        self.language = otherwise
        """What is spoken there: by whoever is there, else by whoever was, or will be."""

    def is_about(self, seat: Seat) -> bool:
        """Whether what happens at this seat happens in our call: another task may hold a copy of our attributes."""
        return self.seat is None or self.seat.task == seat.task

    @property
    def listened_since(self) -> float:
        """Since when somebody may have been there; what was heard before is hold music."""
        return self._watch.listened_since

    def joining(self) -> None:
        """Somebody may be about to join, with a beep."""
        if self._queued:
            self._beep.watch()

    def rung(self, speaks: Sequence[Language], now: float) -> None:
        """The call is offered to an agent who speaks these, the best one first.

        In a transfer, which begins with a hold, that changes nothing else yet: who has left is still being heard out.
        """
        if self._met:
            self._watch.stirred(now)
        else:
            self.language = self._agents.choose(speaks)

    @property
    def workers(self) -> list[str]:
        """See `Agents.workers`."""
        return self._agents.workers

    def accepted(self, agent: str, speaks: Sequence[Language], now: float, *, worker: str = "") -> bool:
        """An agent has taken the call. Returns whether we did not know that yet."""
        news = self._agents.accepted(agent, speaks, worker=worker)
        if not len(self._agents):
            return False  # who had accepted has left again, and only the news of it is late
        self.joining()
        self._met = True
        if news:
            self._accepted_at, self._sounded = now, False
        self.language = self._agents.language
        self._watch.joined(now)
        return news

    def left(self, agent: str, now: float) -> bool:
        """An agent's part in the call is over. Returns whether the one before is talked to again."""
        anybody = len(self._agents) > 0
        back = self._agents.left(agent)
        if len(self._agents):
            self.language = self._agents.language
        elif anybody:  # that he left is told twice: when he wraps up, and when he is done with that
            self._watch.deserted(now)
        return back

    def hear(self, sound: bytes, now: float) -> bytes:
        """The next frames of the agent's line. Returns what is to be heard of it now, without beeps."""
        for frame, silent in zip(cut(sound), silent_frames(sound), strict=True):
            self._watch.hear(frame, now, silent=silent)
            if not silent:
                self._sounded = True
        if not self._beep.busy:
            return sound
        return b"".join(clean for frame in cut(sound) for clean in self._beep.filter(frame))

    def hear_out(self) -> bytes:
        """What was heard of the agent's line and `hear` has not returned yet, some frames at most."""
        return b"".join(self._beep.release())

    def present(self, now: float) -> bool:
        """Whether who accepted last can hear us by now: the line carries a beep or a voice, or has had time to."""
        return not self._queued or (
            not self._watch.asking and (self._sounded or now - self._accepted_at >= JOINED_AFTER)
        )

    def deserted_for(self, now: float) -> float:
        """Seconds for which no agent has been there since the last one left; 0 while there is one."""
        return self._watch.deserted_for(now)

    def nobody_listens(self, now: float) -> bool:
        """Whether the caller is on hold or between two agents; asks the carrier when it is time to."""
        if self.seat and self._watch.due(now):
            self._ask.set()
        return self._watch.nobody_listens(now)

    async def run(self, carrier: Carrier, clock: Callable[[], float]) -> None:
        """Ask the carrier about hold, whenever it is time to, until cancelled."""
        while True:
            await self._ask.wait()
            self._ask.clear()
            assert self.seat is not None  # noqa: S101 - it is not asked before
            try:
                held = await carrier.is_held(self.seat)
            except CarrierError as error:
                if self._watch.failed(clock()):  # the conference is known only a moment after the agent has joined
                    log.warning("hold_unknown", error=str(error))
            else:
                self._watch.answered(clock(), held=held)
