"""A phrasebook that knows sentences by their sound: what was heard decides, never whose turn it is or when.

The last second of what was heard is compared with the recordings of the known sentences (normalised cross-correlation).
The recordings come from the same voices that the simulated parties speak with, so this recognises those voices and
nobody else's: it stands in for a translation model in the demo and in tests, and is none.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import SAMPLE_RATE, Samples
from bmv.simulator import voices

HOP: Final = SAMPLE_RATE // 5
"""Samples between two looks at what was heard: 200 ms, the frame of the translation model."""
WINDOW: Final = SAMPLE_RATE
"""Samples that are compared each time."""

# Measured with the demo's voices: a known sentence scores 0.95 and more, after mu-law, both resamplers and 12 dB of
# clipping too. A second of another sentence scores 0.5 to 0.7, and up to 0.99 only where the very words are the same.
_ALIKE = 0.75
_AHEAD = 0.15  # of the second best: sentences may begin with the same words
_ENOUGH = SAMPLE_RATE * 9 // 10
_EARLY = WINDOW + 2 * HOP
_FAINTEST = 0.05  # of the energy of the sentence's loudest second, below which a second is mostly silence
_STEP = SAMPLE_RATE // 10
_PRESENT = 0.3  # of what is to be expected in a step: with less it was muted, or is something else
_FAINT = 0.002  # of an average step: with less there is nothing to be missed

Floats: TypeAlias = NDArray[np.float32]
Speak: TypeAlias = Callable[[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One sentence and its translation, with their languages as short tags."""

    sentence: str
    language: str
    translation: str
    into: str


@dataclass(frozen=True, slots=True)
class Match:
    """A stretch of a known sentence that was heard."""

    entry: Entry
    since: float
    """Where the stretch begins, as a fraction of the sentence. Stretches of one utterance do not overlap."""
    heard: float
    """Where it ends, likewise; 1 is the end of the sentence."""
    score: float
    """How much alike the last second was, `_ALIKE` to 1."""
    utterance: int
    """The same number for all stretches of one utterance, another one when the sentence is spoken again."""


class Phrasebook:
    """The known sentences. It may be shared between sessions; each stream is followed by a `Listener` of its own."""

    def __init__(self, entries: Iterable[Entry], *, speak: Speak = voices.speak) -> None:
        """Learn the sentences, which speaks each of them once: some 60 ms for each that was never spoken before."""
        spoken = [(entry, speak(entry.sentence, entry.language)) for entry in entries]
        size = _transform_size(max((len(ulaw) for _, ulaw in spoken), default=0))
        self._known = [_Known(entry, ulaw, size) for entry, ulaw in spoken]

    def listener(self, into: str) -> "Listener":
        """Begin to follow a stream, of which only what has a translation into this language is recognised."""
        return Listener([known for known in self._known if known.entry.into == into])

    def recognise(self, heard: Samples, into: str) -> Match | None:
        """Tell which sentence was heard last in all of this sound at 8 kHz, and up to where; None if none was."""
        matches = self.listener(into).hear(heard)
        return matches[-1] if matches else None


class Listener:
    """Follows one stream of sound at 8 kHz and tells what it recognises. Silence costs it nothing."""

    def __init__(self, known: "list[_Known]") -> None:
        self._known = known
        self._window: Floats = np.zeros(WINDOW, np.float32)
        self._waiting: Samples = np.zeros(0, np.int16)
        self._position = 0
        self._track: _Track | None = None
        self._last: _Find | None = None
        self._utterances = 0

    def hear(self, pcm: Samples) -> list[Match]:
        """Hear the next stretch, of any length, and tell what of the sentences is new in it, in order.

        An empty list says that nothing was recognised, or that the sentence did not go on.
        """
        self._waiting = np.concatenate((self._waiting, pcm))
        matches = []
        while len(self._waiting) >= HOP:
            hop, self._waiting = self._waiting[:HOP], self._waiting[HOP:]
            self._window = np.concatenate((self._window[HOP:], hop.astype(np.float32)))
            self._position += HOP
            match = self._look()
            if match is not None:
                matches.append(match)
        return matches

    def _look(self) -> Match | None:
        if not self._known or np.abs(self._window).max() < levels.SILENCE_PEAK:
            return None
        spectrum = np.conj(np.fft.rfft(self._window, self._known[0].size))
        energy = float(np.square(self._window).sum())
        finds = sorted((one.find(spectrum, energy) for one in self._known), key=lambda find: -find.score)
        best = finds[0]
        second = finds[1].score if len(finds) > 1 else 0.0
        if best.score < _ALIKE or best.score - second < _AHEAD or best.end < min(_ENOUGH, best.known.samples):
            return None
        return self._follow(best, best.known.audible(self._window, best.end))

    def _follow(self, find: "_Find", audible: int) -> Match | None:
        """Add a find to the utterance under way, or begin a new one. None if it tells nothing new."""
        begin = self._position - find.end
        track = self._track
        under_way = track is not None and track.known is find.known and begin < track.begin + track.reached
        confirmed = self._confirmed(find)
        if audible < HOP or not (confirmed or find.end <= _EARLY):
            return None
        if track is None or not under_way:
            self._utterances += 1
            track = self._track = _Track(find.known, begin, self._utterances)
        since = max(track.reached, find.end - audible)
        if audible == WINDOW and since <= HOP:
            since = track.reached  # the sentence began just before the window in which it was found
        reached = min(find.end, find.known.samples)
        if reached <= since:
            return None
        track.begin, track.reached = begin, reached
        fractions = since / find.known.samples, reached / find.known.samples
        return Match(find.known.entry, *fractions, find.score, track.utterance)

    def _confirmed(self, find: "_Find") -> bool:
        """Tell whether the sentence went on by one hop since the last look.

        That is asked of whatever is found elsewhere than at the beginning of a sentence: other sentences have words in
        common with it, and after a hole it is uncertain where it goes on.
        """
        last, self._last = self._last, find
        return last is not None and last.known is find.known and abs(find.end - last.end - HOP) <= mulaw.FRAME_BYTES


@dataclass(slots=True)
class _Track:
    """An utterance under way."""

    known: "_Known"
    begin: int
    """Position in the stream at which the sentence began."""
    utterance: int
    reached: int = 0
    """Samples of the sentence up to which it was told."""


@dataclass(frozen=True, slots=True)
class _Find:
    known: "_Known"
    end: int
    """Samples of the sentence at the end of the window; behind the sentence, if silence followed it."""
    score: float


class _Known:
    """The recording of one sentence, between two windows of silence: it may be heard in part at either end."""

    def __init__(self, entry: Entry, ulaw: bytes, size: int) -> None:
        silence = np.zeros(WINDOW, np.float32)
        self.entry = entry
        self.samples = len(ulaw)
        self._sound: Floats = np.concatenate((silence, mulaw.decode(ulaw).astype(np.float32), silence))
        sums = np.concatenate(((0.0,), np.cumsum(np.square(self._sound, dtype=np.float64))))
        energies = sums[WINDOW:] - sums[:-WINDOW]
        self._norms: Floats = np.sqrt(np.maximum(energies, _FAINTEST * energies.max())).astype(np.float32)
        self._spectrum = np.fft.rfft(self._sound, size)
        self.size = size

    def find(self, spectrum: NDArray[np.complexfloating], energy: float) -> _Find:
        """Find the place at which a window fits best, given the conjugate of its spectrum and its energy."""
        products = np.fft.irfft(self._spectrum * spectrum, self.size)[: len(self._norms)]
        scores = products / self._norms
        end = int(scores.argmax())
        return _Find(self, end, float(scores[end]) / energy**0.5)

    def audible(self, window: Floats, end: int) -> int:
        """Tell how many samples at the end of the window are really this sentence, in steps of 100 ms.

        A second is still much alike when a part of it was muted or is something else; its steps tell which part.
        """
        sound = self._sound[end : end + WINDOW]
        energies = np.square(sound.reshape(-1, _STEP)).sum(axis=1)
        products = (window * sound).reshape(-1, _STEP).sum(axis=1)
        expected = energies * (products.sum() / energies.sum())
        missing = np.flatnonzero(products < _PRESENT * expected - _FAINT * expected.mean())
        return WINDOW - _STEP * (int(missing[-1]) + 1) if missing.size else WINDOW


def _transform_size(longest: int) -> int:
    """Give a size for all Fourier transforms that has small prime factors, as they are slow at any other."""
    return -(-(longest + 2 * WINDOW) // 2048) * 2048
