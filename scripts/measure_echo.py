"""Measures the echo gate on simulated telephones and rooms, and prints the tables of docs/audio.md.

python scripts/measure_echo.py      takes about a minute; needs the voices (pip install ".[demo]")

A line is simulated from what is played: a room (a direct sound and a decaying tail), the band of a telephone, a delay
that drifts and that changes whenever the listener's buffer ran dry, an attenuation, a second mu-law coding, noise.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, cycle, repeat

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.echo import EchoGate
from bmv.audio.levels import SILENCE_PEAK, is_silent
from bmv.audio.voice import VoiceDetector
from bmv.simulator import voices

Sound = NDArray[np.float64]

SECONDS = 30.0
RATE = mulaw.SAMPLE_RATE
TALK = {
    "en": (
        "Hello, I would like to know where my parcel is.",
        "Thank you for waiting, I have found your order in the system.",
        "It was sent yesterday and should arrive on Monday before noon.",
    ),
    "es": (
        "Hola, quisiera saber dónde está mi paquete.",
        "Muchas gracias, eso sería muy amable de su parte.",
        "El número del pedido es cuatro siete nueve uno.",
    ),
    "fr": ("Bonjour, je voudrais savoir où se trouve mon colis.", "Non, non, mon oncle a tout bonnement trop bu."),
    "de": ("Guten Tag, ich möchte wissen, wo mein Paket ist.", "Unsere Schuhe und Hunde ruhen nun in der Sonne."),
}
PAIRS = (("en", "es"), ("fr", "de"))
"""Who is played, and who speaks over it."""
CALM = 25
"""Frames of silence after which a playout sends nothing, and the listener's buffer runs dry."""


@dataclass(frozen=True)
class Line:
    """A listener's end: `level` of the echo in dB against what is played, None for a headset without one.

    `delay`, `reverberation` (to -60 dB) and `refill` (by how much the delay may change at each new start) in seconds,
    `direct` in dB against the room's tail, `drift` of the clocks in parts, `noise` as the deviation of 16-bit samples.
    """

    level: float | None = -12.0
    delay: float = 0.3
    reverberation: float = 0.15
    direct: float = 3.0
    refill: float = 0.0
    drift: float = 3e-5
    noise: float = 15.0


LINES = {
    "wire, loud": Line(level=-6, reverberation=0),
    "handset, loud": Line(level=-6),
    "handset, at once": Line(delay=0.06),
    "handset": Line(),
    "handset, far": Line(delay=0.8),
    "handset, each start other": Line(refill=0.03),
    "loudspeaker in a room": Line(reverberation=0.3),
    "loudspeaker, far from it": Line(reverberation=0.3, direct=-3),
    "faint room": Line(level=-20, reverberation=0.2, direct=0),
    "faint, in noise": Line(level=-20, noise=100),
    "very faint": Line(level=-30),
    "no echo": Line(level=None),
}


@dataclass(frozen=True)
class Outcome:
    """What became of each frame: whether it `passed`, and the peaks of the echo and of the other voice in it."""

    passed: NDArray[np.bool_]
    frames: tuple[bytes, ...]
    echo: Sound
    said: Sound
    found: int
    """The first frame that was gated, which is when the echo is known; their number if there was none."""
    suppressed: int
    seconds: float
    """Of computing, for all frames."""

    def first_echo(self) -> float:
        """Seconds of audible echo that passed before it was known."""
        return float((self.echo[: self.found] >= SILENCE_PEAK).sum()) * mulaw.FRAME_SECONDS

    def leaking(self) -> NDArray[np.bool_]:
        """Of each frame, whether it has audible echo and passed although the echo is known."""
        known = np.arange(len(self.echo)) >= self.found
        return known & (self.echo >= SILENCE_PEAK) & self.passed

    def leaked(self) -> float:
        """Share of the audible echo that passed after it was known."""
        audible = (self.echo[self.found :] >= SILENCE_PEAK).sum()
        return float(self.leaking().sum() / max(1, audible))

    def longest_leak(self) -> int:
        """Frames of audible echo in a row that passed after it was known."""
        longest = row = 0
        for leak in self.leaking():
            row = row + 1 if leak else 0
            longest = max(longest, row)
        return longest

    def taken_for_speech(self) -> float:
        """Seconds in which a voice detector hears speech in what passed after the echo was known."""
        detector = VoiceDetector()
        silent = repeat(mulaw.SILENCE, self.found)
        heard = [detector.feed(frame) for frame in chain(silent, self.frames[self.found :])]
        return sum(heard) * mulaw.FRAME_SECONDS

    def kept(self) -> float:
        """Share of the audible frames of the other voice that passed."""
        audible = self.said >= SILENCE_PEAK
        return float(self.passed[audible].sum() / audible.sum())


def talk(language: str, seconds: float = SECONDS, pause: float = 0.6) -> Sound:
    """Somebody's sentences over and over, with pauses between them."""
    pieces: list[Sound] = []
    silence = np.zeros(round(pause * RATE))
    for sentence in cycle(TALK[language]):
        pieces += [silence, mulaw.decode(voices.speak(sentence, language)).astype(np.float64)]
        if sum(map(len, pieces)) >= seconds * RATE:
            break
    return np.concatenate(pieces)[: round(seconds * RATE)]


def coded(sound: Sound) -> list[bytes]:
    """Frames of mu-law."""
    return list(mulaw.frames(mulaw.encode(np.rint(sound).clip(-32768, 32767).astype(np.int16))))


def linear(frames: list[bytes]) -> Sound:
    """The samples of frames."""
    return mulaw.decode(b"".join(frames)).astype(np.float64)


def echo_of(frames: list[bytes], line: Line, chance: np.random.Generator) -> Sound:
    """What comes back of what is played; as long as that."""
    echo = np.zeros(len(frames) * mulaw.FRAME_BYTES)
    if line.level is None:
        return echo
    room = _room(line, chance)
    for start, end in _stretches(frames) if line.refill else [(0, len(frames))]:
        begin = start * mulaw.FRAME_BYTES
        sound = np.concatenate((linear(frames[start:end]), np.zeros(2 * RATE)))
        sound = _telephone(np.convolve(sound, room)[: len(sound)])
        places = np.arange(len(sound))
        late = (line.delay + chance.uniform(0, line.refill)) * RATE
        heard = np.interp(places * (1 + line.drift) - late, places, sound, left=0.0, right=0.0)
        echo[begin : begin + len(heard)] += heard[: len(echo) - begin]
    return linear(coded(echo * 10 ** (line.level / 20)))


def _room(line: Line, chance: np.random.Generator) -> Sound:
    tail = chance.normal(size=round(0.3 * RATE)) * 10 ** (
        -3 * np.arange(0.3, step=1 / RATE) / (line.reverberation or 1)
    )
    response = tail * 10 ** (-line.direct / 20) / np.sqrt(np.square(tail).sum()) * bool(line.reverberation)
    response[0] += 1
    return np.asarray(response / np.sqrt(np.square(response).sum()))


def _telephone(sound: Sound) -> Sound:
    spectrum = np.fft.rfft(sound)
    hertz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE), 1)
    return np.fft.irfft(spectrum / np.sqrt((1 + (300 / hertz) ** 8) * (1 + (hertz / 3400) ** 16)), len(sound))


def _stretches(frames: list[bytes]) -> Iterator[tuple[int, int]]:
    """First frame and frame after the last of what a playout sends without a gap."""
    sounding = [number for number, frame in enumerate(frames) if not is_silent(frame)]
    start = sounding[0]
    for number, following in zip(sounding, [*sounding[1:], 2**31], strict=True):
        if following - number > CALM:
            yield start, min(number + CALM, len(frames))
            start = following


def gate(played: Sound, said: Sound, line: Line, seed: int = 1, late: Sound | None = None) -> Outcome:
    """Let one end hear its echo and a voice through a gate, in real order; `late` delays single frames by seconds."""
    chance = np.random.default_rng(seed)
    frames = coded(played)
    echo = echo_of(frames, line, chance)
    heard = coded(echo + said + chance.normal(scale=line.noise, size=len(echo)))
    sent = [False] * len(frames)
    for start, end in _stretches(frames):
        sent[start:end] = [True] * (end - start)
    lateness = np.zeros(len(frames)) if late is None else late
    door = EchoGate()
    began = time.perf_counter()
    passed = []
    for number, (frame, noise) in enumerate(zip(frames, heard, strict=True)):
        now = 100 + number * mulaw.FRAME_SECONDS
        if sent[number]:
            door.played(frame, now)
        passed.append(door.filter(noise, now + mulaw.FRAME_SECONDS + float(lateness[number])))
    lasted = time.perf_counter() - began
    kept = np.array([after is before for after, before in zip(passed, heard, strict=True)])
    gated = np.flatnonzero(~kept)
    return Outcome(
        kept,
        tuple(passed),
        _peaks(echo),
        _peaks(said),
        int(gated[0]) if len(gated) else len(frames),
        door.suppressed,
        lasted,
    )


def _peaks(sound: Sound) -> Sound:
    return np.asarray(np.abs(sound).reshape(-1, mulaw.FRAME_BYTES).max(axis=1))


def as_loud(sound: Sound, other: Sound, decibels: float) -> Sound:
    """A sound at a level against another's, the audible parts of both compared."""
    levels = [np.sqrt(np.square(each[np.abs(each) >= SILENCE_PEAK]).mean()) for each in (sound, other)]
    return np.asarray(sound * (levels[1] / levels[0] * 10 ** (decibels / 20)))


def echo_row(name: str, line: Line) -> str:
    """One row of the first table: nobody speaks; the worst of the pairs."""
    runs = [gate(talk(played), 0 * talk(played), line, seed) for seed, (played, _) in enumerate(PAIRS, 1)]
    microseconds = max(run.seconds / len(run.frames) for run in runs) * 1e6
    return (
        f"| {name} | {max(run.first_echo() for run in runs):.2f} | {100 * max(run.leaked() for run in runs):.1f} "
        f"| {max(run.longest_leak() for run in runs)} | {max(run.taken_for_speech() for run in runs):.2f} "
        f"| {microseconds:.0f} |"
    )


def voice_row(name: str, line: Line) -> str:
    """One row of the second table: somebody speaks over it; the mean of the pairs, and of no echo the worst."""
    shares = []
    for decibels in (0, -6, -12, -15):
        runs = [
            gate(talk(played), as_loud(talk(said, pause=0.35), talk(played), decibels), line, seed)
            for seed, (played, said) in enumerate(PAIRS, 1)
        ]
        shares.append(np.mean([run.kept() for run in runs]))
    return f"| {name} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |"


def main() -> int:
    """Print both tables as Markdown."""
    print("| Line | passed before it is known, s | later, % | longest row, frames | heard as speech, s | µs a frame |")
    print("|---|---|---|---|---|---|")
    for name, line in LINES.items():
        print(echo_row(name, line), flush=True)
    print("\n| Voice kept over it, % | 0 dB | -6 dB | -12 dB | -15 dB |\n|---|---|---|---|---|")
    for name, line in LINES.items():
        print(voice_row(name, line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
