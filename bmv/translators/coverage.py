"""What a translator that never says so has dealt with: an estimate, from what goes in and when something comes out.

OpenAI's continuous translator has no turns, no items and no "done". Its output cannot be laid beside its input: it
shortens, reorders and waits for verbs, and its `elapsed_ms` is neither a time of words nor unique. So all there is to
go by is that a translation follows its words by 0.7 to 3.5 s where that was measured. Every rule here leans to the side
of saying too little: then words are heard twice where a session is lost, and not missed. What it can get wrong:

- a translation that pauses for a second and a half counts as done, if it went on for as long as the speech it follows;
- a translation that is further behind than three seconds counts as done while it is still being said;
- somebody who changes to the target language, or back, without a pause of a second is taken to be translated throughout
  as long as some translation is heard every three seconds;
- a translator that is more than six seconds late is not waited for: the listener gets the original and then both.

The clock is the frames that are fed, 20 ms each. It stands still while the server sends nothing (a stall is not an
answer) and it runs faster where kept frames are fed faster. When nothing more is fed it goes on by the time, for as
long as a silence may last that is no stall.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from bmv.audio.mulaw import FRAME_MS
from bmv.call.translator import Processed

SURELY_SAID = 3000 // FRAME_MS
"""What was fed so long before its stretch's translation is still heard has been translated."""
ALL_SAID = 1500 // FRAME_MS
"""Without output for so long after the last word of a stretch its translation is over."""
PATIENCE = 6000 // FRAME_MS
"""What is not answered so long after it was said will not be."""
ENOUGH_VOICE = 500 // FRAME_MS
"""Less voice than this may be a cough, and needs no answer."""

QUICKEST = 500 // FRAME_MS
"""No translation follows its words faster."""
SLOWEST = 3500 // FRAME_MS
"""No translation begins so long after its words, and none goes on for so long after they ended, if others follow."""
PAUSE = 1000 // FRAME_MS
"""Without voice for so long a stretch of speech is over."""
BREATH = 500 // FRAME_MS
"""Without output for so long a translation is over, and what follows is another."""
STALL = 1000 // FRAME_MS
"""The clock advances no further than this from one sign of life to the next."""


@dataclass(slots=True, eq=False)
class _Stretch:
    """Speech without a long pause in it. All times are on the clock of frames."""

    begins: int
    previous_ends: int | None
    ends: int = 0
    voiced: int = 0
    answered: int | None = None
    """When a translation was last heard that can be its own."""

    def goes_on(self, now: int) -> bool:
        """Whether voice that begins now belongs to it."""
        waited = now - self.begins < PATIENCE if self.answered is None else now - self.answered < SURELY_SAID
        return waited and now - self.ends < PAUSE


@dataclass(frozen=True, slots=True)
class _Batch:
    """The frames between one sign of life and the next."""

    frames: int  # fed when it ended
    time: int
    stretch: _Stretch | None


class _Verdict(Enum):
    WAIT = "wait"
    TRANSLATED = "translated"
    GIVEN_UP = "given up"


class Coverage:
    """Watches one session. `heard` and `end` tell what is processed: ever more frames, and each frame once."""

    def __init__(self) -> None:
        self._fed = 0
        self._now = 0
        self._covered = 0
        self._pending: list[_Batch] = []
        self._stretch: _Stretch | None = None
        self._output_began = self._output_at = -BREATH - 1
        self._quiet = False
        self._finished = False
        self._batch_began = 0  # in frames
        self._first_voiced = 0  # in frames, if any is voiced
        self._voiced = 0

    def feed(self, frames: int = 1, *, voiced: bool) -> None:
        """So many more frames were given to the session."""
        if voiced:
            if not self._voiced:
                self._first_voiced = self._fed
            self._voiced += frames
        self._fed += frames

    def heard(self, *, voiced: bool) -> Iterator[Processed]:
        """The session gave audio, voice or silence; tell what it has dealt with by now."""
        self._close_batch()
        if voiced:
            self._answer()
        yield from self._settle(over=False)

    def finish(self) -> None:
        """No more frames are fed: what is said from now on can be about any of them."""
        self._finished = True

    @property
    def still_for(self) -> float | None:
        """For how many seconds from `finish` on nothing may be said until all is said that was answered before it.

        None where that is longer than a silence may last which proves anything: it may be a stall.
        """
        now = self._now + min(self._fed - self._batch_began, STALL)
        frames = self._output_at + ALL_SAID + 1 - now
        return None if frames > STALL else max(frames, 0) * FRAME_MS / 1000

    def still(self) -> Iterator[Processed]:
        """So long it was still: tell what was said by then. What is not answered yet may be answered to the end."""
        self._close_batch()
        self._now = max(self._now, self._output_at + ALL_SAID + 1)
        before = self._covered
        self._settle_translated(over=False)
        if self._covered > before:
            yield Processed(self._covered)

    def end(self) -> Iterator[Processed]:
        """The session has said all it had to say: tell what became of the rest."""
        self._close_batch()
        yield from self._settle(over=True)

    def _close_batch(self) -> None:
        count = self._fed - self._batch_began
        if not count:
            return
        begins = self._now + min(self._first_voiced - self._batch_began, STALL)
        self._now += min(count, STALL)
        self._pending.append(_Batch(self._fed, self._now, self._extend(begins) if self._voiced else None))
        self._batch_began = self._fed
        self._voiced = 0

    def _extend(self, begins: int) -> _Stretch:
        """Give the stretch that voice beginning now belongs to.

        Speech that goes on long after its last translation, or after it was given up, makes a stretch of its own, which
        wants an answer as well.
        """
        stretch = self._stretch
        if stretch is None or not stretch.goes_on(begins):
            stretch = self._stretch = _Stretch(begins, stretch.ends if stretch else None)
        stretch.ends = self._now
        stretch.voiced += self._voiced
        return stretch

    def _answer(self) -> None:
        if self._now - self._output_at > BREATH:
            self._output_began = self._now
        self._output_at = self._now
        self._quiet = False
        for batch in self._pending:
            if batch.stretch and self._can_be_about(batch.stretch):
                batch.stretch.answered = self._now

    def _can_be_about(self, stretch: _Stretch) -> bool:
        """Tell whether the present output can be a stretch's translation, not the one before's or the next one's."""
        if self._finished:
            return True
        earliest = stretch.begins + QUICKEST
        if self._now < earliest:
            return False
        if self._output_began >= earliest:
            return self._output_began <= stretch.begins + SLOWEST or not self._is_about_later(stretch)
        return stretch.previous_ends is None or self._now > stretch.previous_ends + SLOWEST

    def _is_about_later(self, stretch: _Stretch) -> bool:
        latest = self._stretch
        return latest is not None and stretch.begins < latest.begins <= self._output_began - QUICKEST

    def _settle(self, *, over: bool) -> Iterator[Processed]:
        before = self._covered
        verdict = self._settle_translated(over=over)
        if self._covered > before:
            yield Processed(self._covered)
        if verdict is _Verdict.GIVEN_UP:
            self._give_up()
            yield Processed(self._covered, translated=False)

    def _settle_translated(self, *, over: bool) -> _Verdict:
        """Cover what is translated, and tell what stands in the way of more."""
        while self._pending:
            verdict = self._verdict(self._pending[0], over=over)
            if verdict is not _Verdict.TRANSLATED:
                return verdict
            self._covered = self._pending.pop(0).frames
        return _Verdict.WAIT

    def _verdict(self, batch: _Batch, *, over: bool) -> _Verdict:
        if self._quiet:
            return _Verdict.GIVEN_UP
        stretch = batch.stretch
        if stretch is None:
            return _Verdict.TRANSLATED
        if stretch.answered is not None:
            said = self._output_at >= stretch.ends and self._now - self._output_at > ALL_SAID
            done = over or said or batch.time <= max(self._output_at - SURELY_SAID, self._now - PATIENCE)
            return _Verdict.TRANSLATED if done else _Verdict.WAIT
        if not over and self._now - stretch.begins < PATIENCE:
            return _Verdict.WAIT
        return _Verdict.GIVEN_UP if stretch.voiced >= ENOUGH_VOICE else _Verdict.TRANSLATED

    def _give_up(self) -> None:
        """Nobody answers: the speaker uses the target language already, or it is no speech.

        If nothing that was said later is answered either, all that is said is given up at once until something is.
        """
        while self._pending and not (self._pending[0].stretch and self._pending[0].stretch.answered):
            self._covered = self._pending.pop(0).frames
        self._quiet = not self._pending
