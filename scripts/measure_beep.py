"""Measures the beep gate on voices of many pitches and on beeps in noise, and prints the tables of docs/audio.md.

python scripts/measure_beep.py      takes half a minute; needs the voices (pip install ".[demo]")
                                    and Debian's packages of PACKAGES (scripts/measure_voice.py)

High voices are recorded people played faster, and synthetic ones spoken at a higher pitch.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import py_nanotts
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.tones import is_tone
from bmv.call.beep import BeepGate

Sound = NDArray[np.float64]

RATE = mulaw.SAMPLE_RATE
lab = SimpleNamespace(**run_path(str(Path(__file__).parent / "measure_voice.py")))
PACKAGES = lab.PACKAGES

SENTENCES = {
    "en-US": "Hello, I would like to know where my parcel is. Who knew? You two should go to the moon soon.",
    "es-ES": "Hola, quisiera saber dónde está mi paquete. Un humo oscuro subía, lo pongo todo en un bolso rojo.",
    "fr-FR": "Bonjour, je voudrais savoir où se trouve mon colis. Non, non, mon oncle a tout bonnement trop bu.",
    "de-DE": "Guten Tag, ich möchte wissen, wo mein Paket ist. Unsere Schuhe und Hunde ruhen nun in der Sonne.",
    "it-IT": "Buongiorno, vorrei sapere dove si trova il mio pacco. Una nuova luna luminosa, uno zulù nudo urlò.",
}
"""By voice; many closed vowels, which are the purest sounds that a voice makes."""
BEEPS = {
    "440 Hz, 0.4 s": [(440, 0.4)],
    "1000 Hz, 0.1 s": [(1000, 0.1)],
    "440 and 660 Hz, 0.15 s each": [(440, 0.15), (660, 0.15)],
    "three tones, 0.08 s each": [(523, 0.08), (659, 0.08), (784, 0.08)],
}
LEVEL = 0.24 * 32767  # of a beep


def frames(sound: Sound) -> list[bytes]:
    """A sound as a leg would send it."""
    return list(mulaw.frames(mulaw.encode(np.rint(sound).clip(-32768, 32767).astype(np.int16))))


def people(language: str, speed: float) -> list[Sound]:
    """The prompts of a language, that much faster and higher."""
    prompts = [lab.levelled(sound) for sound in lab.recordings(f"sounds/{lab.PEOPLE[language]}") if len(sound) > RATE]
    return [np.interp(np.arange(0, len(prompt) - 1, speed), np.arange(len(prompt)), prompt) for prompt in prompts]


def synthetic(_language: str, pitch: float) -> list[Sound]:
    """A sentence of each voice; Pico speaks at 16 kHz and full scale."""
    low_pass = np.sinc(0.45 * (np.arange(63) - 31)) * np.kaiser(63, 6)
    sounds = []
    for voice, sentence in SENTENCES.items():
        wide = np.frombuffer(py_nanotts.NanoTTS().speak(sentence, voice=voice, pitch=pitch), "<i2") * 0.5
        sounds.append(np.asarray(np.convolve(wide, low_pass / low_pass.sum(), "same")[::2]))
    return sounds


def muted(sound: list[bytes]) -> int:
    """How many frames a gate mutes whose watch never ends."""
    gate = BeepGate()
    passed: list[bytes] = []
    for frame in sound:
        gate.watch()
        passed += gate.filter(frame)
    return sum(before != after for before, after in zip(sound, passed, strict=False))


def watched(sound: list[bytes]) -> int:
    """After how many frames the watch ends that began with the sound; the number of all frames if it does not."""
    gate = BeepGate()
    gate.watch()
    held = 0
    last = -1
    for number, frame in enumerate(sound):
        held += 1 - len(gate.filter(frame))
        last = number if held else last
    return min(last + 2, len(sound))


def voices() -> Iterator[str]:
    """The rows about what people lose, and how long the watch lasts."""
    kinds: list[tuple[str, Callable[[str, float], list[Sound]], str, tuple[float, ...]]]
    kinds = [(f"people, {language}", people, language, (1.0, 1.2, 1.4, 1.6, 1.8)) for language in lab.PEOPLE]
    kinds.append((f"synthetic, {len(SENTENCES)} languages", synthetic, "", (1.0, 1.3, 1.6, 1.8, 2.0)))
    for name, make, which, pitches in kinds:
        for pitch in pitches:
            prompts = [frames(sound) for sound in make(which, pitch)]
            every = [frame for prompt in prompts for frame in prompt]
            ends = [watched(prompt) * mulaw.FRAME_SECONDS for prompt in prompts]
            yield (
                f"| {name} | {pitch} | {len(every) * mulaw.FRAME_SECONDS:.0f} | {sum(map(is_tone, every))} "
                f"| {muted(every)} | {np.median(ends):.2f} | {np.percentile(ends, 95):.2f} |"
            )


def beeps() -> Iterator[str]:
    """The rows about four beeps within 20 s: audible tones that pass, and how many beeps it takes to end the watch."""
    for (name, tones), decibels in product(BEEPS.items(), (None, 30, 20)):
        beep = np.concatenate(
            [np.sin(2 * np.pi * hertz * np.arange(seconds * RATE) / RATE) for hertz, seconds in tones]
        )
        background = np.zeros(60 * RATE) if decibels is None else lab.noise("pink", 60 * RATE, decibels)
        for number in range(20):
            start = RATE + number * (3 * RATE - 37)
            background[start : start + len(beep)] += LEVEL * beep
        gate = BeepGate()
        gate.watch()
        passed = [[frame for frame in gate.filter(each) if is_tone(frame)] for each in frames(background)]
        first = next((number for number, found in enumerate(passed) if found), None)
        until = "20, all" if first is None else f"{(first * mulaw.FRAME_BYTES - RATE) // (3 * RATE - 37)}"
        yield f"| {name} | {'none' if decibels is None else f'pink, {decibels} dB below speech'} | {until} |"


def main() -> int:
    """Print the tables as Markdown; exit code 1 if packages are missing."""
    if lab.missing():
        print(f"not installed: {', '.join(lab.missing())}", file=sys.stderr)
        return 1
    print("| Voice | pitch | s | frames like a tone | frames muted | watch lasts, s, median | 95 % |")
    print("|---|---|---|---|---|---|---|")
    for row in voices():
        print(row, flush=True)
    print("\n| Beep, again and again | noise | muted before one passes, of 20 |\n|---|---|---|")
    for row in beeps():
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
