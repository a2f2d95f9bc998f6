"""What OpenAI asks for its speech models, in US dollars: one table, with its date and source.

Source: OpenAI's model pages and its pricing page, read on 22 November 2026, for the standard tier. Not in it: the
addition for keeping data in Europe (10 % for models released since 5 March 2026), discounts, and taxes. A model that
is not in the table has no price here: nothing is guessed.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

PRICES_DATE = "2026-11-22"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Amounts of the six kinds of tokens that have a price each; what came from the cache is counted only there.

    A second of speech is 10 tokens going in and 20 coming out. What a model thinks to itself is text coming out.
    """

    audio_in: float = 0
    audio_cached: float = 0
    audio_out: float = 0
    text_in: float = 0
    text_cached: float = 0
    text_out: float = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


_FULL = Tokens(audio_in=32, audio_cached=0.40, audio_out=64, text_in=4, text_cached=0.40, text_out=24)
_MINI = Tokens(audio_in=10, audio_cached=0.30, audio_out=20, text_in=0.60, text_cached=0.06, text_out=2.40)

PER_MILLION_TOKENS = {
    "gpt-realtime-2.1": _FULL,
    "gpt-realtime-2": _FULL,
    "gpt-realtime-1.5": Tokens(audio_in=32, audio_cached=0.40, audio_out=64, text_in=4, text_cached=0.40, text_out=16),
    "gpt-realtime-2.1-mini": _MINI,
    "gpt-realtime-mini": _MINI,
}
"""US dollars for a million tokens of each kind."""

PER_MINUTE = {
    "gpt-realtime-translate": 0.034,
    "gpt-realtime-whisper": 0.017,
    "gpt-transcribe": 0.0045,
}
"""US dollars for a minute of audio going in, silence included."""


def minutes_price(model: str | None, seconds: float) -> float | None:
    """US dollars for so many seconds of audio, or None for a model that is not known to be paid by the minute."""
    per_minute = PER_MINUTE.get(model or "")
    return None if per_minute is None else per_minute * seconds / 60


def tokens_price(model: str | None, tokens: Tokens) -> float | None:
    """US dollars for so many tokens, or None for a model that is not known to be paid by the token."""
    prices = PER_MILLION_TOKENS.get(model or "")
    if prices is None:
        return None
    total: float = sum(price * amount for price, amount in zip(astuple(prices), astuple(tokens), strict=True))
    return total / 1_000_000
