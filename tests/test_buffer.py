"""The listener's buffer at the carrier: reckoned from what was sent, put right by marks."""

from __future__ import annotations

from collections import deque

import pytest
from fakes import HandClock, loud

from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS
from bmv.call.buffer import LATE_MARKS, MARK_FRAMES, MARKS_KEPT, TOLERANCE, ListenerBuffer
from bmv.call.playout import LEAD_SECONDS, Playout
from bmv.telephony.gathering import FRAMES

THERE, BACK = 0.06, 0.05  # seconds


class Line:
    """A playout, a way to the carrier that can be held up, and a carrier that plays and answers marks."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.playout = Playout(original_level_db=-18.0)
        self.held_until = 0.0
        self.waiting = 0.0  # frames at the carrier
        self._way: deque[tuple[float, int, str | None]] = deque()
        self._queue: deque[int | str] = deque()
        self._back: deque[tuple[float, str]] = deque()

    def run(self, seconds: float, *, talking: bool = True) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            now = self.clock.turn()
            self.playout.pass_on(loud(1) if talking else b"\xff" * FRAME_BYTES, now, voiced=talking)
            self._send(now)
            self._arrive(now)
            self._play(now)
            while self._back and self._back[0][0] <= now:
                self.playout.buffer.reached(self._back.popleft()[1], now)

    def _send(self, now: float) -> None:
        if audio := self.playout.take(now):
            frames = len(audio) // FRAME_BYTES
            arrives = max(now + THERE, self.held_until)
            self._way.append((arrives, frames, self.playout.buffer.add(frames)))

    def _arrive(self, now: float) -> None:
        while self._way and self._way[0][0] <= now:
            _, frames, mark = self._way.popleft()
            self._queue.extend([1] * frames)
            if mark:
                self._queue.append(mark)

    def _play(self, now: float) -> None:
        if self._queue and self._queue[0] == 1:
            self._queue.popleft()
        while self._queue and isinstance(self._queue[0], str):
            self._back.append((now + BACK, str(self._queue.popleft())))
        self.waiting = sum(item == 1 for item in self._queue) * FRAME_SECONDS


def test_while_all_goes_well_marks_change_nothing() -> None:
    line = Line()
    line.run(60)
    assert line.playout.buffer.corrected == 0
    assert line.waiting <= LEAD_SECONDS + FRAME_SECONDS


def test_what_the_network_held_back_does_not_delay_the_rest_of_the_conversation() -> None:
    line = Line()
    line.run(10)
    line.held_until = line.clock() + 2.0
    line.run(2.0)
    line.run(0.2)
    assert line.waiting > 1.5, "it arrives all at once and waits at the carrier"
    line.run(10)
    assert line.playout.buffer.corrected == pytest.approx(2.0, abs=0.3)
    assert line.waiting <= LEAD_SECONDS + TOLERANCE + FRAME_SECONDS, "what waits now waits where it can be shortened"
    assert line.playout.backlog > 1.5
    line.run(10, talking=False)
    assert line.playout.backlog < 0.3


def test_one_late_mark_alone_is_not_believed() -> None:
    buffer = ListenerBuffer()
    now = 100.0
    for number in range(10):
        buffer.start(now)
        mark = buffer.add(MARK_FRAMES)
        assert mark
        now += 1.0
        buffer.reached(mark, now + (0.9 if number == 5 else 0.1))
    assert buffer.corrected == 0


def test_marks_that_were_on_their_way_when_it_was_corrected_do_not_correct_it_again() -> None:
    buffer = ListenerBuffer()
    buffer.start(100.0)
    marks = [str(buffer.add(MARK_FRAMES)) for _ in range(2 * LATE_MARKS + 1)]
    buffer.reached(marks[0], 101.1)
    for number, mark in enumerate(marks[1:], start=1):
        buffer.reached(mark, 101.1 + number + 1.0)
    assert buffer.corrected == pytest.approx(1.0)


def test_a_mark_of_somebody_else_or_one_that_comes_twice_means_nothing() -> None:
    buffer = ListenerBuffer()
    buffer.start(100.0)
    mark = str(buffer.add(MARK_FRAMES))
    buffer.reached("nobody's", 500.0)
    buffer.reached(mark, 101.0)
    for _ in range(LATE_MARKS):
        buffer.reached(mark, 500.0)
    assert buffer.corrected == 0


def test_a_carrier_that_answers_no_mark_costs_no_memory() -> None:
    buffer = ListenerBuffer()
    marks = [buffer.add(MARK_FRAMES) for _ in range(10 * MARKS_KEPT)]
    assert all(marks)
    assert len(buffer._marks) == MARKS_KEPT


def test_marks_that_are_late_by_the_lead_and_read_with_gathered_frames_correct_nothing() -> None:
    """As much as that waits at the carrier in good order, so a reckoning that leaves it out may be wrong by it."""
    late = LEAD_SECONDS + (FRAMES - 1) * FRAME_SECONDS
    assert late < TOLERANCE
    buffer = ListenerBuffer()
    buffer.start(100.0)
    marks = [str(buffer.add(MARK_FRAMES)) for _ in range(3 * LATE_MARKS)]
    for number, mark in enumerate(marks, start=1):
        buffer.reached(mark, 100.0 + number + 0.1 + late * (number > LATE_MARKS))
    assert buffer.corrected == 0
