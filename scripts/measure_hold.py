"""Measures what asking about hold costs, and how soon a hold is noticed; prints the tables of docs/audio.md.

python scripts/measure_hold.py      takes two minutes; needs Debian's packages of PACKAGES (scripts/measure_voice.py)

No network and no clock but the frames: an agent's line is played to `HoldWatch`, and Twilio answers after `ANSWER`.
"""

import copy
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.levels import is_silent
from bmv.audio.likeness import SpeechLikeness
from bmv.call.holdwatch import HoldWatch

Sound = NDArray[np.float64]

RATE = mulaw.SAMPLE_RATE
ANSWER = 0.2  # seconds that a request takes
CALL = 600  # seconds
TURN = (3.0, 12.0)  # seconds that somebody speaks at a time
BREATH = (0.2, 0.8)  # seconds between two sentences of a turn
lab = SimpleNamespace(**run_path(str(Path(__file__).parent / "measure_likeness.py")))


class Line:
    """An agent's line and the answers about it; the hold, if there is one, begins when `held` is set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.watch = HoldWatch(SpeechLikeness())
        self.watch.joined(0.0)
        self.held = False
        self.asked: list[float] = []

    def carry(self, frame: bytes) -> None:
        """Let 20 ms pass."""
        self.now += mulaw.FRAME_SECONDS
        self.watch.hear(frame, self.now, silent=is_silent(frame))
        if self.watch.asking and self.now - self.asked[-1] >= ANSWER:
            self.watch.answered(self.now, held=self.held)
        if self.watch.due(self.now):
            self.asked.append(self.now)

    def noticed(self, sound: list[bytes], limit: float = 30.0) -> float:
        """Seconds from the beginning of a hold until it is known; the sound is played again and again."""
        self.held, began = True, self.now
        while not self.watch.nobody_listens(self.now) and self.now - began < limit:
            self.carry(sound[round((self.now - began) / mulaw.FRAME_SECONDS) % len(sound)])
        return self.now - began


def prompts(language: str) -> list[Sound]:
    """Sentences of one speaker, at the level of speech."""
    recordings = lab.lab.recordings(f"sounds/{lab.lab.PEOPLE[language]}")
    return [lab.lab.levelled(sound) for sound in recordings if len(sound) > RATE]


def agent(language: str, seed: int) -> Sound:
    """Ten minutes in which the agent and the caller speak in turn, as long as each other: the agent's line."""
    chance, spoken = random.Random(seed), prompts(language)  # noqa: S311
    parts: list[Sound] = []
    while sum(map(len, parts)) < CALL * RATE:
        turn, ends = 0, chance.uniform(*TURN) * RATE
        while turn < ends:
            parts += [chance.choice(spoken), np.zeros(round(chance.uniform(*BREATH) * RATE))]
            turn += len(parts[-2]) + len(parts[-1])
        parts.append(np.zeros(turn))
    return np.concatenate(parts)[: CALL * RATE]


def requests(name: str, voice: Sound, noise: Sound | None = None) -> str:
    """The row of one line: how many requests it costs, and how many of them in or within a second of a voice."""
    line, quiet, spoken, talking = Line(), lab.SECOND, 0, 0
    heard = lab.frames(voice if noise is None else voice + noise)
    for frame, words in zip(heard, lab.frames(voice), strict=True):
        quiet = 0 if not is_silent(words) else quiet + 1
        spoken += quiet < lab.SECOND
        before = len(line.asked)
        line.carry(frame)
        talking += len(line.asked) > before and quiet < lab.SECOND
    return f"| {name} | {spoken / lab.SECOND:.0f} | {len(line.asked)} | {talking} |"


def costs() -> Iterator[str]:
    """Each row of the first table."""
    for language in lab.lab.PEOPLE:
        sound = agent(language, 1)
        yield requests(f"people, {language}", sound)
        for decibels in (20, 15):
            noise = lab.lab.noise("pink", len(sound), decibels)
            yield requests(f"people, {language}, pink noise at {decibels} dB", sound, noise)
    nobody = np.zeros(CALL * RATE)
    yield requests("nobody", nobody)
    yield requests("nobody, pink noise at 20 dB", nobody, lab.lab.noise("pink", len(nobody), 20))


def lines(silence: float) -> list[Line]:
    """Lines on which somebody spoke for a while, and then nobody for so many seconds or up to a fifth more."""
    found: list[Line] = []
    for language in lab.lab.PEOPLE:
        for seed in range(4):
            line = Line()
            for frame in lab.frames(agent(language, seed)[: (20 + 3 * seed) * RATE]):
                line.carry(frame)
            for frame in lab.frames(prompts(language)[10 * seed]):
                line.carry(frame)
            for _ in range(round(silence * (1 + len(found) / 60) * lab.SECOND)):
                line.carry(mulaw.SILENCE)
            found.append(line)
    return found


def delays(name: str, sounds: list[Sound]) -> str:
    """The row of one piece of music, or of silence: how soon the hold is noticed."""
    cells = []
    for silence in (0.0, 1.5, 60.0):
        begun = [lab.frames(sound) for sound in sounds]
        found = [
            copy.deepcopy(line).noticed(sound)
            for number, line in enumerate(lines(silence))
            for sound in begun[number % 3 :: 3] or begun
        ]
        cells.append(f"{np.median(found):.1f} | {np.percentile(found, 95):.1f} | {max(found):.1f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def pieces() -> Iterator[str]:
    """Each row of the second table."""
    for name, piece in lab.music().items():
        yield delays(name, [np.roll(piece, -5 * number * RATE)[: 20 * RATE] for number in range(12)])
    yield delays("no music", [np.zeros(RATE)])


def main() -> int:
    """Print the tables as Markdown; exit code 1 if packages are missing."""
    if lab.lab.missing():
        print(f"not installed: {', '.join(lab.lab.missing())}", file=sys.stderr)
        return 1
    print("| The agent's line, 600 s | somebody speaks, s | requests | of these meanwhile |\n|---|---|---|---|")
    for row in costs():
        print(row, flush=True)
    print("\n| On hold | at once | 95 % | most | 1.5 s later | 95 % | most | a minute later | 95 % | most |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in pieces():
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
