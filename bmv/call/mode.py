"""What an interpreter does with what it hears."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """Where the words of a speaker go."""

    IDLE = "idle"  # nobody is there yet to hear it
    OPENING = "opening"  # kept, until there is a session
    TRANSLATING = "translating"
    PASSING_THROUGH = "passing through"  # the original voice at full level
    SECURED = "secured"  # the same, because nobody else is to hear it: no session gets anything
    PAUSED = "paused"  # nobody is there for a while


NOBODY_LISTENS = (Mode.IDLE, Mode.PAUSED)
