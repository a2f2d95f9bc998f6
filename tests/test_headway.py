"""A stream that is far ahead of the clock is no telephone; one that was held up, however long, is one."""

from __future__ import annotations

from math import inf

import pytest
from fakes import HandClock
from hypothesis import given
from hypothesis import strategies as st

from bmv.audio.mulaw import FRAME_SECONDS, SAMPLE_RATE, SILENCE
from bmv.errors import ProtocolError
from bmv.telephony.headway import AHEAD_SECONDS, Headway

HOUR = 3600.0


class Line:
    """What is heard of a stream, by a hand clock."""

    def __init__(self) -> None:
        self.clock = HandClock(0.0)
        self.heard = 0.0  # seconds
        self.hear = Headway(self.clock).limiting(self._hear)

    def _hear(self, sound: bytes) -> bool:
        self.heard += len(sound) / SAMPLE_RATE
        return True

    def says(self, seconds: float, *, pace: float = inf) -> None:
        """So many seconds of sound, so much faster than real time."""
        for _ in range(round(seconds / (5 * FRAME_SECONDS))):
            self.clock.turn(5 * FRAME_SECONDS / pace)
            self.hear(SILENCE * 5)


def test_what_comes_in_time_is_heard_and_answered_as_without_it() -> None:
    line = Line()
    for _ in range(600):
        line.clock.turn(0.1)
        assert line.hear(SILENCE * 5) is True
    assert line.heard == pytest.approx(60)


@given(st.lists(st.floats(0.02, 600), max_size=20))
def test_whatever_was_held_up_and_comes_all_at_once_is_heard(stalls: list[float]) -> None:
    line = Line()
    for seconds in stalls:
        line.clock.turn(seconds)
        line.says(seconds)
    assert line.heard == pytest.approx(sum(stalls), abs=0.1 * (len(stalls) + 1))


def test_a_clock_that_runs_a_little_faster_is_no_matter_in_the_longest_call() -> None:
    line = Line()
    for _ in range(4 * 3600):
        line.clock.turn(1.0)
        line.says(1.0)
        line.hear(SILENCE[:1])  # 125 ppm
    assert line.heard > 4 * HOUR


@pytest.mark.parametrize("pace", [1.01, 2.0, 1e6])
def test_no_more_is_ever_heard_than_there_was_time_for_and_a_little(pace: float) -> None:
    line = Line()
    with pytest.raises(ProtocolError, match="s of sound within"):
        line.says(2 * HOUR, pace=pace)
    assert line.heard <= line.clock() + AHEAD_SECONDS
    assert line.heard >= AHEAD_SECONDS


def test_what_was_too_much_once_is_not_heard_a_moment_later_either() -> None:
    line = Line()
    with pytest.raises(ProtocolError):
        line.says(2 * AHEAD_SECONDS)
    heard = line.heard
    with pytest.raises(ProtocolError):
        line.says(1.0)
    assert line.heard == heard
