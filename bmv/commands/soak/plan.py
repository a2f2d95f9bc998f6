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
    "marks-ignored": W,
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

WEATHER: Mapping[str, Promise] = {
    "translator-refuses": S,
    "openai-name-unknown": S,
    "twilio-name-unknown": S,  # but who has no agent yet: E
    "clock-jumps": W,
    "log-disk-full": W,
}
"""What can befall everybody at once, and what is promised of the calls that are held meanwhile."""

CLEAN_SHARE = 0.35  # of the calls: without a fault, in the midst of those that have one
WEATHER_EVERY = (10.0, 20.0)  # seconds between the end of one spell and the beginning of the next
_SPELLS: Mapping[str, tuple[tuple[float, float], Sequence[float]]] = {
    "translator-refuses": ((1.5, 4.0), (429, 500)),  # who is refused for good is `translator-out-of-money`
    "openai-name-unknown": ((3.0, 6.0), (0.0, 2.0)),
    "twilio-name-unknown": ((2.0, 4.0), (0.0, 2.0)),
    "clock-jumps": ((0.0, 0.0), (3600.0, -3600.0)),
    "log-disk-full": ((0.3, 0.8), (0.0,)),  # short: a call that ends meanwhile is not known to be over, nor its figures
}
"""How long each lasts, in seconds, and what `Spell.how` may be."""
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
class Spell:
    """Weather from so many seconds after the beginning, for so long."""

    kind: str
    begins: float
    lasts: float
    how: float
    """The status with which it refuses; seconds after which a look-up fails, or by which the clock jumps."""


def call(seed: int, number: int, only: Sequence[str] = ()) -> CallPlan:
    """The plan of the call with this number; `only` draws among these faults, each call having one of them, if any."""
    chance = Random(f"{seed}:{number}")  # noqa: S311 - repeatable on purpose
    clean = chance.random() < CLEAN_SHARE
    drawn = chance.choice([name for name in FAULTS if name != NONE])
    wanted = [name for name in only if name in FAULTS]
    fault = chance.choice(wanted) if wanted else NONE if clean or only else drawn
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


def weather(seed: int, only: Sequence[str] = ()) -> Iterator[Spell]:
    """What befalls everybody, for ever: each kind in its turn, and one at a time; `only` leaves out all others."""
    chance = Random(f"{seed}:weather")  # noqa: S311
    kinds = [kind for kind in WEATHER if kind in only or not only]
    begins = 0.0
    while kinds:
        for kind in chance.sample(kinds, len(kinds)):
            lasts, hows = _SPELLS[kind]
            begins += chance.uniform(*WEATHER_EVERY)
            spell = Spell(kind, round(begins, 1), round(chance.uniform(*lasts), 1), chance.choice(hows))
            yield spell
            begins += spell.lasts
