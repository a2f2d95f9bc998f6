"""What the tests of failures share. The translator turns every sample's sign round (`Mirror`), as in the soak."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from house import House
from notices import notice

from bmv.commands.soak.overheard import Mirror, MirrorTurns, translated
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.twilio import Party

LONG = voices.speak("Muchas gracias por su ayuda, señora. Mañana por la mañana voy a llamar otra vez.", "es")
SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")
ENGLISH = voices.speak("Your parcel arrives on Friday.", "en")
LOST, BACK = notice(Sentence.TRANSLATION_LOST, "en"), notice(Sentence.TRANSLATION_BACK, "en")
WORDS_LOST = notice(Sentence.WORDS_LOST, "en")
__all__ = ["Mirror", "MirrorTurns", "translated"]
Log = list[MutableMapping[str, Any]]


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
