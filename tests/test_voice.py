"""The voice detector on real speech in five languages, and on what is no speech."""

from itertools import groupby

import numpy as np
import pytest
from loud import peak
from speech import SENTENCES, say

from bmv.audio import mulaw
from bmv.audio.voice import HANG_OVER_FRAMES, START_FRAMES, VoiceDetector

SECOND = mulaw.SILENCE * 50


def speech(voice: str = "en-US") -> bytes:
    return b"".join(mulaw.frames(mulaw.encode(say(SENTENCES[voice], voice))))


def detect(ulaw: bytes) -> list[bool]:
    detector = VoiceDetector()
    return [detector.feed(frame) for frame in mulaw.frames(ulaw)]


def utterances(ulaw: bytes) -> list[tuple[int, int]]:
    """Give the first frame of each stretch of speech, and the first frame after it."""
    found = []
    start = 0
    for speaking, row in groupby(detect(ulaw)):
        end = start + len(list(row))
        if speaking:
            found.append((start, end))
        start = end
    return found


@pytest.mark.parametrize("voice", SENTENCES)
def test_nearly_all_loud_frames_of_speech_are_found(voice: str) -> None:
    sound = SECOND + speech(voice) + SECOND
    loud = [peak(frame) > 1000 for frame in mulaw.frames(sound)]
    found = [speaking for speaking, is_loud in zip(detect(sound), loud, strict=True) if is_loud]
    assert sum(found) > 0.95 * len(found)


@pytest.mark.parametrize("voice", SENTENCES)
def test_speech_begins_and_ends_near_its_true_ends(voice: str) -> None:
    sound = speech(voice)
    found = utterances(SECOND + sound + SECOND)
    start, end = found[0][0], found[-1][1]
    true_start, true_end = 50, 50 + len(sound) // 160
    assert 0 <= start - true_start <= START_FRAMES + 5
    # The detector may lose the last breath of a word, and holds on for 400 ms after what it has seen.
    assert -10 <= end - true_end - HANG_OVER_FRAMES <= 5


def test_a_frame_by_itself_is_voiced_before_it_is_speech() -> None:
    detector = VoiceDetector()
    assert not detector.voiced
    seen: list[tuple[bool, bool]] = [
        (detector.feed(frame), detector.voiced) for frame in mulaw.frames(speech() + SECOND)
    ]
    first = seen.index((False, True))
    assert seen[first : first + START_FRAMES] == [(False, True), (False, True), (True, True)]
    assert (True, False) in seen  # held on
    assert seen[-1] == (False, False)


@pytest.mark.parametrize("bunch", [2, 5, 7, 100])
def test_frames_that_come_several_at_a_time_are_heard_like_single_ones(bunch: int) -> None:
    sound = SECOND + speech() + SECOND + speech("es-ES")
    detector, size = VoiceDetector(), bunch * mulaw.FRAME_BYTES
    found = b"".join(detector.follow(sound[start : start + size]) for start in range(0, len(sound), size))
    assert list(found) == detect(sound)


def test_what_is_no_whole_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="160 bytes each"):
        VoiceDetector().follow(bytes(161))


def test_silence_is_not_speech() -> None:
    assert not any(detect(SECOND * 2))


def test_faint_line_noise_is_not_speech_once_it_is_known() -> None:
    noise = np.random.default_rng(1).normal(scale=100, size=5 * 8000).astype(np.int16)
    assert not any(detect(mulaw.encode(noise))[50:])


@pytest.mark.parametrize("pause", [100, 200])
def test_a_short_pause_does_not_end_the_utterance(pause: int) -> None:
    word = b"".join(mulaw.frames(mulaw.encode(say("parcel", "en-US"))))
    assert len(utterances(SECOND + word + mulaw.SILENCE * (pause // 20) + word + SECOND)) == 1


def test_a_long_pause_ends_the_utterance() -> None:
    word = b"".join(mulaw.frames(mulaw.encode(say("parcel", "en-US"))))
    assert len(utterances(SECOND + word + SECOND + word + SECOND)) == 2


@pytest.mark.parametrize("samples", [1, 40, 160, 320])
def test_a_click_is_not_speech(samples: int) -> None:
    click = mulaw.encode(np.resize(np.array([20000, -20000], np.int16), samples))
    click = b"".join(mulaw.frames(click))
    assert not any(detect(SECOND + click + SECOND))


def test_voice_that_is_torn_by_silence_again_and_again_never_becomes_speech() -> None:
    torn = b"".join(frame + mulaw.SILENCE for frame in mulaw.frames(speech()))
    assert not any(detect(torn))
    assert not any(VoiceDetector().follow(torn))


def test_two_streams_do_not_hear_each_other() -> None:
    talker, listener = VoiceDetector(), VoiceDetector()
    heard = [(talker.feed(frame), listener.feed(mulaw.SILENCE)) for frame in mulaw.frames(speech())]
    assert any(first for first, _ in heard)
    assert not any(second for _, second in heard)


@pytest.mark.parametrize("length", [0, 80, 159, 161, 320])
def test_only_whole_frames_are_taken(length: int) -> None:
    with pytest.raises(ValueError, match=f"a frame has 160 bytes, not {length}"):
        VoiceDetector().feed(b"\xff" * length)
