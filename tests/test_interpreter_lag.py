"""How long a listener waits for a translation, as one direction of a call measures it."""

from __future__ import annotations

import pytest
from direction import TRANSLATION, Direction
from fakes import spoken

from bmv.call.translator import CaptionKind

SOON = 0.25
"""More than the detector of voice and the cushion of the playout take together."""


async def test_a_turns_lag_is_from_the_first_sound_to_the_first_translated_sound() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.keep_quiet(1.0)
        await direction.speak(1.5)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 40))
        await direction.speak(1.0)
        lags = direction.interpreter.stats.first_audio
        assert lags.count == 1
        assert lags.mean == pytest.approx(1.5, abs=SOON)


async def test_the_lag_stands_on_the_caption_of_the_turn() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.5)
        direction.session.caption(CaptionKind.TRANSLATION, "hello")
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 40))
        await direction.speak(1.0)
    assert direction.captions[-1].lag == pytest.approx(1.5, abs=SOON)
    assert direction.captions[-1].lag == pytest.approx(direction.interpreter.stats.first_audio.mean, abs=1e-9)


async def test_each_turn_is_measured_by_itself() -> None:
    direction = Direction()
    async with direction.begun():
        for wait in (1.0, 2.0):
            await direction.speak(0.6)
            await direction.keep_quiet(wait - 0.6)
            await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
            await direction.keep_quiet(3.0)
        lags = direction.interpreter.stats.first_audio
        assert lags.count == 2
        assert lags.mean == pytest.approx(1.5, abs=SOON)
        assert lags.maximum == pytest.approx(2.0, abs=SOON)


async def test_a_breath_inside_a_turn_does_not_begin_another() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(0.5)
        await direction.keep_quiet(0.5)
        await direction.speak(0.5)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        await direction.speak(0.5)
        assert direction.interpreter.stats.first_audio.mean == pytest.approx(1.5, abs=SOON)


async def test_a_pause_in_the_translation_is_not_measured_again() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        for _ in range(3):
            await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
            await direction.keep_quiet(2.0)
        assert direction.interpreter.stats.first_audio.count == 1


async def test_a_cough_that_nobody_translates_does_not_spoil_the_next_turn() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(0.2)
        direction.session.show_life()
        await direction.keep_quiet(16.0)
        await direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        await direction.keep_quiet(1.0)
        assert direction.interpreter.stats.first_audio.maximum == pytest.approx(1.0, abs=SOON)


async def test_a_translation_out_of_nowhere_is_no_turn() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.keep_quiet(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        await direction.keep_quiet(1.0)
        assert direction.interpreter.stats.first_audio.count == 0
        assert direction.interpreter.stats.first_audio.mean is None


async def test_what_the_bridge_adds_on_the_way_down_is_measured() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        await direction.keep_quiet(1.0)
        downlink = direction.interpreter.stats.downlink
        assert downlink.count == 1
        assert 0 < downlink.maximum <= SOON


async def test_the_worst_backlog_is_remembered() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 200))
        await direction.stall(6.0)
        assert direction.playout.backlog == 0
        assert direction.interpreter.stats.worst_backlog == pytest.approx(4.0, abs=0.2)


async def test_a_turn_that_begins_under_the_translation_of_the_last_one_is_not_measured() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 150))
        await direction.keep_quiet(1.5)
        await direction.speak(0.5)  # the translation of the first turn still sounds
        direction.session.show_life()
        await direction.keep_quiet(5.0)
        await direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION + 150, TRANSLATION + 190))
        await direction.keep_quiet(1.0)
        lags = direction.interpreter.stats.first_audio
        assert lags.count == 2
        assert lags.maximum == pytest.approx(1.0, abs=SOON)


async def test_a_pause_within_a_turn_leaves_no_beginning_behind_for_the_next() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION, TRANSLATION + 20))
        await direction.keep_quiet(1.2)  # both pause …
        await direction.speak(0.2)
        await direction.translate(*spoken(TRANSLATION + 20, TRANSLATION + 40))  # … and go on
        await direction.speak(1.0)
        await direction.keep_quiet(4.0)
        await direction.speak(1.0)
        await direction.translate(*spoken(TRANSLATION + 40, TRANSLATION + 60))
        await direction.keep_quiet(1.0)
        assert direction.interpreter.stats.first_audio.maximum == pytest.approx(1.0, abs=SOON)
