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


def test_a_syllable_that_sounds_like_a_later_one_hides_nothing_between_them() -> None:
    """Of two sentences the pause is shortened, by 120 ms: the end of the second is more like what is left of it."""
    first, second = (voices.speak(text, "es") for text in ("El paquete estaba roto.", "Quiero cambiar la dirección."))
    said = first + second
    pause = 76 * mulaw.FRAME_BYTES  # where it begins
    shortened = said[:pause] + said[pause + 6 * mulaw.FRAME_BYTES :]
    assert levels.is_silent(said[pause : pause + 6 * mulaw.FRAME_BYTES])
    found = listen(SECOND + shortened + SECOND, said)
    assert found.share > 0.9
    assert found.first < found.last
    assert listen(SECOND + first + SECOND, said).share < 0.6  # what is not there is not heard for all that


def test_what_comes_twice_is_heard_in_its_order() -> None:
    half = len(SAID) // 2 // PIECE_BYTES * PIECE_BYTES
    assert listen(SAID[half:] + SECOND + SAID + SECOND + SAID[:half], SAID).share == 1.0


def test_half_a_sentence_is_heard_by_half() -> None:
    assert 0.3 < listen(SAID[: len(SAID) // 2] + SECOND, SAID).share < 0.7


def test_the_wrong_order_is_not_heard_as_the_sentence() -> None:
    half = len(SAID) // 2 // PIECE_BYTES * PIECE_BYTES
    assert listen(SAID[half:] + SECOND + SAID[:half], SAID).share < 0.7


@pytest.mark.parametrize("heard", [OTHER, SECOND, b""], ids=["another sentence", "silence", "nothing"])
def test_what_was_not_said_is_not_heard(heard: bytes) -> None:
    assert listen(heard, SAID).share < 0.3
    assert listen(SECOND, SAID) == NOTHING
