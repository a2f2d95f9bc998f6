"""Translators for the tests of the contract: many that each break one promise, and keep the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from honest_translator import Honest, HonestFactory

from bmv.audio.mulaw import SILENCE
from bmv.call.translator import AudioTranslated, Captioned, CaptionKind, LanguagePair, Processed, TranslatorLost
from bmv.call.usage import Usage
from bmv.languages import Language
from bmv.metrics import Histogram
from bmv.testing import a_voice

# -- sessions that break a promise ----------------------------------------------------------------------------------


class Mute(Honest):
    def give(self, frame: bytes) -> None:
        super().give(SILENCE)


class TellsTheTimeOfDay(Honest):
    def give(self, frame: bytes) -> None:
        self.queue.put_nowait(AudioTranslated(frame, time.time()))
        self.queue.put_nowait(Processed(self.fed))


class SaysSomethingElse(Honest):
    def give(self, frame: bytes) -> None:
        super().give(frame)
        self.queue.put_nowait("hello")


class GivesAnArray(Honest):
    def give(self, frame: bytes) -> None:
        super().give(bytearray(frame))  # type: ignore[arg-type]


class CaptionsWithoutText(Honest):
    def give(self, frame: bytes) -> None:
        super().give(frame)
        self.queue.put_nowait(Captioned(CaptionKind.ORIGINAL, None))  # type: ignore[arg-type]


class CountsFromTheLastEvent(Honest):
    def give(self, frame: bytes) -> None:
        super().give(frame)
        self.queue.put_nowait(Processed(1))


class RunsAhead(Honest):
    def give(self, frame: bytes) -> None:
        super().give(frame)
        self.queue.put_nowait(Processed(self.fed + 10**6))


class ForgetsTheLastFrame(Honest):
    def give(self, frame: bytes) -> None:
        self.queue.put_nowait(AudioTranslated(frame, asyncio.get_running_loop().time()))
        self.queue.put_nowait(Processed(self.fed - 1))


class Interrupts(Honest):
    hear: Any = None

    async def tell(self, hear: Any) -> None:
        self.hear = hear
        async for event in self.events():
            hear(event)

    def give(self, frame: bytes) -> None:
        super().give(frame)
        if self.hear:
            self.hear(self.queue.get_nowait())


class AnswersAtTheEnd(Honest):
    def give(self, frame: bytes) -> None:
        pass

    def finish(self) -> None:
        self.queue.put_nowait(Processed(self.fed))
        super().finish()


class Sleeps(Honest):
    def feed(self, sound: bytes, *, voiced: bool) -> None:
        time.sleep(0.021)
        super().feed(sound, voiced=voiced)


class TakesSeveralForOne(Honest):
    def feed(self, sound: bytes, *, voiced: bool) -> None:
        self.feed_one(sound)


class TakesMoreAfterTheEnd(Honest):
    def finish(self) -> None:
        asyncio.get_running_loop().call_later(0.01, self.queue.put_nowait, None)


class CountsAfterTheEnd(Honest):
    def feed(self, sound: bytes, *, voiced: bool) -> None:
        self.fed += self.finished
        super().feed(sound, voiced=voiced)


class RaisesAfterTheEnd(Honest):
    def feed(self, sound: bytes, *, voiced: bool) -> None:
        if self.finished:
            raise ConnectionError("it is closed")
        super().feed(sound, voiced=voiced)


class NeverEnds(Honest):
    def finish(self) -> None:
        self.finished = True


class Greets(Honest):
    def __init__(self, uplink: Histogram, loses_at: int | None) -> None:
        super().__init__(uplink, loses_at)
        self.queue.put_nowait(AudioTranslated(a_voice(0.5)[10], asyncio.get_running_loop().time()))


class BeginsByItself(Honest):
    def __init__(self, uplink: Histogram, loses_at: int | None) -> None:
        super().__init__(uplink, loses_at)
        self.queue.put_nowait(Processed(1))


class WillNotBeCancelled(Honest):
    async def events(self) -> AsyncIterator[Any]:
        for _ in range(3):  # but in the end: this test has to end as well
            with suppress(asyncio.CancelledError):
                async for event in super().events():
                    yield event


class EndsWhenCancelled(Honest):
    async def events(self) -> AsyncIterator[Any]:
        try:
            async for event in super().events():
                yield event
        except asyncio.CancelledError:
            return


class SharesItsMemory(Honest):
    last = SILENCE

    def give(self, frame: bytes) -> None:
        super().give(type(self).last)
        type(self).last = frame


class LiveUsage(Honest):
    @property
    def usage(self) -> Usage:
        self.amounts: dict[str, float] = getattr(self, "amounts", {})
        self.amounts["frames"] = float(self.fed)
        return Usage(self.amounts)


class ShrinkingUsage(Honest):
    @property
    def usage(self) -> Usage:
        return Usage({"frames": 1000.0 - self.fed})


class NegativeUsage(Honest):
    @property
    def usage(self) -> Usage:
        return Usage({"frames": 0.0}, usd=-1.0)


class NoUsage(Honest):
    @property
    def usage(self) -> Any:
        return None


class LeavesATask(Honest):
    forgotten: asyncio.Task[None]

    def __init__(self, uplink: Histogram, loses_at: int | None) -> None:
        super().__init__(uplink, loses_at)
        type(self).forgotten = asyncio.create_task(asyncio.sleep(60))


class EndsAsIfAllWereSaid(Honest):
    async def events(self) -> AsyncIterator[Any]:
        while (event := await self.queue.get()) is not None and not isinstance(event, Exception):
            yield event


class ClaimsThatAllIsSaid(EndsAsIfAllWereSaid):
    async def events(self) -> AsyncIterator[Any]:
        async for event in super().events():
            yield event
        yield Processed(self.fed)


class RaisesWhateverComes(Honest):
    async def events(self) -> AsyncIterator[Any]:
        try:
            async for event in super().events():
                yield event
        except TranslatorLost:
            raise ConnectionResetError("104") from None


class LosesInItsOwnWay(Honest):
    lost = TranslatorLost("")

    async def events(self) -> AsyncIterator[Any]:
        try:
            async for event in super().events():
                yield event
        except TranslatorLost:
            raise self.lost from None


class LosesWithoutAWord(LosesInItsOwnWay):
    lost = TranslatorLost(" ")


class IsLostPerhaps(LosesInItsOwnWay):
    lost = TranslatorLost("gone", permanent=None)  # type: ignore[arg-type]


class WantsToBeTriedEarlier(LosesInItsOwnWay):
    lost = TranslatorLost("gone", retry_after=-1.0)


class MeasuresNothing(Honest):
    def __init__(self, uplink: Histogram, loses_at: int | None) -> None:
        super().__init__(Histogram(), loses_at)


# -- factories that break a promise ---------------------------------------------------------------------------------


class AlwaysComplains(HonestFactory):
    def __init__(self, mood: str = "well") -> None:
        super().__init__(mood)
        self.problem = "it is Monday"


class NeverComplains(HonestFactory):
    def refuse(self) -> None:
        raise TranslatorLost("no")


class RefusesInItsOwnWords(HonestFactory):
    def refuse(self) -> None:
        raise PermissionError(401)


class OpensNevertheless(HonestFactory):
    def refuse(self) -> None:
        self.problem = "refused"


class SpeaksPerhaps(HonestFactory):
    def can_speak(self, language: Language) -> Any:
        return language.tag == "en" or None


class CannotSpeak(HonestFactory):
    def can_speak(self, language: Language) -> Any:
        return False


class LeavesSlowly(HonestFactory):
    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        async with super().open(pair, uplink) as session:
            yield session
        await asyncio.sleep(0.3)


class ClosesForGood(HonestFactory):
    translator = RaisesAfterTheEnd

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        async with super().open(pair, uplink) as session:
            yield session
        session.finish()


class WrapsErrors(HonestFactory):
    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        async with super().open(pair, uplink) as session, asyncio.TaskGroup():
            yield session


class ForgetsWhenItFails(HonestFactory):
    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        self.sessions += 1
        yield self.translator(uplink, None)
        self.sessions -= 1


class ForgetsWhenItIsCancelled(HonestFactory):
    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        self.sessions += 1
        await asyncio.sleep(0.001)
        try:
            yield self.translator(uplink, None)
        finally:
            self.sessions -= 1


class OpensForEver(HonestFactory):
    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            await asyncio.sleep(60)
        yield self.translator(uplink, None)


class CountsWrong(HonestFactory):
    """It is the test's own count that is wrong here."""

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Any]:
        yield self.translator(uplink, None)
