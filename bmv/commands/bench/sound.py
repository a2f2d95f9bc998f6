"""What is said in the bench's calls: two people in turns, and the translations that a model gives of them.

A script lasts `CYCLE` frames and is said again and again. Each party talks for 40 % of it, never while the other does;
the rest is the quiet noise of a line. No two frames of a script are alike, so each can be known again where it arrives.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import FRAME_BYTES, SAMPLE_RATE
from bmv.audio.resample import Upsampler
from bmv.errors import BmvError
from bmv.simulator import voices

CYCLE: Final = 500
"""Frames of a script: ten seconds."""
TURN: Final = 200
"""Frames that each party talks in it: 40 %."""
TURN_AT: Final = {"caller": 0, "agent": 250}
"""Where in the script a party's turn begins; a second of quiet follows each."""
DELTA_FRAMES: Final = 10
"""Frames in a delta of translated sound: 200 ms, the continuous model's own size."""
NOISE_DBFS: Final = {"caller": -52.0, "agent": -60.0}
"""How loud a party's line is while nobody talks: what is effective of white noise, against the loudest there is. A
caller stands somewhere, so nine of ten frames of it have a peak that counts as sound (`levels.SILENCE_PEAK`) and are
looked at by the voice detector; an agent wears a headset in a quiet room, and all frames are silent."""
_FILLER_PEAK = 30  # of a translator's silence, as users measured it
_LOUD = 600  # peak of every frame of a translation, so that none is taken for silence on the way
_BLOCKS = (35, 46, 37, 44, 38, 45)
"""Frames of each stretch of a translation; a pause follows, up to the end of a delta and at least `_PAUSE` long. The
last pause is no longer than those that stay in a translation, else its end would go ahead of the next turn's beginning
(`playout.SilenceGate`), and that a little earlier."""
_PAUSE = 6

_SENTENCES = {
    "caller": ("es", "Buenas tardes, mi pedido todavía no ha llegado, y quisiera saber dónde está ahora mismo."),
    "agent": ("en", "I am sorry to hear that, let me see what I can find out about your order for you."),
    "to caller": (
        "it",
        "Mi dispiace molto per il ritardo, mi lasci cercare il suo ordine e le dico subito quando arriva.",
    ),
    "to agent": ("de", "Guten Tag, das Paket, das ich letzte Woche bei Ihnen bestellt habe, ist noch nicht da."),
}
"""Four voices: two that are alike would be an echo to whoever listens for one. Nobody listens to the language."""


@dataclass(frozen=True)
class Script:
    """`CYCLE` frames of mu-law that one party says."""

    frames: tuple[bytes, ...]
    texts: tuple[bytes, ...]
    """The same in base64."""
    places: dict[bytes, int]
    """Where each frame stands."""
    voiced: tuple[bool, ...]
    """Which are words, and neither a pause nor the noise of the line."""
    levels: NDArray[np.float64]
    """The mean magnitude of each frame, as 16-bit samples."""
    turn: range
    """Where the party talks."""


@dataclass(frozen=True)
class Delta:
    """200 ms of a translation in mu-law; `starts` is how long the stretch is that begins with it, 0 if none does."""

    ulaw: bytes
    starts: int
    voiced: int
    """Voiced frames in it."""


@cache
def source() -> str:
    """Whose voices these are, for the report."""
    return "synthetic" if _pico() is None else "SVOX Pico"


@cache
def script(role: str) -> Script:
    """What `caller` or `agent` says."""
    noise = np.random.default_rng(len(role))
    begin = TURN_AT[role]
    spoken = _spoken(role, TURN)
    frames = [_noise(noise, role) for _ in range(CYCLE)]
    voiced = [False] * CYCLE
    for place, each in enumerate(spoken, begin):
        if each not in frames and not levels.is_silent(each):  # what is silent or was there before stays noise
            frames[place], voiced[place] = each, True
    sound = mulaw.decode(b"".join(frames)).astype(np.float64)
    return Script(
        frames=tuple(frames),
        texts=tuple(map(b64encode, frames)),
        places={each: place for place, each in enumerate(frames)},
        voiced=tuple(voiced),
        levels=np.abs(sound).reshape(CYCLE, FRAME_BYTES).mean(axis=1),
        turn=range(begin, begin + TURN),
    )


@cache
def line_noise(role: str) -> tuple[bytes, ...]:
    """What is heard of the line of `caller` or `agent` before he follows the script, in base64."""
    noise = np.random.default_rng(7)
    return tuple(b64encode(_noise(noise, role)) for _ in range(50))


@cache
def translation(role: str) -> tuple[Delta, ...]:
    """The translation of one turn of `caller` or `agent`: about as long as the turn, in stretches without silence."""
    audible = [each for each in _spoken("to agent" if role == "caller" else "to caller", 400) if _is_loud(each)]
    deltas: list[Delta] = []
    place = total = 0
    for length in _BLOCKS:
        if total + length > TURN:
            break
        total += length
        block = b"".join(audible[(place + number) % len(audible)] for number in range(length))
        place += length
        whole = -(-(length + _PAUSE) // DELTA_FRAMES) * DELTA_FRAMES
        block = block.ljust(whole * FRAME_BYTES, b"\xff")
        for number in range(0, whole, DELTA_FRAMES):
            piece = block[number * FRAME_BYTES : (number + DELTA_FRAMES) * FRAME_BYTES]
            voiced = max(0, min(length - number, DELTA_FRAMES))
            deltas.append(Delta(piece, length if number == 0 else 0, voiced))
    return tuple(deltas)


def wide(ulaw: bytes) -> bytes:
    """The same at 24 kHz: PCM16, little-endian, in base64. What the filter delays is made up for."""
    pcm = mulaw.decode(ulaw)
    late = Upsampler().process(np.concatenate((pcm, np.zeros(12, np.int16))))[36:]
    return b64encode(late[: 3 * len(pcm)].astype("<i2").tobytes())


@cache
def filler() -> bytes:
    """200 ms of what a translator sends while it has nothing to say: as `wide` gives it."""
    noise = np.random.default_rng(11)
    samples = noise.integers(-_FILLER_PEAK, _FILLER_PEAK, DELTA_FRAMES * FRAME_BYTES * 3, endpoint=True)
    return b64encode(samples.astype("<i2").tobytes())


@cache
def sentence() -> bytes:
    """A second and a half of speech at 24 kHz, PCM16: what the speech endpoint makes of any text."""
    return Upsampler().process(mulaw.decode(b"".join(_spoken("agent", 75)))).astype("<i2").tobytes()


def _noise(chance: np.random.Generator, role: str) -> bytes:
    deviation = 32768 * 10 ** (NOISE_DBFS[role] / 20)
    return mulaw.encode(np.rint(chance.normal(0, deviation, FRAME_BYTES)).astype(np.int16))


def _is_loud(ulaw: bytes) -> bool:
    return not levels.is_silent(ulaw, below=_LOUD)


def _spoken(what: str, count: int) -> list[bytes]:
    """So many frames of a voice that says a sentence again and again."""
    pico = _pico()
    once = pico[what] if pico else _buzz(what)
    frames = list(mulaw.frames(once))
    return [frames[number % len(frames)] for number in range(count)]


@cache
def _pico() -> dict[str, bytes] | None:
    try:
        return {what: voices.speak(text, language) for what, (language, text) in _SENTENCES.items()}
    except BmvError:
        return None


def _buzz(what: str) -> bytes:
    """Where no voices are installed: something like vowels, which the voice detector takes for speech."""
    chance = np.random.default_rng(sum(what.encode()))
    syllables: list[NDArray[np.float64]] = []
    while sum(len(each) for each in syllables) < TURN * FRAME_BYTES:
        time = np.arange(int(SAMPLE_RATE * chance.uniform(0.12, 0.3))) / SAMPLE_RATE
        pitch = chance.uniform(90, 180) * (1 + 0.1 * np.sin(2 * np.pi * 3 * time))
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        formants = chance.uniform(300, 2500, 3)
        weights = [sum(np.exp(-(((k * 130 - f) / 200) ** 2)) for f in formants) + 0.05 for k in range(1, 25)]
        tone = sum(weight * np.sin(k * phase) for k, weight in enumerate(weights, 1))
        envelope = np.sin(np.pi * np.arange(len(time)) / len(time)) ** 0.5
        syllables.append(tone * envelope + chance.normal(0, 0.02, len(time)))
    sound = np.concatenate(syllables)
    return mulaw.encode(np.clip(sound / np.abs(sound).max() * 12000, -32000, 32000).astype(np.int16))
