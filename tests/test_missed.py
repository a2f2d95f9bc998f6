"""What a speaker said while nobody was there: how much of it is remembered, and what of it is to be heard after all."""

from __future__ import annotations

import pytest

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.frames import Frame, Frames
from bmv.call.kept import ONSET_FRAMES
from bmv.call.missed import REMEMBERED_FRAMES, REMEMBERED_SECONDS, MissedSpeech

STARTED = 100.0  # loop time


def moment(number: int) -> float:
    """When the frame of this number came."""
    return STARTED + number * FRAME_SECONDS


def frames_of(pattern: str) -> list[Frame]:
    """One frame for each sign: `#` is voiced, `.` is not."""
    return [(number.to_bytes(4, "big") * 40, int(sign == "#")) for number, sign in enumerate(pattern)]


def miss_all(speech: MissedSpeech, frames: list[Frame]) -> list[Frame]:
    """Miss them one by one, 20 ms apart. Gives what was given back."""
    given_back: list[Frame] = []
    for number, (audio, voiced) in enumerate(frames):
        given_back += speech.miss(Frames.cut(audio, bytes([voiced])), moment(number))
    return given_back


def missed(pattern: str) -> MissedSpeech:
    speech = MissedSpeech()
    assert miss_all(speech, frames_of(pattern)) == []
    return speech


def taken_up(pattern: str, since: int | None = None) -> str:
    """Which frames are to be heard, from the frame with that number on: the pattern with the others left out."""
    frames = frames_of(pattern)
    heard, unheard = missed(pattern).take_up(None if since is None else moment(since))
    assert list(heard) == frames[len(unheard) :]
    assert sorted([*heard, *unheard]) == frames, "each of them is one or the other"
    return "".join("#" if voiced else "." for _, voiced in heard)


def test_the_last_ten_seconds_are_remembered_and_what_is_older_is_given_back() -> None:
    frames = frames_of("#" * (REMEMBERED_FRAMES + 3))
    speech = MissedSpeech()
    assert miss_all(speech, frames) == frames[:3]
    assert list(speech.forget()) == frames[3:]
    assert REMEMBERED_FRAMES * FRAME_SECONDS == REMEMBERED_SECONDS == 10


def test_frames_that_come_together_are_missed_together() -> None:
    frames = frames_of("#" * (REMEMBERED_FRAMES + 5))
    speech = missed("#" * (REMEMBERED_FRAMES - 2))
    bunch = b"".join(audio for audio, _ in frames[-7:-2])
    assert list(speech.miss(Frames.cut(bunch, b"\1" * 5), moment(REMEMBERED_FRAMES))) == frames[:3]
    assert list(speech.miss(Frames.cut(frames[-2][0], b"\1"), moment(REMEMBERED_FRAMES + 1))) == frames[3:4]
    heard, _ = speech.take_up(moment(REMEMBERED_FRAMES + 1))
    assert list(heard) == frames[-2:-1]


def test_of_a_line_that_is_quiet_no_sound_is_kept_more_than_once() -> None:
    speech = MissedSpeech()
    for number in range(3):
        speech.miss(Frames.cut(bytes(bytearray(SILENCE)), b"\0"), moment(number))  # copies
    assert [audio is SILENCE for audio, _ in speech.forget()] == [True] * 3


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
    heard, unheard = missed("#" * 5).take_up(STARTED - 60)
    assert (list(heard), list(unheard)) == (frames_of("#" * 5), [])


def test_a_moment_that_is_still_to_come_takes_nothing_up() -> None:
    heard, unheard = missed("#" * 5).take_up(STARTED + 60)
    assert (list(heard), list(unheard)) == ([], frames_of("#" * 5))


def test_what_was_taken_up_or_left_is_not_remembered_any_more() -> None:
    speech = missed("..##")
    speech.take_up(None)
    assert list(speech.forget()) == []
    assert list(map(list, speech.take_up(STARTED))) == [[], []]


def test_an_onset_is_as_long_as_the_detector_of_voice_takes_to_make_up_its_mind() -> None:
    assert ONSET_FRAMES == 3
