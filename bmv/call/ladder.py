"""Which translator is tried next after a failure, and when: the rungs from the first choice down to none."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from bmv.call.guard import broken
from bmv.call.translator import LanguagePair, TranslatorFactory, TranslatorLost
from bmv.languages import Language

TRIES = 3  # failures in a row before the next kind of translator has its turn
BACKOFF = (0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 20.0, 30.0)  # seconds before the next try, at most; at least half of it


class Ladder:
    """The translators of one direction. Sans I/O: it is told what failed and says what to do.

    A permanent failure takes a translator out for the rest of the call. After three others in a row the next one has
    its turn, round and round.
    """

    def __init__(
        self,
        pair: LanguagePair | None,
        translators: Sequence[TranslatorFactory],
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`chance` gives numbers from 0 to 1: calls that failed together shall not all come back at once."""
        able = [each for each in translators if pair and _speaks(each, pair.target)]
        self._rungs = able
        self._places = {id(each): place for place, each in enumerate(able, 1)}
        self._untried = set(self._places)
        self._chance = chance
        self._failures = 0  # in a row, of all rungs
        self._failures_here = 0
        self._backoff = 0.0
        self._retry_after = 0.0

    @property
    def factory(self) -> TranslatorFactory | None:
        """Whom to try; None when nobody is left."""
        return self._rungs[0] if self._rungs else None

    @property
    def rung(self) -> int:
        """The place of `factory` among those that are able, 1 for the first choice; 0 when nobody is left."""
        return self._places[id(self._rungs[0])] if self._rungs else 0

    @property
    def delay(self) -> float:
        """Seconds to wait before that try; none before the first of each translator."""
        if not self._rungs or id(self._rungs[0]) in self._untried:
            return 0.0
        return max(self._backoff, self._retry_after)

    def trying(self) -> None:
        """The try begins, with `factory`: there has to be one."""
        self._untried.discard(id(self._rungs[0]))
        self._retry_after = 0.0

    def failed(self, error: TranslatorLost) -> None:
        """No session, or a session that was lost. Call it once for each try."""
        self._failures += 1
        self._failures_here += 1
        self._backoff = BACKOFF[min(self._failures, len(BACKOFF)) - 1] * (1 + self._chance()) / 2
        self._retry_after = 0.0
        if not self._rungs:
            return
        if error.permanent:
            self._rungs.pop(0)
            self._failures_here = 0
        elif len(self._rungs) > 1 and (self._failures_here >= TRIES or error.retry_after):
            self._rungs.append(self._rungs.pop(0))
            self._failures_here = 0
        else:
            self._retry_after = error.retry_after or 0.0

    def worked(self) -> None:
        """A session translated: only that proves that it is well. With no credit left, for one, sessions still open."""
        self._failures = self._failures_here = 0


def _speaks(translator: TranslatorFactory, language: Language) -> bool:
    try:
        return translator.can_speak(language)
    except Exception as bug:
        broken(bug)
        return False
