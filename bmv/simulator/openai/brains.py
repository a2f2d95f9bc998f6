"""What the simulated model says: a brain hears 200 ms at a time and answers with sound and words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.audio.resample import Downsampler, Upsampler
from bmv.simulator import voices
from bmv.simulator.openai.wire import SAMPLE_RATE
from bmv.simulator.phrasebook import Match, Phrasebook, Speak

FRAME_MS: Final = 200
"""The model hears in frames of 200 ms (OpenAI's package, `input_audio_buffer.append`)."""
FRAME_SAMPLES: Final = SAMPLE_RATE * FRAME_MS // 1000
QUIET: Final = 63
"""The peak, of 32767, of what the real model sends as silence (measured by others)."""

_LONGEST_BREATH = 15
"""Frames after which an echo counts as a whole phrase, though nobody paused."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound with the words that it speaks. The words are told when the sound begins."""

    audio: Samples
    """24 kHz, any length."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The answer to one frame. Nothing to say is the default."""

    heard: str = ""
    """A few words more of the source transcript."""
    pieces: tuple[Piece, ...] = ()
    goes_on: bool = False
    """More of this phrase will follow. A model that speaks faster than real time waits for the whole of a phrase, as
    it would run dry in the middle of a word otherwise."""


class Brain(Protocol):
    """The mind of one session. It is called in the order of the audio, never twice at once."""

    def aim(self, language: str) -> None:
        """Speak this language from now on. Called once before anything is heard, and at each change."""

    def hear(self, frame: Samples) -> Said:
        """Hear the next 4800 samples (200 ms at 24 kHz) and say what there is to say by now."""

    def finish(self) -> Said:
        """Say the rest: nothing more will be heard."""


class EchoBrain:
    """Says what it hears, after a delay, in the voice it hears. Whatever the language, it has no words."""

    def __init__(self, delay_seconds: float = 0.0) -> None:
        self._line: Samples = np.zeros(round(delay_seconds * SAMPLE_RATE), np.int16)
        self._breath = 0

    def aim(self, language: str) -> None:
        """Take no notice: an echo has no language."""

    def hear(self, frame: Samples) -> Said:
        """Give back the 200 ms that are `delay_seconds` old, nothing if they were silent."""
        line = np.concatenate((self._line, frame))
        self._line = line[len(frame) :]
        return self._echo(line[: len(frame)])

    def finish(self) -> Said:
        """Give back what is still under way."""
        rest, self._line = self._line, self._line[:0]
        return self._echo(rest)

    def _echo(self, audio: Samples) -> Said:
        if is_quiet(audio):
            self._breath = 0
            return Said()
        self._breath += 1
        return Said(pieces=(Piece(audio),), goes_on=self._breath % _LONGEST_BREATH != 0)


class PhrasebookBrain:
    """Interprets the sentences of a phrasebook, while they are spoken; whatever else it hears, it says nothing.

    Each word of a translation is said when the same part of the sentence was heard, so what is muted or left out on
    the way is missing in the translation too. The first word comes 1 to 1.4 s after the speaker's.
    """

    def __init__(self, phrasebook: Phrasebook, *, speak: Speak = voices.speak) -> None:
        self._phrasebook = phrasebook
        self._speak = speak
        self._narrow = Downsampler()
        self._listener = phrasebook.listener("")
        self._rendering: _Rendering | None = None

    def aim(self, language: str) -> None:
        """Interpret into this language from now on."""
        self._listener = self._phrasebook.listener(language)

    def hear(self, frame: Samples) -> Said:
        """Say what of the translation belongs to what was heard up to now."""
        matches = self._listener.hear(self._narrow.process(frame.astype("<i2").tobytes()))
        if not matches:
            return self.finish()
        return _joined([self._render(match) for match in matches])

    def finish(self) -> Said:
        """Say what was heard of a sentence that did not go on."""
        return self._rendering.rest() if self._rendering else Said()

    def _render(self, match: Match) -> Said:
        if self._rendering is None or self._rendering.utterance != match.utterance:
            self._rendering = _Rendering(match, self._speak)
        return self._rendering.advance(match)


class _Rendering:
    """One utterance, cut into its words with the part of the sentence that each stands for."""

    def __init__(self, match: Match, speak: Speak) -> None:
        entry = match.entry
        spoken = mulaw.decode(speak(entry.translation, entry.into))
        sound = Upsampler().process(spoken)
        self.utterance = match.utterance
        self._lengths = len(speak(entry.sentence, entry.language)), len(spoken)
        self._source = [(centre, word) for centre, word, _, _ in words_of(entry.sentence)]
        self._target = [
            (centre, Piece(sound[round(begin * len(sound)) : round(end * len(sound))], word))
            for centre, word, begin, end in words_of(entry.translation)
        ]
        self._waiting: list[Piece] = []
        self._begun = False

    def advance(self, match: Match) -> Said:
        """Say the words of a stretch that was heard."""
        heard = "".join(word for centre, word in self._source if match.since < centre <= match.heard)
        self._waiting += [piece for centre, piece in self._target if match.since < centre <= match.heard]
        source, target = self._lengths
        # A translation shorter than its sentence would run dry in the middle if it were begun at once.
        self._begun = self._begun or (1 - match.heard) * source <= target
        if not self._begun:
            return Said(heard, goes_on=True)
        return Said(heard, self._take(), goes_on=match.heard < 1)

    def rest(self) -> Said:
        """Say what is waiting: the sentence does not go on."""
        return Said(pieces=self._take())

    def _take(self) -> tuple[Piece, ...]:
        pieces, self._waiting = tuple(self._waiting), []
        return pieces


def words_of(text: str) -> Iterator[tuple[float, str, float, float]]:
    """Cut a text into words, each with a space behind it, and tell the centre, beginning and end of each (0 to 1).

    Time is taken to pass evenly over the letters, which is near enough for words that are said as they are heard.
    """
    words = text.split()
    letters = sum(map(len, words))
    begin = 0
    for word in words:
        end = begin + len(word)
        yield (begin + end) / 2 / letters, f"{word} ", begin / letters, end / letters
        begin = end


def _joined(sayings: list[Said]) -> Said:
    return Said(
        heard="".join(said.heard for said in sayings),
        pieces=tuple(piece for said in sayings for piece in said.pieces),
        goes_on=sayings[-1].goes_on,
    )


def is_quiet(audio: Samples) -> bool:
    """Tell whether this is what the model would send as silence."""
    return not audio.size or bool(np.abs(audio.astype(np.int32)).max() <= QUIET)
