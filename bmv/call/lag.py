"""By how much a translation lags behind its words, as its listener hears them; it has no say in what is done."""

from __future__ import annotations

from collections.abc import Callable

from bmv.call.captions import CaptionLines
from bmv.call.playout import Playout
from bmv.call.stats import DirectionStats, TurnClock


class Lag:
    """Measures one direction, and tells who reads along. Times are loop times in seconds."""

    def __init__(
        self, stats: DirectionStats, *, listener: Playout, captions: CaptionLines, clock: Callable[[], float]
    ) -> None:
        self._stats = stats
        self._listener = listener
        self._captions = captions
        self._clock = clock
        self.forget()
        listener.when_translation_starts(self._on_translation)

    def forget(self) -> None:
        """There was a pause: what was said before it is not waited for any more."""
        self._turns = TurnClock(self._stats.first_audio)

    def heard(self, voiced: bytes, now: float) -> None:
        """The speaker's next frames, as 1 where somebody is talking and 0 elsewhere."""
        if voiced.count(self._turns.talking) == len(voiced):  # most of the time nothing changes
            return
        for talking in voiced:
            if talking != self._turns.talking:
                self._turns.heard(bool(talking), now, translating=self._listener.speaking(now))

    def _on_translation(self, received_at: float, silent_for: float) -> None:
        now = self._clock()
        self._stats.downlink.add(now - received_at)
        lag = self._turns.translated(now, silent_for=silent_for)
        if lag is not None:
            self._stats.last_lag = lag
            self._captions.heard_after(lag, now)
