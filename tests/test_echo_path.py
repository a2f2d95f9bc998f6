"""A glimpse at an echo: it sees what a comparison finds, seldom sees what is none, and knows how clear that is."""

import numpy as np
import pytest
from speech import SENTENCES, say

from bmv.audio import mulaw
from bmv.audio.echo_path import HEARD, LONGEST_DELAY, PLAYED, Comparison, glimpse

HINT = 7.0
CLEAR = 9.0
PLAYING = np.tile(say(SENTENCES["en-US"], "en-US"), 4)
SAYING = np.tile(say(SENTENCES["es-ES"], "es-ES"), 4)


def played_and_heard(at: int, delay: int, *, loudness: float) -> tuple[bytes, bytes]:
    """What was played up to a moment, and the echo of it, this much of its level, among a line's noise."""
    end = PLAYED + LONGEST_DELAY + at
    echo = loudness * PLAYING[end - delay - HEARD : end - delay] + np.random.default_rng(at).normal(0, 80, HEARD)
    return mulaw.encode(PLAYING[end - PLAYED : end]), mulaw.encode(np.rint(echo).astype(np.int16))


@pytest.mark.parametrize("delay", [330, 801, 2400, 8190])
@pytest.mark.parametrize("at", [0, 3000, 7001])
def test_a_glimpse_sees_the_echo_that_a_comparison_finds(delay: int, at: int) -> None:
    played, heard = played_and_heard(at, delay, loudness=0.3)
    found = Comparison(played, heard, PLAYED)
    assert found.clarity > CLEAR
    assert abs(found.delay - delay) <= 2
    assert glimpse(played, heard, PLAYED, least=HINT)


def test_it_sees_none_in_most_of_what_another_voice_says_but_not_more_seldom_than_a_comparison() -> None:
    places = range(0, 170_000, 1700)
    pairs = [(mulaw.encode(PLAYING[at : at + PLAYED]), mulaw.encode(SAYING[at : at + HEARD])) for at in places]
    seen = [glimpse(*pair, PLAYED, least=HINT) for pair in pairs]
    assert sum(seen) < len(pairs) / 3
    clear = [Comparison(*pair, PLAYED).clarity >= CLEAR for pair in pairs]
    assert sum(found and not hint for found, hint in zip(clear, seen, strict=True)) <= 1


def test_it_is_as_clear_as_a_comparison_within_a_half_and_no_clearer_than_it_is() -> None:
    played, heard = played_and_heard(0, 801, loudness=0.3)
    clarity = Comparison(played, heard, PLAYED).clarity
    answers = [glimpse(played, heard, PLAYED, least=share * clarity) for share in (0.1, 0.3, 0.5, 2.0, 4.0)]
    assert answers == [True, True, True, False, False]


def test_it_sees_nothing_where_too_little_was_played_to_tell_chance() -> None:
    played, heard = played_and_heard(0, 801, loudness=1.0)
    assert not glimpse(played, heard, 700, least=HINT)
