"""What a turn-based session is done with: never voice too early, never more kept than needed."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.call.translator import Processed
from bmv.translators.hearing import (
    CHANCE_FRAMES,
    LONGEST_FRAMES,
    PREFIX_FRAMES,
    SIGN_FRAMES,
    STEP_FRAMES,
    VOICED_FRAMES,
    Hearing,
)


def fed(silent: int = 0, voiced: int = 0, then_silent: int = 0) -> Hearing:
    hearing = Hearing()
    feed(hearing, silent, voiced, then_silent)
    return hearing


def feed(hearing: Hearing, silent: int = 0, voiced: int = 0, then_silent: int = 0) -> None:
    for count, is_voiced in ((silent, False), (voiced, True), (then_silent, False)):
        for _ in range(count):
            hearing.feed(voiced=is_voiced)


def is_open(hearing: Hearing) -> bool:
    return hearing.speech_is_open


def is_endless(hearing: Hearing) -> bool:
    return hearing.speech_is_endless


def needs_sign(hearing: Hearing) -> bool:
    return hearing.needs_sign


def test_silence_is_done_with_but_for_the_last_frames_in_which_speech_may_begin() -> None:
    hearing = fed(silent=PREFIX_FRAMES + STEP_FRAMES - 1)
    assert hearing.settle_idle() is None
    hearing.feed(voiced=False)
    assert hearing.settle_idle() == Processed(STEP_FRAMES)
    assert hearing.settle_idle() is None
    feed(hearing, silent=100)
    assert hearing.settle_idle() == Processed(STEP_FRAMES + 100)


def test_voice_and_what_follows_it_is_kept_until_the_server_has_had_its_chance() -> None:
    hearing = fed(silent=50, voiced=40, then_silent=500)
    assert hearing.settle_idle() == Processed(50)
    assert hearing.settle_idle() is None
    hearing.heard(50 + CHANCE_FRAMES)
    assert hearing.settle_idle() is None
    hearing.heard(90 + CHANCE_FRAMES)
    assert hearing.settle_idle() == Processed(90, translated=False)
    assert hearing.settle_idle() == Processed(590 - PREFIX_FRAMES)


def test_what_the_server_says_is_not_yet_what_it_has_heard() -> None:
    hearing = fed(voiced=400)
    hearing.word()
    assert hearing.settle_idle() is None


@pytest.mark.parametrize(("length", "is_lost"), [(VOICED_FRAMES - 1, False), (VOICED_FRAMES, True)])
def test_a_cough_that_the_server_makes_nothing_of_is_no_loss(length: int, is_lost: bool) -> None:
    hearing = fed(voiced=length, then_silent=100)
    hearing.heard(hearing.fed)
    assert hearing.settle_idle() == Processed(50 + length, translated=not is_lost)


@pytest.mark.parametrize(("length", "is_lost"), [(VOICED_FRAMES - 1, False), (VOICED_FRAMES, True)])
def test_a_stretch_of_voice_is_judged_as_a_whole_though_it_is_covered_in_parts(length: int, is_lost: bool) -> None:
    hearing = fed(silent=40, voiced=length, then_silent=100)
    parts = []
    for heard in range(40, 100, STEP_FRAMES):
        hearing.heard(heard + CHANCE_FRAMES)
        parts.append(hearing.settle_idle())
    done = [part for part in parts if part]
    assert [part.frames for part in done] == [40, 45, 50, 55, 60, 65, hearing.fed - PREFIX_FRAMES]
    assert [part.translated for part in done] == [True, *[not is_lost] * 5, True]


def test_nothing_after_its_beginning_is_done_with_while_somebody_talks() -> None:
    hearing = fed(silent=100, voiced=200)
    hearing.started(90)
    hearing.heard(300)
    assert is_open(hearing)
    assert hearing.settle_idle() == Processed(90)
    assert hearing.settle_idle() is None
    hearing.ended()
    assert not is_open(hearing)


def test_a_turn_is_done_with_up_to_its_end_and_never_beyond_what_was_fed() -> None:
    hearing = fed(silent=10, voiced=90)
    assert hearing.settle(60, translated=True) == Processed(60)
    assert hearing.settle(60, translated=True) is None
    assert hearing.settle(40, translated=False) is None
    assert hearing.settle(130, translated=False) == Processed(100, translated=False)


def test_the_rest_is_done_with_in_the_end() -> None:
    hearing = fed(voiced=3, then_silent=7)
    assert hearing.settle_rest() == Processed(10)
    assert hearing.settle_rest() is None
    assert fed(voiced=VOICED_FRAMES).settle_rest() == Processed(VOICED_FRAMES, translated=False)


def test_a_sign_of_life_is_wanted_when_there_was_voice_and_no_word_for_two_seconds() -> None:
    hearing = fed(silent=SIGN_FRAMES)
    assert not needs_sign(hearing)
    feed(hearing, voiced=1)
    assert needs_sign(hearing)
    hearing.word()
    assert not needs_sign(hearing)
    feed(hearing, silent=SIGN_FRAMES - 1)
    assert not needs_sign(hearing)
    feed(hearing, silent=1)
    assert needs_sign(hearing)


def test_speech_without_a_pause_is_endless_after_half_a_minute() -> None:
    hearing = fed(silent=20)
    hearing.started(10)
    feed(hearing, voiced=LONGEST_FRAMES - 11)
    assert not is_endless(hearing)
    feed(hearing, voiced=1)
    assert is_endless(hearing)
    hearing.cut_off(hearing.fed, goes_on=True)
    assert is_open(hearing)
    assert not is_endless(hearing)
    hearing.cut_off(hearing.fed, goes_on=False)
    assert not is_open(hearing)


def test_what_was_cut_off_opens_no_speech() -> None:
    hearing = fed(voiced=20)
    hearing.cut_off(10, goes_on=True)
    assert not is_open(hearing)


class Watched:
    """A `Hearing`, and what it may say at most."""

    def __init__(self) -> None:
        self.hearing = Hearing()
        self.voiced: list[bool] = []
        self.covered = 0
        self.allowed = 0
        self.start: int | None = None

    def allow(self, frames: int) -> None:
        self.allowed = max(self.allowed, min(frames, len(self.voiced)))

    def silence(self, number: int) -> None:
        self.voiced += [False] * number
        feed(self.hearing, silent=number)

    def voice(self, number: int) -> None:
        self.voiced += [True] * number
        feed(self.hearing, voiced=number)

    def begin(self, number: int) -> None:
        self.hearing.started(number)
        self.start = min(number, len(self.voiced))

    def end(self, number: int) -> None:
        self.hearing.ended()
        self.start = None

    def hear(self, number: int) -> None:
        self.hearing.heard(number)
        self.allow(min(number, len(self.voiced)) - CHANCE_FRAMES)

    def settle(self, number: int) -> None:
        self.allow(number)
        self.check(self.hearing.settle(number, translated=True))

    def idle(self, number: int) -> None:
        self.allow(self.start or 0)
        self.check(self.hearing.settle_idle())

    def check(self, processed: Processed | None) -> None:
        if processed is not None:
            assert self.covered < processed.frames <= len(self.voiced)
            assert not any(self.voiced[max(self.covered, self.allowed) : processed.frames])
            self.covered = processed.frames


DEEDS = [Watched.silence, Watched.voice, Watched.begin, Watched.end, Watched.hear, Watched.settle, Watched.idle]


@given(st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 300)), max_size=60))
def test_what_is_done_with_only_grows_and_voice_is_done_with_only_by_the_servers_word(
    deeds: list[tuple[Callable[[Watched, int], None], int]],
) -> None:
    watched = Watched()
    for deed, number in deeds:
        deed(watched, number)
