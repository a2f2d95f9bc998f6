"""When a session is taken for dead: after enough voice and enough silence, and never before."""

from __future__ import annotations

import pytest

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.watchdog import LEAST_VOICE, SILENT_AFTER, Watchdog


class Watched:
    """A session that is fed frame by frame."""

    def __init__(self) -> None:
        self.watchdog = Watchdog()
        self.now = 1000.0

    def fed(self, seconds: float, *, voiced: bool) -> float | None:
        """Feed it for so long; after how many of these seconds the watchdog barked, if it did."""
        for frame in range(round(seconds / FRAME_SECONDS)):
            self.now += FRAME_SECONDS
            if voiced:
                self.watchdog.fed(self.now)
            if self.watchdog.barks(self.now):
                return frame * FRAME_SECONDS
        return None


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_it_barks_when_somebody_talks_and_nothing_comes_out(watched: Watched) -> None:
    assert watched.fed(60, voiced=True) == pytest.approx(SILENT_AFTER, abs=2 * FRAME_SECONDS)


def test_it_barks_in_the_pause_as_well_when_enough_was_said_before(watched: Watched) -> None:
    assert watched.fed(LEAST_VOICE + FRAME_SECONDS, voiced=True) is None
    assert watched.fed(60, voiced=False) == pytest.approx(SILENT_AFTER - LEAST_VOICE, abs=3 * FRAME_SECONDS)


def test_a_cough_owes_no_answer(watched: Watched) -> None:
    watched.fed(LEAST_VOICE - 2 * FRAME_SECONDS, voiced=True)
    assert watched.fed(60, voiced=False) is None


def test_silence_owes_no_answer(watched: Watched) -> None:
    assert watched.fed(600, voiced=False) is None


def test_short_words_with_long_pauses_add_up(watched: Watched) -> None:
    """Somebody who says "hello?" again and again to a dead session must not wait for ever."""
    hellos = 0
    while watched.fed(0.6, voiced=True) is None and watched.fed(6, voiced=False) is None:
        hellos += 1
        assert hellos < 10
    assert hellos == 2


def test_any_sign_of_life_begins_it_anew(watched: Watched) -> None:
    for _ in range(20):
        assert watched.fed(SILENT_AFTER - 2 * FRAME_SECONDS, voiced=True) is None
        watched.watchdog.alive()
    assert watched.fed(60, voiced=True) == pytest.approx(SILENT_AFTER, abs=2 * FRAME_SECONDS)


def test_a_pause_before_the_first_word_is_not_counted(watched: Watched) -> None:
    watched.fed(60, voiced=False)
    assert watched.fed(60, voiced=True) == pytest.approx(SILENT_AFTER, abs=2 * FRAME_SECONDS)


def test_it_barks_on_while_nobody_does_anything(watched: Watched) -> None:
    watched.fed(60, voiced=True)
    assert watched.watchdog.barks(watched.now + 1)
    watched.watchdog.alive()
    assert not watched.watchdog.barks(watched.now + 1)


def test_a_dead_session_is_noticed_while_what_it_was_fed_can_still_be_replayed() -> None:
    assert LEAST_VOICE < SILENT_AFTER < 5.0, "seconds; REPLAY_SECONDS is 5 unless it is set"
