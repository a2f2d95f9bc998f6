"""What a speaker said, kept until it is dealt with: nothing is lost, doubled or out of order, whatever happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import deepcopy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bmv.call.frames import DOUBTFUL, FED, FED_AGAIN, OVERHEARD, VOICED, Frame, Frames
from bmv.call.kept import CATCH_UP, LONGEST, ONSET_FRAMES, PAUSE_FRAMES, KeptSpeech

REPLAY_SECONDS = 0.4
REPLAY_FRAMES = 20


def hear(kept: KeptSpeech, number: int, *, voiced: bool) -> None:
    kept.hear(Frames.cut(number.to_bytes(4, "big") * 40, bytes([VOICED if voiced else 0])))


def number_of(kept: Frame) -> int:
    return int.from_bytes(kept[0][:4], "big")


def numbers(frames: Iterable[Frame]) -> list[int]:
    return [number_of(each) for each in frames]


class Keeping(RuleBasedStateMachine):
    """Any interleaving of what can happen to kept speech, beside lists of what was heard, fed and let go.

    Frames are numbered in the order in which they were heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept = KeptSpeech(replay_seconds=REPLAY_SECONDS)
        self.voiced: list[bool] = []  # of every frame heard
        self.waiting: deque[int] = deque()
        self.fed: deque[int] = deque()
        self.session = 0  # frames this session was fed
        self.unheard = 0  # frames it was fed since it last showed life
        self.pause = 0  # unvoiced ones at the end of them
        self.left: list[int] = []
        self.skipped: list[int] = []
        self.beats: list[int] = []  # frames fed in each

    # -- what happens

    @rule(frames=st.integers(1, 40), voiced=st.booleans())
    def speaker_is_heard(self, frames: int, voiced: bool) -> None:
        for _ in range(frames):
            self.waiting.append(len(self.voiced))
            hear(self.kept, len(self.voiced), voiced=voiced)
            self.voiced.append(voiced)

    @rule(beats=st.integers(1, 20))
    def time_passes(self, beats: int) -> None:
        for _ in range(beats):
            waited = len(self.waiting)
            fed = numbers(self.kept.next())
            for each in fed:
                self._skip_until(each)
                self._feed(each)
            assert fed or not waited, "something waited, and nothing was fed"
            self.beats.append(len(fed))

    @rule(beats=st.integers(1, 20), voiced=st.booleans())
    def speaker_is_heard_while_time_passes(self, beats: int, voiced: bool) -> None:
        for _ in range(beats):
            self.speaker_is_heard(1, voiced)
            self.time_passes(1)

    @rule(frames=st.integers(1, 8), voiced=st.booleans())
    def speaker_is_heard_several_frames_at_a_time(self, frames: int, voiced: bool) -> None:
        """What is fed is what it would be if they had come one by one."""
        alone = deepcopy(self.kept)
        one_by_one = []
        for number in range(len(self.voiced), len(self.voiced) + frames):
            hear(alone, number, voiced=voiced)
            due = numbers(alone.next())
            one_by_one += due
            self.beats.append(len(due))
        self.speaker_is_heard(frames, voiced)
        fed = numbers(self.kept.next(frames))
        assert fed == one_by_one
        for each in fed:
            self._skip_until(each)
            self._feed(each)

    @rule()
    def all_is_fed_at_once(self) -> None:
        fed = numbers(self.kept.rest())
        assert fed == list(self.waiting)
        for each in fed:
            self._feed(each)

    @rule(share=st.floats(0, 1.2))
    def session_is_done_with_some(self, share: float) -> None:
        done = round(self.session * share)
        before = self.session - len(self.fed)
        self._leave(self.kept.processed(done), min(max(done - before, 0), len(self.fed)))

    @rule()
    def session_ends_in_order(self) -> None:
        self._leave(self.kept.all_fed(), len(self.fed))

    @rule()
    def it_is_asked_for_what_is_overdue(self) -> None:
        assert not self.kept.overdue(), "so much is not heard here"

    @rule()
    def session_shows_life(self) -> None:
        self.kept.alive()
        self.unheard = 0

    @rule(all_of_it=st.booleans())
    def session_is_lost(self, all_of_it: bool) -> None:
        limit = len(self.fed) if all_of_it else REPLAY_FRAMES + self.unheard
        self._leave(self.kept.rewind(all_of_it=all_of_it), max(len(self.fed) - limit, 0))
        self.waiting.extendleft(reversed(self.fed))
        self.fed.clear()
        self.session = self.pause = self.unheard = 0

    @rule()
    def nobody_is_waited_for_any_more(self) -> None:
        everything = [*self.fed, *self.waiting]
        assert numbers(self.kept.give_up()) == everything
        self.left += everything
        self.fed.clear()
        self.waiting.clear()

    def _skip_until(self, number: int) -> None:
        while self.waiting[0] != number:
            skipped = self.waiting.popleft()
            assert self.pause >= PAUSE_FRAMES, "only the middle of a pause is left out"
            following = self.voiced[skipped : skipped + ONSET_FRAMES + 1]
            assert len(following) > ONSET_FRAMES, "nobody knows yet whether a word begins here"
            assert not any(following), "neither voice nor the onset of a word is ever left out"
            self.skipped.append(skipped)

    def _feed(self, number: int) -> None:
        assert self.waiting.popleft() == number, "in the order spoken"
        self.fed.append(number)
        self.session += 1
        self.unheard += 1
        self.pause = 0 if self.voiced[number] else self.pause + 1

    def _leave(self, frames: Iterable[Frame], count: int) -> None:
        """These are let go: the oldest so many of those that were fed."""
        left = numbers(frames)
        assert left == [self.fed.popleft() for _ in range(count)]
        self.left += left

    # -- what always holds

    @invariant()
    def it_knows_how_much_it_keeps(self) -> None:
        assert self.kept.waiting == len(self.waiting)
        assert len(self.kept) == len(self.fed) + len(self.waiting)

    @invariant()
    def sessions_catch_up_gently(self) -> None:
        recent = self.beats[-10 * CATCH_UP :]
        assert all(
            sum(recent[start : start + CATCH_UP]) <= CATCH_UP + 1 for start in range(max(len(recent) - CATCH_UP + 1, 0))
        )

    def teardown(self) -> None:
        self.nobody_is_waited_for_any_more()
        assert not len(self.kept)
        assert self.left == sorted(self.left), "they leave in the order in which they were heard"
        assert sorted(self.left + self.skipped) == list(range(len(self.voiced))), "each of them once"
        assert not any(self.voiced[number] for number in self.skipped)


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(stateful_step_count=30)


def heard(kept: KeptSpeech, frames: int, *, voiced: bool = True, first: int = 0) -> None:
    for number in range(first, first + frames):
        hear(kept, number, voiced=voiced)


def fed_by(kept: KeptSpeech, beats: int) -> list[int]:
    return [number_of(each) for _ in range(beats) for each in kept.next()]


def test_while_all_is_well_every_frame_is_fed_at_once() -> None:
    kept = KeptSpeech(replay_seconds=5)
    for number in range(200):
        heard(kept, 1, voiced=number % 50 < 20, first=number)
        assert numbers(kept.next()) == [number]


def test_five_seconds_of_speech_are_caught_up_with_in_twenty_five() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 250)
    for beat in range(1250):
        assert kept.waiting
        heard(kept, 1, first=250 + beat)
        list(kept.next())
    assert not kept.waiting


def test_a_long_pause_is_shortened_and_the_onset_of_the_next_word_is_not() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 20)
    heard(kept, 100, voiced=False, first=20)
    heard(kept, 20, first=120)
    fed = fed_by(kept, 100)
    assert fed == [*range(20 + PAUSE_FRAMES), *range(120 - ONSET_FRAMES, 140)]


def test_a_long_pause_is_shortened_before_anybody_talks_again() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 100, voiced=False)
    fed_by(kept, PAUSE_FRAMES)
    assert kept.waiting <= ONSET_FRAMES


def test_a_pause_within_a_sentence_keeps_its_length() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 20)
    heard(kept, PAUSE_FRAMES + ONSET_FRAMES, voiced=False, first=20)
    heard(kept, 20, first=35)
    assert fed_by(kept, 100) == list(range(55))


def test_the_shortest_word_after_a_long_pause_is_not_left_out() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 60, voiced=False)
    heard(kept, 1, first=60)
    heard(kept, 60, voiced=False, first=61)
    assert 60 in fed_by(kept, 100)


def test_each_session_hears_the_beginning_of_a_pause() -> None:
    kept = KeptSpeech(replay_seconds=0)
    heard(kept, 30, voiced=False)
    assert len(fed_by(kept, 5)) == 6
    kept.alive()
    kept.rewind()
    fed = fed_by(kept, 20)
    assert fed[:PAUSE_FRAMES] == list(range(6, 6 + PAUSE_FRAMES))


def test_what_a_session_is_done_with_is_counted_from_its_own_beginning() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 100)
    list(kept.rest())
    assert numbers(kept.processed(60)) == list(range(60))
    kept.rewind()
    list(kept.rest())
    assert numbers(kept.processed(10)) == list(range(60, 70))
    assert not kept.processed(10)
    assert not kept.processed(5)


def test_what_is_skipped_does_not_count_as_fed() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 60, voiced=False)
    heard(kept, 10, first=60)
    fed = fed_by(kept, 100)
    assert len(fed) < 70
    assert numbers(kept.processed(len(fed) - 1)) == fed[:-1]
    assert numbers(kept.all_fed()) == fed[-1:]


def test_only_the_last_seconds_are_replayed_and_the_rest_is_told() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 400)
    list(kept.rest())
    kept.alive()
    heard(kept, 30, first=400)
    assert numbers(kept.rewind()) == list(range(150))
    assert numbers(kept.rest()) == list(range(150, 430))


def test_where_all_of_it_is_wanted_nothing_is_too_old() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 400)
    list(kept.rest())
    kept.alive()
    assert not kept.rewind(all_of_it=True)
    assert numbers(kept.rest()) == list(range(400))


def test_what_a_session_was_fed_since_it_last_showed_life_is_replayed_on_top() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, 400)
    list(kept.rest())
    kept.alive()
    heard(kept, 200, first=400)
    list(kept.rest())
    assert numbers(kept.rewind()) == list(range(150))
    assert numbers(kept.rest()) == list(range(150, 600))


def test_without_a_replay_only_what_waits_goes_to_the_next_session() -> None:
    kept = KeptSpeech(replay_seconds=0)
    heard(kept, 40)
    fed = fed_by(kept, 20)
    kept.alive()
    assert numbers(kept.rewind()) == fed
    assert numbers(kept.rest()) == list(range(len(fed), 40))


def test_what_is_noted_on_a_frame_is_still_there_when_it_is_replayed() -> None:
    kept = KeptSpeech(replay_seconds=5)
    kept.hear(Frames.cut(bytes(160), bytes([VOICED | OVERHEARD])))
    kept.doubt()
    seen = []
    for _ in range(3):
        seen += [mark for _, mark in kept.rest()]
        kept.rewind()
    noted = VOICED | OVERHEARD | DOUBTFUL
    assert seen == [noted, noted | FED, noted | FED | FED_AGAIN]


def test_a_session_that_says_nothing_of_it_is_believed_after_a_minute() -> None:
    kept = KeptSpeech(replay_seconds=5)
    heard(kept, LONGEST)
    list(kept.rest())
    assert not kept.overdue()
    heard(kept, 50, first=LONGEST)
    assert not kept.overdue(), "what waits is not overdue"
    list(kept.rest())
    assert numbers(kept.overdue() or ()) == list(range(50))
    assert numbers(kept.processed(60)) == list(range(50, 60)), "and it counts on"
    assert LONGEST * 0.02 == 60
