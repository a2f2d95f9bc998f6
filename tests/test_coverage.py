"""What the continuous translator has dealt with: an estimate that would rather repeat than lose."""

from hypothesis import given
from hypothesis import strategies as st
from watched_coverage import BATCH, SECOND, Watched

from bmv.translators.coverage import ALL_SAID, BREATH, ENOUGH_VOICE, PATIENCE, QUICKEST, SLOWEST, STALL, SURELY_SAID


def test_a_pause_is_dealt_with_at_once() -> None:
    watched = Watched()
    watched.pause(2)
    assert [(fed, event.frames) for fed, event in watched.said] == [(n, n) for n in range(10, 101, 10)]
    assert watched.given_up == []


def test_words_wait_for_their_translation_and_for_three_seconds_more() -> None:
    watched = Watched()
    watched.pause(1)
    watched.talk(1.4)
    watched.talk(5.6, answer=True)
    assert watched.covered == watched.fed - SURELY_SAID
    assert [fed - event.frames for fed, event in watched.said if event.frames > SECOND] == [SURELY_SAID] * 20
    assert watched.given_up == []


def test_the_end_of_what_was_translated_is_dealt_with_when_nothing_has_been_said_of_it_for_a_while() -> None:
    watched = Watched()
    watched.talk(1.4)
    watched.talk(2, answer=True)
    watched.pause(1.6, answer=True)  # frame 250
    assert watched.covered == 250 - SURELY_SAID
    watched.pause(6)
    assert 250 + ALL_SAID < watched.covered_by(170) <= 250 + ALL_SAID + 10
    assert watched.covered == watched.fed
    assert watched.given_up == []


def test_words_that_nobody_answers_are_given_up_after_six_seconds_and_from_then_on_at_once() -> None:
    watched = Watched()
    watched.pause(1)
    watched.talk(2)
    watched.pause(3.8)
    assert watched.covered == 50
    watched.pause(0.2)
    assert watched.covered == watched.fed == 50 + PATIENCE
    watched.talk(1)
    assert [fed - event.frames for fed, event in watched.said] == [0] * len(watched.said)
    assert watched.given_up == [(50, 350), *((n, n + BATCH) for n in range(350, 400, BATCH))]


def test_the_six_seconds_begin_with_the_first_voiced_frame() -> None:
    watched = Watched()
    watched.pause(1.18)
    watched.talk(2)
    watched.pause(6)
    assert watched.covered_by(59 + 1) == 360  # the first message at which frame 59 is six seconds old


def test_an_answer_ends_the_giving_up() -> None:
    watched = Watched()
    watched.talk(8)  # in the target language; the last two seconds are given up at once
    watched.talk(0.2, answer=True)
    first = watched.fed - BATCH
    assert watched.given_up[-1][1] == first
    watched.talk(1.8, answer=True)
    watched.pause(3, answer=True)
    watched.pause(7)
    assert watched.given_up[-1][1] == first
    assert watched.covered == watched.fed


def test_a_cough_is_owed_no_answer() -> None:
    watched = Watched()
    watched.pause(1)
    watched.talk((ENOUGH_VOICE - 1) / SECOND)
    watched.pause(7)
    assert watched.given_up == []
    assert watched.covered_by(51) == 50 + PATIENCE
    assert watched.fed - watched.covered < BATCH


def test_half_a_second_is_owed_one() -> None:
    watched = Watched()
    watched.pause(1)
    watched.talk(ENOUGH_VOICE / SECOND)
    watched.pause(7)
    assert watched.given_up[0] == (50, 350)


def test_coughs_do_not_add_up_to_speech() -> None:
    watched = Watched()
    for _ in range(10):
        watched.talk(0.3)
        watched.pause(2)
    assert watched.given_up == []


def test_speech_after_a_row_of_coughs_has_time_of_its_own() -> None:
    watched = Watched()
    for _ in range(8):
        watched.talk(0.04)
        watched.pause(0.86)
    watched.talk(2)  # from frame 360 on, and 360 / 50 is more than six seconds
    watched.talk(2, answer=True)
    watched.pause(8)
    assert watched.given_up == []


def test_an_output_that_comes_sooner_than_any_translation_could_is_none() -> None:
    watched = Watched()
    watched.pause(1)
    watched.talk((QUICKEST - BATCH) / SECOND, answer=True)
    watched.talk(1)
    watched.pause(8)
    assert watched.given_up[0] == (50, 350)


def test_the_translation_of_the_sentence_before_is_no_answer_to_the_next() -> None:
    watched = Watched()
    watched.talk(1.4)
    watched.talk(1, answer=True)
    watched.pause(1.4, answer=True)  # of frame 120 on the last word was said
    watched.talk(0.6, answer=True)  # the next sentence, into the last words of the translation
    watched.talk(1.4)
    watched.pause(8)
    begin = watched.given_up[0][0]
    assert 150 <= begin <= 190  # from the second sentence, which begins with frame 190
    assert watched.covered_by(190 + 100) <= 190 + PATIENCE + BATCH


def test_a_translation_that_begins_after_the_sentence_did_is_its_own() -> None:
    watched = Watched()
    watched.talk(1.4)
    watched.talk(1, answer=True)
    watched.pause(1)
    watched.pause(1)
    watched.talk(QUICKEST / SECOND + 0.2)
    watched.talk(0.4, answer=True)
    watched.pause(8)
    assert watched.given_up == []


def test_a_translation_that_comes_too_late_for_a_sentence_belongs_to_the_next_one() -> None:
    """The first sentence was in the target language, and only that one is given up."""
    watched = Watched()
    watched.pause(1)
    watched.talk(2)
    watched.pause(1.6)  # frame 230
    watched.talk(1)
    watched.talk(2, answer=True)
    watched.pause(1, answer=True)
    watched.pause(8)
    assert watched.given_up == [(50, 230)]
    assert watched.covered_by(230) == 50 + PATIENCE
    assert watched.covered == watched.fed


def test_a_late_translation_of_the_only_sentence_there_was_is_its_own() -> None:
    watched = Watched()
    watched.talk(1)
    watched.pause(4.4)
    watched.pause(1, answer=True)
    watched.pause(8)
    assert watched.given_up == []


def test_a_translation_that_goes_on_for_long_belongs_to_the_next_sentence_too() -> None:
    watched = Watched()
    watched.talk(1)
    watched.pause(1.2)
    watched.talk(0.2)
    watched.talk(SLOWEST / SECOND, answer=True)  # it began at once, as the sentence before was translated
    watched.pause(10)
    assert watched.given_up == []


def test_speech_that_goes_on_for_long_after_its_translation_ended_wants_another() -> None:
    """Somebody changes to the other language without a pause."""
    watched = Watched()
    watched.talk(1.4)
    watched.talk(1.6, answer=True)  # frame 150
    watched.talk(20)
    begin, end = watched.given_up[0]
    assert 150 < begin <= 150 + SURELY_SAID
    assert end <= begin + PATIENCE + 2 * BATCH
    assert watched.covered == watched.fed


def test_while_nothing_comes_from_the_server_nothing_is_given_up() -> None:
    watched = Watched()
    watched.talk(2)
    for _ in range(6 * SECOND):
        watched.coverage.feed(voiced=True)
        watched.fed += 1
    watched.hear(voiced=False)  # it was the line
    assert watched.said == []
    watched.hear(voiced=True)
    watched.talk(SURELY_SAID / SECOND - STALL / SECOND, answer=True)
    assert watched.covered <= 2 * SECOND
    watched.talk(2, answer=True)
    assert watched.covered >= 8 * SECOND
    assert watched.given_up == []


SPANS = st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.integers(0, 2)), max_size=12)
"""Frames that are fed, whether they are voiced, and what the server says meanwhile: nothing, silence or voice."""


def played(spans: list[tuple[int, bool, int]], every: int) -> Watched:
    watched = Watched()
    for frames, voiced, answer in spans:
        for _ in range(frames):
            watched.coverage.feed(voiced=voiced)
            watched.fed += 1
            if answer and watched.fed % every == 0:
                watched.hear(voiced=answer == 2)
    return watched


@given(SPANS, st.integers(1, 60))
def test_ever_more_frames_are_covered_none_twice_and_in_the_end_all(
    spans: list[tuple[int, bool, int]], every: int
) -> None:
    watched = played(spans, every)
    watched.coverage.finish()
    watched.end()
    frames = [event.frames for _, event in watched.said]
    assert frames == sorted(set(frames))
    assert all(0 < event.frames <= fed for fed, event in watched.said)
    assert watched.covered == watched.fed


@given(SPANS, st.integers(1, STALL))
def test_while_the_server_answers_nothing_waits_for_longer_than_six_seconds(
    spans: list[tuple[int, bool, int]], every: int
) -> None:
    watched = played([(frames, voiced, max(answer, 1)) for frames, voiced, answer in spans], every)
    for fed in range(every, watched.fed + 1, every):
        covered = max((event.frames for at, event in watched.said if at <= fed), default=0)
        assert fed - covered <= PATIENCE + 2 * every


@given(SPANS, st.integers(1, 60))
def test_without_a_single_answer_no_speech_counts_as_translated(spans: list[tuple[int, bool, int]], every: int) -> None:
    watched = played([(frames, voiced, min(answer, 1)) for frames, voiced, answer in spans], every)
    watched.coverage.finish()
    watched.end()
    voiced = [voice for frames, voice, _ in spans for _ in range(frames)]
    given_up = [False] * len(voiced)
    for begin, end in watched.given_up:
        given_up[begin:end] = [True] * (end - begin)
    run = 0
    for frame, voice in enumerate(voiced):
        run = run + 1 if voice and not given_up[frame] else 0
        assert run < ENOUGH_VOICE


@given(SPANS, st.integers(1, 60))
def test_no_word_counts_as_translated_in_less_than_a_second_and_a_half(
    spans: list[tuple[int, bool, int]], every: int
) -> None:
    watched = played(spans, every)
    voiced = [voice for frames, voice, _ in spans for _ in range(frames)]
    before = 0
    for fed, event in watched.said:
        if event.translated and any(voiced[before : event.frames]):
            last = max(frame for frame in range(before, event.frames) if voiced[frame])
            assert fed - last > ALL_SAID
        before = event.frames


def test_an_output_with_short_pauses_is_one_translation() -> None:
    """Else the rest of an old one would pass for a new one."""
    watched = Watched()
    watched.talk(1.4)
    watched.talk(1, answer=True)
    watched.pause(1.2, answer=True)
    watched.talk(0.6, answer=True)
    watched.talk((BREATH - BATCH) / SECOND)  # a breath
    watched.talk(0.4, answer=True)
    watched.pause(8)
    assert watched.given_up
