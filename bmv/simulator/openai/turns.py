"""What the simulated model says in turns: a brain hears a whole utterance and then answers it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Protocol

import numpy as np

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.simulator import voices
from bmv.simulator.openai.brains import words_of
from bmv.simulator.phrasebook import HOP, WINDOW, Match, Phrasebook, Speak

_ASKED_FOR: Final = re.compile(r"\b(?:in|to|into) ([A-Z]\w+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Sound with the words that it speaks."""

    audio: Samples
    """8 kHz, any length."""
    text: str = ""


class TurnBrain(Protocol):
    """The mind of one turn-based session. It remembers nothing: all that it should know of is in the context.

    It is called in a thread, as it may have to think for some time, but never twice at once.
    """

    def transcribe(self, utterance: Samples, /) -> str:
        """Write down what was said (8 kHz), "" if it has no words for it."""

    def answer(self, utterances: tuple[Samples, ...], instructions: str, /) -> Iterable[Part]:
        """Answer all the audio of the context, in its order (8 kHz), as the instructions say."""


class EchoTurns:
    """Gives every utterance back as it was. Whatever the instructions say, it has no words."""

    def transcribe(self, _utterance: Samples, /) -> str:
        """Write nothing."""
        return ""

    def answer(self, utterances: tuple[Samples, ...], _instructions: str, /) -> Iterable[Part]:
        """Give back the last utterance, pauses included: it is the one that was not answered yet."""
        return [Part(utterance) for utterance in utterances[-1:]]


class PhrasebookTurns:
    """Interprets the sentences of a phrasebook, word by word as far as they were heard; whatever else it hears, it
    says nothing. A piece of a sentence must be about a second long to be known.

    The language is the first that the instructions name after "in", "to" or "into". Without one it says nothing at all,
    where the real model would make conversation: either way nobody gets a translation.
    """

    def __init__(self, phrasebook: Phrasebook, *, speak: Speak = voices.speak) -> None:
        self._phrasebook = phrasebook
        self._speak = speak

    def transcribe(self, utterance: Samples, /) -> str:
        """Write down the words of known sentences, in whichever language."""
        found = [self._heard(utterance, tag) for tag in languages.LANGUAGES]
        return max(found, key=len, default="")

    def answer(self, utterances: tuple[Samples, ...], instructions: str, /) -> Iterable[Part]:
        """Say the translation of what was said last: it is what was not answered yet."""
        space = ""
        for utterance in utterances[-1:]:
            for matches in self._sentences(utterance, language_asked_for(instructions)):
                for word, audio in self._rendered(matches):
                    yield Part(audio, space + word)
                    space = " "

    def _heard(self, utterance: Samples, into: str) -> str:
        texts = (
            word
            for matches in self._sentences(utterance, into)
            for centre, word, _, _ in words_of(matches[0].entry.sentence)
            if _covered(matches, centre)
        )
        return "".join(texts).rstrip()

    def _sentences(self, utterance: Samples, into: str) -> Iterator[list[Match]]:
        for _, group in groupby(self._matches(utterance, into), key=lambda match: match.utterance):
            yield list(group)

    def _matches(self, utterance: Samples, into: str) -> Iterator[Match]:
        """Find the sentences, and of each what lies within the utterance: turns are often cut at a sentence's pauses.

        A listener takes the silence around an utterance for such a pause, so words at its border would be said twice.
        And it looks in steps, and is sure of a sentence that it hears from the middle only at the second look, so words
        at the border would be missing. Where it comes near to either end, the end counts.
        """
        listener = self._phrasebook.listener(into)
        sound = np.concatenate((utterance, np.zeros(WINDOW, np.int16)))  # or the last word would not be looked at
        slack = 2 * HOP
        for position in range(HOP, len(sound) + 1, HOP):
            for match in listener.hear(sound[position - HOP : position]):
                length = len(self._speak(match.entry.sentence, match.entry.language))
                begin = match.heard - position / length  # of the utterance, as a fraction of the sentence
                end = begin + len(utterance) / length
                since = begin if match.since - begin <= slack / length else match.since
                heard = end if end - match.heard <= HOP / length else match.heard
                yield replace(match, since=since, heard=heard)
                slack = 0  # only the first that is found is found late

    def _rendered(self, matches: list[Match]) -> Iterator[tuple[str, Samples]]:
        entry = matches[0].entry
        spoken = mulaw.decode(self._speak(entry.translation, entry.into))
        for centre, word, begin, end in words_of(entry.translation):
            if _covered(matches, centre):
                yield word.strip(), spoken[round(begin * len(spoken)) : round(end * len(spoken))]


def language_asked_for(instructions: str) -> str:
    """Tell the tag of the language that the instructions name as the target, "" if they name none of ours.

    It is the first language after "in", "to" or "into", as in "Say in English what you hear in Spanish".
    """
    named = (languages.find(name) for name in _ASKED_FOR.findall(instructions))
    return next((language.tag for language in named if language), "")


def _covered(matches: list[Match], centre: float) -> bool:
    return any(match.since < centre <= match.heard for match in matches)
