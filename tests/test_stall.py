"""A line that stalls: when silence stands in for it, and for how long."""

from __future__ import annotations

from bmv.call.stall import FILL_FRAMES, STALLED_AFTER, Stall


def test_a_line_that_has_carried_nothing_yet_does_not_stall() -> None:
    assert not Stall().fill(1000.0)


def test_silence_stands_in_for_a_while_once_the_line_has_stalled() -> None:
    stall = Stall()
    stall.heard(10.0)
    assert not stall.fill(10.0 + STALLED_AFTER)
    later = 10.1 + STALLED_AFTER
    assert [stall.fill(later) for _ in range(FILL_FRAMES + 2)] == [True] * FILL_FRAMES + [False] * 2


def test_every_stall_is_filled_anew() -> None:
    stall = Stall()
    for now in (10.0, 20.0):
        stall.heard(now)
        assert sum(stall.fill(now + 5.0) for _ in range(2 * FILL_FRAMES)) == FILL_FRAMES
