"""Frames of one speaker, packed: they come out as they went in, with what was noted on them."""

from __future__ import annotations

import tracemalloc

from bmv.audio import mulaw
from bmv.audio.mulaw import SILENCE
from bmv.call.frames import DOUBTFUL, FED, FED_AGAIN, SETTLED, VOICED, Frames


def numbered(count: int, mark: int = 0, *, first: int = 0) -> list[tuple[bytes, int]]:
    return [(bytes([number % 256]) * 160, mark) for number in range(first, first + count)]


def packed(*frames: tuple[bytes, int]) -> Frames:
    return Frames.cut(b"".join(audio for audio, _ in frames), bytes(mark for _, mark in frames))


def test_frames_are_taken_out_in_order_and_the_rest_stays() -> None:
    frames = packed(*numbered(7, VOICED), *numbered(3, SETTLED, first=7))
    taken = frames.take(8)
    assert list(taken) == [*numbered(7, VOICED), *numbered(1, SETTLED, first=7)]
    assert list(frames) == numbered(2, SETTLED, first=8)
    frames.extend(packed(*numbered(1, FED, first=10)))
    assert (len(taken), len(frames)) == (8, 3)
    assert list(frames)[-1] == (bytes([10]) * 160, FED)
    assert list(taken.take(0)) == []
    assert len(taken) == 8


def test_open_are_those_with_voice_that_the_ledger_does_not_know_of() -> None:
    marks = (0, VOICED, VOICED | FED | DOUBTFUL, SETTLED, VOICED | SETTLED)
    assert packed(*((bytes(160), mark) for mark in marks)).open == 2
    assert packed().open == 0


def test_voice_is_found_among_all_other_marks() -> None:
    assert packed((bytes(160), SETTLED | FED), (bytes(160), VOICED | SETTLED)).voiced == b"\0\1"
    assert packed((bytes(160), SETTLED | FED | DOUBTFUL)).voiced == b"\0"
    assert packed().voiced == b""


def test_a_sound_is_cut_to_frames_with_a_mark_each() -> None:
    sound = b"".join(audio for audio, _ in numbered(3))
    frames = Frames.cut(sound, bytes([0, VOICED, 0]))
    frames.extend(Frames.cut(SILENCE, bytes([FED])))
    assert list(frames) == [*zip(mulaw.frames(sound), [0, VOICED, 0], strict=True), (SILENCE, FED)]
    assert list(Frames()) == []


def test_a_quiet_line_keeps_one_frame_of_silence_and_no_more() -> None:
    frames = Frames.cut(bytes(160) + b"\xff" * 320, bytes(3))
    assert [audio is SILENCE for audio, _ in frames] == [False, True, True]


def test_what_is_fed_is_known_to_have_been_fed_once_and_again() -> None:
    kept = Frames()
    for _ in range(2):
        kept.extend_fed(packed((bytes(160), VOICED), (bytes(160), VOICED | FED)))
    assert [mark for _, mark in kept] == [VOICED | FED, VOICED | FED | FED_AGAIN] * 2


def test_replayed_are_open_ones_that_one_session_had_before_and_no_second() -> None:
    marks = (VOICED, VOICED | FED, VOICED | FED | FED_AGAIN, FED, VOICED | FED | SETTLED, VOICED | FED | DOUBTFUL)
    assert packed(*((bytes(160), mark) for mark in marks)).replayed == 2


def test_frames_alike_are_given_together_in_order() -> None:
    voiced = b"\1\1\0\1\0\0"
    sound = [audio for audio, _ in numbered(6)]
    expected = [(sound[:2], True), (sound[2:3], False), (sound[3:4], True), (sound[4:], False)]
    assert list(Frames.cut(b"".join(sound), voiced).runs()) == [(b"".join(part), talking) for part, talking in expected]
    assert list(Frames().runs()) == []


def test_doubt_is_noted_beside_what_is_noted_already() -> None:
    frames = packed((bytes(160), VOICED), (bytes(160), 0))
    frames.doubt()
    assert [mark for _, mark in frames] == [VOICED | DOUBTFUL, DOUBTFUL]


def test_they_take_little_beside_their_sound_however_long_they_come_and_go() -> None:
    frames = Frames()
    tracemalloc.start()
    try:
        for number in range(1000):
            frames.extend(packed((SILENCE, number % 64)))
            if len(frames) > 150:
                frames.take(10)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 20 * 150
