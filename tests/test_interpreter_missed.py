"""What is said while nobody is there to hear it, and what becomes of it when somebody was there after all."""

from __future__ import annotations

import pytest
from direction import ENGLISH, PAIR, WENT, Direction, in_frames
from fakes import lost, numbers, settle, spoken

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.alongside import alongside
from bmv.call.ledger import Fate
from bmv.call.missed import REMEMBERED_SECONDS
from bmv.call.mode import Mode
from bmv.call.translator import LanguagePair

START = 3  # loud frames at the beginning of a line before the detector of voice believes them; later it needs fewer
HANG_OVER = 0.5  # seconds after the last loud frame that it still counts as voiced, at most

pytestmark = pytest.mark.usefixtures("logs")


# -- what is missed


async def test_what_is_missed_is_open_as_long_as_it_is_remembered_and_then_not_translatable() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        await direction.speak(1.0, missed=True)
        assert direction.speech.pending == direction.speech.heard_frames == in_frames(1.0) - START
        await direction.keep_quiet(REMEMBERED_SECONDS - 1.0, missed=True)
        voiced = direction.speech.heard_frames
        assert direction.speech.pending == voiced
        await direction.keep_quiet(0.5, missed=True)
        assert direction.speech.frames(Fate.NOT_TRANSLATABLE) == in_frames(0.5) - START
        await direction.keep_quiet(1.0, missed=True)
        assert direction.speech.frames(Fate.NOT_TRANSLATABLE) == voiced
        assert direction.speech.pending == 0


@pytest.mark.parametrize("fate", Fate)
async def test_what_is_missed_is_not_translatable_whatever_ends_the_call(fate: Fate) -> None:
    direction = Direction()
    await direction.speak(1.0, missed=True)
    direction.interpreter.settle(fate, "the call ended: shutdown")
    assert direction.speech.frames(Fate.NOT_TRANSLATABLE) == direction.speech.heard_frames > 0
    assert direction.speech.pending == 0


async def test_what_is_heard_while_nobody_listens_is_missed() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        said = await direction.speak(1.0)
        assert direction.session.fed == []
        direction.interpreter.begin()
        said += await direction.speak(0.5)
        assert direction.session.fed[0] == spoken(said[0], said[1])[0]


# -- what is under way


async def test_who_is_talking_when_somebody_comes_is_heard_from_the_beginning_of_that_utterance() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(0.5, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        under_way = await direction.speak(0.6, missed=True)
        direction.interpreter.begin()
        said = under_way + await direction.speak_on(4.0)
        assert direction.session.fed == [SILENCE, *spoken(said[0], said[-1] + 1)]
        assert direction.speech.frames(Fate.NOT_TRANSLATABLE) == pytest.approx(in_frames(0.5 + HANG_OVER), abs=6)


async def test_it_is_caught_up_with_gently() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(1.0, missed=True)
        direction.interpreter.begin()
        await direction.speak(2.0)
        assert len(direction.session.fed) == in_frames(1.2 * 2.0)


async def test_where_nobody_is_talking_nothing_is_taken_up() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(HANG_OVER + 0.02, missed=True)
        direction.interpreter.begin()
        said = await direction.speak(0.5)
        assert direction.session.fed == spoken(said[0], said[-1] + 1)


async def test_what_was_missed_is_marked_as_voice_as_it_was() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(1.0, missed=True)
        direction.interpreter.begin()
        await direction.speak_on(6.0)
        assert direction.session.voiced == [False] * START + [True] * (in_frames(7.0) - START)


# -- from a moment on


async def test_from_a_moment_on_everything_is_heard_though_nobody_is_talking_any_more() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        since = direction.clock()
        await direction.keep_quiet(1.0, missed=True)
        said = await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        direction.interpreter.begin(since)
        said += await direction.speak(1.0)
        direction.session.show_life()
        await direction.keep_quiet(4.0)
        assert numbers(direction.session.fed) == said
        assert direction.session.fed.index(spoken(said[0], said[1])[0]) <= 3, "the silence before it is left out"
        assert direction.speech.frames(Fate.NOT_TRANSLATABLE) == pytest.approx(in_frames(1.0 + HANG_OVER), abs=6)


async def test_what_was_missed_is_dealt_with_like_anything_else() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(1.0, missed=True)
        direction.interpreter.begin(0.0)
        await direction.keep_quiet(2.0)
        await direction.processed()
        assert direction.speech.frames(Fate.TRANSLATED) == direction.speech.heard_frames
        assert direction.speech.pending == 0


# -- in each mode


async def test_where_nothing_is_translated_what_was_missed_is_passed_on_first() -> None:
    direction = Direction(pair=None)
    async with alongside(direction.interpreter.run()):
        missed = await direction.speak(1.0, missed=True)
        assert direction.heard == []
        direction.interpreter.begin(0.0)
        said = missed + await direction.speak(1.0)
        await direction.stall(2.0)
        assert direction.heard == said
        assert direction.speech.frames(Fate.PASSED_THROUGH) == direction.speech.heard_frames


async def test_without_hope_of_a_session_it_is_passed_on_behind_the_notice() -> None:
    direction = Direction(speaks=lambda _language: False)
    async with alongside(direction.interpreter.run()):
        missed = await direction.speak(1.0, missed=True)
        direction.interpreter.begin(0.0)
        said = missed + await direction.speak(1.0)
        await direction.stall(2.0)
        assert direction.heard == [WENT, *said]


async def test_while_the_session_opens_it_is_kept_and_then_fed_first() -> None:
    direction = Direction()
    direction.translators.opening.clear()
    async with alongside(direction.interpreter.run()):
        said = await direction.speak(0.5, missed=True)
        direction.interpreter.begin()
        said += await direction.speak(0.5)
        assert direction.interpreter.mode is Mode.OPENING
        direction.translators.opening.set()
        await settle()
        said += await direction.speak_on(6.0)
        assert direction.session.fed == spoken(said[0], said[-1] + 1)


async def test_it_is_fed_again_when_the_session_is_lost() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        said = await direction.speak(0.5, missed=True)
        direction.interpreter.begin()
        said += await direction.speak(1.0)
        await direction.lose(lost())
        await direction.keep_quiet(3.0)
        assert len(direction.translators.sessions) == 2
        assert numbers(direction.session.fed) == said


async def test_it_comes_too_late_to_be_heard_underneath() -> None:
    direction = Direction()
    direction.interpreter.forward_original = True
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        missed = await direction.speak(5.0, missed=True)
        direction.interpreter.begin()
        heard = await direction.speak(0.5)
        await direction.stall(1.0)
        assert direction.heard == heard
        await direction.lose(lost(permanent=True))
        await direction.stall(7.0)
        assert direction.heard == [*heard, WENT, *missed], "but where it is not translated it is not withheld either"


# -- what it must not do


async def test_a_listener_waits_for_what_was_missed_only_from_the_moment_of_being_there() -> None:
    direction = Direction(LanguagePair(PAIR.source, ENGLISH))
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(5.0, missed=True)
        direction.interpreter.begin()
        await direction.speak(1.0)
        await direction.translate(*spoken(100_000, 100_020))
        await direction.speak(0.5)
        assert direction.interpreter.stats.first_audio.mean == pytest.approx(1.0, abs=0.25)


async def test_a_line_that_lived_while_nobody_was_there_has_not_stalled() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.keep_quiet(5.0, missed=True)
        direction.interpreter.begin()
        await direction.stall(0.5)
        assert direction.session.fed == []


async def test_to_begin_again_without_a_pause_takes_nothing_up() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(1.0)
        direction.interpreter.begin(0.0)
        said += await direction.speak(1.0)
        assert direction.session.fed == spoken(said[0], said[-1] + 1)


async def test_when_the_speaker_is_gone_nobody_begins_to_listen() -> None:
    direction = Direction()
    async with alongside(direction.interpreter.run()):
        direction.interpreter.prepare()
        await direction.speak(1.0, missed=True)
        direction.interpreter.finish()
        direction.interpreter.begin(0.0)
        await direction.stall(5.0)
        assert direction.interpreter.mode is Mode.IDLE
        assert direction.heard == []
    direction.interpreter.settle(Fate.LOST, "the call ended: caller_hung_up")
    assert direction.seconds(Fate.NOT_TRANSLATABLE) == direction.speech.heard_frames * FRAME_SECONDS
