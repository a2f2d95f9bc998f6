"""Measures the voice detector on recordings of people, music, tones and noise, and prints the table of docs/audio.md.

python scripts/measure_voice.py      needs Debian's packages of PACKAGES

People are prompts of a telephone exchange, recorded by professional speakers in three languages; music is what the
same exchange plays to those on hold. Noise is added to the people at a given ratio to their loud parts, and to nothing.
"""

import sys
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.voice import HANG_OVER_FRAMES, VoiceDetector

Sound = NDArray[np.float64]
Flags = NDArray[np.bool_]

SOUNDS = Path("/usr/share/asterisk")
PACKAGES = (
    "asterisk-moh-opsound-wav",
    "asterisk-core-sounds-en-wav",
    "asterisk-core-sounds-es-wav",
    "asterisk-core-sounds-fr-wav",
)
PEOPLE = {"en": "en_US_f_Allison", "es": "es_MX_f_Allison", "fr": "fr_CA_f_June"}
RATE = mulaw.SAMPLE_RATE
SECOND = round(1 / mulaw.FRAME_SECONDS)
GAP = 2 * RATE
LOUD = 10 ** (-25 / 20)
"""Peak of a frame against that of its recording above which there is certainly a voice in it."""
SPEECH_LEVEL = 3000.0
"""Deviation of the samples of loud speech: -20 dB against a full sine, usual on a telephone."""


@dataclass(frozen=True)
class Judged:
    """What a detector made of a sound: whether it heard `speech` in each frame, and whether there is a `voice` in it.

    Frames of a voice's neighbourhood are neither judged as misses nor as false alarms.
    """

    speech: Flags
    voice: Flags
    none: Flags

    def missed(self) -> float:
        """Share of the voice's frames that were not taken for speech."""
        return float(1 - self.speech[self.voice].mean()) if self.voice.any() else 0.0

    def alarms(self) -> float:
        """Share of the frames without a voice that were taken for speech."""
        return float(self.speech[self.none].mean()) if self.none.any() else 0.0

    def longest_alarm(self) -> float:
        """Seconds for which speech was heard at a stretch where there is no voice."""
        rows = (sum(1 for _ in row) for false, row in groupby(self.speech & self.none) if false)
        return max(rows, default=0) * mulaw.FRAME_SECONDS

    def windows(self, seconds: float, voiced: float) -> float:
        """Share of all windows of some seconds that hold so many seconds of what was taken for speech."""
        sums = np.concatenate(((0,), np.cumsum(self.speech)))
        length = round(seconds * SECOND)
        held = sums[length:] - sums[:-length]
        return float((held >= round(voiced * SECOND)).mean()) if len(held) else 0.0

    def row(self, name: str) -> str:
        """One row of the table."""
        missed = f"{100 * self.missed():.1f}" if self.voice.any() else "–"
        alarms = f"{100 * self.alarms():.1f} | {self.longest_alarm():.1f}" if self.none.any() else "– | –"
        dead, unanswered = self.windows(5, 1.5), self.windows(6, 0.5)
        seconds = len(self.speech) * mulaw.FRAME_SECONDS
        return f"| {name} | {seconds:.0f} | {missed} | {alarms} | {100 * dead:.0f} | {100 * unanswered:.0f} |"


def missing() -> list[str]:
    """The packages whose sounds are not here."""
    folders = [SOUNDS / "moh", *(SOUNDS / "sounds" / name for name in PEOPLE.values())]
    return [package for package, folder in zip(PACKAGES, folders, strict=True) if not any(folder.glob("*.wav"))]


def recordings(folder: str) -> list[Sound]:
    """All recordings of a folder, in the order of their names."""
    sounds = []
    for path in sorted((SOUNDS / folder).glob("*.wav")):
        with wave.open(str(path)) as file:
            sounds.append(np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64))
    return sounds


def people(language: str, count: int) -> tuple[Sound, Flags, Flags]:
    """Prompts at one level with 2 s between them; which frames surely hold a voice, and which surely none."""
    spoken = [sound for sound in recordings(f"sounds/{PEOPLE[language]}") if len(sound) > RATE]
    chosen = spoken[:: max(1, len(spoken) // count)][:count]
    parts = [part for sound in chosen for part in (levelled(sound), np.zeros(GAP))]
    whole = np.concatenate(parts)
    whole = whole[: len(whole) // mulaw.FRAME_BYTES * mulaw.FRAME_BYTES]
    peaks = np.abs(whole).reshape(-1, mulaw.FRAME_BYTES).max(axis=1)
    voice = peaks > LOUD * np.abs(whole).max()
    near = np.convolve(peaks > 0.1 * LOUD * np.abs(whole).max(), np.ones(HANG_OVER_FRAMES + 10))[: len(peaks)] > 0
    onset = np.convolve((peaks > 0)[::-1], np.ones(5))[: len(peaks)][::-1] > 0
    return whole, voice, ~near & ~onset


def levelled(sound: Sound) -> Sound:
    """The same with loud parts at `SPEECH_LEVEL`."""
    energies = np.square(sound[: len(sound) // 160 * 160]).reshape(-1, 160).mean(axis=1)
    return np.asarray(sound * SPEECH_LEVEL / np.sqrt(np.percentile(energies, 90)))


def noise(kind: str, samples: int, decibels: float) -> Sound:
    """White or pink noise so far below `SPEECH_LEVEL`."""
    sound = np.random.default_rng(1).normal(size=samples)
    if kind == "pink":
        spectrum = np.fft.rfft(sound) / np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 20))
        sound = np.fft.irfft(spectrum, samples)
    return np.asarray(sound * SPEECH_LEVEL * 10 ** (-decibels / 20) / sound.std())


def cadence(hertz: Iterable[float], on: float, off: float, seconds: float = 30.0) -> Sound:
    """A signalling tone: sines of equal level, `on` and `off` in seconds."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum((np.sin(2 * np.pi * each * time) for each in hertz), np.zeros_like(time))
    return np.asarray(SPEECH_LEVEL * tone / np.std(tone) * (time % (on + off) < on))


def keys(seconds: float = 30.0) -> Sound:
    """The twelve keys of a telephone one after another, 100 ms each with 100 ms between them."""
    pairs = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477)]
    presses = np.concatenate([cadence(pair, 0.1, 0.1, 0.2) for pair in pairs])
    return np.resize(presses, round(seconds * RATE))


def signals() -> dict[str, Sound]:
    """What exchanges and machines send, 30 s of each, as loud as speech."""
    return {
        "dial tone, Europe (425 Hz)": cadence([425], 1, 0),
        "dial tone, US (350+440 Hz)": cadence([350, 440], 1, 0),
        "ring-back, Europe (425 Hz, 1 s in 5)": cadence([425], 1, 4),
        "ring-back, US (440+480 Hz, 2 s in 6)": cadence([440, 480], 2, 4),
        "busy, Europe (425 Hz, 0.5 s in 1)": cadence([425], 0.5, 0.5),
        "busy, US (480+620 Hz, 0.5 s in 1)": cadence([480, 620], 0.5, 0.5),
        "beep (1000 Hz, 0.25 s in 5)": cadence([1000], 0.25, 4.75),
        "keys (DTMF, 0.1 s in 0.2)": keys(),
    }


def judge(sound: Sound, voice: Flags | None = None, none: Flags | None = None) -> Judged:
    """Let a detector hear a sound; by default there is no voice in it."""
    frames = list(mulaw.frames(mulaw.encode(np.rint(sound).clip(-32768, 32767).astype(np.int16))))
    detector = VoiceDetector()
    speech = np.array([detector.feed(frame) for frame in frames])
    nobody = np.ones(len(frames), bool)
    return Judged(speech, ~nobody if voice is None else voice, nobody if none is None else none)


def rows() -> Iterator[str]:
    """Each row of the table, as soon as it is measured."""
    for language in PEOPLE:
        sound, voice, none = people(language, 120)
        yield judge(sound, voice, none).row(f"people, {language}")
        for kind, decibels in product(("white", "pink"), (20, 10)):
            loud = sound + noise(kind, len(sound), decibels)
            yield judge(loud, voice, none).row(f"people, {language}, {kind} noise at {decibels} dB")
        yield judge(sound * 0.1, voice, none).row(f"people, {language}, 20 dB softer")
    for kind, decibels in product(("white", "pink"), (40, 20, 10)):
        yield judge(noise(kind, 60 * RATE, decibels)).row(f"{kind} noise, {decibels} dB below speech")
    for path, sound in zip(sorted((SOUNDS / "moh").glob("*.wav")), recordings("moh"), strict=True):
        yield judge(sound).row(f"music, {path.stem}")
    for name, sound in signals().items():
        yield judge(sound).row(name)


def main() -> int:
    """Print the table as Markdown; exit code 1 if packages are missing."""
    if missing():
        print(f"not installed: {', '.join(missing())}", file=sys.stderr)
        return 1
    print("| Sound | s | voice missed, % | false, % | longest, s | 5 s with 1.5 s, % | 6 s with 0.5 s, % |")
    print("|---|---|---|---|---|---|---|")
    for row in rows():
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
