"""Who speaks our own sentences inside a running stream, where the carrier's voice cannot sound."""

from __future__ import annotations

from typing import Protocol

from bmv.errors import ProviderError
from bmv.languages import Language, Sentence


class Speaker(Protocol):
    """A voice for each language, ready before it is needed: a notice has to sound when every provider is down."""

    def say(self, sentence: Sentence, language: Language) -> bytes:
        """The sentence as G.711 mu-law, 8 kHz, whole frames.

        Never blocks and never fails: where there is no voice for a language it is a soft tone, and nothing at all for
        `Sentence.HOLD`, which is said again and again, and for what an agent chooses to say (`PHRASES`).
        """


class SpeechFailed(ProviderError):
    """The provider made no speech; says why in plain words.

    `permanent` means that another try would fail in the same way (a wrong key, no such model). `retry_after` is how
    many seconds the provider asked us to wait, if it did.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class VoiceGone(SpeechFailed):
    """The provider does not have this voice, or has it no more; another one may speak in its place."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class Voice(Protocol):
    """Makes speech of text. It takes seconds and may fail, so nobody is made to wait for it."""

    @property
    def model(self) -> str:
        """What it is called in the log."""

    @property
    def name(self) -> str:
        """Everything that makes the sound but text and language. Another name is another sound."""

    async def speak(self, text: str, language: Language) -> bytes:
        """Give the text as mu-law in whole frames, without silence around it.

        Raises `SpeechFailed`, and of these `VoiceGone` when there is no such voice.
        """
