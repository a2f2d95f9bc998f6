"""The sessions of one direction for one pair of languages, one after the other: opened, fed, heard and replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import structlog

from bmv.audio.mulaw import FRAME_BYTES
from bmv.call.frames import Frames
from bmv.call.guard import guarded_session, guarded_telling, lost_by
from bmv.call.ladder import Ladder
from bmv.call.stats import DirectionStats
from bmv.call.translator import LanguagePair, Translator, TranslatorEvent, TranslatorFactory, TranslatorLost
from bmv.call.usage import Usage
from bmv.call.watchdog import SILENT_AFTER, Watchdog
from bmv.waiting import Event

log = structlog.get_logger()

STOPPED_SECONDS = 1.0  # from one tick to the next: the process stood still, and could not have been told anything


class SessionUser(Protocol):
    """Who feeds the sessions, and is told what becomes of them."""

    def session_opened(self) -> None:
        """There is one to feed."""

    def session_said(self, event: TranslatorEvent) -> None:
        """It said something. May raise `TranslatorLost`: it is not to be listened to any longer."""

    def session_lost(self, error: TranslatorLost) -> None:
        """The one there was is lost, or none could be had. Another is tried, unless that is `hopeless`."""

    def session_finished(self) -> None:
        """It has said all, after `finish`; no other will follow."""


class Succession:
    """Keeps one session open, as the ladder says. `run` it as a task, and cancel that when nobody needs it any more.

    Without a pair of languages there is nothing to open, and no hope of it.
    """

    def __init__(
        self,
        pair: LanguagePair | None,
        *,
        ladder: Ladder,
        user: SessionUser,
        stats: DirectionStats,
        clock: Callable[[], float],
    ) -> None:
        self._pair = pair
        self._ladder = ladder
        self._user = user
        self._stats = stats
        self._clock = clock
        self._watchdog = Watchdog()
        self._ticked_at = float("-inf")
        self._translator: Translator | None = None
        self._wanted = Event()
        self._needed = False
        self._retry = Event()
        self._retry_at: float | None = None
        self._listening = asyncio.Timeout(None)
        self._listener: asyncio.Task[Any] | None = None
        self._misheard: Exception | None = None  # the user would not be told more by this session, or has a bug
        self._bug: Exception | None = None  # of the translator, in what it must not raise in
        self._replaces = False  # the next session, a lost one
        self.finishing = False
        """No other session will follow."""

    # -- what the user wants ------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Have a session open now. One that is lost before it is needed is not replaced until this is asked again."""
        self._wanted.set()

    def need(self) -> None:
        """From now on there shall always be one."""
        self._needed = True
        self.prepare()

    def feed(self, frames: Frames, now: float) -> None:
        """Give them to the session, which has to be open."""
        assert self._translator is not None  # noqa: S101 - what being open means
        try:
            for sound, voiced in frames.runs():
                self._translator.feed(sound, voiced=voiced)
                if voiced:
                    self._watchdog.fed(now, len(sound) // FRAME_BYTES)
        except Exception as bug:
            self._broken(bug)

    def forgive(self) -> None:
        """No sign of life is owed for what was fed so far."""
        self._watchdog.alive()

    def tick(self, now: float) -> None:
        """Every 20 ms: it may be time for another try, or a session may have been silent for too long."""
        if self._retry_at is not None and now >= self._retry_at:
            self._retry.set()
        if now - self._ticked_at > STOPPED_SECONDS:
            self.forgive()
        self._ticked_at = now
        if self._translator and self._watchdog.barks(now) and not self.finishing:
            self._watchdog.alive()  # once is enough
            self._stop_listening()

    def finish(self) -> None:
        """Nothing more will be fed: let the session say what is left. One that is still being opened is waited for."""
        self.finishing = True
        if self._translator:
            self._finish(self._translator)

    def worked(self) -> None:
        """A session translated something for good, which proves that it is well."""
        self._ladder.worked()

    @property
    def is_wanted(self) -> bool:
        """Whether there shall be a session now."""
        return self._wanted.is_set()

    @property
    def is_open(self) -> bool:
        """Whether there is a session to feed."""
        return self._translator is not None

    @property
    def usage(self) -> Usage:
        """What the session that is open has used so far."""
        usage = Usage()
        if self._translator:
            with self._guarded():
                usage = self._translator.usage
        return usage

    @property
    def hopeless(self) -> bool:
        """Whether nobody is left to try."""
        return self._ladder.factory is None

    # -- the sessions -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Open sessions from `prepare` on; comes back when one has finished, or when it is hopeless.

        When it is cancelled the session is closed, or is not opened any further, and nobody is told anything more.
        """
        while not self.finishing:
            await self._wanted.wait()
            await self._wait_for_turn()
            factory = self._ladder.factory
            if factory is None or self._pair is None:
                return
            self._ladder.trying()
            self._stats.rung = self._ladder.rung
            try:
                await self._live(factory, self._pair)
            except TranslatorLost as error:
                self._lose(error)

    async def _wait_for_turn(self) -> None:
        if self._ladder.delay:
            self._retry_at = self._clock() + self._ladder.delay
            await self._retry.wait()
            self._retry.clear()
            self._retry_at = None

    async def _live(self, factory: TranslatorFactory, pair: LanguagePair) -> None:
        async with guarded_session(factory, pair, self._stats.uplink) as translator:
            self._stats.begins(translator)
            try:
                await self._listen(translator)
            except TranslatorLost as error:
                self._lose(error)  # now, and not when the session has been closed, which may take a while
            finally:
                self._translator = None
                with self._guarded():
                    self._stats.ends(translator)

    async def _listen(self, translator: Translator) -> None:
        try:
            async with asyncio.timeout(None) as self._listening:
                self._listener = asyncio.current_task()
                self._take_up(translator)
                await guarded_telling(translator, self._hear)
        except TimeoutError:
            if self._bug:
                raise lost_by(self._bug) from self._bug
            raise TranslatorLost(f"the session was given speech and was silent for {SILENT_AFTER:g} s") from None
        finally:
            if self._misheard:
                raise self._misheard
        if not self.finishing:
            raise TranslatorLost("the translator ended the session by itself")
        self._user.session_finished()

    def _hear(self, event: TranslatorEvent) -> None:
        """Called by the session whenever it says something, also in the moment before a cancelled task notices."""
        if self._misheard or (self._listener and self._listener.cancelling()):
            return
        self._watchdog.alive()
        try:
            self._user.session_said(event)
        except Exception as bug:  # ours: it is not for the session to stumble over
            self._misheard = bug
            self._stop_listening()

    def _stop_listening(self) -> None:
        with suppress(RuntimeError):  # it is not listened to any more
            self._listening.reschedule(asyncio.get_running_loop().time())

    def _take_up(self, translator: Translator) -> None:
        self._stats.sessions += 1
        self._stats.reopened += self._replaces
        self._bug = self._misheard = None
        log.info("translator_ready", pair=str(self._pair))
        self._translator = translator
        self._watchdog.alive()
        self._user.session_opened()
        if self.finishing:
            self._finish(translator)

    def _finish(self, translator: Translator) -> None:
        with self._guarded():
            translator.finish()

    def _lose(self, error: TranslatorLost) -> None:
        task = asyncio.current_task()
        if task and task.cancelling():  # and the session made a loss of it
            raise asyncio.CancelledError from error
        was_open, self._translator = self.is_open, None
        if was_open:
            self._stats.lost += 1
            self._replaces = True
        else:
            self._stats.refused += 1
        if was_open and not self._needed and not error.permanent:
            # It was open and nobody spoke, maybe for a long wait in the queue: open another when it is needed.
            log.info("translator_lost_while_waiting", pair=str(self._pair), error=str(error))
            self._wanted.clear()
            return
        self._ladder.failed(error)
        self._stats.rung = self._ladder.rung
        self._user.session_lost(error)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """A translator that breaks its promise not to raise is lost; the call, and the stream we stand in, are not."""
        try:
            yield
        except Exception as bug:
            self._broken(bug)

    def _broken(self, bug: Exception) -> None:
        if not self._bug:
            self._bug = bug
            log.error("translator_broken", exc_info=bug)
            self._stop_listening()
