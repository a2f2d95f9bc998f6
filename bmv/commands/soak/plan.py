"""What happens to which call: a plan that follows from the seed alone, so that a failure can be had again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from signal import Signals


class Promise(Enum):
    """What must be true of a call though something goes wrong; that everything ends and adds up goes without saying."""

    WHOLE = "all is heard, translated, as if nothing had happened"
    SAID = "all is heard, translated or in the speaker's own voice"
    ENDS = "both are told or ended"


W, S, E = Promise.WHOLE, Promise.SAID, Promise.ENDS

NONE = "none"

FAULTS: Mapping[str, Promise] = {
    NONE: W,
    # the translator: of one direction of this call
    "translator-reset": S,
    "translator-reset-in-its-answer": S,
    "translator-reset-again-and-again": S,
    "translator-expired": S,
    "translator-closed": S,
    "translator-out-of-money": S,
    "translator-silent": S,
    "translator-deaf": S,
    "translator-garbage": S,
    "translator-expiring": S,
    "translator-voiceless": S,
    "translator-ignores-its-settings": S,
    "translator-other-language": S,
    "translator-never-closed": W,
    "translator-closes-slowly": W,
    # Twilio's REST API: requests about this call
    "order-refused": E,
    "order-failed": E,
    "order-done-and-answered-late": W,
    "order-done-and-answer-lost": E,
    "hang-up-failed": W,
    "hang-up-done-and-answered-late": W,
    "hang-up-done-and-answer-lost": W,
    "farewell-failed": W,
    "look-ups-fail": W,
    # media streams
    "caller-stream-breaks": E,
    "agent-stream-breaks": E,
    "start-twice": W,
    "rubbish-in-the-stream": W,
    "foreign-streams": W,
    # webhooks
    "webhooks-again-in-disorder": W,
    "foreign-events": W,
    "unsigned-webhooks": W,
    "voice-before-acceptance": W,
    # people
    "caller-leaves-at-once": E,
    "caller-leaves-the-queue": E,
    "caller-cut-off": E,
    "agent-hangs-up-first": W,
    "agent-declines-first": W,
    "task-canceled": E,
    "hold": W,
}
"""Everything that can befall a call, and what is promised all the same. docs/faults.md says what each of them is."""

CLEAN_SHARE = 0.35  # of the calls: without a fault, in the midst of those that have one
OUTAGE_EVERY = (25.0, 50.0)  # seconds between two outages of the translator as a whole
OUTAGE_LASTS = (1.5, 4.0)
OUTAGES: Sequence[int] = (429, 500)
"""The statuses with which upgrades are refused meanwhile; who is refused for good is `translator-out-of-money`."""
STOPS = (Signals.SIGTERM, Signals.SIGINT)


@dataclass(frozen=True)
class CallPlan:
    """One call. `into_caller`: the fault is in the translation that the caller hears, else in the agent's."""

    number: int
    fault: str
    into_caller: bool
    after: float
    """Seconds of audio, or of time, after which the fault comes, where it has a choice."""
    sentences: tuple[int, int]
    """Which ones the caller and the agent say: a number of any size, for each."""
    together: bool
    """Whether both speak at once, and not in turn."""
    beep: bool
    seed: int
    """For what is drawn while the call runs."""

    @property
    def promise(self) -> Promise:
        """What must be true of it."""
        return FAULTS[self.fault]


@dataclass(frozen=True)
class Outage:
    """From so many seconds after the beginning, for so long, every upgrade to the translator is refused."""

    begins: float
    lasts: float
    status: int


def call(seed: int, number: int, only: Sequence[str] = ()) -> CallPlan:
    """The plan of the call with this number; `only` draws among these faults, each call having one of them."""
    chance = Random(f"{seed}:{number}")  # noqa: S311 - repeatable on purpose
    clean = chance.random() < CLEAN_SHARE
    drawn = chance.choice([name for name in FAULTS if name != NONE])
    fault = chance.choice(list(only)) if only else NONE if clean else drawn
    return CallPlan(
        number,
        fault,
        into_caller=chance.random() < 0.5,
        after=round(chance.uniform(0.3, 1.5), 2),
        sentences=(chance.randrange(1000), chance.randrange(1000)),
        together=FAULTS[fault] is S or chance.random() < 0.3,  # what fails takes long enough as it is
        beep=chance.random() < 0.7,
        seed=chance.randrange(2**32),
    )


def stop(seed: int) -> Signals:
    """How the server is told to stop in the end."""
    return Random(f"{seed}:stop").choice(STOPS)  # noqa: S311


def outages(seed: int) -> Iterator[Outage]:
    """When the translator fails everybody, for ever."""
    chance = Random(f"{seed}:outages")  # noqa: S311
    begins = 0.0
    while True:
        begins += chance.uniform(*OUTAGE_EVERY)
        outage = Outage(round(begins, 1), round(chance.uniform(*OUTAGE_LASTS), 1), chance.choice(OUTAGES))
        yield outage
        begins += outage.lasts
