"""Measures how well a hint tells people from music on hold, and prints the tables of docs/audio.md.

python scripts/measure_likeness.py      takes a minute; needs the voices (pip install ".[demo]")
                                        and Debian's packages of PACKAGES (scripts/measure_voice.py)

People are the prompts of a telephone exchange with 0.6 s between them, and Pico's voices. Music begins at every half
second of each piece, wherever it is not nearly silent, after somebody who was speaking; half of the lines were noisy.
"""

import copy
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.likeness import SpeechLikeness
from bmv.audio.music import hold_music
from bmv.simulator import voices

Sound = NDArray[np.float64]
Flags = NDArray[np.bool_]

RATE = mulaw.SAMPLE_RATE
SECOND = round(1 / mulaw.FRAME_SECONDS)
lab = SimpleNamespace(**run_path(str(Path(__file__).parent / "measure_voice.py")))
GAP = np.zeros(6 * RATE // 10)
AUDIBLE = 150
TALK = {
    "en": (
        "Thank you for waiting, I have found your order in the system and it was sent yesterday in the afternoon.",
        "Could you please tell me your name and the number that is printed at the top of the letter that we sent you?",
        "Let me see what I can do for you, this may take a moment because our computers are slow today.",
    ),
    "es": (
        "Gracias por esperar, he encontrado su pedido en el sistema y fue enviado ayer por la tarde.",
        "¿Podría decirme su nombre y el número que aparece en la parte superior de la carta que le enviamos?",
        "Déjeme ver qué puedo hacer por usted, esto puede tardar un momento porque los ordenadores van lentos.",
    ),
    "fr": (
        "Merci d'avoir patienté, j'ai trouvé votre commande dans le système et elle est partie hier après-midi.",
        "Pourriez-vous me donner votre nom et le numéro qui se trouve en haut de la lettre que nous avons envoyée ?",
        "Laissez-moi voir ce que je peux faire pour vous, cela peut prendre un moment, les ordinateurs sont lents.",
    ),
    "de": (
        "Vielen Dank fürs Warten, ich habe Ihre Bestellung im System gefunden, sie wurde gestern verschickt.",
        "Könnten Sie mir bitte Ihren Namen sagen und die Nummer, die oben auf dem Brief steht, den Sie bekamen?",
        "Lassen Sie mich sehen, was ich für Sie tun kann, das kann einen Moment dauern, der Rechner ist langsam.",
    ),
    "it": (
        "Grazie per l'attesa, ho trovato il suo ordine nel sistema ed è stato spedito ieri pomeriggio.",
        "Potrebbe dirmi il suo nome e il numero che si trova in alto nella lettera che le abbiamo mandato?",
        "Mi lasci vedere che cosa posso fare per lei, potrebbe volerci un momento, i computer sono lenti.",
    ),
}


def frames(sound: Sound) -> list[bytes]:
    """A sound as it comes over a line."""
    return list(mulaw.frames(mulaw.encode(np.rint(sound).clip(-32768, 32767).astype(np.int16))))


def joined(sounds: list[Sound]) -> Sound:
    """Sounds at the level of speech, without the silence at their ends, 0.6 s apart."""
    parts = []
    for sound in sounds:
        audible = np.flatnonzero(np.abs(sound) > AUDIBLE)
        parts += [sound[audible[0] : audible[-1] + 1], GAP]
    return np.concatenate(parts)


def people(language: str, count: int | None = None) -> Sound:
    """The prompts of a language, all or the first so many."""
    prompts = [sound for sound in lab.recordings(f"sounds/{lab.PEOPLE[language]}") if len(sound) > RATE]
    return joined([lab.levelled(sound) for sound in prompts[:count]])


def synthetic(language: str) -> Sound:
    """What a voice of Pico says."""
    spoken = [mulaw.decode(voices.speak(sentence, language)).astype(np.float64) for sentence in TALK[language]]
    return joined([lab.levelled(sound) for sound in spoken])


def music() -> dict[str, Sound]:
    """What an exchange plays to those on hold, by the name of the piece, and what we play."""
    names = [path.stem for path in sorted((lab.SOUNDS / "moh").glob("*.wav"))]
    pieces = {name: lab.levelled(sound) for name, sound in zip(names, lab.recordings("moh"), strict=True)}
    return pieces | {"our own": music_of(hold_music())}


def music_of(ulaw: bytes) -> Sound:
    """A recording of ours at the level of the others."""
    return np.asarray(lab.levelled(mulaw.decode(ulaw).astype(np.float64)))


def hints(sound: list[bytes], likeness: SpeechLikeness | None = None) -> Flags:
    """After each frame, whether it sounds like speech."""
    likeness = likeness or SpeechLikeness()
    heard = []
    for frame in sound:
        likeness.feed(frame)
        heard.append(likeness.sounds_like_speech)
    return np.array(heard)


def talker(name: str, sound: Sound) -> str:
    """The row of somebody who talks all the time: how often and how long a hint is wrong."""
    speech = hints(frames(sound))
    times = int((speech[:-1] & ~speech[1:]).sum())
    minutes = len(speech) / SECOND / 60
    return f"| {name} | {60 * minutes:.0f} | {100 * (1 - speech.mean()):.1f} | {times / minutes:.1f} |"


def talkers() -> Iterator[str]:
    """Each row of those who talk."""
    for language in lab.PEOPLE:
        sound = people(language)
        yield talker(f"people, {language}", sound)
        for kind, decibels in (("white", 20), ("pink", 20), ("pink", 15), ("pink", 10)):
            yield talker(
                f"people, {language}, {kind} noise at {decibels} dB", sound + lab.noise(kind, len(sound), decibels)
            )
        yield talker(f"people, {language}, 20 dB softer", sound * 0.1)
    for language in TALK:
        yield talker(f"synthetic, {language}", synthetic(language))


def before() -> list[SpeechLikeness]:
    """Lines on which somebody has just spoken for half a minute, of each language, half of them noisy."""
    lines = []
    for language in lab.PEOPLE:
        sound = people(language, 25)
        for noise in (0.0, 1.0):
            line = SpeechLikeness()
            hints(frames(sound + noise * lab.noise("pink", len(sound), 20)), line)
            while not line.sounds_like_speech:
                line.feed(mulaw.SILENCE)
            lines.append(line)
    return lines


def starts(piece: Sound) -> list[Sound]:
    """Two seconds from every half second on at which the piece is no more than 25 dB below its loudest."""
    loud = lab.LOUD * np.abs(piece).max()
    found = []
    for start in range(0, len(piece) - 2 * RATE, RATE // 2):
        two = piece[start : start + 2 * RATE]
        if (np.abs(two[: RATE // 5]).reshape(10, -1).max(axis=1) > loud).sum() >= 5:
            found.append(two)
    return found


def noticed(sounds: list[Sound], lines: list[SpeechLikeness], *, pause: float = 0.0) -> float:
    """Share of the starts that are noticed before the sound is over."""
    found = 0
    for number, sound in enumerate(sounds):
        line = copy.copy(lines[number % len(lines)])
        hints([mulaw.SILENCE] * round(pause * SECOND), line)
        found += not hints(frames(sound), line).all()
    return found / len(sounds)


def piece_row(name: str, piece: Sound, lines: list[SpeechLikeness]) -> str:
    """The row of one piece: how surely its start is noticed, and its whole length."""
    begun = starts(piece)
    rise = np.minimum(1.0, np.arange(2 * RATE) / RATE)
    shares = (
        noticed(begun, lines),
        noticed(begun, lines, pause=1.5),
        noticed([sound * rise for sound in begun], lines),
        noticed([sound * 10**-0.5 for sound in begun], lines),
        1 - hints(frames(piece)).mean(),
    )
    return f"| {name} | {len(begun)} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |"


def returns(pieces: list[Sound]) -> NDArray[np.float64]:
    """After how many seconds people are known again who speak after twenty seconds of music, sorted."""
    spoken = [frames(people(language, 40)) for language in lab.PEOPLE]
    seconds = []
    for piece in pieces:
        line = SpeechLikeness()
        hints(frames(piece[5 * RATE : 25 * RATE]), line)
        for words in spoken:
            for start in range(0, len(words) - 5 * SECOND, 2 * SECOND):
                known = hints(words[start : start + 5 * SECOND], copy.copy(line))
                seconds.append(float(known.argmax()) * mulaw.FRAME_SECONDS)
    return np.sort(seconds)


def microseconds() -> float:
    """What one frame costs."""
    sound = frames(people("en", 25))
    likeness = SpeechLikeness()
    began = time.perf_counter()
    for frame in sound:
        likeness.feed(frame)
    return (time.perf_counter() - began) / len(sound) * 1e6


def main() -> int:
    """Print the tables as Markdown; exit code 1 if packages are missing."""
    if lab.missing():
        print(f"not installed: {', '.join(lab.missing())}", file=sys.stderr)
        return 1
    print("| Who talks | s | not taken for speech, % | times a minute |\n|---|---|---|---|")
    for row in talkers():
        print(row, flush=True)
    print("\n| Music | starts | noticed in 2 s, % | after a pause | fading in | 10 dB softer | of all its length |")
    print("|---|---|---|---|---|---|---|")
    lines = before()
    pieces = music()
    for name, piece in pieces.items():
        print(piece_row(name, piece, lines), flush=True)
    back = returns(list(pieces.values()))
    print(f"\nspeech after music is known in {np.median(back):.2f} s (median), {np.percentile(back, 95):.2f} s (95 %)")
    print(f"{microseconds():.1f} µs a frame")
    return 0


if __name__ == "__main__":
    sys.exit(main())
