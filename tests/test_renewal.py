"""Sessions that follow each other and look like one: nothing lost, nothing doubled, and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fakes import settle
from renewals import LOST, PAIR, Factory, Speaker, audio, talking

from bmv.audio.mulaw import SILENCE
from bmv.call.renewal import DRAIN_SECONDS, LONGEST_WAIT_FRAMES, MOST_UNHEARD_FRAMES, PAUSE_FRAMES, Renewing
from bmv.call.telling import told
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    CaptionKind,
    Expiring,
    Processed,
    TranslatorEvent,
    TranslatorFactory,
    TranslatorLost,
)
from bmv.languages import get
from bmv.metrics import Histogram
from bmv.testing import TranslatorContract
from bmv.translators.loopback import LoopbackFactory

# -- one session is passed through as it is


async def test_all_that_a_session_says_comes_out_and_its_end_is_the_end() -> None:
    said = [Alive(), *audio(b"one"), Captioned(CaptionKind.ORIGINAL, "uno"), Processed(3, translated=False)]
    async with talking() as speaker:
        await speaker.talk(3)
        [session] = speaker.factory.sessions
        await session.say(*said)
        speaker.translator.finish()
        assert session.finished == 1
        await session.end()
    assert speaker.heard == said
    assert speaker.fed_to == [3]


async def test_who_listens_no_more_is_told_no_more() -> None:
    factory = Factory()
    heard: list[TranslatorEvent] = []
    async with Renewing(factory).open(PAIR, Histogram()) as translator:
        listening = asyncio.create_task(told(translator, heard.append))
        await settle()
        await factory.sessions[0].say(*audio(b"one"))
        listening.cancel()
        await asyncio.wait([listening])
        await factory.sessions[0].say(*audio(b"two"))
    assert heard == audio(b"one")


async def test_it_stands_for_the_factory_it_is_made_of() -> None:
    factory = Factory()
    renewing: TranslatorFactory = Renewing(factory)
    assert renewing.problem == "none of yours"
    assert [renewing.can_speak(language) for language in (get("en"), get("es"))] == [True, False]
    async with renewing.open(PAIR, Histogram()):
        assert factory.asked == [PAIR]
    assert not factory.open_sessions


class TestLikeAnyOther(TranslatorContract):
    """A renewed session keeps the promises of every translator."""

    @asynccontextmanager
    async def factory(self) -> AsyncIterator[TranslatorFactory]:
        yield Renewing(LoopbackFactory())


class TestToldLikeAnyOther(TestLikeAnyOther):
    telling = True


# -- the heir takes over


async def test_while_the_next_session_opens_the_first_goes_on() -> None:
    async with talking() as speaker:
        factory = speaker.factory
        factory.gate.clear()
        [old] = factory.sessions
        await old.say(Expiring())
        assert factory.asked == [PAIR, PAIR]
        await speaker.pause()
        await old.say(*audio(b"still here"))
        assert old.finished == 0
        factory.gate.set()
        await settle()
        await speaker.talk(5)
        assert speaker.fed_to == [PAUSE_FRAMES + 5, 0]
    assert speaker.heard == [Alive(), *audio(b"still here")], "that it expires is no business of the call's"


async def test_it_takes_over_at_a_pause_and_not_before() -> None:
    async with talking() as speaker:
        old, new = await speaker.heir()
        await speaker.talk(40)
        await speaker.talk(PAUSE_FRAMES - 1, voiced=False)
        await speaker.talk(1)
        await speaker.talk(PAUSE_FRAMES - 1, voiced=False)
        assert old.finished == 0
        assert not new.fed
        await speaker.talk(1, voiced=False)
        assert old.finished == 1
        await speaker.talk(30)
        assert speaker.fed_to == [40 + 2 * PAUSE_FRAMES - 1, 31]


async def test_it_takes_over_at_once_where_the_pause_lasts_already() -> None:
    async with talking() as speaker:
        await speaker.talk(100, voiced=False)
        await speaker.heir()
        await speaker.talk(1, voiced=False)
        assert speaker.fed_to == [100, 1]


async def test_who_talks_without_a_pause_is_switched_after_half_a_minute() -> None:
    async with talking() as speaker:
        await speaker.talk(500)
        await speaker.heir()
        await speaker.talk(LONGEST_WAIT_FRAMES - 1)
        assert speaker.fed_to == [500 + LONGEST_WAIT_FRAMES - 1, 0]
        await speaker.talk(2)
        assert speaker.fed_to == [500 + LONGEST_WAIT_FRAMES - 1, 2]
    assert LONGEST_WAIT_FRAMES * 0.02 == 30


async def test_while_the_old_session_is_silent_the_new_one_shows_that_somebody_is_alive() -> None:
    async with talking() as speaker:
        await speaker.talk(50)
        old, new = await speaker.renewed()
        before = len(speaker.heard)
        await new.say(*audio(b"new"), Alive())
        assert speaker.heard[before:] == [Alive(), Alive()], "and what it says is heard later"
        await old.say(*audio(b"old"))
        await old.end()
        assert speaker.heard[before + 2 :] == [*audio(b"old"), Processed(old_frames(speaker)), *audio(b"new"), Alive()]


def old_frames(speaker: Speaker) -> int:
    return speaker.fed_to[0]


async def test_all_of_the_old_session_is_heard_before_the_new_one() -> None:
    async with talking() as speaker:
        await speaker.talk(50)
        old, new = await speaker.renewed()
        await speaker.talk(50)
        await new.say(*audio(b"three"))
        await old.say(*audio(b"one"))
        await new.say(*audio(b"four"))
        await old.say(*audio(b"two"))
        assert speaker.words == [b"one", b"two"]
        await old.end()
        assert speaker.words == [b"one", b"two", b"three", b"four"]
        await new.say(*audio(b"five"))
    assert speaker.words[-1] == b"five"


@pytest.mark.parametrize(
    ("event", "takes"),
    [
        (AudioTranslated(SILENCE * 50, 0.0), 50),
        (AudioTranslated(b"1", 0.0), 1),
        (Captioned(CaptionKind.ORIGINAL, "uno " * 2000), 50),
        (Alive(), 1),
    ],
    ids=["sound", "tiny pieces", "captions", "news"],
)
async def test_a_new_session_that_says_too_much_before_its_turn_is_lost_after_what_was_kept_of_it(
    event: TranslatorEvent, takes: int
) -> None:
    async with talking(ends=TranslatorLost) as speaker:
        old, new = await speaker.renewed()
        await new.say(*[event] * (MOST_UNHEARD_FRAMES + 1))
        await speaker.talk(5)
        before = len(speaker.heard)
        await old.say(*audio(b"old"))
        await old.end()
        first, second, *kept = speaker.heard[before:]
        assert [first, second] == [*audio(b"old"), Processed(old_frames(speaker))]
        assert kept == [event] * len(kept)
        assert 0.9 * MOST_UNHEARD_FRAMES < len(kept) * takes <= MOST_UNHEARD_FRAMES


async def test_a_new_session_may_say_much_before_its_turn() -> None:
    async with talking() as speaker:
        old, new = await speaker.renewed()
        await new.say(*audio(SILENCE * 50) * 100)
        await old.end()
        assert speaker.words == [SILENCE * 50] * 100
        await new.say(*audio(b"more"))
        assert speaker.words[-1] == b"more"


async def test_an_heir_that_says_too_much_before_it_is_fed_does_not_take_over() -> None:
    async with talking() as speaker:
        old, new = await speaker.heir()
        await new.say(*audio(b"word" * 2000) * (MOST_UNHEARD_FRAMES // 50))
        await speaker.pause()
        assert speaker.fed_to == [PAUSE_FRAMES, 0]
        assert speaker.factory.open_sessions == [old]


async def test_an_heir_may_be_silent_for_as_long_as_nobody_is_fed_anything() -> None:
    async with talking() as speaker:
        old, new = await speaker.heir()
        await new.say(*[*audio(SILENCE * 10), Alive()] * MOST_UNHEARD_FRAMES)  # 20 minutes on hold
        assert speaker.factory.open_sessions == [old, new]
        await speaker.pause()
        assert speaker.fed_to == [PAUSE_FRAMES - 1, 1]
        await old.end()
        await new.say(*audio(SILENCE, b"word"))
        assert speaker.words == [SILENCE, b"word"]


async def test_what_is_processed_counts_on_across_sessions() -> None:
    async with talking() as speaker:
        await speaker.talk(50)
        old, new = await speaker.renewed()
        await speaker.talk(30)
        await old.say(Processed(40), Processed(59, translated=False))
        await new.say(Processed(10, translated=False))
        await old.end()
        await new.say(Processed(31))
    assert speaker.fed_to == [59, 31]
    assert speaker.processed == [(40, True), (59, False), (59, True), (69, False), (90, True)]


async def test_an_old_session_that_ended_in_order_is_done_with_all_it_was_fed() -> None:
    async with talking() as speaker:
        await speaker.talk(50)
        old, _ = await speaker.renewed()
        await old.end()
        assert speaker.processed == [(59, True)]


async def test_two_renewals_follow_each_other() -> None:
    async with talking() as speaker:
        for number in range(3):
            await speaker.talk(10)
            old, _ = await speaker.renewed()
            await old.say(*audio(bytes([number])), Processed(len(old.fed)))
            await old.end()
            await speaker.time.pass_by(DRAIN_SECONDS)
            assert len(speaker.factory.open_sessions) == 1
        assert speaker.fed_to == [19, 20, 20, 1]
    assert speaker.words == [b"\0", b"\1", b"\2"]
    assert [frames for frames, _ in speaker.processed] == [19, 19, 39, 39, 59, 59]


async def test_a_new_session_that_expires_while_the_old_one_drains_is_renewed_after_it() -> None:
    async with talking() as speaker:
        old, new = await speaker.renewed()
        await new.say(Expiring())
        assert speaker.factory.sessions == [old, new]
        await old.end()
        await speaker.time.pass_by(DRAIN_SECONDS)
        assert len(speaker.factory.sessions) == 3
        await speaker.talk(5)
        await speaker.pause()
        assert new.finished == 1
        assert speaker.fed_to == [9, 15, 1]


async def test_a_session_that_says_twice_that_it_expires_has_one_successor() -> None:
    async with talking() as speaker:
        old, new = await speaker.heir()
        await old.say(Expiring())
        await speaker.pause()
        await old.say(Expiring())
        await old.end()
        await speaker.time.pass_by(DRAIN_SECONDS)
        assert speaker.factory.sessions == [old, new]


# -- the old session goes


async def test_the_old_session_is_closed_as_soon_as_it_has_said_all() -> None:
    async with talking() as speaker:
        old, new = await speaker.renewed()
        assert speaker.factory.open_sessions == [old, new]
        await old.end()
        assert speaker.factory.open_sessions == [new]


async def test_an_old_session_that_never_ends_is_closed_and_what_it_owes_is_given_as_it_was_said() -> None:
    async with talking() as speaker:
        await speaker.talk(50)
        old, new = await speaker.renewed()
        await old.say(*audio(b"one"), Processed(20))
        await new.say(*audio(b"two"))
        await speaker.time.pass_by(DRAIN_SECONDS - 0.1)
        assert speaker.words == [b"one"]
        assert old.open
        await speaker.time.pass_by(0.1)
        assert speaker.words == [b"one", b"two"]
        assert speaker.processed == [(20, True), (59, False)]
        assert speaker.factory.open_sessions == [new]


async def test_an_old_session_that_is_lost_while_it_drains_does_not_take_the_new_one_with_it() -> None:
    async with talking() as speaker:
        await speaker.talk(50)
        old, new = await speaker.renewed()
        await old.say(Processed(20))
        await old.end(LOST)
        await new.say(*audio(b"two"))
        assert speaker.words == [b"two"]
        assert speaker.processed == [(20, True), (59, False)]
        assert speaker.factory.open_sessions == [new]


async def test_an_old_session_that_cannot_be_closed_in_order_is_no_trouble() -> None:
    async with talking() as speaker:
        old, new = await speaker.renewed()
        speaker.factory.at_closing = LOST
        await old.end()
        await new.say(*audio(b"two"))
        assert speaker.words == [b"two"]
        assert speaker.factory.open_sessions == [new]
        await speaker.time.pass_by(DRAIN_SECONDS)
        await speaker.renewed()
        assert len(speaker.factory.sessions) == 3, "it can still be renewed"


async def test_what_was_used_adds_up() -> None:
    async with talking() as speaker:
        found = [speaker.translator.usage]
        await speaker.talk(50)
        old, _ = await speaker.renewed()
        found.append(speaker.translator.usage)
        await old.end()
        await speaker.talk(10)
        found.append(speaker.translator.usage)
    found.append(speaker.translator.usage)
    assert [usage.amounts for usage in found] == [{"frames": frames} for frames in (0, 60, 70, 70)]
    assert [usage.usd for usage in found] == [0, 60, 70, 70]


# -- the end


async def test_a_frame_after_finish_opens_nothing_again() -> None:
    async with talking() as speaker:
        old, heir = await speaker.heir()
        speaker.translator.finish()
        speaker.translator.finish()
        for _ in range(PAUSE_FRAMES):
            speaker.translator.feed(b"late", voiced=False)
        await old.say(*audio(b"last"))
        await old.end()
        assert not heir.fed
    assert speaker.words == [b"last"]


async def test_finish_while_the_old_one_drains_lets_both_say_what_is_left() -> None:
    async with talking() as speaker:
        old, new = await speaker.renewed()
        await speaker.talk(5)
        speaker.translator.finish()
        assert new.finished == 1
        await new.say(*audio(b"two"), Processed(6))
        await new.end()
        await old.say(*audio(b"one"), Processed(9))
        await old.end()
    assert speaker.words == [b"one", b"two"]
    assert speaker.processed == [(9, True), (9, True), (15, True)]


async def test_a_session_that_is_finishing_has_no_successor() -> None:
    async with talking() as speaker:
        speaker.translator.finish()
        await speaker.factory.sessions[0].say(Expiring())
        assert len(speaker.factory.asked) == 1


async def test_sessions_that_all_seem_to_end_at_once_are_not_renewed_without_end() -> None:
    async with talking() as speaker:
        sessions = speaker.factory.sessions
        for _ in range(360):  # an hour
            await sessions[-1].say(Expiring())
            await speaker.pause()
            for session in speaker.factory.open_sessions:
                if session.finished:
                    await session.end()
            await speaker.time.pass_by(DRAIN_SECONDS)
        assert 12 <= len(sessions) <= 18
