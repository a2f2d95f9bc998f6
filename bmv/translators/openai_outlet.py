"""From a socket of OpenAI's to who listens: what a session says is handed over as it comes, or when it is asked for."""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import AsyncIterator, Callable

from bmv.call.translator import Hear, TranslatorEvent
from bmv.translators.openai_socket import Line


class Outlet:
    """The way out of one session, which appends to `ready` what it has to say.

    `tell` reads on by itself. `events` reads no message before the last one's events were taken: who is slow with them
    slows the server down, and nothing piles up here. No task is woken for a message, and no timer set.
    """

    def __init__(
        self,
        line: Line,
        *,
        take: Callable[[bytes], None],
        closed: Callable[[], None],
        look: Callable[[], None],
    ) -> None:
        """`take` is given each message. `closed` is told that the socket closed before the session was `over`.

        `look` is called before anything is waited for, and at the time set by `look_by`. What any of the three raises
        ends the listening and comes out there.
        """
        self.ready: list[TranslatorEvent] = []
        self.over = False
        """All is said, but for what is `ready`."""
        self._line = line
        self._take = take
        self._closed = closed
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._hear: Hear | None = None
        self._context: contextvars.Context | None = None
        self._listening: asyncio.Timeout | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf
        self._error: Exception | None = None

    async def tell(self, hear: Hear) -> None:
        """See `Telling.tell`."""
        self._hear = hear
        await self._listen()

    async def events(self) -> AsyncIterator[TranslatorEvent]:
        """See `Translator.events`."""
        while not self.over:
            await self._listen()
            while self.ready:
                yield self.ready.pop(0)

    def look_by(self, when: float) -> None:
        """Have `look` called at the loop time `when` at the latest; it may be sooner. Infinity changes nothing."""
        if when >= self._alarm_at or self._listening is None:
            return
        if self._alarm:
            self._alarm.cancel()
        self._alarm_at = when
        self._alarm = self._loop.call_at(when, self._on_alarm, context=self._context)

    def say_soon(self) -> None:
        """Something is ready that no message of the server's brought: hand it over, but not within this call."""
        if self._listening is not None:
            self._loop.call_soon(self._say, context=self._context)

    def fail(self, error: Exception) -> None:
        """The session is lost: no message is taken any more, and the listening ends with this error."""
        self._error = error
        self._stop()

    async def _listen(self) -> None:
        """Come back when all is said; and in `events` already when something is ready."""
        self._context = contextvars.copy_context()
        try:
            async with asyncio.timeout(None) as self._listening:
                self._check()
                self._look()
                if not self._handed_over() and not await self._line.listen(self._on_message):
                    self._closed()
                    self._handed_over()
        except TimeoutError:
            self._check()
        finally:
            self._listening = None
            self._silence_alarm()

    def _on_message(self, message: bytes) -> bool:
        self._check()  # our task may not know it yet
        if self.over:
            return True
        self._take(message)
        return self._handed_over()

    def _handed_over(self) -> bool:
        """Let the listener hear what is ready. Whether that is all, or something is left for who asks for it."""
        if self._hear is None:
            return self.over or bool(self.ready)
        while self.ready:
            self._hear(self.ready.pop(0))
        return self.over

    def _on_alarm(self) -> None:
        self._silence_alarm()
        try:
            self._look()
        except Exception as error:
            self.fail(error)
        else:
            self._say()

    def _say(self) -> None:
        if self._listening is not None and self._handed_over():
            self._stop()

    def _check(self) -> None:
        if self._error:
            raise self._error

    def _stop(self) -> None:
        if self._listening is not None and not self._listening.expired():
            self._listening.reschedule(self._loop.time())

    def _silence_alarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm, self._alarm_at = None, math.inf
