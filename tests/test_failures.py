"""Whole calls in which the translation fails, over real sockets: what each party heard, and what the log says of it.

The translator of these tests turns every sample's sign round. So a translation is told from the original by its sound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from house import House, house
from listening import listen, voiced_seconds
from notices import SECONDS, notice

from bmv.audio import mulaw
from bmv.audio.levels import mix, scale
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import EchoBrain, EchoTurns, Ending, Fault, Part, Piece, Refusal, ResponseFault, Said
from bmv.simulator.twilio import Party

LONG = voices.speak("Muchas gracias por su ayuda, señora. Mañana por la mañana voy a llamar otra vez.", "es")
SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")
ENGLISH = voices.speak("Your parcel arrives on Friday.", "en")
LOST, BACK = notice(Sentence.TRANSLATION_LOST, "en"), notice(Sentence.TRANSLATION_BACK, "en")
DOWN = Fault(refuse=Refusal.of(500))
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


def heard_whole(heard: bytes, said: bytes) -> bool:
    """All of it, in order; a piece may have come twice."""
    return listen(heard, said).share >= 0.6


@pytest.mark.parametrize(
    "fault",
    [
        Fault(reset_after=1.5),
        Fault(end=Ending(after=1.5)),
        Fault(garbage="{this is no JSON"),
    ],
    ids=["the connection is cut", "the session expires", "garbage is sent"],
)
async def test_a_session_lost_in_mid_sentence_is_followed_by_another_and_no_word_is_missing(fault: Fault) -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(fault, times=2)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(alex.heard, translated(LONG))
    assert not heard_whole(alex.heard, LOST), "two seconds are no reason to alarm anybody"
    assert len(home.openai.sessions) == 4
    line = ending(log)
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert line["caller"]["speech_seconds"]["replayed"] > 0
    assert line["caller"]["sessions"] == 2
    for lost in events(log, "translator_lost"):
        assert lost["tries_again"]


async def test_while_there_is_no_session_the_original_is_heard_with_a_notice_and_then_the_translation_again() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(reset_after=1.0), times=2)
        home.openai.fail_next(DOWN, times=8)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await home.openai.until(lambda: len(home.openai.sessions) == 4, seconds=30)
            await alex.hears_quiet(1.0, timeout=15)
            away = len(alex.heard)
            maria.say(SPANISH)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
    before, after = alex.heard[:away], alex.heard[away:]
    assert heard_whole(before, LOST)
    assert heard_whole(before, LONG)
    assert listen(before, LOST).last < listen(before, LONG).last
    assert heard_whole(after, BACK)
    assert heard_whole(after, translated(SPANISH))
    assert listen(after, BACK).last < listen(after, translated(SPANISH)).last
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0
    assert len(events(log, "original_passed_through")) == 2  # one for each direction


async def test_a_failure_that_no_try_can_mend_gives_the_original_at_once_and_is_not_tried_again() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(end=Ending.quota(after=1.0)), times=2)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
            alex.say(ENGLISH)
            await alex.done_speaking(timeout=15)
            await maria.hears_quiet(1.0, timeout=15)
    assert heard_whole(alex.heard, LOST)
    assert heard_whole(alex.heard, LONG)
    assert heard_whole(maria.heard, ENGLISH)
    assert home.openai.connections == 2
    assert not heard_whole(alex.heard, BACK)
    line = ending(log)
    assert line["caller"]["speech_seconds"]["passed_through"] > 0
    assert line["caller"]["speech_seconds"]["lost"] == 0


async def test_a_session_that_takes_speech_and_is_silent_is_replaced_and_the_words_are_translated() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(silent_after=0.4), times=2)
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await home.openai.until(lambda: len(home.openai.sessions) == 3, seconds=20)
            await maria.done_speaking(timeout=15)
            await alex.hears_speech(timeout=10)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(alex.heard, translated(SPANISH))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert line["caller"]["sessions"] == 2
    assert line["agent"]["sessions"] == 1, "nobody spoke there"


async def test_who_speaks_the_listeners_language_already_is_heard_as_he_is_and_no_session_is_replaced() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(voiceless=True), times=2)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_speech(timeout=10)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(alex.heard, LONG)
    assert not heard_whole(alex.heard, LOST)
    assert len(home.openai.sessions) == 2
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


async def test_the_failure_of_one_direction_is_not_noticed_in_the_other() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(end=Ending.quota(after=1.0)), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            alex.say(ENGLISH)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(maria.heard, translated(ENGLISH))
    assert heard_whole(alex.heard, LONG)
    line = ending(log)
    assert line["agent"]["sessions"] == 1
    assert line["agent"]["speech_seconds"]["passed_through"] == 0


async def test_a_session_is_renewed_before_its_time_is_over_and_nobody_notices() -> None:
    words = [voices.speak(text, "es") for text in ("Buenos días.", "Sí, señora.", "De acuerdo.", "Muy bien.")]
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(expires_in=18.0), times=2)
        async with conversation(home) as (maria, alex):
            while len(events(log, "translator_renewed")) < 2 or words:
                maria.say(words.pop(0) if words else SPANISH)
                await maria.done_speaking(timeout=15)
                await alex.hears_quiet(1.2, timeout=15)
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(1.2, timeout=15)
    assert heard_whole(alex.heard, translated(LONG))
    assert voiced_seconds(alex.heard) < 1.05 * voiced_seconds(maria.said) + 0.5, "nothing comes twice"
    assert voiced_seconds(alex.heard) > 0.95 * voiced_seconds(maria.said) - 0.5, "and nothing is missing"
    assert not heard_whole(alex.heard, LOST)
    assert events(log, "translator_renewed")
    assert not events(log, "translator_lost")
    assert len(home.openai.sessions) == 4
    line = ending(log)
    assert line["caller"]["speech_seconds"]["replayed"] == 0
    assert line["caller"]["speech_seconds"]["lost"] == 0


# -- sentence by sentence


async def test_whoever_goes_on_talking_while_his_last_sentence_is_interpreted_loses_nothing() -> None:
    async with (
        logged() as log,
        house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home,
        conversation(home) as (maria, alex),
    ):
        for sentence in (SPANISH, LONG):
            maria.say(sentence + b"\xff" * mulaw.SAMPLE_RATE)
        await maria.done_speaking(timeout=20)
        await alex.hears_quiet(3.0, timeout=20)
        alex.say(ENGLISH)
        await maria.hears_speech(timeout=10)
        await maria.hears_quiet(2.0, timeout=15)
    first = listen(alex.heard, translated(SPANISH))
    assert first.share >= 0.6
    assert heard_whole(alex.heard[round(first.last * mulaw.SAMPLE_RATE) :], translated(LONG))
    assert heard_whole(maria.heard, translated(ENGLISH))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert line["caller"]["speech_seconds"]["passed_through"] == 0
    assert line["caller"]["used"]["usd"] > 0


async def test_a_sentence_that_fails_twice_is_heard_as_it_was_said_and_the_next_one_is_interpreted() -> None:
    async with logged() as log, house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home:
        failed = ResponseFault.failed()
        home.openai.fail_next(Fault(responses=(failed, failed)), language="en")
        async with conversation(home) as (maria, alex):
            for sentence in (SPANISH, LONG):
                maria.say(sentence + b"\xff" * 2 * mulaw.SAMPLE_RATE)
            await maria.done_speaking(timeout=20)
            await alex.hears_quiet(3.0, timeout=20)
    first = listen(alex.heard, SPANISH)
    assert first.share >= 0.6
    assert heard_whole(alex.heard[round(first.last * mulaw.SAMPLE_RATE) :], translated(LONG))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["passed_through"] > 1.0
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert not events(log, "translator_lost")


@pytest.mark.parametrize("fault", [Fault(reset_after=2.0), Fault(reset_after_output=0.5), Fault(silent_after=1.0)])
async def test_a_turn_based_session_that_is_lost_is_followed_by_another_and_no_word_is_missing(fault: Fault) -> None:
    async with logged() as log, house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home:
        home.openai.fail_next(fault, language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=20)
            await alex.hears_speech(timeout=20)
            await alex.hears_quiet(3.0, timeout=20)
    assert heard_whole(alex.heard, translated(SPANISH))
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


async def test_the_other_kind_of_translator_takes_over_when_the_first_is_refused_for_good() -> None:
    async with (
        logged() as log,
        house(brain=Mirror, turns=MirrorTurns, TRANSLATOR_FALLBACK="openai-interpreter") as home,
    ):
        home.openai.fail_next(Fault(end=Ending.quota(after=0.4)), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=20)
            await alex.hears_speech(timeout=20)
            await alex.hears_quiet(3.0, timeout=20)
    assert heard_whole(alex.heard, translated(SPANISH))
    assert not heard_whole(alex.heard, LOST)
    assert len(home.openai.conversations) == 1
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


# -- echo


class OnALoudspeaker(Party):
    """Somebody whose telephone hears what it plays, later and more quietly."""

    DELAY_FRAMES, LEVEL_DB = 12, -14.0

    def speak(self) -> bytes:
        end = len(self.heard) - self.DELAY_FRAMES * mulaw.FRAME_BYTES
        frame = super().speak()
        echo = self.heard[max(end - mulaw.FRAME_BYTES, 0) : max(end, 0)].rjust(mulaw.FRAME_BYTES, b"\xff")
        return mix(frame, scale(echo, self.LEVEL_DB))


async def test_a_translation_that_comes_back_out_of_a_loudspeaker_is_not_translated_again() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        maria, call = await home.calls()
        reservation = await home.twilio.next_reservation(timeout=5)
        alex = OnALoudspeaker("Alex")
        await reservation.accept(party=alex, beep=False)
        maria.say(LONG)
        await maria.done_speaking(timeout=15)
        await alex.hears_quiet(2.0, timeout=15)
        await asyncio.sleep(1.0)
        alex.say(ENGLISH)
        await alex.done_speaking(timeout=15)
        await maria.hears_quiet(2.0, timeout=15)
        await call.hang_up()
        await home.empty()
    assert heard_whole(alex.heard, translated(LONG))
    assert listen(maria.heard, LONG).share < 0.3  # turned round twice it would be her own words
    assert voiced_seconds(maria.heard[mulaw.SAMPLE_RATE * 2 :]) < voiced_seconds(ENGLISH) + 2 * SECONDS
    assert heard_whole(maria.heard, translated(ENGLISH))
    assert ending(log)["agent"]["echo_suppressed_ms"] > 1000
