"""Which call belongs to whom, where only two numbers tell."""

import asyncio
from collections.abc import Iterable

import pytest

from bmv.telephony.pairing import REMEMBERED, Pairing

PAIR = ("+15005550006", "+15005550007")
OTHER_PAIR = ("+15005550006", "+15005550008")


async def settle() -> None:
    """Let everybody run who can."""
    for _ in range(5):
        await asyncio.sleep(0)


def patient() -> Pairing:
    return Pairing(patience=60)


def claims(pairing: Pairing, calls: Iterable[str]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(pairing.claim(PAIR, call)) for call in calls]


async def test_the_call_that_is_announced_belongs_to_who_waits_for_one() -> None:
    pairing = patient()
    await pairing.claim(PAIR, "first")
    assert pairing.match(PAIR, "CA1") == "first"


async def test_a_call_nobody_waits_for_belongs_to_nobody() -> None:
    pairing = patient()
    assert pairing.match(PAIR, "CA1") is None
    await pairing.claim(PAIR, "first")
    assert pairing.match(PAIR, "CA2") == "first"
    assert pairing.match(PAIR, "CA3") is None


async def test_only_one_waits_at_a_time_and_the_others_in_order() -> None:
    pairing = patient()
    waiting = claims(pairing, ["first", "second", "third"])
    await settle()
    assert [task.done() for task in waiting] == [True, False, False]
    assert pairing.match(PAIR, "CA1") == "first"
    await settle()
    assert [task.done() for task in waiting] == [True, True, False]
    assert pairing.match(PAIR, "CA2") == "second"
    await settle()
    assert pairing.match(PAIR, "CA3") == "third"
    assert all(task.done() for task in waiting)


async def test_an_announcement_that_is_repeated_does_not_take_the_next_ones_place() -> None:
    pairing = patient()
    await pairing.claim(PAIR, "first")
    assert pairing.match(PAIR, "CA1") == "first"
    await pairing.claim(PAIR, "second")
    assert pairing.match(PAIR, "CA1") == "first"
    assert pairing.match(PAIR, "CA2") == "second"


async def test_announcements_are_not_remembered_for_ever() -> None:
    pairing = patient()
    for number in range(3 * REMEMBERED):
        await pairing.claim(PAIR, f"call {number}")
        assert pairing.match(PAIR, f"CA{number}") == f"call {number}"
    assert len(pairing._matched) <= REMEMBERED
    assert pairing.match(PAIR, f"CA{3 * REMEMBERED - 1}") == f"call {3 * REMEMBERED - 1}"


async def test_other_numbers_neither_wait_nor_match() -> None:
    pairing = patient()
    await pairing.claim(PAIR, "first")
    async with asyncio.timeout(1):
        await pairing.claim(OTHER_PAIR, "second")
    assert pairing.match((PAIR[1], PAIR[0]), "CA1") is None
    assert pairing.match(OTHER_PAIR, "CA2") == "second"
    assert pairing.match(PAIR, "CA3") == "first"


async def test_a_call_that_is_never_announced_is_given_up_in_time() -> None:
    pairing = Pairing(patience=0.02)
    await pairing.claim(PAIR, "lost")
    async with asyncio.timeout(5):
        await pairing.claim(PAIR, "next")
    assert pairing.match(PAIR, "CA1") == "next"


async def test_a_match_leaves_no_timer_that_would_give_up_the_next_call() -> None:
    pairing = patient()
    await pairing.claim(PAIR, "first")
    pairing.give_up("first", at_once=True)
    assert pairing.match(PAIR, "CA1") == "first"
    await pairing.claim(PAIR, "second")
    await settle()
    assert pairing.match(PAIR, "CA2") == "second"


async def test_a_call_that_was_refused_gives_way_at_once() -> None:
    pairing = patient()
    await pairing.claim(PAIR, "refused")
    (waiting,) = claims(pairing, ["next"])
    pairing.give_up("refused", at_once=True)
    async with asyncio.timeout(1):
        await waiting
    assert pairing.match(PAIR, "CA1") == "next"


async def test_the_far_end_of_a_call_that_was_hung_up_may_still_be_announced_for_a_moment() -> None:
    pairing = Pairing(patience=60, afterlife=60)
    await pairing.claim(PAIR, "gone")
    (waiting,) = claims(pairing, ["next"])
    pairing.give_up("gone")
    await settle()
    assert pairing.match(PAIR, "CA1") == "gone"
    async with asyncio.timeout(5):
        await waiting
    assert pairing.match(PAIR, "CA2") == "next"


async def test_the_time_that_a_call_had_before_it_was_hung_up_does_not_count_any_more() -> None:
    pairing = Pairing(patience=0.01, afterlife=60)
    await pairing.claim(PAIR, "gone")
    pairing.give_up("gone")
    await asyncio.sleep(0.03)
    assert pairing.match(PAIR, "CA1") == "gone"


async def test_after_that_moment_the_next_call_has_its_turn() -> None:
    pairing = Pairing(patience=60, afterlife=0.01)
    await pairing.claim(PAIR, "gone")
    pairing.give_up("gone")
    async with asyncio.timeout(5):
        await pairing.claim(PAIR, "next")
    assert pairing.match(PAIR, "CA1") == "next"


async def test_giving_up_a_call_that_does_not_wait_changes_nothing() -> None:
    pairing = Pairing(patience=60, afterlife=0)
    await pairing.claim(PAIR, "first")
    pairing.give_up("somebody else")
    pairing.give_up("somebody else", at_once=True)
    await settle()
    assert pairing.match(PAIR, "CA1") == "first"
    pairing.give_up("first", at_once=True)
    await settle()
    await pairing.claim(PAIR, "second")
    pairing.give_up("first", at_once=True)
    await settle()
    assert pairing.match(PAIR, "CA2") == "second"


@pytest.mark.parametrize("position", [0, 1])
async def test_a_call_that_ends_while_it_waits_leaves_the_line(position: int) -> None:
    pairing = patient()
    await pairing.claim(PAIR, "first")
    waiting = claims(pairing, ["second", "third"])
    await settle()
    waiting[position].cancel()
    await settle()
    assert pairing.match(PAIR, "CA1") == "first"
    await settle()
    assert pairing.match(PAIR, "CA2") == ["third", "second"][position]
    await settle()
    assert pairing.match(PAIR, "CA3") is None
