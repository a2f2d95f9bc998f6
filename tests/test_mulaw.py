"""The codec against the values of ITU-T G.711 and against the standard library's, where that still has one."""

import math
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


def test_all_128_magnitudes_follow_from_the_segments_of_the_standard() -> None:
    # Eight segments of sixteen steps, each step twice as high as in the segment before, with 14 bits.
    magnitudes = [((2 * step + 33) << segment) - 33 for segment in range(8) for step in range(16)]
    assert (mulaw.decode(bytes(range(0xFF, 0x7F, -1))) // 4).tolist() == magnitudes
    assert (mulaw.decode(bytes(range(0x7F, -1, -1))) // -4).tolist() == magnitudes


def test_all_decision_values_lie_where_the_standard_puts_them() -> None:
    # G.711 puts each value in the middle between the decisions on both sides of it, and the first decision at 1.
    values = (mulaw.decode(bytes(range(0xFF, 0x7F, -1))) // 4).tolist()
    decision = 1
    for number, value in enumerate(values[1:], 1):
        louder = 0xFF - number
        assert encode(4 * decision - 1, 4 * decision) == bytes([louder + 1, louder])
        assert encode(1 - 4 * decision, -4 * decision) == bytes([louder + 1 & 0x7F, louder & 0x7F])
        decision = 2 * value - decision
    assert decision == 8159  # the virtual decision value at which overload begins


def test_the_digital_milliwatt_is_a_tone_of_1000_hz_3_17_db_below_the_loudest_one() -> None:
    # Table 6/G.711: the codes of a sine of 1 kHz at 0 dBm0; the loudest sine has +3.17 dBm0.
    period = mulaw.decode(bytes.fromhex("1E 0B 0B 1E 9E 8B 8B 9E")).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(np.tile(period, 100)))
    assert spectrum.argmax() == 100
    level = 10 * math.log10(np.square(period).mean() / ((4 * 8159) ** 2 / 2))
    assert level == pytest.approx(-3.17, abs=0.03)


@given(st.binary(max_size=400))
def test_the_bytes_of_the_samples_are_the_same(ulaw: bytes) -> None:
    assert mulaw.expand(ulaw) == mulaw.decode(ulaw).tobytes()


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
