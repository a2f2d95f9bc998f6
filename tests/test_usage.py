"""What was used and what it cost: sums that are exact, and no price where one is not known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bmv.call.usage import Usage

UNITS = st.sampled_from(["audio_seconds_sent", "audio_tokens_in", "text_tokens_out"])
USAGES = st.builds(
    Usage,
    st.dictionaries(UNITS, st.integers(0, 10**6)),
    st.none() | st.integers(0, 1000).map(float),
)


@given(st.lists(USAGES))
def test_amounts_add_up_by_their_unit(usages: list[Usage]) -> None:
    total = sum(usages, Usage())
    assert set(total.amounts) == {unit for usage in usages for unit in usage.amounts}
    for unit, amount in total.amounts.items():
        assert amount == sum(usage.amounts.get(unit, 0) for usage in usages)


@given(st.lists(USAGES))
def test_the_price_of_all_is_known_where_each_price_is(usages: list[Usage]) -> None:
    prices = [usage.usd for usage in usages if usage.usd is not None]
    assert sum(usages, Usage()).usd == (sum(prices) if len(prices) == len(usages) else None)


@given(USAGES, USAGES)
def test_adding_changes_neither_of_the_two(one: Usage, other: Usage) -> None:
    before = dict(one.amounts), dict(other.amounts)
    assert one + other == other + one
    assert (one.amounts, other.amounts) == before


@given(USAGES)
def test_nothing_used_adds_nothing(usage: Usage) -> None:
    assert usage + Usage() == usage
    assert (Usage().amounts, Usage().usd) == ({}, 0.0)


def test_a_summary_has_every_amount_and_the_price() -> None:
    usage = Usage({"audio_seconds_sent": 61.2345, "audio_tokens_in": 1234}, usd=0.123456)
    assert usage.summary() == {"audio_seconds_sent": 61.2, "audio_tokens_in": 1234, "usd": 0.1235}


def test_a_price_that_is_not_known_is_not_zero() -> None:
    known, unknown = Usage({"audio_tokens_in": 1}, usd=2.0), Usage({"audio_tokens_in": 2}, usd=None)
    assert (known + unknown).summary() == {"audio_tokens_in": 3, "usd": None}


@given(st.lists(USAGES))
def test_what_is_known_of_a_price_is_kept_beside_what_is_not(usages: list[Usage]) -> None:
    total = sum(usages, Usage())
    assert total.known == sum(usage.usd for usage in usages if usage.usd is not None)
    assert total.at_least == (total.known if total.usd is None else 0)
