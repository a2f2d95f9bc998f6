"""A translator that turns every sample's sign round, and what the tests of failures share.

So a translation is told from the original by its sound.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from house import House
from notices import notice

from bmv.audio import mulaw
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import EchoBrain, EchoTurns, Part, Piece, Said
from bmv.simulator.twilio import Party

LONG = voices.speak("Muchas gracias por su ayuda, señora. Mañana por la mañana voy a llamar otra vez.", "es")
SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")
ENGLISH = voices.speak("Your parcel arrives on Friday.", "en")
LOST, BACK = notice(Sentence.TRANSLATION_LOST, "en"), notice(Sentence.TRANSLATION_BACK, "en")
WORDS_LOST = notice(Sentence.WORDS_LOST, "en")
Log = list[MutableMapping[str, Any]]


class Mirror(EchoBrain):
    """Says what it hears, turned upside down, as far behind as the real one is when it is quick."""

    def __init__(self) -> None:
        super().__init__(delay_seconds=0.8)

    def hear(self, frame: mulaw.Samples) -> Said:
        return _turned(super().hear(frame))

    def finish(self) -> Said:
        return _turned(super().finish())


def _turned(said: Said) -> Said:
    return Said(pieces=tuple(Piece(-piece.audio) for piece in said.pieces), goes_on=said.goes_on)


class MirrorTurns(EchoTurns):
    """The same, sentence by sentence."""

    def answer(self, utterances: tuple[mulaw.Samples, ...], _instructions: str, /) -> list[Part]:
        return [Part(-utterance) for utterance in utterances[-1:]]


def translated(original: bytes) -> bytes:
    """What the mirror makes of it."""
    return bytes(code ^ 0x80 for code in original)


@asynccontextmanager
async def logged() -> AsyncIterator[Log]:
    with structlog.testing.capture_logs() as log:
        yield log


def ending(log: Log) -> MutableMapping[str, Any]:
    """The last line of the call."""
    (line,) = [line for line in log if line["event"] == "call_ended"]
    for role in ("caller", "agent"):
        speech = line[role]["speech_seconds"]
        parts = ("translated", "passed_through", "not_translatable", "lost")
        assert sum(speech[part] for part in parts) == pytest.approx(speech["heard"], abs=0.03), speech
    return line


def events(log: Log, name: str) -> Log:
    return [line for line in log if line["event"] == name]


@asynccontextmanager
async def conversation(home: House) -> AsyncIterator[tuple[Party, Party]]:
    """Maria and Alex are on the line; in the end she hangs up."""
    maria, call = await home.calls()
    alex, _ = await home.accepts()
    yield maria, alex
    await call.hang_up()
    await home.empty()
