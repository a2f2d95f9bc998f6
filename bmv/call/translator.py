"""What a call asks of a translator: one direction of one call, whatever provider stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bmv.call.usage import Usage
from bmv.errors import ProviderError
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


@dataclass(frozen=True, slots=True)
class Processed:
    """The session is done with the first `frames` of all frames it was fed, counted from its beginning.

    With `translated` false it has nothing to say for those that no earlier event covered (a turn failed, or the speaker
    uses the target language already): the listener is given their original instead. Until a frame is processed it is
    kept, to be fed again to the next session should this one be lost.
    """

    frames: int
    translated: bool = True


@dataclass(frozen=True, slots=True)
class Alive:
    """The session works and has nothing to say yet. Every other event is a sign of life as well."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """The provider will soon end this session by its own rules: another one should take over at the next pause."""


TranslatorEvent = AudioTranslated | Captioned | Processed | Alive | Expiring

Hear = Callable[[TranslatorEvent], None]
"""Is given each event as it comes; never raises, and never waits."""


class TranslatorLost(ProviderError):
    """The session with the provider is over before its time, or never came about; says why in plain words.

    `permanent` means that another try would fail in the same way (a wrong key, no credit, no such model).
    `retry_after` is how many seconds the provider asked us to wait, if it did.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class Translator(Protocol):
    """One open session: it is fed what one party says and yields what the other shall hear."""

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        """Take the next frames of 20 ms (160 bytes mu-law each, silence too); never blocks and never raises.

        Mostly they are one or five, which came together. `voiced` tells whether somebody is talking in them, in all or
        in none, as our own voice detector hears it.
        """

    def events(self) -> AsyncIterator[TranslatorEvent]:
        """What the translator says, in order; iterate once.

        Ends after `finish` when all is said. Raises `TranslatorLost` when the provider fails. Cancelling it loses
        nothing but the events not yet taken.
        """

    def finish(self) -> None:
        """No more frames will come: say what is still to be said, then end `events`. Idempotent."""

    @property
    def usage(self) -> Usage:
        """What this session has used so far, and what that costs."""


class Telling(Protocol):
    """What a translator may have besides: a way for its events on which no task is woken for each of them."""

    async def tell(self, hear: Hear) -> None:
        """Hand to `hear` what `events` would give, in order; comes back where that ends, and raises what that raises.

        Called once, and then in the place of `events`. `hear` may be called outside of any task, but never from within
        `feed`, `finish` or `usage`, and not any more once this is over, by itself or by being cancelled.
        """


class TranslatorFactory(Protocol):
    """Opens sessions. One factory serves all calls of the process."""

    def open(self, pair: LanguagePair, uplink: Histogram) -> AbstractAsyncContextManager[Translator]:
        """A session that is configured and ready when entered, and closed (also at the provider) when left.

        `uplink` gets the seconds between the frame that completes a message and that message being sent.
        Raises `TranslatorLost` on entering.
        """

    def can_speak(self, language: Language) -> bool:
        """Whether this translator can translate into a language."""

    @property
    def problem(self) -> str | None:
        """Why the last session could not be opened, in plain words; None while all is well or it is old news."""
