"""Music for those who wait: a calm loop of our own, computed, so that nobody has a right in it but ourselves.

A telephone passes 300 to 3400 Hz. So no note lies below D4 (294 Hz), which would be heard by its overtones only, and
overtones end where the line does. Plucked notes walk up and down over a soft chord that changes every 3.2 s.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw

LEVEL_DB: Final = -26.0
"""RMS of the loop against full scale: 6 dB below speech (`loudness.LEVEL_DB`), as people listen to it for minutes."""

Sound = NDArray[np.floating]

_RATE = mulaw.SAMPLE_RATE
_NOTE = _RATE * 2 // 5  # samples: an eighth at 75 beats a minute, 0.4 s, 20 frames
_BAR = 8 * _NOTE
_HIGHEST = 3400
_A4 = 440.0
_STEPS = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}


class _Bar(NamedTuple):
    """One bar: the notes that lie underneath all the time, and eight that are plucked one after another."""

    chord: str
    plucked: str


_BARS = (
    _Bar("A4 D5 F#5", "D4 A4 E5 F#5 A5 F#5 E5 A4"),
    _Bar("F#4 B4 D5", "F#4 B4 D5 F#5 B5 F#5 D5 B4"),
    _Bar("G4 D5 F#5", "G4 B4 D5 F#5 A5 F#5 D5 B4"),
    _Bar("E4 A4 E5", "A4 B4 E5 A5 C#6 A5 E5 C#5"),
    _Bar("F#4 A4 E5", "F#4 C#5 E5 A5 C#6 A5 E5 C#5"),
    _Bar("F#4 B4 D5", "F#4 A4 D5 F#5 A5 D6 A5 F#5"),
    _Bar("E4 B4 G5", "E4 B4 D5 G5 B5 G5 D5 B4"),
    _Bar("E4 A4 D5", "A4 D5 E5 G5 A5 G5 E5 C#5"),
)
_ACCENTS = (1.0, 0.7, 0.8, 0.75, 0.95, 0.7, 0.75, 0.65)
_PLUCK = (1.0, 0.4, 0.2, 0.1, 0.05)
"""Strength of a plucked note and of its overtones."""
_MELLOW = 1500.0  # Hz at which what is plucked is halved, and above which it is less and less
_PLUCK_SECONDS = 2.8
_DECAY_SECONDS = 0.7  # to 37 %, of the note; its overtones are faster by their number
_ATTACK_SECONDS = 0.015
_SPREAD = 2.4  # radians: overtones that begin together add up to a buzz
_PAD = (1.0, 0.3, 0.12)
_PAD_LEVEL = 0.2
_SWELL_SECONDS = 0.8  # the chords' ends, which overlap
_DETUNED = 1.002  # two of each note, a little apart, are warmer than one
_ECHOES = ((1277, 0.30), (1933, 0.22), (2741, 0.16), (3863, 0.11), (5279, 0.07))
"""Samples and strengths: a room, in few words. No delay is a multiple of another."""


@cache
def hold_music() -> bytes:
    """Give the loop: 25.6 s of mu-law in whole frames, whose end leads into its beginning. Always the same bytes."""
    dry = np.zeros(len(_BARS) * _BAR, np.float32)
    plucked = [bar.plucked.split() for bar in _BARS]
    for note in sorted({note for notes in plucked for note in notes}):
        sound = _plucked(note)
        for number, notes in enumerate(plucked):
            for place in (place for place, each in enumerate(notes) if each == note):
                _add(dry, sound, number * _BAR + place * _NOTE, _ACCENTS[place])
    for number, bar in enumerate(_BARS):
        for note in bar.chord.split():
            _add(dry, _swelling(note), number * _BAR - round(_SWELL_SECONDS * _RATE / 2))
    room = dry.copy()
    for delay, strength in _ECHOES:
        _add(room, dry, delay, strength)
    room *= 32768 * 10 ** (LEVEL_DB / 20) / np.sqrt(np.square(room, dtype=np.float64).mean())
    return mulaw.encode(np.rint(room, out=room).astype(np.int16))


def _add(loop: Sound, sound: Sound, start: int, strength: float = 1.0) -> None:
    """Lay a sound over the loop; what reaches beyond its end goes on at its beginning."""
    start %= len(loop)
    split = len(loop) - start
    loop[start : start + len(sound)] += strength * sound[:split]
    loop[: max(0, len(sound) - split)] += strength * sound[split:]


def _hertz(note: str) -> float:
    """The frequency of a note such as F#4, in equal temperament."""
    name, sharp, octave = note[0], note[1:-1], int(note[-1])
    return float(_A4 * 2 ** ((_STEPS[name] + len(sharp)) / 12 + octave - 4))


def _plucked(note: str) -> Sound:
    """One note of something like a harp."""
    hertz = _hertz(note)
    time = np.arange(round(_PLUCK_SECONDS * _RATE)) / _RATE
    sound = np.zeros_like(time)
    for number, strength in enumerate(_PLUCK, 1):
        each = number * hertz
        if each < _HIGHEST:
            fading = strength / (1 + (each / _MELLOW) ** 2) * np.exp(-number * time / _DECAY_SECONDS)
            sound += fading * np.sin(2 * np.pi * each * time + _SPREAD * number**2)
    return sound * _fade(len(time), _ATTACK_SECONDS, 0.2)


def _swelling(note: str) -> Sound:
    """One note for the length of a bar, that comes and goes slowly."""
    hertz = _hertz(note)
    time = np.arange(_BAR + round(_SWELL_SECONDS * _RATE)) / _RATE
    sound = np.zeros_like(time)
    for number, strength in enumerate(_PAD, 1):
        for each in (number * hertz / _DETUNED, number * hertz * _DETUNED):
            if each < _HIGHEST:
                sound += strength * np.sin(2 * np.pi * each * time + _SPREAD * number**2)
    return _PAD_LEVEL * sound * _fade(len(time), _SWELL_SECONDS, _SWELL_SECONDS)


def _fade(length: int, rise: float, fall: float) -> Sound:
    """From 0 to 1 within `rise` seconds, and from 1 to 0 within the last `fall`."""
    time = np.arange(length) / _RATE
    nearer = np.minimum(1.0, np.minimum(time / rise, (length / _RATE - time) / fall))
    faded: Sound = np.sin(np.pi / 2 * nearer) ** 2
    return faded
