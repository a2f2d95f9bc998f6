"""Whether the process keeps up: how late its beats come, and how full its core is. Most beats are just counted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import structlog

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.playout import LEAD_SECONDS, REFILL_SECONDS

log = structlog.get_logger()

HEARD_SECONDS = LEAD_SECONDS - REFILL_SECONDS - FRAME_SECONDS
"""A beat that is later than this may be heard as a gap: so much waits in a listener's buffer when it is due."""
NEARLY_HEARD_SECONDS = HEARD_SECONDS - FRAME_SECONDS
FEW, WINDOW = 5, 250  # late beats, of so many: five seconds, where beats come in time
CALM = 750  # beats from when that is so no more until it counts as over: a scrape every 15 s shall see it
FULL, FREE = 0.9, 0.8  # of a core


class Strain:
    """Whether beats keep coming later than `limit` seconds, for whatever reason.

    It begins when 5 of the last 250 beats were so late, and is over when for 750 beats (15 s) it would not have begun.
    A single stall, however long, is no strain: when it is noticed it is over. Beats are counted and not seconds, so
    that a loop that hardly turns at all is seen as well. Both are logged, once.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._beats = 0
        self._late: deque[int] = deque(maxlen=FEW)  # the numbers of the latest late beats
        self._over_at = 0
        self._since = self._worst = 0.0
        self.on = False

    @property
    def worst(self) -> float:
        """By how many seconds the latest beat of it came too late; 0 while there is no strain."""
        return self._worst if self.on else 0.0

    def note(self, late: float, now: float) -> None:
        """Count one beat, which came so many seconds late."""
        self._beats += 1
        if late > self._limit:
            self._count(late, now)
        elif self.on and self._beats >= self._over_at:
            self.on = False
            log.info(
                "event_loop_in_time",
                limit_ms=_ms(self._limit),
                worst_ms=_ms(self._worst),
                seconds=round(now - self._since, 1),
            )

    def _count(self, late: float, now: float) -> None:
        self._late.append(self._beats)
        if self.on:
            self._worst = max(self._worst, late)
        if len(self._late) < FEW or self._beats - self._late[0] >= WINDOW:
            return
        self._over_at = self._beats + CALM
        if not self.on:
            self.on, self._since, self._worst = True, now, late
            log.warning("event_loop_late", limit_ms=_ms(self._limit), now_ms=_ms(late))


class Core:
    """How much of a core the thread of the event loop takes, looked at every 250 beats (5 s).

    From 90 % on it is `full`, until it is below 80 %. A load that grows is seen so before any beat comes late: at 100 %
    lateness grows without bounds, within a second.
    """

    def __init__(self, spent: Callable[[], float] = time.thread_time) -> None:
        """`spent` gives the processor's seconds of this thread."""
        self._spent = spent
        self._beats = 0
        self._last: tuple[float, float] | None = None
        self.share = 0.0
        """At the last look; 1 is a whole core."""
        self.full = False

    def note(self, now: float) -> None:
        """Count one beat."""
        if self._beats % WINDOW == 0:
            self._look(now)
        self._beats += 1

    def _look(self, now: float) -> None:
        spent = self._spent()
        if self._last:
            self.share = (spent - self._last[0]) / max(now - self._last[1], FRAME_SECONDS)
        self._last = (spent, now)
        full = self.share >= (FREE if self.full else FULL)
        if full and not self.full:
            log.warning("core_full", percent=round(self.share * 100))
        elif self.full and not full:
            log.info("core_has_room", percent=round(self.share * 100))
        self.full = full


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
