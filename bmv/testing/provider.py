"""What a translator promises besides that works through a provider, as tests."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

from bmv.audio.mulaw import SILENCE
from bmv.call.translator import TranslatorFactory, TranslatorLost
from bmv.metrics import Histogram
from bmv.testing.contract import TranslatorContract, snapshot
from bmv.testing.watching import Session, Stumbled, bounded, demand, happens

MOMENTS: Final = 16  # at which an opening is cancelled, spread over its time


class ProviderContract(TranslatorContract):
    """What a translator promises besides that works through somebody else, who may refuse, fail and send a bill."""

    def refusing(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        """A new factory whose provider refuses every session."""
        raise NotImplementedError("override refusing: a factory whose provider refuses every session")

    def losing(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        """A new factory whose provider breaks every session off before it has heard the whole of `speech`."""
        raise NotImplementedError("override losing: a factory whose provider breaks every session off")

    def open_sessions(self) -> int:
        """How many sessions are open at the provider of the last factory, as the provider sees it."""
        raise NotImplementedError("override open_sessions: how many sessions the provider counts")

    async def nothing_is_open(self, after: str) -> None:
        """Wait a moment for the provider to notice; fails if it does not."""
        closed = await happens(lambda: not self.open_sessions(), within=self.leaving)
        demand(closed, f"{after} the provider still counts open sessions: {self.open_sessions()}")

    @bounded
    async def test_a_refusal_is_told_in_plain_words(self) -> None:
        """By `TranslatorLost` on entering, and by `problem` from then on."""
        async with self.refusing() as factory:
            try:
                async with factory.open(self.pair, Histogram()):
                    pass
            except Exception as error:
                _check_loss(error)
            else:
                raise AssertionError("the provider refused, and a session was opened nevertheless")
            demand(bool(factory.problem), "after a refusal `problem` must tell why")

    @bounded
    async def test_a_loss_is_told_by_the_events(self) -> None:
        """By raising `TranslatorLost`; feeding, finishing and asking go on being harmless."""
        async with self.losing() as factory, self.session(factory) as session, session.listening() as listener:
            await session.speak(self.speech())
            try:
                await listener
            except Exception as error:
                _check_loss(error)
            else:
                raise AssertionError("events ended as if all had been said: a loss must raise TranslatorLost")
            await session.speak(self.speech())
            session.finish()
            snapshot(session)

    @bounded
    async def test_a_loss_after_finish_is_not_taken_for_the_end(self) -> None:
        """It raises as well: the provider has not heard everything, so not everything can be done with."""
        async with self.losing() as factory, self.session(factory) as session:
            for frame in self.speech():
                session.feed(frame)
            session.finish()
            try:
                await session.listen()
            except Exception as error:
                _check_loss(error)
            else:
                raise AssertionError(f"events ended as if all had been said, {session.processed} frames processed")

    @bounded
    async def test_leaving_closes_the_session_at_the_provider(self) -> None:
        """After the end, in the middle and by an error; an open session goes on costing."""
        async with self.factory() as factory:
            await self.whole(factory, self.speech())
            await self.nothing_is_open("after an orderly end")
            async with self.session(factory) as session:
                demand(self.open_sessions() == 1, f"open_sessions gave {self.open_sessions()} for one open session")
                await session.speak(self.speech()[:25])
            await self.nothing_is_open("after leaving in the middle of a sentence")
            with suppress(Stumbled):
                async with self.session(factory):
                    raise Stumbled
            await self.nothing_is_open("after an error inside the session")

    @bounded
    async def test_an_opening_that_is_cancelled_leaves_nothing_open(self) -> None:
        """The caller hangs up while the session is being opened, at whatever moment."""
        async with self.factory() as factory:
            clock = asyncio.get_running_loop().time
            began = clock()
            await self.whole(factory, [SILENCE])
            took = clock() - began
            for part in range(MOMENTS):
                opening = asyncio.create_task(self.whole(factory, [SILENCE]))
                moment = clock() + took * part / MOMENTS
                while clock() < moment and not opening.done():  # noqa: ASYNC110 - finer than the sleep of an event
                    await asyncio.sleep(0)
                opening.cancel()
                await asyncio.wait([opening], timeout=self.leaving)
                demand(opening.done(), "a cancelled opening does not come to an end")
                with suppress(asyncio.CancelledError):
                    opening.result()
                await self.nothing_is_open("after a cancelled opening")

    @bounded
    async def test_the_way_to_the_provider_is_measured(self) -> None:
        """In the histogram that `open` is given: from the frame that completes a message until it is sent."""
        uplink = Histogram()
        async with self.factory() as factory, factory.open(self.pair, uplink) as translator:
            session = Session(translator, self.pace, telling=self.telling)
            async with session.listening() as listener:
                await session.speak(self.speech())
                translator.finish()
                await listener
        demand(uplink.count > 0, "nothing was added to the uplink histogram: add the seconds of each message sent")


def _check_loss(error: Exception) -> None:
    if not isinstance(error, TranslatorLost):
        raise AssertionError(
            f"what the provider does must come out as TranslatorLost, and came as {error!r}"
        ) from error
    demand(bool(str(error).strip()), "TranslatorLost must say why, in plain words")
    demand(isinstance(error.permanent, bool), f"permanent is true or false, not {error.permanent!r}")
    demand(error.retry_after is None or error.retry_after >= 0, f"retry_after was {error.retry_after!r}")
