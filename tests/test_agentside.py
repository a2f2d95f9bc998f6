"""What a call knows of its agents: when one who accepted can hear us, and what is spoken at the agents' side."""

from __future__ import annotations

import pytest
from fakes import HandClock, cut, loud
from test_beep import tone

from bmv import languages
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.agentside import JOINED_AFTER, AgentSide
from bmv.call.carrier import Seat

EN, ES, DE = (languages.get(tag) for tag in ("en", "es", "de"))


def side(*, queued: bool = True) -> tuple[AgentSide, HandClock]:
    return AgentSide(caller=ES, otherwise=EN, queued=queued), HandClock()


def test_an_agent_can_hear_us_as_soon_as_there_is_a_beep_or_a_voice() -> None:
    agents, clock = side()
    agents.accepted("WR1", (), clock())
    agents.hear(SILENCE, clock.turn())
    assert not agents.present(clock())
    agents.hear(loud(1), clock.turn())
    assert agents.present(clock())


def test_an_agent_who_joins_without_any_sound_can_hear_us_after_a_while() -> None:
    agents, clock = side()
    agents.accepted("WR1", (), clock())
    assert not agents.present(clock.turn(JOINED_AFTER - FRAME_SECONDS))
    assert agents.present(clock.turn(2 * FRAME_SECONDS))


def test_the_next_agent_is_waited_for_again_and_one_who_is_told_of_twice_is_not() -> None:
    agents, clock = side()
    agents.accepted("WR1", (), clock())
    agents.hear(loud(1), clock.turn())
    agents.accepted("WR1", (), clock())
    assert agents.present(clock())
    agents.accepted("WR2", (), clock())
    assert not agents.present(clock())


def test_a_sound_that_may_be_music_on_hold_proves_nobodys_presence_until_that_is_known() -> None:
    agents, clock = side()
    agents.seat = Seat("WS1", "WT1", "CF1", "CA1")
    agents.accepted("WR1", (), clock())
    agents.hear(loud(1), clock.turn())
    agents.nobody_listens(clock())  # asks the carrier, which has not answered yet
    assert not agents.present(clock())


def test_a_beep_is_muted_among_frames_that_come_together_and_the_words_around_it_are_heard() -> None:
    agents, clock = side()
    agents.accepted("WR1", (), clock())
    beep = cut(tone(200))
    line = [SILENCE, *beep, SILENCE, *(loud(number) for number in range(60))]
    heard = [agents.hear(b"".join(line[start : start + 5]), clock.turn(0.1)) for start in range(0, len(line), 5)]
    passed = cut(b"".join(heard))
    assert [frame for frame in passed if frame != SILENCE] == line[-60:]
    assert len(passed) == len(line)


def test_who_picks_up_a_telephone_hears_us_at_once() -> None:
    agents, clock = side(queued=False)
    agents.accepted("", (), clock())
    assert agents.present(clock())


@pytest.mark.parametrize("left", [False, True])
def test_who_is_rung_counts_before_anybody_has_accepted_and_in_a_transfer_does_not(left: bool) -> None:
    agents, clock = side()
    agents.rung((DE,), clock())
    assert agents.language is DE
    agents.accepted("WR1", (EN,), clock())
    if left:
        agents.left("WR1", clock())
    agents.rung((DE,), clock())
    assert agents.language is EN


def test_whoever_came_last_is_talked_to() -> None:
    agents, clock = side()
    agents.accepted("WR1", (EN,), clock())
    agents.accepted("WR2", (DE,), clock())
    assert agents.language is DE
    assert agents.left("WR2", clock())  # and the one before is talked to again
    assert agents.language is EN
    assert not agents.left("WR1", clock())
    assert agents.language is EN  # until somebody else accepts


def test_late_news_that_somebody_accepted_who_has_left_again_does_not_end_the_wait_for_the_next_one() -> None:
    agents, clock = side()
    agents.accepted("WR1", (DE,), clock())
    agents.left("WR1", clock())
    clock.turn(10.0)
    assert not agents.accepted("WR1", (DE,), clock())
    assert agents.deserted_for(clock()) == 10.0
    assert agents.nobody_listens(clock())
    assert agents.language is DE
