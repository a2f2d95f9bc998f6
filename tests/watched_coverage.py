"""A session of the continuous translator on a healthy line, and what it has dealt with by when."""

from collections.abc import Iterable
from itertools import pairwise

from bmv.call.translator import Processed
from bmv.translators.coverage import Coverage

SECOND = 50  # frames
BATCH = 10  # frames between two messages of the server, which come every 200 ms


class Watched:
    """A session on a healthy line: every 200 ms the server says something, voice or silence."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self.fed = 0
        self.said: list[tuple[int, Processed]] = []
        """With the number of frames that had been fed by then."""

    def talk(self, seconds: float, *, answer: bool = False, voiced: bool = True) -> None:
        for _ in range(round(seconds * SECOND)):
            self.coverage.feed(voiced=voiced)
            self.fed += 1
            if self.fed % BATCH == 0:
                self.hear(voiced=answer)

    def pause(self, seconds: float, *, answer: bool = False) -> None:
        self.talk(seconds, answer=answer, voiced=False)

    def hear(self, *, voiced: bool) -> None:
        self._note(self.coverage.heard(voiced=voiced))

    def still(self) -> None:
        self._note(self.coverage.still())

    def end(self) -> None:
        self._note(self.coverage.end())

    def _note(self, events: Iterable[Processed]) -> None:
        self.said += [(self.fed, event) for event in events]

    @property
    def covered(self) -> int:
        return self.said[-1][1].frames if self.said else 0

    @property
    def given_up(self) -> list[tuple[int, int]]:
        """The stretches of frames that were given up, first and last plus one."""
        events = [Processed(0), *(event for _, event in self.said)]
        return [(one.frames, other.frames) for one, other in pairwise(events) if not other.translated]

    def covered_by(self, frames: int) -> int:
        """How many frames had been fed when so many were covered."""
        return next(fed for fed, event in self.said if event.frames >= frames)
