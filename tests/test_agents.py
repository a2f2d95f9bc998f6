"""Who is at the agent's side, and which language is spoken there."""

from __future__ import annotations

import pytest

from bmv import languages
from bmv.call.agents import Agents
from bmv.languages import Language

EN, ES, HI, DE = (languages.get(tag) for tag in ("en", "es", "hi", "de"))


def agents(caller: Language | None = HI) -> Agents:
    return Agents(caller=caller, otherwise=EN)


@pytest.mark.parametrize(
    ("caller", "speaks", "language"),
    [
        (HI, (), EN),  # who says nothing speaks what agents speak here
        (HI, (ES,), ES),
        (HI, (ES, DE), ES),
        (HI, (ES, HI), HI),  # no interpreter is better than any
        (None, (ES, DE), ES),
        (None, (), EN),
    ],
)
def test_an_agent_speaks_the_callers_language_or_the_best_of_his_own(
    caller: Language | None, speaks: tuple[Language, ...], language: Language
) -> None:
    there = agents(caller)
    assert there.choose(speaks) is language
    there.accepted("WR1", speaks)
    assert there.language is language


def test_whoever_came_last_is_talked_to_and_when_he_goes_the_one_before() -> None:
    there = agents()
    there.accepted("WR1", (EN,))
    there.accepted("WR2", (ES,))
    assert there.language is ES
    assert there.left("WR2")
    assert (there.language, len(there)) == (EN, 1)
    assert not there.left("WR1")
    assert len(there) == 0


def test_when_the_first_agent_leaves_the_second_stays() -> None:
    there = agents()
    there.accepted("WR1", (EN,))
    there.accepted("WR2", (ES,))
    assert not there.left("WR1")
    assert (there.language, len(there)) == (ES, 1)


def test_who_is_told_of_twice_is_there_once() -> None:
    there = agents()
    assert there.accepted("WR1", (EN,))
    assert not there.accepted("WR1", (EN,))
    assert not there.left("WR1")
    assert not there.left("WR1")
    assert not there.left("WR-foreign")
    assert len(there) == 0


def test_late_news_of_an_acceptance_bring_nobody_back_who_has_left() -> None:
    there = agents()
    there.accepted("WR1", (EN,))
    there.accepted("WR2", (ES,))
    there.left("WR1")
    assert not there.accepted("WR1", (EN,))
    assert (there.language, len(there)) == (ES, 1)


def test_who_has_no_name_may_come_again() -> None:
    there = agents()
    there.accepted("", (EN,))
    there.left("")
    assert there.accepted("", (ES,))
    assert there.language is ES


def test_the_people_who_are_there_are_known_by_name_as_far_as_they_have_one() -> None:
    there = agents()
    there.accepted("WR1", (), worker="WK1")
    there.accepted("", ())
    there.accepted("WR2", (), worker="WK2")
    assert there.workers == ["WK1", "WK2"]
    there.left("WR1")
    assert there.workers == ["WK2"]


def test_of_agents_without_end_the_last_hundred_are_known() -> None:
    there = agents()
    for number in range(1000):
        there.accepted(f"WR{number}", (ES,), worker=f"WK{number}")
    assert there.workers == [f"WK{number}" for number in range(900, 1000)]
    for number in range(1000):
        there.left(f"WR{number}")
    assert len(there) == 0
    assert not there.accepted("WR999", (ES,))
    assert len(there._gone) == 100
