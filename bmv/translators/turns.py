"""What was said, turn by turn, and the one response at a time that translates it. No I/O and no clock.

A *turn* is a stretch of speech between two pauses, as the server's voice detector found it. Turns are answered in the
order in which they were spoken, one after the other, however many wait: answers cannot overtake each other, and the
speaker who goes on talking loses nothing.

Whoever drives this calls a method for whatever happened, with the time in seconds, and then does what `take` gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from bmv.translators.hearing import VOICED_FRAMES
from bmv.translators.recent import Recent

TRIES: Final = 2
"""How often a turn is tried before its original is passed on."""
SILENT_SECONDS: Final = 5.0
"""A response of which nothing is heard for so long, or a turn that is announced and never comes, has failed."""
CANCEL_SECONDS: Final = 2.0
"""How long the end of a cancelled response is waited for."""
PAUSE_SECONDS: Final = 1.0
"""Before a response is asked for again that was refused because another one runs, or because of a rate limit."""
KEPT_FRAMES: Final = 6000
"""Of the last two minutes it is known which frames had voice: far longer than a turn, and than the server lags."""
_SPARE_FRAMES: Final = 500
"""So many more are kept at most, as not to forget them one by one."""

Label = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for the translation of an item. `label` comes back with the response: which turn, and which attempt at it."""

    label: Label
    item_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a response that is of no use any more."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete an item: it has been answered, and what stays is paid for with every later turn."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A turn is done with: translated, or not. `end` is the frame it ends before; None where that is not known.

    Not translated are a turn that was given up, and one with voice to which the model had nothing to say (`declined`).
    """

    end: int | None
    translated: bool
    declined: bool = False


Step = Ask | Cancel | Forget | Settled


@dataclass(slots=True)
class _Turn:
    number: int
    item_id: str
    end: int | None
    voice: int
    """How many of its frames had voice."""
    since: float
    """When it was announced."""
    committed: bool = False
    attempts: int = 0
    refused_since: float | None = None


@dataclass(slots=True)
class _Live:
    """The response that was asked for last, and not yet ended."""

    attempt: int
    sign_at: float
    """When something of it was heard last."""
    response_id: str | None = None
    cancelled: bool = False
    spoke: bool = False
    wrote: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it says what it has to say: silence is an answer, words without sound are none."""
        return self.response_id is not None and (self.spoke or not self.wrote)


class Turns:
    """The turns of one session that are not settled yet, and the response to the first of them."""

    def __init__(self) -> None:
        self._turns: list[_Turn] = []
        self._known = Recent()
        self._steps: list[Step] = []
        self._live: _Live | None = None
        self._not_before = -math.inf
        self._count = 0
        self._fed = 0
        self._voiced = bytearray()  # 0 or 1 for each frame: a deque of booleans takes eight times as much
        self._start = 0  # of the speech that is heard, or was last

    def feed(self, frames: int = 1, *, voiced: bool) -> None:
        """Note whether the next so many frames have voice."""
        self._fed += frames
        self._voiced += bytes([voiced]) * frames
        if len(self._voiced) > KEPT_FRAMES + _SPARE_FRAMES:
            del self._voiced[:-KEPT_FRAMES]

    # -- what the server's voice detector found ---------------------------------------------------------------------

    def started(self, start: int) -> None:
        """Speech begins at frame `start`."""
        self._start = max(start, self._start)

    def ended(self, item_id: str, end: int, now: float) -> None:
        """Speech has ended before frame `end`; it will be committed as `item_id`."""
        if (turn := self._find(item_id)) is not None:
            turn.end = end
            turn.voice += self._take_voice(end)
        else:
            self._add(item_id, end, now)

    def committed(self, item_id: str, end: int | None, now: float) -> None:
        """The item is there. `end` counts where `ended` was not called for it. A second time changes nothing."""
        turn = self._find(item_id)
        if turn is None and item_id in self._known:
            self._steps.append(Forget(item_id))  # it was given up before it came
            return
        turn = turn or self._add(item_id, end, now)
        turn.committed = True
        self._advance(now)

    # -- what became of a response ----------------------------------------------------------------------------------

    def created(self, response_id: str, label: Label | None, now: float) -> None:
        """A response began; `label` is that of the `Ask` it answers, None if it has none."""
        live = self._live
        if live is not None and self._is_asked_for(label) and live.response_id in (None, response_id):
            live.response_id = response_id
            live.sign_at = now
            self._turns[0].refused_since = None
        else:
            self._steps.append(Cancel(response_id))  # of an attempt that was given up before it showed

    def heard(self, response_id: str, now: float, *, spoke: bool = False, wrote: bool = False) -> bool:
        """Something of a response arrived; tells whether it is for the listener: it is not if the response is dead."""
        live = self._live
        if live is None or live.response_id != response_id or live.cancelled:
            return False
        live.sign_at = now
        live.spoke |= spoke
        live.wrote |= wrote
        return True

    def done(
        self, response_id: str | None, label: Label | None, now: float, *, completed: bool, pause: float = 0
    ) -> None:
        """A response ended. If it failed and is tried again, then not before `pause` seconds have passed."""
        if self._turns and self._turns[0].refused_since is not None:
            self._not_before = -math.inf  # the place is free now
        live = self._live
        if live is not None and self._is_of(live, response_id, label):
            if completed and live.is_whole and not live.cancelled:
                self._settle_answered(live)
            else:
                self._fail(now, pause)
        self._advance(now)

    def refused(self, label: Label | None, now: float, *, busy: bool) -> None:
        """There will be no response to an `Ask`: not now, because another one runs (`busy`), or not at all."""
        if self._live is None or self._live.response_id is not None or not self._is_asked_for(label):
            return
        head = self._turns[0]
        if head.refused_since is None:
            head.refused_since = now
        if busy and now - head.refused_since < SILENT_SECONDS:
            self._live = None
            head.attempts -= 1  # it was no attempt
            self._not_before = now + PAUSE_SECONDS
        else:
            self._fail(now, 0)
        self._advance(now)

    # -- time -------------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When `tick` has to be called at the latest; infinity while nothing depends on time."""
        if self._live is not None:
            return self._live.sign_at + (CANCEL_SECONDS if self._live.cancelled else SILENT_SECONDS)
        if not self._turns:
            return math.inf
        head = self._turns[0]
        return self._not_before if head.committed else head.since + SILENT_SECONDS

    def tick(self, now: float) -> None:
        """Time has passed."""
        if now < self.deadline:
            return
        live = self._live
        if live is None:
            if self._turns and not self._turns[0].committed:
                self._settle(translated=False)
        elif live.response_id is None or live.cancelled:
            self._fail(now, 0)
        else:
            live.cancelled = True
            live.sign_at = now
            self._steps.append(Cancel(live.response_id))
        self._advance(now)

    # -- what is to be done -----------------------------------------------------------------------------------------

    def take(self) -> list[Step]:
        """What is to be done since the last time, in order."""
        steps, self._steps = self._steps, []
        return steps

    def __len__(self) -> int:
        """How many turns are not settled."""
        return len(self._turns)

    def knows(self, item_id: str) -> bool:
        """Whether this item is or was one of the turns."""
        return item_id in self._known

    def _find(self, item_id: str) -> _Turn | None:
        return next((turn for turn in self._turns if turn.item_id == item_id), None)

    def _add(self, item_id: str, end: int | None, now: float) -> _Turn:
        self._count += 1
        turn = _Turn(self._count, item_id, end, 0 if end is None else self._take_voice(end), now)
        self._turns.append(turn)
        self._known.add(item_id)
        return turn

    def _take_voice(self, end: int) -> int:
        """Count the frames with voice in the speech that ends before frame `end`; what follows is another."""
        first = self._fed - len(self._voiced)
        start, self._start = self._start, max(end, self._start)
        return sum(self._voiced[max(start - first, 0) : max(end - first, 0)])

    def _is_asked_for(self, label: Label | None) -> bool:
        """Whether it is the response that is waited for; one without a label can only be that."""
        return self._live is not None and label in (None, (self._turns[0].number, self._live.attempt))

    def _is_of(self, live: _Live, response_id: str | None, label: Label | None) -> bool:
        if live.response_id is not None:
            return live.response_id == response_id
        return label is not None and self._is_asked_for(label)

    def _advance(self, now: float) -> None:
        """Ask for the next response if there is a turn to answer and no response to wait for."""
        if self._live is not None or not self._turns or now < self._not_before:
            return
        head = self._turns[0]
        if head.committed:
            head.attempts += 1
            self._live = _Live(head.attempts, now)
            self._steps.append(Ask((head.number, head.attempts), head.item_id))

    def _fail(self, now: float, pause: float) -> None:
        self._live = None
        if self._turns[0].attempts >= TRIES:
            self._settle(translated=False)
        else:
            self._not_before = now + pause

    def _settle_answered(self, live: _Live) -> None:
        """The model was well. If it is silent at voice, then a second try would not change that: it may be music, or
        the target language already, and the listener is given it as it is. Silence at a cough is what is wanted.
        """
        declined = not live.spoke and self._turns[0].voice >= VOICED_FRAMES
        self._settle(translated=not declined, declined=declined)

    def _settle(self, *, translated: bool, declined: bool = False) -> None:
        self._live = None
        turn = self._turns.pop(0)
        if turn.committed:
            self._steps.append(Forget(turn.item_id))
        self._steps.append(Settled(turn.end, translated, declined))
