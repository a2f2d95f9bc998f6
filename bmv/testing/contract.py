"""What every translator promises, as tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import isfinite

from bmv.audio.levels import is_silent
from bmv.audio.mulaw import FRAME_SECONDS, SAMPLE_RATE, SILENCE
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    CaptionKind,
    LanguagePair,
    Processed,
    TranslatorEvent,
    TranslatorFactory,
)
from bmv.call.usage import Usage
from bmv.languages import LANGUAGES, get
from bmv.metrics import Histogram
from bmv.testing.watching import Session, Stumbled, a_voice, bounded, demand, happens


class TranslatorContract:
    """What every translator promises. Override `factory`, and what else does not fit yours."""

    pair: LanguagePair = LanguagePair(get("es"), get("en"))
    patience: float = 15.0
    """Seconds of real time for one test."""
    pace: float = 0.0
    """Seconds between two frames: 0.02 where the translator needs real time, 0 where it does not."""
    telling: bool = False
    """Whether to have the events by `tell`, for a translator that has it (`bmv.call.translator.Telling`)."""
    leaving: float = 5.0
    """Seconds that closing a session may take; a closing handshake takes a real translator one."""
    sign_of_life: float = 4.0
    """Seconds of voice without any event after which the bridge takes a session for dead."""
    settling: float = 12.0
    """Seconds of silence after speech, by the end of which all of that speech must be processed."""

    def factory(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        """A new factory, with everything running that it needs; `@asynccontextmanager` makes it of a generator."""
        raise NotImplementedError("override factory: it says how your translator is made")

    def speech(self) -> Sequence[bytes]:
        """Frames that this translator answers with sound, about two seconds; real speech if it must be."""
        return a_voice()

    def check_heard(self, heard: bytes, said: bytes) -> None:
        """Compare what came back (mu-law) with what was said: override it with all you know about the right answer.

        If your translator, or the fake provider behind it, gives back what it hears, ask `bmv.audio.listening.listen`
        for completeness and order.
        """
        demand(not is_silent(heard), f"{len(said) / SAMPLE_RATE:.1f} s of speech were answered with silence only")

    @asynccontextmanager
    async def session(self, factory: TranslatorFactory) -> AsyncIterator[Session]:
        """Open a session; fails if leaving it takes long."""
        clock = asyncio.get_running_loop().time
        async with factory.open(self.pair, Histogram()) as translator:
            try:
                yield Session(translator, self.pace, telling=self.telling)
            finally:
                left_at = clock()
        took = clock() - left_at
        demand(took < self.leaving, f"leaving a session took {took:.1f} s: nobody waits for a call that is over")

    async def whole(self, factory: TranslatorFactory, speech: Sequence[bytes]) -> Session:
        """Hold a session from beginning to end: everything is fed, `finish` is called, the events are taken."""
        async with self.session(factory) as session, session.listening() as listener:
            await session.speak(speech)
            session.finish()
            await listener
        return session

    # -- what is said

    @bounded
    async def test_speech_is_answered_with_speech_in_order(self) -> None:
        """And all is well then: there is no problem to tell."""
        speech = self.speech()
        async with self.factory() as factory:
            session = await self.whole(factory, speech)
            self.check_heard(session.heard, b"".join(speech))
            demand(factory.problem is None, f"after a good session there is still a problem: {factory.problem}")

    @bounded
    async def test_every_event_is_well_formed(self) -> None:
        """Of one of the five kinds, with what its docstring promises."""
        async with self.factory() as factory:
            session = await self.whole(factory, self.speech())
        since = session.opened_at
        for seen in session.seen:
            demand(isinstance(seen.event, TranslatorEvent), f"{seen.event!r} is no event of a translator")
            match seen.event:
                case AudioTranslated(audio, received_at):
                    demand(isinstance(audio, bytes), f"audio is mu-law in bytes, not {type(audio).__name__}")
                    demand(
                        since <= received_at <= seen.at,
                        f"received_at was {received_at}, the event came between {since} and {seen.at} of the loop's"
                        " time: use asyncio.get_running_loop().time(), at the moment the audio came in",
                    )
                    since = received_at
                case Captioned(kind, text):
                    demand(isinstance(kind, CaptionKind) and isinstance(text, str), f"{seen.event!r} is no caption")

    # -- what is processed

    @bounded
    async def test_processed_counts_frames_that_were_fed_and_never_goes_back(self) -> None:
        """It is the total since the session began, not the number since the last event."""
        async with self.factory() as factory:
            session = await self.whole(factory, self.speech())
        before = 0
        for seen in session.seen:
            if isinstance(seen.event, Processed):
                demand(seen.event.frames >= before, f"{seen.event} after one of {before} frames: it went back")
                demand(seen.event.frames <= seen.fed, f"{seen.event} after only {seen.fed} frames had been fed")
                before = seen.event.frames

    @bounded
    async def test_when_the_events_end_every_frame_is_processed(self) -> None:
        """The pause after the last word as well: what is not processed counts as lost."""
        async with self.factory() as factory:
            session = await self.whole(factory, [*self.speech(), *[SILENCE] * 25])
        done = session.processed
        demand(done == session.fed, f"events ended with {done} of {session.fed} frames processed")

    @bounded
    async def test_speech_is_processed_while_the_session_goes_on(self) -> None:
        """The bridge keeps every frame until then, for a session to come, so the last word must not be the first."""
        speech = self.speech()
        async with self.factory() as factory, self.session(factory) as session, session.listening() as listener:
            await session.speak([*speech, *[SILENCE] * round(self.settling / FRAME_SECONDS)])
            await happens(lambda: session.processed >= len(speech) or listener.done(), within=self.patience / 2)
            done = session.processed
            demand(
                done >= len(speech),
                f"{self.settling:g} s of silence after {len(speech)} frames of speech only {done} were processed",
            )

    @bounded
    async def test_it_shows_signs_of_life_while_somebody_speaks(self) -> None:
        """Voice in and nothing out is how a dead session looks. `Alive` is enough."""
        async with self.factory() as factory, self.session(factory) as session, session.listening() as listener:
            await session.speak(self.speech())
            await happens(lambda: session.seen or listener.done(), within=self.sign_of_life)
            demand(bool(session.seen), f"voice was fed and no event of any kind came for {self.sign_of_life:g} s")

    # -- feeding, finishing, leaving

    @bounded
    async def test_feeding_does_not_wait_for_anything(self) -> None:
        """It is called 50 times a second for every direction of every call, whether or not anybody takes events."""
        speech = list(self.speech())
        clock = asyncio.get_running_loop().time
        async with self.factory() as factory, self.session(factory) as session:
            began = clock()
            for frame in speech:
                session.feed(frame)
            took = clock() - began
        lasts = len(speech) * FRAME_SECONDS
        demand(took < lasts, f"feeding {lasts:.1f} s of audio took {took:.1f} s: feed must only note and return")

    @bounded
    async def test_frames_may_come_several_at_once(self) -> None:
        """Each of them counts: `sound` has 160 bytes for every one."""
        speech = b"".join(self.speech())
        bunch = 5 * len(SILENCE)
        async with self.factory() as factory:
            session = await self.whole(factory, [speech[at : at + bunch] for at in range(0, len(speech), bunch)])
        self.check_heard(session.heard, speech)
        done = session.processed
        demand(done == session.fed, f"of {session.fed} frames that came five at a time {done} were processed")

    @bounded
    async def test_nothing_is_told_from_within_feed_or_finish(self) -> None:
        """The bridge is in the middle of a frame then. Events that are waited for cannot do that; `tell` can."""
        async with self.factory() as factory:
            session = await self.whole(factory, self.speech())
        demand(not session.interrupted, "hear was called from within feed or finish: let the loop call it soon after")

    @bounded
    async def test_after_finish_nothing_more_is_taken(self) -> None:
        """Neither counted nor an error; and a second `finish` does nothing."""
        speech = self.speech()
        async with self.factory() as factory, self.session(factory) as session, session.listening() as listener:
            await session.speak(speech)
            session.finish()
            session.finish()
            session.feed(SILENCE)
            await listener
            used = dict(session.translator.usage.amounts)
            await session.speak(speech)
            session.finish()
            counted = dict(session.translator.usage.amounts)
        done = session.processed
        demand(done == len(speech), f"{done} frames were processed, {len(speech)} were fed before finish")
        demand(used == counted, f"frames that came after the end were counted: usage {used} became {counted}")

    @bounded
    async def test_a_session_that_was_told_nothing_ends_and_says_nothing(self) -> None:
        """An interpreter does not begin to speak by itself."""
        async with self.factory() as factory:
            session = await self.whole(factory, [])
        demand(is_silent(session.heard), f"{len(session.heard)} bytes of speech came, though nobody had spoken")
        demand(not session.processed, f"{session.processed} frames were processed, and none had been fed")

    @bounded
    async def test_a_session_that_was_left_is_harmless(self) -> None:
        """A frame or a question may come a moment after the end."""
        async with self.factory() as factory:
            async with self.session(factory) as session:
                await session.speak(self.speech()[:10])
            session.feed(SILENCE)
            session.finish()
            demand(isinstance(session.translator.usage, Usage), "usage must be known after the session was left")

    @bounded
    async def test_cancelling_events_ends_them_at_once(self) -> None:
        """A call is over in the middle of a word; what was opened is closed by leaving."""
        async with self.factory() as factory, self.session(factory) as session, session.listening() as listener:
            await session.speak(self.speech())
            listener.cancel()
            await asyncio.wait([listener], timeout=self.leaving)
            demand(listener.cancelled(), "events must let CancelledError through and must not go on")

    @bounded
    async def test_an_error_inside_a_session_comes_out_as_it_is(self) -> None:
        """Not in an ExceptionGroup, as from a TaskGroup around `yield`: the bridge catches errors by their names."""
        async with self.factory() as factory:
            try:
                async with self.session(factory) as session:
                    session.feed(SILENCE)
                    raise Stumbled
            except Stumbled:
                pass
            except BaseExceptionGroup as group:
                raise AssertionError(f"the error came out inside of {group!r}") from group

    # -- beside and after one another

    @bounded
    async def test_two_sessions_at_once_do_not_mix(self) -> None:
        """Every call has two, and a process has many calls."""
        speech = self.speech()
        async with (
            self.factory() as factory,
            self.session(factory) as talking,
            self.session(factory) as quiet,
            talking.listening() as talk,
            quiet.listening() as silence,
        ):
            for frame in speech:
                quiet.feed(SILENCE)
                await talking.speak([frame])
            for session, end in ((talking, talk), (quiet, silence)):
                session.finish()
                await end
        demand(is_silent(quiet.heard), "a session that was fed silence said what another one was told")
        self.check_heard(talking.heard, b"".join(speech))

    @bounded
    async def test_a_new_session_takes_over_while_the_old_one_speaks_its_last(self) -> None:
        """Sessions are renewed during a call: the next is open before the old one is finished."""
        speech = self.speech()
        async with self.factory() as factory, self.session(factory) as old, old.listening() as rest:
            await old.speak(speech)
            new = await self.whole(factory, speech)
            old.finish()
            await rest
        for session in (old, new):
            self.check_heard(session.heard, b"".join(speech))

    # -- questions that may be asked at any time

    @bounded
    async def test_usage_is_known_at_any_time_and_only_grows(self) -> None:
        """Each answer is a snapshot: an earlier one does not change."""
        found: list[tuple[Usage, dict[str, float]]] = []
        async with self.factory() as factory:
            async with self.session(factory) as session, session.listening() as listener:
                found.append(snapshot(session))
                for frame in self.speech():
                    await session.speak([frame])
                    found.append(snapshot(session))
                session.finish()
                found.append(snapshot(session))
                await listener
                found.append(snapshot(session))
            found.append(snapshot(session))
        for (usage, then), (after, _) in zip(found, [*found[1:], found[-1]], strict=True):
            demand(dict(usage.amounts) == then, f"usage was {then} and turned into {usage.amounts}: give a new mapping")
            fair = all(isfinite(amount) and amount >= 0 for amount in (*then.values(), usage.usd or 0))
            demand(fair, f"usage must be of amounts from 0 up: {usage}")
            demand(all(after.amounts.get(unit, 0) >= then[unit] for unit in then), f"usage shrank: {usage}, {after}")

    @bounded
    async def test_it_says_which_languages_it_can_speak(self) -> None:
        """Asked before a session is opened: where the answer is no, another translator is taken."""
        async with self.factory() as factory:
            demand(factory.can_speak(self.pair.target) is True, f"it must be able to speak {self.pair.target.english}")
            for language in LANGUAGES.values():
                answer = factory.can_speak(language)
                demand(isinstance(answer, bool), f"can_speak({language.english}) gave {answer!r}, neither yes nor no")


def snapshot(session: Session) -> tuple[Usage, dict[str, float]]:
    """The usage as it is told now, and a copy of its amounts."""
    usage = session.translator.usage
    demand(isinstance(usage, Usage), f"usage must be a bmv.call.usage.Usage, not {usage!r}")
    return usage, dict(usage.amounts)
