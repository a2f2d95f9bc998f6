"""Whether a sentence was heard: judged by its syllables, in order, whatever became of the pauses."""

from __future__ import annotations

import pytest

from bmv.audio import levels, mulaw
from bmv.audio.listening import NOTHING, PIECE_BYTES, listen
from bmv.simulator import voices

SAID = voices.speak("Your parcel will arrive on Friday morning.", "en")
OTHER = voices.speak("El número de pedido es cuatro mil setecientos doce.", "es")
SECOND = mulaw.SILENCE * 50


def test_a_sentence_is_heard_where_and_as_loud_as_it_was_said() -> None:
    found = listen(SECOND + levels.scale(SAID, -6.0) + SECOND, SAID)
    assert found.share == 1.0
    assert found.gain_db == pytest.approx(-6.0, abs=0.3)
    assert 1.0 <= found.first < found.last < 1.0 + len(SAID) / mulaw.SAMPLE_RATE


def test_a_longer_pause_between_syllables_does_not_matter() -> None:
    border = 5 * PIECE_BYTES
    assert listen(SAID[:border] + SECOND + SAID[border:], SAID).share == 1.0


def test_half_a_sentence_is_heard_by_half() -> None:
    assert 0.3 < listen(SAID[: len(SAID) // 2] + SECOND, SAID).share < 0.7


def test_the_wrong_order_is_not_heard_as_the_sentence() -> None:
    half = len(SAID) // 2 // PIECE_BYTES * PIECE_BYTES
    assert listen(SAID[half:] + SECOND + SAID[:half], SAID).share < 0.7


@pytest.mark.parametrize("heard", [OTHER, SECOND, b""], ids=["another sentence", "silence", "nothing"])
def test_what_was_not_said_is_not_heard(heard: bytes) -> None:
    assert listen(heard, SAID).share < 0.3
    assert listen(SECOND, SAID) == NOTHING
