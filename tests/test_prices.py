"""What a model costs is read from one table, and what is not in it has no price."""

from dataclasses import astuple
from datetime import date

import pytest

from bmv.translators.prices import PER_MILLION_TOKENS, PER_MINUTE, PRICES_DATE, Tokens, minutes_price, tokens_price


def test_ten_minutes_of_translation_are_paid_by_the_minute() -> None:
    assert minutes_price("gpt-realtime-translate", 600) == pytest.approx(0.34)


@pytest.mark.parametrize(
    ("model", "price"), [("gpt-realtime-2.1", 0.0192 + 0.0768), ("gpt-realtime-2.1-mini", 0.006 + 0.024)]
)
def test_a_minute_heard_and_a_minute_spoken_are_600_and_1200_tokens(model: str, price: float) -> None:
    assert tokens_price(model, Tokens(audio_in=600, audio_out=1200)) == pytest.approx(price)


def test_each_kind_of_token_has_its_own_price() -> None:
    million = 1_000_000
    kinds = [Tokens(*(million if place == kind else 0 for place in range(6))) for kind in range(6)]
    assert [tokens_price("gpt-realtime-2.1", kind) for kind in kinds] == pytest.approx([32, 0.40, 64, 4, 0.40, 24])
    assert tokens_price("gpt-realtime-1.5", Tokens(text_out=million)) == pytest.approx(16)


def test_tokens_add_up_kind_by_kind() -> None:
    assert Tokens(1, 2, 3, 4, 5, 6) + Tokens(10, 20, 30, 40, 50, 60) == Tokens(11, 22, 33, 44, 55, 66)


def test_the_transcript_of_committed_turns_is_the_cheap_one() -> None:
    assert minutes_price("gpt-transcribe", 60) == pytest.approx(0.0045)


def test_nothing_used_costs_nothing() -> None:
    assert tokens_price("gpt-realtime-2.1", Tokens()) == 0
    assert minutes_price("gpt-realtime-translate", 0) == 0


@pytest.mark.parametrize("model", ["gpt-realtime-3", "", "GPT-REALTIME-2.1", "gpt-realtime-2.1-2027-01-01"])
def test_a_model_that_is_not_in_the_table_has_no_price_not_even_for_nothing(model: str) -> None:
    assert tokens_price(model, Tokens()) is None
    assert minutes_price(model, 0) is None


def test_a_model_paid_by_the_minute_has_no_price_for_tokens_and_the_other_way_round() -> None:
    assert tokens_price("gpt-realtime-translate", Tokens(audio_in=1)) is None
    assert minutes_price("gpt-realtime-2.1", 1) is None


def test_every_price_in_the_table_is_above_zero_and_the_cache_is_never_dearer() -> None:
    assert all(price > 0 for price in PER_MINUTE.values())
    for prices in PER_MILLION_TOKENS.values():
        assert all(price > 0 for price in astuple(prices))
        assert prices.audio_cached <= prices.audio_in
        assert prices.text_cached <= prices.text_in


def test_the_table_has_a_date() -> None:
    assert date.fromisoformat(PRICES_DATE) >= date(2026, 11, 22)
