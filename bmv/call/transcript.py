"""What was said in each call, as captions, for people who read along: in memory, bounded, and soon forgotten."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bmv.call.captions import NEW_LINE_AFTER, Caption
from bmv.call.leg import Role
from bmv.call.translator import CaptionKind
from bmv.waiting import Event

log = structlog.get_logger()

LINES_KEPT = 2000
"""Of one call, both speakers and both kinds: more than an hour of talk. Then the oldest are dropped, and counted."""
LONGEST_TEXT = 2000
"""Characters of a line that are kept. Captions begin a new line long before; a single piece may be of any length."""
MOST_OVER = 5000
"""Calls that are over and whose captions are kept, however long they shall be."""
FINAL_AFTER = {CaptionKind.ORIGINAL: NEW_LINE_AFTER, CaptionKind.TRANSLATION: 5.0}
"""Seconds without a word after which nothing is expected any more: a translation may pause longer than the speaker."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands: what a speaker said (`ORIGINAL`), or what the listener is told (`TRANSLATION`).

    `event` counts up per call and says when it changed last: the same (speaker, kind, line) comes again, longer, until
    it is final. (A translation that goes on after a very long pause comes once more even so.) `line` counts per
    speaker; the two kinds with the same number belong together. `at` is when the line began, in seconds since the
    call did; `lag` is as in `Caption`. `language` is the tag of the text's language, None where it is not known.
    """

    event: int
    speaker: Role
    kind: CaptionKind
    line: int
    text: str
    final: bool
    at: float
    lag: float | None
    language: str | None = None


Key = tuple[Role, CaptionKind, int]


class Transcript:
    """One call's. Whoever holds it may go on reading it when the call is over and `Transcripts` has forgotten it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._lines: dict[Key, Line] = {}  # what changed last is last
        self._running: dict[tuple[Role, CaptionKind], tuple[int, float]] = {}  # its number, and its last word's time
        self._look_at = math.inf  # before that none of them is final
        self._news = Event()
        self.latest = 0
        """The event of the last change; 0 before the first."""
        self.dropped = 0
        """Lines that were the oldest and are not kept any more."""
        self.over = False
        """The call is over, and nothing will change any more."""

    def lines(self, after: int = 0) -> list[Line]:
        """The latest version of every line that changed after this event, in order of event."""
        newer: list[Line] = []
        for line in reversed(self._lines.values()):
            if line.event <= after:
                break
            newer.append(line)
        return newer[::-1]

    async def changed(self, after: int) -> None:
        """Return when there is something newer than `after`, or the call is over; at once if so already.

        Cancelling it changes nothing.
        """
        while self.latest <= after and not self.over:
            await self._news.wait()

    # -- what the call tells ------------------------------------------------------------------------------------

    def show(self, caption: Caption, language: str | None) -> None:
        """A line began or grew; the one before of the same speaker and kind is final then."""
        now = self._clock()
        track, number = (caption.speaker, caption.kind), caption.line
        if not caption.whole:
            running = self._running.get(track)
            if running and running[0] != number:
                self._finish((*track, running[0]))
            self._running[track] = (number, now)
            self._look_at = min(self._look_at, now + FINAL_AFTER[caption.kind])
        before = self._lines.get((*track, number))
        self._put(
            Line(
                event=self.latest + 1,
                speaker=caption.speaker,
                kind=caption.kind,
                line=number,
                text=caption.text[:LONGEST_TEXT],
                final=caption.whole,
                at=before.at if before else now - self._began,
                lag=caption.lag,
                language=language,
            )
        )

    def tick(self) -> None:
        """Now and then: a line to which nothing was added for long enough is final."""
        now = self._clock()
        if now < self._look_at:
            return
        for track, (number, last) in tuple(self._running.items()):
            if now - last > FINAL_AFTER[track[1]]:
                del self._running[track]
                self._finish((*track, number))
        running = self._running.items()
        self._look_at = min((last + FINAL_AFTER[kind] for (_, kind), (_, last) in running), default=math.inf)

    def close(self) -> None:
        """The call is over, and so is every line. Idempotent."""
        for track, (number, _) in self._running.items():
            self._finish((*track, number))
        self._running.clear()
        self.over = True
        self._tell()

    def _finish(self, key: Key) -> None:
        line = self._lines.get(key)
        if line and not line.final:
            self._put(replace(line, event=self.latest + 1, final=True))

    def _put(self, line: Line) -> None:
        self.latest = line.event
        key = (line.speaker, line.kind, line.line)
        self._lines.pop(key, None)
        self._lines[key] = line
        if len(self._lines) > LINES_KEPT:
            del self._lines[next(iter(self._lines))]
            if not self.dropped:
                log.info("captions_dropped", kept=LINES_KEPT, reason="a long call: the oldest lines are not kept")
            self.dropped += 1
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news.clear()


class Transcripts:
    """Those of all calls of the process: while they last, and for a time after it."""

    def __init__(self, clock: Callable[[], float], *, retention: float = 0.0) -> None:
        """`retention` is how many seconds a transcript is kept once its call is over. `tick` has to be called."""
        self._clock = clock
        self._retention = retention
        self._calls: dict[str, Transcript] = {}
        self._over: dict[str, float] = {}  # when to forget, the soonest first

    def __len__(self) -> int:
        return len(self._calls)

    def of(self, call_id: str) -> Transcript | None:
        """That of a call that runs, or is over since not too long ago."""
        return self._calls.get(call_id)

    def open(self, call_id: str) -> Transcript:
        """A call begins now."""
        transcript = self._calls[call_id] = Transcript(self._clock)
        return transcript

    def close(self, call_id: str) -> None:
        """A call is over. Idempotent."""
        transcript = self._calls.get(call_id)
        if transcript and not transcript.over:
            transcript.close()
            self._over[call_id] = self._clock() + self._retention
            if len(self._over) > MOST_OVER:
                self._forget(next(iter(self._over)))
            self.tick(self._clock())

    def tick(self, now: float) -> None:
        """Forget what is to be forgotten by now; call it every second or more often."""
        while self._over and (call_id := next(iter(self._over))) and self._over[call_id] <= now:
            self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        del self._over[call_id]
        del self._calls[call_id]
