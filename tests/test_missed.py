"""What a speaker said while nobody was there: how much of it is remembered, and what of it is to be heard after all."""

from __future__ import annotations

import pytest

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.kept import ONSET_FRAMES
from bmv.call.missed import REMEMBERED_FRAMES, REMEMBERED_SECONDS, Missed, MissedSpeech

STARTED = 100.0  # loop time


def frames_of(pattern: str) -> list[Missed]:
    """One frame for each sign, 20 ms apart: `#` is voiced, `.` is not."""
    return [
        Missed(number.to_bytes(4, "big") * 40, sign == "#", STARTED + number * FRAME_SECONDS)
        for number, sign in enumerate(pattern)
    ]


def missed(pattern: str) -> MissedSpeech:
    speech = MissedSpeech()
    for frame in frames_of(pattern):
        assert speech.miss(frame) == []
    return speech


def taken_up(pattern: str, since: int | None = None) -> str:
    """Which frames are to be heard, from the frame with that number on: the pattern with the others left out."""
    frames = frames_of(pattern)
    moment = None if since is None else frames[since].at
    heard, unheard = missed(pattern).take_up(moment)
    assert heard == frames[len(unheard) :]
    assert sorted([*heard, *unheard], key=lambda frame: frame.at) == frames, "each of them is one or the other"
    return "".join("#" if frame.voiced else "." for frame in heard)


def test_the_last_ten_seconds_are_remembered_and_what_is_older_is_given_back() -> None:
    frames = frames_of("#" * (REMEMBERED_FRAMES + 3))
    speech = MissedSpeech()
    given_back = [each for frame in frames for each in speech.miss(frame)]
    assert given_back == frames[:3]
    assert speech.forget() == frames[3:]
    assert REMEMBERED_FRAMES * FRAME_SECONDS == REMEMBERED_SECONDS == 10


def test_of_a_line_that_is_quiet_no_sound_is_kept_more_than_once() -> None:
    speech = MissedSpeech()
    for number in range(3):
        speech.miss(Missed(bytes(bytearray(SILENCE)), False, STARTED + number * FRAME_SECONDS))  # copies
    assert [frame.audio is SILENCE for frame in speech.forget()] == [True] * 3


@pytest.mark.parametrize(
    ("pattern", "heard"),
    [
        ("......####", "...####"),
        ("..####", "..####"),
        ("####", "####"),
        ("...##.......###", "...###"),
        ("....##....", ""),
        ("......", ""),
        ("", ""),
    ],
)
def test_the_utterance_that_is_under_way_is_taken_up_from_its_onset_on(pattern: str, heard: str) -> None:
    assert taken_up(pattern) == heard


@pytest.mark.parametrize(
    ("pattern", "since", "heard"),
    [
        ("##......##..##....", 2, "...##..##...."),
        ("##......##..##....", 7, ".##..##...."),
        ("##......##..##....", 0, "##......##..##...."),
        ("####......", 2, "##......"),
        ("####......", 4, ""),
        ("......", 0, ""),
    ],
)
def test_from_a_moment_on_everything_is_taken_up_but_for_the_silence_before_the_first_word(
    pattern: str, since: int, heard: str
) -> None:
    assert taken_up(pattern, since) == heard


def test_a_moment_that_is_forgotten_already_is_the_beginning_of_what_is_remembered() -> None:
    frames = frames_of("#" * 5)
    assert missed("#" * 5).take_up(STARTED - 60) == (frames, [])


def test_a_moment_that_is_still_to_come_takes_nothing_up() -> None:
    frames = frames_of("#" * 5)
    assert missed("#" * 5).take_up(STARTED + 60) == ([], frames)


def test_what_was_taken_up_or_left_is_not_remembered_any_more() -> None:
    speech = missed("..##")
    speech.take_up(None)
    assert speech.forget() == []
    assert speech.take_up(STARTED) == ([], [])


def test_an_onset_is_as_long_as_the_detector_of_voice_takes_to_make_up_its_mind() -> None:
    assert ONSET_FRAMES == 3
