"""The ledger of speech: whatever happens in whatever order, it adds up at any moment."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bmv.call.ledger import Fate, LedgerError, SpeechLedger
from bmv.errors import BmvError

REASONS = ["the line broke", "older than REPLAY_SECONDS", "the call was over"]
COUNTS = st.integers(-3, 60)


class Bookkeeping(RuleBasedStateMachine):
    """Any interleaving of what may be told to a ledger, beside a list of what became of each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = SpeechLedger()
        self.pending = 0
        self.settled: list[tuple[Fate, str]] = []
        self.replayed = 0

    @rule(frames=st.integers(1, 40))
    def speech_is_heard(self, frames: int) -> None:
        for _ in range(frames):
            self.ledger.hear()
        self.pending += frames

    @rule(frames=COUNTS, fate=st.sampled_from(Fate), reason=st.sampled_from(["", *REASONS]))
    def a_fate_is_known(self, frames: int, fate: Fate, reason: str) -> None:
        if 0 <= frames <= self.pending and (reason or fate is not Fate.LOST):
            self.ledger.settle(frames, fate, reason)
            self.pending -= frames
            self.settled += [(fate, reason)] * frames
        else:
            with pytest.raises(LedgerError):
                self.ledger.settle(frames, fate, reason)

    @rule(frames=COUNTS)
    def speech_is_replayed(self, frames: int) -> None:
        if 0 <= frames <= self.pending:
            self.ledger.replay(frames)
            self.replayed += frames
        else:
            with pytest.raises(LedgerError):
                self.ledger.replay(frames)

    @invariant()
    def every_frame_is_in_exactly_one_place(self) -> None:
        ledger, fates = self.ledger, Counter(fate for fate, _ in self.settled)
        assert ledger.pending == self.pending
        assert {fate: ledger.frames(fate) for fate in Fate} == {fate: fates[fate] for fate in Fate}
        assert ledger.heard_frames == sum(ledger.frames(fate) for fate in Fate) + ledger.pending
        assert ledger.replayed_frames == self.replayed

    @invariant()
    def the_reasons_add_up_to_what_is_lost(self) -> None:
        reasons = Counter(reason for fate, reason in self.settled if fate is Fate.LOST)
        told = self.ledger.summary().get("lost_because", {})
        assert isinstance(told, dict)
        assert {reason: round(seconds * 50) for reason, seconds in told.items()} == reasons

    @invariant()
    def the_summary_adds_up_too(self) -> None:
        summary = {key: value for key, value in self.ledger.summary().items() if isinstance(value, float)}
        assert set(summary) == {"heard", "replayed", *(fate.value for fate in Fate)}
        told = sum(summary[fate.value] for fate in Fate)
        assert round(summary["heard"] * 50) == round(told * 50) + self.pending
        assert round(summary["replayed"] * 50) == self.replayed


TestBookkeeping = Bookkeeping.TestCase


def test_a_summary_is_in_seconds_and_says_why_something_was_lost() -> None:
    ledger = SpeechLedger()
    for _ in range(500):
        ledger.hear()
    ledger.settle(25, Fate.NOT_TRANSLATABLE)
    ledger.settle(300, Fate.TRANSLATED)
    ledger.replay(60)
    ledger.settle(100, Fate.PASSED_THROUGH)
    ledger.settle(50, Fate.LOST, "the line broke")
    ledger.settle(24, Fate.LOST, "the call was over")
    ledger.settle(1, Fate.LOST, "the line broke")
    assert ledger.summary() == {
        "heard": 10.0,
        "translated": 6.0,
        "passed_through": 2.0,
        "not_translatable": 0.5,
        "lost": 1.5,
        "replayed": 1.2,
        "lost_because": {"the line broke": 1.02, "the call was over": 0.48},
    }


def test_where_nothing_is_lost_no_reason_is_given() -> None:
    ledger = SpeechLedger()
    ledger.settle(0, Fate.LOST, "the call was over")
    assert ledger.summary() == dict.fromkeys(
        ("heard", "translated", "passed_through", "not_translatable", "lost", "replayed"), 0.0
    )


@given(st.integers(0, 5_000_000))
def test_a_long_call_is_told_to_the_frame(frames: int) -> None:
    ledger = SpeechLedger()
    ledger.heard_frames = frames
    heard = ledger.summary()["heard"]
    assert isinstance(heard, float)
    assert round(heard * 50) == frames


def test_a_ledger_that_does_not_add_up_is_our_bug_and_nobody_elses_fault() -> None:
    assert not issubclass(LedgerError, BmvError)


def test_all_that_is_pending_may_be_replayed() -> None:
    ledger = SpeechLedger()
    ledger.hear(50)
    ledger.replay(50)
    assert ledger.replayed_frames == ledger.pending == 50


def test_reasons_without_end_are_told_of_together() -> None:
    ledger = SpeechLedger()
    ledger.hear(1000)
    for number in range(1000):
        ledger.settle(1, Fate.LOST, f"error {number}")
    reasons = ledger.summary()["lost_because"]
    assert isinstance(reasons, dict)
    assert reasons["error 19"] == 0.02
    assert reasons["further reasons"] == pytest.approx(980 * 0.02)
    assert len(reasons) == 21
