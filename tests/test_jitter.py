"""The jitter buffer: frames come as they like, go out on the tick, and nothing clicks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bmv.audio import mulaw
from bmv.audio.levels import is_silent
from bmv.simulator.phone.jitter import LONGEST, PREFILL, JitterBuffer


def voice(number: int) -> bytes:
    """A frame that can be told from others, and is not silent."""
    return bytes([0x80 + number % 32]) * mulaw.FRAME_BYTES


def filled(*frames: bytes) -> JitterBuffer:
    buffer = JitterBuffer()
    for frame in frames:
        buffer.put(frame)
    return buffer


def test_nothing_goes_out_before_enough_has_come() -> None:
    buffer = filled(*[voice(number) for number in range(PREFILL - 1)])
    assert buffer.take() == mulaw.SILENCE
    buffer.put(voice(PREFILL - 1))
    assert [buffer.take() for _ in range(PREFILL)] == [voice(number) for number in range(PREFILL)]


@given(st.lists(st.integers(1, 400), max_size=40))
def test_whatever_the_pieces_the_same_frames_go_out(lengths: list[int]) -> None:
    sound = b"".join(voice(number) for number in range(LONGEST))[: sum(lengths)]
    buffer = JitterBuffer()
    for length in lengths:
        piece, sound = sound[:length], sound[length:]
        buffer.put(piece)
    whole = len(buffer)
    if whole >= PREFILL:
        assert [buffer.take() for _ in range(whole)] == [voice(number) for number in range(whole)]


def test_run_dry_it_fades_out_and_gathers_again() -> None:
    loud = mulaw.encode((np.sin(np.arange(160) / 5) * 8000).astype(np.int16))
    buffer = filled(loud, loud, loud)
    for _ in range(3):
        last = buffer.take()
    fading = mulaw.decode(buffer.take())
    assert abs(int(fading[0]) - int(mulaw.decode(last)[-1])) < 100, "it goes on where it has ended"
    assert np.abs(fading[-20:]).max() < np.abs(fading[:40]).max() / 4
    assert buffer.take() == mulaw.SILENCE
    buffer.put(loud)
    assert buffer.take() == mulaw.SILENCE
    buffer.put(loud + loud)
    assert buffer.take() == loud


def test_a_burst_is_worked_off_in_the_pauses_and_no_voice_is_lost() -> None:
    voices = [voice(number) for number in range(4)]
    buffer = filled(*[mulaw.SILENCE] * 12, *voices)
    out = [buffer.take() for _ in range(2 * PREFILL)]
    assert [frame for frame in out if not is_silent(frame)] == voices
    assert buffer.dropped == 0


def test_no_more_than_half_a_second_may_wait() -> None:
    buffer = filled(*[voice(number) for number in range(LONGEST + 5)])
    assert (len(buffer), buffer.dropped) == (LONGEST, 5)
    assert buffer.take() == voice(5)


def test_what_is_cleared_is_never_heard() -> None:
    buffer = filled(voice(1), voice(2), voice(3), voice(4)[:80])
    buffer.clear()
    buffer.put(voice(5))
    assert len(buffer) == 1
    assert buffer.take() == mulaw.SILENCE
