"""Whether anybody at the agent's side listens: when to ask the carrier about it, and what its answers mean.

An agent puts the caller on hold, or hands the call over to another one. No event tells of a hold. The carrier knows
and has to be asked; what the agent's line sounds like says when it is worth asking.
"""

from __future__ import annotations

from typing import Protocol

ASK_AGAIN = (1.0, 2.0, 4.0, 8.0, 10.0)  # seconds to the next question while nothing sounds like speech
ASK_SPEECH = 10.0  # seconds to the next question while it does: some music pauses as often as speech
ASK_HELD = 1.0  # seconds to the next question while on hold: the words after it wait so long at most
ONSET_SECONDS = 1.2  # from a new sound to the question what it is; by then speech has mostly shown that it is speech
QUIET_FRAMES = 50  # 1 s of silence: what comes after it is a new sound
ABSENT_SECONDS = 3.0  # without any agent, until it is no mere end of the call
SETTLED_SECONDS = 1.0  # from the last agent's leaving: by then the carrier knows whether the caller waits for another
EARLIER = 1.0  # seconds by which an agent's first words may be ahead of the news that he accepted
FAILURES = 3  # in a row: then nobody is kept on hold by an answer that is old


class Hint(Protocol):
    """A guess from the sound alone."""

    def feed(self, frame: bytes) -> None:
        """Take the next 20 ms."""

    @property
    def sounds_like_speech(self) -> bool:
        """Whether it sounds like somebody who talks with pauses: neither music nor long silence."""


class HoldWatch:
    """Watches one agent's line. Sans I/O: it says when a question is `due`, and is told the answer; in loop times."""

    def __init__(self, hint: Hint) -> None:
        self._hint = hint
        self._held = False
        self._absent_since: float | None = None
        self._asking_since: float | None = None
        self._ask_at = 0.0
        self._asked_at = 0.0
        self._stirred = False
        self._asked = 0  # in a row, without speech between
        self._failures = 0
        self._quiet = 0
        self.listened_since = 0.0
        """Since when somebody may have been there to hear and to speak; what is older is hold music."""

    def hear(self, frame: bytes, now: float, *, silent: bool) -> None:
        """20 ms of the agent's line, and whether they are `is_silent`."""
        self._hint.feed(frame)
        if silent:
            self._quiet += 1
            return
        if self._quiet >= QUIET_FRAMES:
            self._asked = 0
            self._ask_at = min(self._ask_at, now + ONSET_SECONDS)
        self._quiet = 0

    def stirred(self, now: float) -> None:
        """Something happens at the agents' side, and may go with a hold: ask at once, whatever it sounds like."""
        self._stirred = True
        self._asked = 0
        self._ask_at = now

    def joined(self, now: float) -> None:
        """An agent has accepted: what was known before may have changed, and will change within seconds."""
        if self._absent_since is not None:
            self._absent_since = None
            self.listened_since = now - EARLIER
        self.stirred(now)

    def deserted(self, now: float) -> None:
        """The last agent has left."""
        self._absent_since = now
        self.stirred(now)

    def deserted_for(self, now: float) -> float:
        """Seconds since the last agent left, as far as is known; 0 while there is one."""
        return 0.0 if self._absent_since is None else now - self._absent_since

    @property
    def asking(self) -> bool:
        """Whether an answer is waited for."""
        return self._asking_since is not None

    def nobody_listens(self, now: float) -> bool:
        """Whether the caller is on hold, or waits for another agent."""
        return self._held or self.deserted_for(now) >= ABSENT_SECONDS

    def due(self, now: float) -> bool:
        """Whether the carrier should be asked now; if so it counts as asked."""
        if self.asking or now < self._ask_at:
            return False
        urgent = self._held or self._stirred or self._absent_since is not None
        if self._hint.sounds_like_speech and not urgent:
            self._asked = 0
            if now < self._asked_at + ASK_SPEECH:
                return False
        self._stirred = False
        self._asking_since = self._asked_at = now
        return True

    def answered(self, now: float, *, held: bool) -> None:
        """The carrier's answer to the question that was due."""
        asked = self._asking_since if self._asking_since is not None else now
        if held:
            self.listened_since = asked
        elif self._absent_since is not None and asked - self._absent_since >= SETTLED_SECONDS:
            self._absent_since = None  # who is there is no agent that an event names: a colleague outside, for one
        self._held = held
        self._failures = 0
        self._next(now)

    def failed(self, now: float) -> bool:
        """The carrier had no answer. Returns whether that was once too often, and nothing is known any more."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._held = False
        self._next(now)
        return self._failures == FAILURES

    def _next(self, now: float) -> None:
        self._asking_since = None
        wait = ASK_AGAIN[min(self._asked, len(ASK_AGAIN) - 1)]
        self._asked += 1
        self._ask_at = now + (ASK_HELD if self._held else wait)
