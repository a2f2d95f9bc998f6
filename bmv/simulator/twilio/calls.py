"""A call: its life from the first ring to the last callback, and what it plays and hears meanwhile."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.exchange import Exchange, new_sid
from bmv.simulator.twilio.gathering import Gathering, Input, Words
from bmv.simulator.twilio.line import Deaf, Endpoint, carry
from bmv.simulator.twilio.pages import APOLOGY, Page, fetch
from bmv.simulator.twilio.performance import perform
from bmv.simulator.twilio.signing import Fields
from bmv.simulator.twilio.stream import MediaStream
from bmv.simulator.twilio.verbs import Reject
from bmv.simulator.twilio.voicehooks import VoiceHook
from bmv.simulator.twilio.watch import HungUpError, Watch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What is known of a call before it rings. `events` are those that its status callback wants."""

    from_: str
    to: str
    direction: str
    extra: Fields = field(default_factory=dict)
    parameters: Fields = field(default_factory=dict)
    """What stood behind the `?` of the address: for the far end only, as headers or custom parameters."""
    status_callback: str = ""
    status_callback_method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


class Call:
    """One call as the company sees it; as an `Endpoint` it is the machine that performs TwiML to the far end.

    For tests: `sid`, `status`, `said`, `stream`, `gatherings`, `parameters`; `answered()`, `streaming()`,
    `gathering()`, `ended()`, `press()`, `say_words()`, `hang_up()`.
    """

    def __init__(self, exchange: Exchange, plan: CallPlan) -> None:
        self.exchange = exchange
        self.account_sid = exchange.account_sid
        self.plan = plan
        self.sid = new_sid("CA")
        self.from_, self.to, self.direction, self.extra = plan.from_, plan.to, plan.direction, plan.extra
        self.parameters = plan.parameters
        self.status = "queued"
        """queued, ringing, in-progress, completed, busy, failed, no-answer or canceled."""
        self.said: list[tuple[str, str]] = []
        """(text, language) of every `<Say>` of this call."""
        self.streams: list[MediaStream] = []
        """The media streams of this call, the latest last."""
        self.gatherings: list[Gathering] = []
        """Every `<Gather>` of this call, the latest last."""
        self.entered: deque[Input] = deque()
        """Keys and words that no `<Gather>` has taken yet."""
        self.created = fields.rfc2822()
        self.far: Endpoint = Deaf()
        self.on_close: list[Callable[[], None]] = []
        self.postman = exchange.postman()
        self.watch = Watch()
        self._activity: Endpoint = Deaf()
        self._answered_at: float | None = None
        self._seconds: int | None = None
        self._final: str | None = None
        self._next: Page | None = None
        self._current: asyncio.Task[Any] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()
        self._sequence = 0
        exchange.calls[self.sid] = self

    # --- what a script does -------------------------------------------------------------------------------------------

    @property
    def stream(self) -> MediaStream | None:
        """The media stream that is open now."""
        return self.streams[-1] if self.streams and _is_open(self.streams[-1]) else None

    @property
    def over(self) -> bool:
        """Whether the call has ended, or is about to."""
        return self._final is not None

    @property
    def was_answered(self) -> bool:
        """Whether the call is, or was, in progress."""
        return self._answered_at is not None

    async def answered(self, timeout: float) -> None:
        """Wait until the call is in progress. Raises `TimeoutError`, or `HungUpError` when it ended without."""
        await self.watch.until(lambda: self.was_answered, timeout)

    async def streaming(self, timeout: float) -> MediaStream:
        """Wait until a media stream is open, and return it. Raises `TimeoutError`, or `HungUpError`."""
        await self.watch.until(lambda: self.stream is not None, timeout)
        if self.stream is None:
            raise HungUpError(f"the stream of {self.sid} was over at once")
        return self.stream

    async def gathering(self, timeout: float) -> Gathering:
        """Wait until a `<Gather>` listens, and return it. Raises `TimeoutError`, or `HungUpError`."""
        async with asyncio.timeout(timeout):
            while (gathering := self._listening) is None:
                await self.watch.until(lambda: self._listening is not None, None)
            return gathering

    async def ended(self, timeout: float) -> str:
        """Wait until everything of the call is over and its streams are closed; return the final status."""
        async with asyncio.timeout(timeout):
            await self._closed.wait()
        return self.status

    async def hang_up(self) -> None:
        """The far end hangs up. Returns when `stop` was sent and the stream is closed."""
        self.end()
        await self._closed.wait()

    def press(self, keys: str) -> None:
        """The far end presses keys: an open stream hears of them, or a `<Gather>`.

        Where neither listens, they are kept for the next `<Gather>` of the same document. Whether the real one does
        that is unsure: no document says what becomes of keys between two verbs. Raises `RuntimeError` when the call is
        not in progress.
        """
        for key in keys:
            if self.stream is not None:
                self.stream.press(key)
            else:
                self._enter(key)

    def say_words(self, text: str, *, confidence: float | None = 0.9) -> None:
        """The far end says something, of which a `<Gather>` that listens to speech gets `text`: no sound is made.

        Words are kept like keys, so that a script need not hit the moment. Raises as `press` does.
        """
        self._enter(Words(text, confidence))

    def _enter(self, item: Input) -> None:
        if self.status != "in-progress":
            raise RuntimeError(f"the call is {self.status}")
        self.entered.append(item)
        if self._listening is not None:
            self._listening.take()

    @property
    def _listening(self) -> Gathering | None:
        return self.gatherings[-1] if self.gatherings and self.gatherings[-1].listens else None

    # --- the line -----------------------------------------------------------------------------------------------------

    def speak(self) -> bytes:
        """What the TwiML plays to the far end."""
        return self._activity.speak()

    def hear(self, frame: bytes) -> None:
        """What the far end says."""
        self._activity.hear(frame)

    def overhear(self, text: str, language: str) -> None:
        """A sentence of the far end."""
        self._activity.overhear(text, language)

    @contextmanager
    def doing(self, activity: Endpoint) -> Iterator[None]:
        """Connect the far end to something as long as the context lasts."""
        self._activity = activity
        try:
            yield
        finally:
            self._activity = Deaf()

    # --- life ---------------------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> int:
        """How long the call has been (or was) in progress, rounded."""
        if self._seconds is not None or self._answered_at is None:
            return self._seconds or 0
        return round(asyncio.get_running_loop().time() - self._answered_at)

    async def take(self, hook: VoiceHook, far: Endpoint | None) -> None:
        """Live as an inbound call: ask the server, then perform its TwiML to `far`.

        `far` None: whoever called opens the line.
        """
        self.status = "ringing"
        page = APOLOGY if hook.url is None else await self.stage(self._ask(hook.url, hook.method))
        if page is not None and page.verbs and isinstance(page.verbs[0], Reject):
            self.end("busy" if page.verbs[0].reason == "busy" else "no-answer")
        elif page is not None:
            self.answer()
        await self.live(page, far)

    async def _ask(self, url: str, method: str) -> Page:
        return await fetch(self, url, method, self.first_fields())

    def first_fields(self) -> Fields:
        """What only the first request about an inbound call carries: the permission to show its number again."""
        token = new_sid("")
        self.exchange.tokens[token] = self.from_
        return {"CallToken": token}

    def answer(self) -> None:
        """Be in progress from now on."""
        self._answered_at = asyncio.get_running_loop().time()
        self.progress("in-progress", "answered")

    async def live(self, page: Page | None, far: Endpoint | None) -> None:
        """Perform `page` and what follows from it on an open line, then close."""
        if page is not None and not self.over:
            async with asyncio.TaskGroup() as group:
                line = group.create_task(carry(far, self)) if far is not None else None
                while page is not None and not self.over:
                    self._next = None
                    await self.stage(perform(self, page))
                    page = self._next
                if line is not None:
                    line.cancel()
        self._close()

    async def stage(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do a part of the call's life. None: the call was ended or redirected meanwhile."""
        if self.over:
            work.close()
            return None
        async with asyncio.TaskGroup() as group:
            self._current = task = group.create_task(work)
        self._current = None
        return None if task.cancelled() else task.result()

    def end(self, status: str | None = None) -> None:
        """End the call (the first to do so decides the status); it closes in the background."""
        if self._final is None:
            self._final = status or ("canceled" if self._answered_at is None else "completed")
            self._interrupt()

    def redirect(self, page: Page) -> None:
        """Leave whatever TwiML runs, and go on with `page`."""
        self._next = page
        self._interrupt()

    def limit(self, seconds: float) -> None:
        """End the call after so many seconds from now."""
        if self._limit is not None:
            self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(seconds, self.end)

    def _interrupt(self) -> None:
        if self._current is not None and not self._current.cancelling():
            self._current.cancel()

    def _close(self) -> None:
        self._seconds = self.seconds
        if self._limit is not None:
            self._limit.cancel()
        self.end()
        self.progress(self._final or "completed", "completed")
        for callback in self.on_close:
            callback()
        self._closed.set()
        self.watch.cut(f"{self.sid} is {self.status}")

    def progress(self, status: str, event: str) -> None:
        """Change the status, and tell it where it was asked for."""
        self.status = status
        self.watch.poke()
        if self.plan.status_callback and event in self.plan.events:
            form = fields.progress(self, self._sequence)
            self.postman.post(self.plan.status_callback, form, self.plan.status_callback_method)
            self._sequence += 1

    def __repr__(self) -> str:
        return f"<Call {self.sid} {self.direction} {self.status}>"


def _is_open(stream: MediaStream) -> bool:
    return stream.started.is_set() and not stream.over.is_set()
