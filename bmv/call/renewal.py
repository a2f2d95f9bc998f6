"""Longer than a session may last: the next one is opened before the provider ends this one, and takes over at a pause.

A decorator around any translator. The call sees a single session without an end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

import structlog

from bmv.audio.levels import is_silent
from bmv.audio.mulaw import FRAME_BYTES
from bmv.call.alongside import alongside
from bmv.call.telling import events_of, told
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    Expiring,
    Hear,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorFactory,
    TranslatorLost,
)
from bmv.call.usage import Usage
from bmv.languages import Language
from bmv.metrics import Histogram
from bmv.waiting import Event

log = structlog.get_logger()

PAUSE_FRAMES = 10  # 200 ms without voice are a pause, good enough to switch in
LONGEST_WAIT_FRAMES = 1500  # 30 s: who talks without a pause for that long is switched in the middle of a word
DRAIN_SECONDS = 10.0  # for the old session to say what is left; 3.8 to 5.6 s were measured, once more than 17
LONGEST_REST_SECONDS = 300.0  # between renewals, which are 50 minutes apart where no clock is wrong
MOST_UNHEARD_FRAMES = 6000  # 2 minutes, in 1 MB: far more than there is to say while the old session drains
RETRY_SECONDS = 20.0  # until the next try to open a successor; sessions announce their end minutes before

Sleep = Callable[[float], Awaitable[None]]


class _Session:
    """One session in a task of its own: it is opened, listened to and closed at other times than its neighbours."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[Translator] = asyncio.get_running_loop().create_future()
        self.translator: Translator
        """The open session, once it is open."""
        self.over = Event()
        """Nobody needs it any more: it is closed, which ends its events."""
        self.settled = Event()
        """Of an heir: it has taken over, or it ended before it could."""
        self.said_all = False
        """It ended in order: whatever it was fed is dealt with."""
        self.ahead: _Session | None = None
        """The one that is heard before it, as long as that has not said all."""
        self.fed = 0
        self._hear: Hear | None = None
        self._unheard: list[TranslatorEvent] = []
        """What it said while nobody listened."""
        self._unheard_frames = 0
        self._ended = Event()
        self._error: Exception | None = None

    async def live(self, factory: TranslatorFactory, pair: LanguagePair, uplink: Histogram) -> None:
        """Open the session, and keep it until it is over; whoever waits for `opened` gets what went wrong."""
        try:
            async with factory.open(pair, uplink) as translator:
                self.translator = translator
                if not self.opened.done():  # it is where nobody waits any more
                    self.opened.set_result(translator)
                async with alongside(self._listen(translator)):
                    await self.over.wait()
                self._ended.set()
        except Exception as error:
            if not self.opened.done():
                self.opened.set_exception(error)
            elif isinstance(error, TranslatorLost):  # by leaving it, and nobody needs it any more
                log.warning("translator_not_closed_in_order", error=str(error))
            else:
                raise

    async def tell(self, hear: Hear) -> None:
        """Hand over what it said and says, until it has said all, or is over; raises what its own events raised."""
        while self._unheard:
            hear(self._unheard.pop(0))
        self._hear = hear
        try:
            await self._ended.wait()
        finally:
            self._hear = None
        if self._error:
            raise self._error

    def show_life(self) -> None:
        """A session behind it, which is not listened to yet, is alive: so whoever waits for this one is told."""
        if self.ahead:
            self.ahead.show_life()
        else:
            self._say(Alive())

    def fail(self, error: Exception) -> None:
        """Have its events end with an error, after what is kept of them."""
        self._error = error
        self._ended.set()
        self.settled.set()

    async def _listen(self, translator: Translator) -> None:
        try:
            await told(translator, self._say)
            self.said_all = True
            self._ended.set()
            self.settled.set()
        except Exception as error:  # for whoever listens
            self.fail(error)

    def _say(self, event: TranslatorEvent) -> None:
        if self._hear:
            self._hear(event)
        elif not self._error:
            self._keep(event)

    def _keep(self, event: TranslatorEvent) -> None:
        """Nobody listens yet. What says too much meanwhile is lost, and is not listened to any further."""
        if not self.fed and _says_nothing(event):  # as an heir may for a whole hold, in which nobody is fed anything
            return
        self._unheard_frames += _frames(event)
        if self._unheard_frames > MOST_UNHEARD_FRAMES:
            self.fail(TranslatorLost("the new session said more than can be kept before its turn"))
            return
        self._unheard.append(event)
        if self.ahead:
            self.ahead.show_life()


def _says_nothing(event: TranslatorEvent) -> bool:
    """Whether it is filler or a mere sign of life: of a session that has not been fed yet, nobody needs to know."""
    match event:
        case AudioTranslated(audio, _):
            return is_silent(audio)
        case Alive():
            return True
        case _:
            return False


def _frames(event: TranslatorEvent) -> int:
    """How many frames of sound take as much memory; at least one, since what carries none takes some as well."""
    match event:
        case AudioTranslated(audio, _):
            return 1 + len(audio) // FRAME_BYTES
        case Captioned(_, text):
            return 1 + len(text) // FRAME_BYTES
        case _:
            return 1


class RenewedTranslator:
    """One session after the other, which look like one. Made by `Renewing.open`."""

    def __init__(self, live: Callable[[_Session], Coroutine[None, None, None]], sleep: Sleep) -> None:
        self._live = live
        self._sleep = sleep
        self._expiring = Event()
        self._sessions: list[_Session] = []  # in the order in which they are heard; the last one is fed
        self._heir: _Session | None = None  # open, and waiting for a pause
        self._finished = False
        self._renewals = 0
        self._dismissed = Usage()
        self._processed = 0  # frames of the sessions that were dismissed
        self._pause = 0  # frames
        self._waited = 0

    async def run(self, first: _Session) -> None:
        """Keep sessions until cancelled: one, and two while one takes over from the other.

        What goes wrong otherwise than by the provider's fault is raised, by `events` too.
        """
        self._sessions.append(first)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live(first))
                while True:
                    await self._expiring.wait()
                    self._expiring.clear()
                    await self._replace(tasks)
                    await self._rest()
        except ExceptionGroup as group:
            bug = group.exceptions[0]
            for session in self._sessions:
                session.fail(bug)
            raise bug from None

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        """See `Translator.feed`; at a pause the heir takes over, if there is one."""
        if self._finished:
            return
        frames = len(sound) // FRAME_BYTES
        self._pause = 0 if voiced else self._pause + frames
        if self._heir and not self._heir.settled.is_set():
            self._waited += frames
            if self._pause >= PAUSE_FRAMES or self._waited >= LONGEST_WAIT_FRAMES:
                self._hand_over(self._heir)
        session = self._sessions[-1]
        session.fed += frames
        session.translator.feed(sound, voiced=voiced)

    def finish(self) -> None:
        """See `Translator.finish`."""
        self._finished = True
        self._sessions[-1].translator.finish()

    def events(self) -> AsyncIterator[TranslatorEvent]:
        """See `Translator.events`, and `tell`."""
        return events_of(self.tell)

    async def tell(self, hear: Hear) -> None:
        """See `Telling.tell`: all of the old session, then the new one, so that the order is kept.

        What an old session was fed and does not come to say, because it is lost or takes too long, is reported as not
        translated: the new one is well, and shall not be lost with it.
        """
        while True:
            session = self._sessions[0]
            try:
                await session.tell(partial(self._pass_on, session, hear))
            except TranslatorLost as error:
                if session is self._sessions[-1]:
                    raise
                log.warning("translator_lost_while_draining", error=str(error))
            if session is self._sessions[-1]:
                return
            self._dismiss(session)
            hear(Processed(self._processed, translated=session.said_all))

    @property
    def usage(self) -> Usage:
        """See `Translator.usage`: of all sessions that were fed so far."""
        return sum((session.translator.usage for session in self._sessions), self._dismissed)

    def _pass_on(self, session: _Session, hear: Hear, event: TranslatorEvent) -> None:
        match event:
            case Processed(frames, translated) if self._processed:
                hear(Processed(self._processed + frames, translated))
            case Expiring():
                if session is self._sessions[-1] and not self._finished:
                    self._expiring.set()
                hear(Alive())
            case _:
                hear(event)

    async def _replace(self, tasks: asyncio.TaskGroup) -> None:
        """Have the session that is fed followed by another one; comes back when it is dismissed or tried in vain."""
        old, heir = self._sessions[-1], _Session()
        tasks.create_task(self._live(heir))
        try:
            await heir.opened
            await self._await_pause(heir)
        except TranslatorLost as error:
            await self._try_later(error)
            return
        await self._sleep(DRAIN_SECONDS)
        if old in self._sessions:
            log.warning("translator_drained_too_long", seconds=DRAIN_SECONDS)
            old.over.set()

    async def _rest(self) -> None:
        """The clock here may be so far ahead that every session seems to end at once: each opens more seldom then."""
        seconds = min(DRAIN_SECONDS * (2 ** max(0, self._renewals - 2) - 1), LONGEST_REST_SECONDS)
        if seconds:
            await self._sleep(seconds)

    async def _await_pause(self, heir: _Session) -> None:
        self._heir, self._waited = heir, 0
        await heir.settled.wait()
        if self._heir:
            self._heir = None
            heir.over.set()
            await heir.tell(lambda _: None)  # which raises what ended it
            raise TranslatorLost("the new session ended before it was needed")

    async def _try_later(self, error: TranslatorLost) -> None:
        log.warning("translator_not_renewed", error=str(error), tries_again=not error.permanent)
        if not error.permanent:
            await self._sleep(max(RETRY_SECONDS, error.retry_after or 0))
            self._expiring.set()

    def _hand_over(self, heir: _Session) -> None:
        log.info("translator_renewed")
        self._renewals += 1
        heir.ahead = self._sessions[-1]
        heir.ahead.translator.finish()
        self._sessions.append(heir)
        self._heir = None
        self._expiring.clear()  # the old one may have said so more than once
        heir.settled.set()

    def _dismiss(self, session: _Session) -> None:
        self._sessions.remove(session)
        self._sessions[0].ahead = None
        self._processed += session.fed
        self._dismissed += session.translator.usage
        session.over.set()


class Renewing:
    """A `TranslatorFactory` whose sessions do not expire, made of one whose sessions do."""

    def __init__(self, factory: TranslatorFactory, *, sleep: Sleep = asyncio.sleep) -> None:
        self._factory = factory
        self._sleep = sleep

    @property
    def problem(self) -> str | None:
        """See `TranslatorFactory.problem`."""
        return self._factory.problem

    def can_speak(self, language: Language) -> bool:
        """See `TranslatorFactory.can_speak`."""
        return self._factory.can_speak(language)

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:
        """A session without an end; see `TranslatorFactory.open`."""
        first = _Session()
        renewed = RenewedTranslator(lambda session: session.live(self._factory, pair, uplink), self._sleep)
        async with alongside(renewed.run(first)):
            await first.opened
            yield renewed
