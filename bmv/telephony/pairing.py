"""Which of our calls a call on the Flex number belongs to.

Nothing on a number-to-number call links its two ends: two CallSids, no parent, only the two numbers in common. So at
most one agent call per pair of numbers may be unmatched at a time; the next call on that pair is it. With one call
creation per second and account, which is Twilio's default limit, that costs next to nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

AFTERLIFE_SECONDS = 3.0  # the far end of an agent call that was hung up may still be announced for so long
REMEMBERED = 100  # announcements; Twilio repeats one within seconds, and places one call a second

Numbers = tuple[str, str]
"""(From, To) of the agent call."""


@dataclass
class _Lane:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    call_id: str | None = None
    expiry: asyncio.TimerHandle | None = None


class Pairing:
    """The agent calls that wait to be announced on the Flex number."""

    def __init__(self, *, patience: float, afterlife: float = AFTERLIFE_SECONDS) -> None:
        """An agent call that is not announced within `patience` seconds is given up."""
        self._patience = patience
        self._afterlife = afterlife
        self._lanes: dict[Numbers, _Lane] = defaultdict(_Lane)
        self._matched: dict[str, str] = {}

    async def claim(self, numbers: Numbers, call_id: str) -> None:
        """Wait for our turn on this pair of numbers; from then on the next call announced on it is ours."""
        lane = self._lanes[numbers]
        await lane.turn.acquire()
        lane.call_id = call_id
        self._expire(lane, self._patience)

    def match(self, numbers: Numbers, far_sid: str) -> str | None:
        """The call `far_sid` was announced on this pair of numbers: whose it is, if anybody waits for one.

        An announcement that is repeated has the same answer again; it must not take the next one's place.
        """
        if far_sid in self._matched:
            return self._matched[far_sid]
        lane = self._lanes.get(numbers)
        if lane is None or lane.call_id is None:
            return None
        call_id = self._matched[far_sid] = lane.call_id
        if len(self._matched) > REMEMBERED:
            del self._matched[next(iter(self._matched))]
        self._free(lane)
        return call_id

    def give_up(self, call_id: str, *, at_once: bool = False) -> None:
        """The agent call of this call is over or was refused; what was dialled may still be announced for a moment."""
        for lane in self._lanes.values():
            if lane.call_id == call_id:
                self._expire(lane, 0 if at_once else self._afterlife)

    def _expire(self, lane: _Lane, seconds: float) -> None:
        if lane.expiry:
            lane.expiry.cancel()
        lane.expiry = asyncio.get_running_loop().call_later(seconds, self._free, lane)

    def _free(self, lane: _Lane) -> None:
        if lane.expiry:
            lane.expiry.cancel()
        lane.expiry = lane.call_id = None
        lane.turn.release()
