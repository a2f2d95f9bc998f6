"""Somebody at the end of a line, for tests: hears what a playout sends, when it sounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from fakes import HandClock, cut, hush, loud
from hypothesis import strategies as st

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS
from bmv.call.playout import Playout

DUCKED = -18.0
NOISE = mulaw.encode((np.arange(FRAME_BYTES) % 2 * 600 - 300).astype(np.int16))
"""The noise of a telephone line: too loud for silence, and yet no voice."""
SOUNDS = st.lists(st.tuples(st.sampled_from(["voice", "quiet"]), st.integers(1, 30)), max_size=12)
"""What a speaker or a translator makes: so many frames of this, then of that."""


def talking(frame: bytes) -> bool:
    """What the detector of voice would say: the noise of the line is none, however loud."""
    return frame != NOISE and not levels.is_silent(frame)


@dataclass
class Listener:
    """Somebody at the end of a telephone company's buffer, which plays what it gets in order and without bounds."""

    playout: Playout = field(default_factory=lambda: Playout(original_level_db=DUCKED))
    clock: HandClock = field(default_factory=HandClock)
    sounds: list[tuple[float, bytes]] = field(default_factory=list)
    longest_lead: float = 0.0
    _until: float = 0.0

    def beat(self) -> None:
        """20 ms pass, and what is due is sent."""
        self.clock.turn()
        self.take()

    def take(self) -> None:
        now = self.clock()
        frames = cut(self.playout.take(now))
        self.playout.buffer.add(len(frames))
        for frame in frames:
            starts = max(self._until, now)
            self.sounds.append((starts, frame))
            self._until = starts + FRAME_SECONDS
        self.longest_lead = max(self.longest_lead, self._until - now)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.beat()

    def speak(self, *frames: bytes) -> None:
        """The translator says this, received now."""
        self.playout.speak(b"".join(frames), self.clock())

    def overhear(self, *frames: bytes) -> None:
        """The original voice, frame by frame in real time."""
        for frame in frames:
            self.playout.overhear(frame, self.clock(), voiced=talking(frame))
            self.beat()

    def announce(self, *frames: bytes) -> None:
        """We say something ourselves, now."""
        self.playout.announce(b"".join(frames), self.clock())

    def pass_on(self, *frames: bytes) -> None:
        """The original voice in the place of a translation, all at once."""
        for frame in frames:
            self.playout.pass_on(frame, self.clock(), voiced=talking(frame))

    @property
    def heard(self) -> list[bytes]:
        return [frame for _, frame in self.sounds]


def quiet(count: int) -> list[bytes]:
    return [hush(number) for number in range(count)]


def heard_of(*frames: bytes) -> list[bytes]:
    """What is heard when the translator says all this at once."""
    listener = Listener()
    listener.speak(*frames)
    listener.wait(len(frames) * FRAME_SECONDS + 1.0)
    return listener.heard


def numbered(sounds: list[tuple[str, int]]) -> Iterator[bytes]:
    number = 0
    for kind, count in sounds:
        for _ in range(count):
            yield loud(number) if kind == "voice" else hush(number)
            number += 1
