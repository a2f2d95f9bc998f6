"""What translation uses and costs: computed from what was sent and received, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Usage:
    """Amounts by their unit ("audio_seconds", "audio_tokens_in" …) and their price.

    `usd` is None where an amount has no known price: then the sum has none either, but it costs `at_least` so much.
    """

    amounts: Mapping[str, float] = field(default_factory=dict)
    usd: float | None = 0.0
    at_least: float = 0.0
    """The price of what has one, where `usd` is None."""

    def __add__(self, other: Usage) -> Usage:
        units = dict.fromkeys((*self.amounts, *other.amounts))
        amounts = {unit: self.amounts.get(unit, 0) + other.amounts.get(unit, 0) for unit in units}
        if self.usd is None or other.usd is None:
            return Usage(amounts, None, self.known + other.known)
        return Usage(amounts, self.usd + other.usd)

    @property
    def known(self) -> float:
        """US dollars, as far as prices are known."""
        return self.at_least if self.usd is None else self.usd

    def summary(self) -> dict[str, float | None]:
        """For a log line: every amount, and the price in US dollars, null where it is not known."""
        usd = None if self.usd is None else round(self.usd, 4)
        return {**{unit: round(amount, 1) for unit, amount in self.amounts.items()}, "usd": usd}
