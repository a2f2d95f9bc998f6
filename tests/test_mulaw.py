"""The codec against the values of ITU-T G.711 and against the standard library's, where that still has one."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.audio import mulaw

EVERY_CODE = bytes(range(256))
EVERY_VALUE = np.arange(-32768, 32768).astype(np.int16)


def encode(*values: int) -> bytes:
    return mulaw.encode(np.array(values, np.int16))


def test_a_frame_is_160_bytes_and_20_ms() -> None:
    assert mulaw.FRAME_BYTES == len(mulaw.SILENCE) == 160
    assert mulaw.FRAME_BYTES / mulaw.SAMPLE_RATE == mulaw.FRAME_SECONDS == mulaw.FRAME_MS / 1000 == 0.02


def test_codes_have_the_values_of_the_standard() -> None:
    # Table 2a/G.711 gives them with 14 bits: 0, 2, 30, 33, 4191 and 8031.
    codes = bytes([0xFF, 0xFE, 0xF0, 0xEF, 0x8F, 0x80])
    assert mulaw.decode(codes).tolist() == [0, 8, 120, 132, 4 * 4191, 32124]
    assert mulaw.decode(bytes(code & 0x7F for code in codes)).tolist() == [0, -8, -120, -132, -4 * 4191, -32124]


def test_values_change_their_code_at_the_decision_values_of_the_standard() -> None:
    # Table 2a/G.711, x1, x2, x16, x17 and x113 with 14 bits: 1, 3, 31, 35 and 4063.
    for decision, quieter in [(1, 0xFF), (3, 0xFE), (31, 0xF0), (35, 0xEF), (4063, 0x90)]:
        assert encode(4 * decision - 1, 4 * decision) == bytes([quieter, quieter - 1])
        assert encode(1 - 4 * decision, -4 * decision) == bytes([quieter & 0x7F, quieter - 1 & 0x7F])


def test_silence_is_zero_and_zero_is_silence() -> None:
    assert not mulaw.decode(mulaw.SILENCE).any()
    assert mulaw.encode(np.zeros(160, np.int16)) == mulaw.SILENCE


def test_every_code_comes_back_as_itself_but_negative_zero_as_zero() -> None:
    assert mulaw.encode(mulaw.decode(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_a_louder_value_never_becomes_a_quieter_one() -> None:
    heard = mulaw.decode(mulaw.encode(EVERY_VALUE)).astype(np.int32)
    assert (np.diff(heard) >= 0).all()


def test_the_error_is_at_most_half_a_step_and_a_step_is_a_sixteenth_of_the_level() -> None:
    within = EVERY_VALUE[np.abs(EVERY_VALUE.astype(np.int32)) <= 32635].astype(np.int32)
    error = np.abs(mulaw.decode(mulaw.encode(within.astype(np.int16))) - within)
    assert (error <= np.maximum(4, (np.abs(within) + 132) / 32)).all()


def test_too_loud_values_are_limited_instead_of_wrapped() -> None:
    assert mulaw.decode(encode(32767, -32768)).tolist() == [32124, -32124]


def test_every_second_sample_of_an_array_can_be_encoded_without_a_copy() -> None:
    assert mulaw.encode(EVERY_VALUE[::2]) == mulaw.encode(EVERY_VALUE)[::2]


def test_the_standard_library_agrees_within_one_code() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop", reason="gone from Python 3.13")
    assert mulaw.decode(EVERY_CODE).tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)
    theirs = mulaw.decode(audioop.lin2ulaw(EVERY_VALUE.tobytes(), 2))
    ours = mulaw.decode(mulaw.encode(EVERY_VALUE))
    # It drops two bits before it looks at the sign, which moves some negative values below a decision value: to the
    # neighbouring code, as their distance shows.
    assert np.array_equal(ours[EVERY_VALUE >= 0], theirs[EVERY_VALUE >= 0])
    assert (ours >= theirs).all()
    levels = np.unique(mulaw.decode(EVERY_CODE))
    assert (np.searchsorted(levels, ours) - np.searchsorted(levels, theirs)).max() == 1
    assert np.count_nonzero(ours != theirs) < 400


@given(st.binary(max_size=1000))
def test_frames_are_whole_and_in_order_and_only_silence_is_added(ulaw: bytes) -> None:
    cut = list(mulaw.frames(ulaw))
    assert {len(frame) for frame in cut} <= {160}
    assert len(cut) == -(-len(ulaw) // 160)
    joined = b"".join(cut)
    assert joined[: len(ulaw)] == ulaw
    assert set(joined[len(ulaw) :]) <= {0xFF}
