"""How things go: how long they took, in histograms of bounded size, and what failed last."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from operator import add

_SMALLEST = 0.0001  # seconds; everything faster is counted as this
_GROWTH = 1.15  # each bucket is 15 % wider than the one before: a percentile is at most so much too high
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = 128  # up to about 5,000 s


class Histogram:
    """Durations in seconds; count, mean and maximum exact, percentiles at most 15 % too high. Memory does not grow.

    The mean is exact to the nanosecond.
    """

    __slots__ = ("_buckets", "_nanoseconds", "count", "maximum")

    def __init__(self) -> None:
        self.count = 0
        self.maximum = 0.0
        self._nanoseconds = 0  # whole ones: a sum of sums is the same in every order, and cannot seem to fall
        self._buckets = [0] * _BUCKETS

    def add(self, seconds: float) -> None:
        """Count one duration; negative ones (a clock stepped back) count as zero."""
        seconds = max(seconds, 0.0)
        self.count += 1
        self._nanoseconds += round(seconds * 1e9)
        self.maximum = max(self.maximum, seconds)
        index = 0 if seconds <= _SMALLEST else int(math.log(seconds / _SMALLEST) / _LOG_GROWTH) + 1
        self._buckets[min(index, _BUCKETS - 1)] += 1

    def merge(self, other: Histogram) -> None:
        """Count all that the other one has counted, too."""
        if not other.count:
            return
        self.count += other.count
        self._nanoseconds += other._nanoseconds
        self.maximum = max(self.maximum, other.maximum)
        self._buckets = list(map(add, self._buckets, other._buckets))

    def at_most(self, bounds: Sequence[float]) -> list[int]:
        """How many were at most each of these seconds, which ascend.

        One that came less than 15 % below a bound may count as above it, never the other way round.
        """
        counts, seen, index = [], 0, 0
        for bound in bounds:
            while index < _BUCKETS - 1 and _SMALLEST * _GROWTH**index <= bound:
                seen += self._buckets[index]
                index += 1
            counts.append(seen)
        return counts

    @property
    def total(self) -> float:
        """All durations together."""
        return self._nanoseconds / 1e9

    @property
    def mean(self) -> float | None:
        """The average, or None when nothing was counted."""
        return self.total / self.count if self.count else None

    def percentile(self, percent: float) -> float | None:
        """The duration that `percent` of all stay below, or None when nothing was counted."""
        if not self.count:
            return None
        wanted = math.ceil(self.count * percent / 100)
        seen = 0
        for index, size in enumerate(self._buckets):
            seen += size
            if seen >= wanted:
                return min(_SMALLEST * _GROWTH**index, self.maximum)
        return self.maximum

    def summary(self) -> dict[str, float | int]:
        """For a log line: how many, and mean, p50, p95 and maximum in milliseconds; empty when nothing was counted."""
        if not self.count:
            return {}
        figures = {"mean": self.mean, "p50": self.percentile(50), "p95": self.percentile(95), "max": self.maximum}
        return {"count": self.count} | {
            f"{name}_ms": round(value * 1000, 1) for name, value in figures.items() if value is not None
        }


class LastProblem:
    """What failed last, for as long as that is news.

    A server that says it is not ready gets no call that could show it is well again: a problem has to fade by itself.
    """

    def __init__(self, *, fades_after: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`fades_after` is in seconds."""
        self._fades_after = fades_after
        self._clock = clock
        self._text: str | None = None
        self._since = 0.0

    @property
    def text(self) -> str | None:
        """The problem in plain words, or None while all is well."""
        if self._text is not None and self._clock() - self._since > self._fades_after:
            self._text = None
        return self._text

    def note(self, text: str) -> None:
        """Something failed now."""
        self._text, self._since = text, self._clock()

    def solved(self) -> None:
        """It works again."""
        self._text = None
