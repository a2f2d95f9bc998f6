"""What one party hears: the carrier's player, and what came of each stretch of a translation that the model sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bmv.audio import levels
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, decode
from bmv.commands.bench.sound import DELTA_FRAMES

_QUIET = bytes(code for code in range(256) if abs(int(decode(bytes([code]))[0])) < levels.SILENCE_PEAK)
APART: Final = 3
"""Silent frames between two stretches, at least: no bridge may make a pause shorter."""
EDGE: Final = 1
"""Frames by which a filter's tail may make a stretch longer."""
MISSING_SECONDS: Final = 5.0
"""What has not come so long after it could have sounded does not come any more: the next is what is heard."""


@dataclass
class Stretch:
    """A piece of a translation without silence in it: how many frames, and when each delta of it was sent."""

    frames: int
    first: bool
    """Whether it begins a translation: nothing is waiting before it."""
    sent: list[float] = field(default_factory=list)

    def sent_at(self, frame: int) -> float:
        """When the delta with this frame was sent."""
        return self.sent[min(frame // DELTA_FRAMES, len(self.sent) - 1)]


@dataclass
class Played:
    """What was measured at the listeners' ends. Times in seconds, counts in frames."""

    downlink: list[float] = field(default_factory=list)
    """From the first voiced delta of a translation being sent to its first voiced frame being received."""
    unexplained: list[float] = field(default_factory=list)
    """Of each voiced frame: its wait after it was sent and all earlier voiced sound had been played."""
    matched: int = 0
    lost: int = 0
    extra: int = 0


class Listener:
    """Plays as Twilio does: in order, at once, for ever."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self.expected: deque[Stretch] = deque()
        """What the model has sent and was not heard yet, in order."""
        self._free_at = 0.0
        self._voiced_until = 0.0
        self._quiet = APART
        self._run = 0
        self._stretch: Stretch | None = None

    @property
    def plays_until(self) -> float:
        """When all that was received has sounded."""
        return self._free_at

    def hear(self, audio: bytes, now: float) -> None:
        """Mu-law, whole frames, received now."""
        at = max(self._free_at, now)
        for begin in range(0, len(audio), FRAME_BYTES):
            if audio[begin : begin + FRAME_BYTES].translate(None, _QUIET):
                self._voice(at, now)
            else:
                self._quiet += 1
            at += FRAME_SECONDS
        self._free_at = at

    def _voice(self, at: float, now: float) -> None:
        if self._quiet >= APART:
            self.settle()
            self._give_up(lambda stretch: now - max(stretch.sent_at(0), self._voiced_until) > MISSING_SECONDS)
            self._stretch = self.expected.popleft() if self.expected else None
            if self._stretch and self._stretch.first and self._voiced_until <= self._stretch.sent_at(0):
                self.played.downlink.append(now - self._stretch.sent_at(0))
        self._quiet = 0
        if self._stretch is None:
            self.played.extra += 1
        else:
            self.played.unexplained.append(at - max(self._stretch.sent_at(self._run), self._voiced_until))
        self._run += 1
        self._voiced_until = at + FRAME_SECONDS

    def due(self, before: float) -> int:
        """How many voiced frames of what began to be sent before this time have not been heard yet."""
        waiting = sum(each.frames for each in self.expected if each.sent_at(0) < before)
        heard = self._stretch
        return waiting + (max(0, heard.frames - self._run) if heard and heard.sent_at(0) < before else 0)

    def give_up(self, before: float) -> None:
        """What is still due of that time is lost."""
        if self._stretch is not None and self._stretch.sent_at(0) < before:
            self.settle()
        self._give_up(lambda stretch: stretch.sent_at(0) < before)

    def _give_up(self, lost: Callable[[Stretch], bool]) -> None:
        while self.expected and lost(self.expected[0]):
            self.played.lost += self.expected.popleft().frames

    def settle(self) -> None:
        """The stretch that was heard is over."""
        if self._stretch is not None:
            self.played.matched += min(self._run, self._stretch.frames)
            self.played.lost += max(0, self._stretch.frames - self._run)
            self.played.extra += max(0, self._run - self._stretch.frames - EDGE)
        self._stretch, self._run = None, 0
