"""What a call asks of a translator: one direction of one call, whatever provider stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bmv.errors import BmvError, ProviderError
from bmv.languages import Language
from bmv.metrics import Histogram


@dataclass(frozen=True)
class LanguagePair:
    """What is spoken and what shall be heard."""

    source: Language
    target: Language

    def __str__(self) -> str:
        return f"{self.source.tag}-{self.target.tag}"


@dataclass(frozen=True, slots=True)
class AudioTranslated:
    """Speech in the target language: G.711 mu-law, 8 kHz, any length, silence included.

    `received_at` is the loop time at which it reached us, for the measurement of what we add.
    """

    audio: bytes
    received_at: float


class CaptionKind(Enum):
    """Whose words a caption holds."""

    ORIGINAL = "original"  # what the speaker said
    TRANSLATION = "translation"  # what the listener is told


@dataclass(frozen=True, slots=True)
class Captioned:
    """A piece of text to append to the running line of its kind; the provider's own spaces included."""

    kind: CaptionKind
    text: str


TranslatorEvent = AudioTranslated | Captioned


class TranslatorLost(ProviderError):
    """The session with the provider is over before its time, or never came about; says why in plain words."""


class PairUnsupported(BmvError):
    """This translator cannot speak the target language."""


class Translator(Protocol):
    """One open session: it is fed what one party says and yields what the other shall hear."""

    def feed(self, frame: bytes) -> None:
        """Take the next 20 ms frame (160 bytes mu-law, silence too); never blocks and never raises."""

    def events(self) -> AsyncIterator[TranslatorEvent]:
        """What the translator says, in order; iterate once.

        Ends after `finish` when all is said. Raises `TranslatorLost` when the provider fails. Cancelling it loses
        nothing but the events not yet taken.
        """

    def finish(self) -> None:
        """No more frames will come: say what is still to be said, then end `events`. Idempotent."""


class TranslatorFactory(Protocol):
    """Opens sessions. One factory serves all calls of the process."""

    def open(self, pair: LanguagePair, uplink: Histogram) -> AbstractAsyncContextManager[Translator]:
        """A session that is configured and ready when entered, and closed (also at the provider) when left.

        `uplink` gets the seconds between the frame that completes a message and that message being sent.
        Raises `PairUnsupported` or `TranslatorLost` on entering.
        """

    @property
    def problem(self) -> str | None:
        """Why the last session could not be opened, in plain words; None while all is well or it is old news."""
