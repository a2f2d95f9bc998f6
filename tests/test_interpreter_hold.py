"""What an interpreter does while the speaker's line carries music on hold, and the listener waits."""

from __future__ import annotations

import pytest
from direction import TO_GERMAN, TRANSLATION, WENT, Direction, english, in_frames
from fakes import numbers, settle, spoken

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call.ledger import Fate
from bmv.call.mode import Mode
from bmv.call.trouble import ANSWERED_AFTER

pytestmark = pytest.mark.usefixtures("logs")


async def music(direction: Direction, seconds: float) -> None:
    """It goes on, and the session there is shows life."""
    for _ in range(round(seconds)):
        await direction.speak(1.0, missed=True)
        if direction.translators.open_sessions:
            direction.session.show_life()
            await settle()


async def test_what_was_said_before_is_translated_to_its_end_though_nothing_more_is_said() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.speak(2.0, missed=True)
        assert direction.session.fed == spoken_and_silence(said, 2.0)
        await direction.translate(*english(0, 30))
        await direction.processed(in_frames(2.0))
        await direction.stall(3.0)
        assert direction.heard == list(range(TRANSLATION, TRANSLATION + 30))
        assert direction.seconds(Fate.TRANSLATED) == pytest.approx(2.0, abs=0.1)


async def test_a_session_that_owes_nothing_is_fed_nothing() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(1.0)
        await direction.keep_quiet(1.0)
        await direction.processed()
        fed = len(direction.session.fed)
        direction.interpreter.pause(music=True)
        await direction.speak(10.0, missed=True)
        assert len(direction.session.fed) == fed


async def test_as_soon_as_it_owes_nothing_more_it_is_fed_nothing_more() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.speak(1.0, missed=True)
        await direction.processed(in_frames(2.0))
        await direction.speak(5.0, missed=True)
        assert len(direction.session.fed) == pytest.approx(in_frames(3.0), abs=3)


async def test_it_is_waited_for_no_longer_than_a_translator_takes() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await music(direction, 20.0)
        assert len(direction.session.fed) == pytest.approx(in_frames(2.0 + ANSWERED_AFTER), abs=2)
        assert direction.speech.frames(Fate.TRANSLATED) == 0
        direction.interpreter.begin(direction.clock() + FRAME_SECONDS)
        await direction.lose()
        await direction.keep_quiet(2.0)
        assert len(direction.translators.sessions) == 2
        assert numbers(direction.session.fed) == []  # of what was said so long ago


async def test_what_is_not_answered_is_given_to_nobody_as_it_was_mostly_music() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(1.0, missed=True)
        await direction.processed(translated=False)
        await direction.stall(1.0)
        assert direction.heard == []
        assert direction.speech.frames(Fate.PASSED_THROUGH) == 0
        assert direction.seconds(Fate.NOT_TRANSLATABLE) == pytest.approx(2.0, abs=0.1)


async def test_music_that_is_taken_up_with_the_first_words_is_given_to_nobody_unless_it_is_translated() -> None:
    direction = Direction()
    async with direction.begun():
        direction.interpreter.pause(music=True)
        await direction.speak(3.0, missed=True)
        since = direction.clock() + FRAME_SECONDS
        last = await direction.speak(1.0, missed=True)
        direction.interpreter.begin(since)
        await direction.keep_quiet(2.0)
        words = await direction.speak(1.0)
        await direction.keep_quiet(1.0)
        assert numbers(direction.session.fed) == last + words
        await direction.processed(in_frames(1.5), translated=False)
        await direction.translate(*english(0, 30))
        await direction.processed()
        await direction.stall(2.0)
        assert direction.heard == list(range(TRANSLATION, TRANSLATION + 30))
        assert direction.seconds(Fate.TRANSLATED) == pytest.approx(1.4, abs=0.1)  # with the hang-over


async def test_the_first_words_are_given_as_they_are_where_there_is_no_translator() -> None:
    direction = Direction()
    async with direction.begun():
        direction.interpreter.pause(music=True)
        await direction.speak(1.0, missed=True)
        since = direction.clock() + FRAME_SECONDS
        words = await direction.speak(1.0, missed=True)
        direction.translators.opening.clear()
        await direction.lose()
        direction.interpreter.begin(since)
        await direction.keep_quiet(8.0)
        direction.translators.opening.set()
        await direction.keep_quiet(2.0)
        assert direction.heard == [WENT, *words]


async def test_if_the_session_is_lost_over_it_the_next_one_says_the_rest() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(1.0, missed=True)
        await direction.lose()
        await music(direction, ANSWERED_AFTER)
        assert len(direction.translators.sessions) == 2
        assert numbers(direction.session.fed) == said
        await direction.translate(*english(0, 30))
        await direction.stall(1.0)
        assert direction.heard == list(range(TRANSLATION, TRANSLATION + 30))


async def test_if_the_languages_change_over_it_the_next_session_says_the_rest() -> None:
    direction = Direction()
    async with direction.begun():
        said = await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(1.0, missed=True)
        direction.interpreter.retarget(TO_GERMAN)
        await music(direction, ANSWERED_AFTER)
        assert direction.session.pair == TO_GERMAN
        assert numbers(direction.session.fed) == said


async def test_words_in_a_language_that_is_not_spoken_here_any_more_are_not_given_as_they_are() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(1.0, missed=True)
        direction.interpreter.retarget(None)
        await direction.speak(1.0, missed=True)
        await direction.keep_quiet(1.0, missed=True)
        direction.interpreter.begin(direction.clock())
        words = await direction.speak(1.0)
        await direction.stall(1.0)
        assert direction.heard == words
        assert direction.speech.pending == 0


async def test_when_it_is_over_sooner_the_words_go_on_where_they_stopped() -> None:
    direction = Direction()
    async with direction.begun():
        before = await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(0.5, missed=True)
        direction.interpreter.begin(direction.clock())
        assert str(direction.interpreter.mode) == str(Mode.TRANSLATING)
        after = await direction.speak(1.0)
        assert numbers(direction.session.fed) == before + after


async def test_when_it_was_over_sooner_a_later_change_of_languages_costs_no_words() -> None:
    direction = Direction()
    async with direction.begun():
        await direction.speak(2.0)
        direction.interpreter.pause(music=True)
        await direction.keep_quiet(1.0, missed=True)
        direction.interpreter.begin(direction.clock() + FRAME_SECONDS)
        await direction.keep_quiet(1.0)
        await direction.processed()
        words = await direction.speak(1.0)
        direction.interpreter.retarget(None)
        await direction.stall(2.0)
        assert direction.heard == words


def spoken_and_silence(said: list[int], seconds: float) -> list[bytes]:
    return spoken(said[0], said[-1] + 1) + [SILENCE] * in_frames(seconds)
