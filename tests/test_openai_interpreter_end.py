"""What a turn-based session is done with, frame by frame, and how it ends."""

import asyncio

import pytest
from realtime_server import HELLO, WORLD, Session, calling, one_turn, realtime
from structlog.testing import capture_logs

from bmv.audio.mulaw import FRAME_BYTES, SILENCE
from bmv.call.translator import Alive, Processed
from bmv.translators import hearing, openai_interpreter

# -- what is done with ----------------------------------------------------------------------------------------------


async def test_silence_is_done_with_while_the_server_says_nothing() -> None:
    async with realtime() as server, calling(server) as call:
        for frames in (100, 200):
            await asyncio.sleep(0.02)  # until it waits for the server
            call.say(100, voiced=False)
            await call.until_heard(Processed(frames - hearing.PREFIX_FRAMES))
    assert server.session.kinds() == ["session.update"]


async def test_voice_is_kept_until_the_server_has_shown_that_it_heard_it_and_made_nothing_of_it() -> None:
    async with realtime() as server, calling(server) as call:
        call.say(200)
        await call.until(lambda: call.processed)
        call.say(100)
        await call.until_heard(Processed(250, translated=False))
        assert all(not processed.translated for processed in call.processed)
    assert set(server.session.kinds()) == {"session.update", "conversation.item.retrieve"}


async def test_voice_is_never_done_with_by_a_server_that_gives_no_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_interpreter, "ANSWER_SECONDS", 0.3)

    async def deaf(session: Session) -> None:
        session.answers_signs = False
        await session.welcome()

    async with realtime(deaf) as server, calling(server) as call:
        call.say(100, voiced=False)
        call.say(300)
        assert "did not answer" in str(await call.lost())
        assert all(processed.frames <= 100 for processed in call.processed)


async def test_who_talks_without_a_pause_is_known_to_be_heard() -> None:
    """The server says nothing while somebody talks; without a sign the session would be taken for dead."""
    async with realtime(lambda session: session.first_words(10)) as server, calling(server) as call:
        call.say(10)
        await call.until(lambda: call.heard)
        for round_ in range(2, 6):
            call.say(100)
            await call.until(lambda: call.heard.count(Alive()) == round_)  # noqa: B023
        assert call.processed == []


async def test_speech_that_never_pauses_is_cut_after_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "LONGEST_FRAMES", 200)

    async def endless(session: Session) -> None:
        await session.first_words(10)
        await session.next_of("input_audio_buffer.commit")
        await session.committed("cut")
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(endless) as server, calling(server) as call:
        call.say(10)
        await call.until(lambda: call.heard)
        call.say(200)
        await call.until_heard(Processed(200))
        assert call.audio == [HELLO]
        call.say(50)
        await asyncio.sleep(0.05)
        assert call.processed == [Processed(200)]  # he is still talking
    assert server.session.asked == ["cut"]


async def test_what_is_cut_by_hand_is_what_was_sent_before_also_where_it_came_with_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who catches up is fed six frames at once; with four that wait they are two messages."""
    monkeypatch.setattr(hearing, "LONGEST_FRAMES", 200)
    sent = []

    async def endless(session: Session) -> None:
        await session.first_words(10)
        await session.next_of("input_audio_buffer.commit")
        sent.append(len(session.audio) // FRAME_BYTES)
        await session.committed("cut")
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(endless) as server, calling(server) as call:
        call.say(10)
        await call.until(lambda: call.heard)
        call.say(189)
        call.translator.feed(SILENCE * 6, voiced=True)
        await call.until(lambda: call.processed)
    assert [processed.frames for processed in call.processed] == sent == [205]


@pytest.mark.parametrize(("voice", "translated"), [(hearing.VOICED_FRAMES, False), (hearing.VOICED_FRAMES - 1, True)])
async def test_a_turn_that_the_model_has_nothing_to_say_to_is_given_to_the_listener_unless_it_was_a_cough(
    voice: int, translated: bool
) -> None:
    async def speechless(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        await session.begin(ask, "resp_1")
        await session.done(ask, "resp_1")

    with capture_logs() as logs:
        async with realtime(speechless) as server, calling(server) as call:
            call.say(voice)
            call.say(100 - voice, voiced=False)
            await call.until_heard(Processed(90, translated))
            await call.finish()
            assert call.processed == [Processed(90, translated), Processed(100)]
            assert call.audio == []
    assert server.session.asked == server.session.deleted == ["a"]  # once: the model was well
    assert [entry["event"] for entry in logs] == ([] if translated else ["turn_declined"])


# -- the end --------------------------------------------------------------------------------------------------------


async def test_what_is_still_being_said_is_translated_before_the_end() -> None:
    async def last_words(session: Session) -> None:
        await session.first_words(43)
        await session.hear(43 + 30)
        await session.say("input_audio_buffer.speech_stopped", audio_end_ms=1360, item_id="a")
        await session.committed("a")
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(last_words) as server, calling(server) as call:
        call.say(43)
        await call.finish()
        assert call.audio == [HELLO]
        assert call.processed == [Processed(43)]


async def test_everything_that_waits_is_said_before_the_end_and_nothing_more_is_taken() -> None:
    async def slow(session: Session) -> None:
        await session.welcome()
        await session.hear(300)
        await session.turn("a", 0, 1900)
        await session.turn("b", 2000, 5900)
        first = await session.next_ask()
        await asyncio.sleep(0.1)
        await session.answer(first, HELLO)
        await session.answer(await session.next_ask(), WORLD)

    async with realtime(slow) as server, calling(server) as call:
        call.say(300)
        await call.until(lambda: len(call.heard) >= 3)
        call.translator.finish()
        call.translator.finish()
        call.say(50)
        await call.listening
        assert call.audio == [HELLO, WORLD]
        assert call.processed == [Processed(95), Processed(295), Processed(300)]
    assert server.session.audio == SILENCE * 330


async def test_speech_that_does_not_end_by_itself_is_committed_by_hand() -> None:
    async def noisy(session: Session) -> None:
        await session.first_words(100)
        await session.next_of("input_audio_buffer.commit")
        await session.committed("by hand")
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(noisy) as server, calling(server) as call:
        call.say(100)
        await call.until(lambda: call.heard)
        await call.finish()
        assert call.audio == [HELLO]
        assert call.processed == [Processed(100)]


@pytest.mark.parametrize("says_so", [True, False])
async def test_speech_of_which_nothing_is_left_is_not_waited_for(says_so: bool) -> None:
    async def empty(session: Session) -> None:
        await session.first_words(100)
        await session.next_of("input_audio_buffer.commit")
        if says_so:
            await session.fail("input_audio_buffer_commit_empty")

    async with realtime(empty) as server, calling(server) as call:
        call.say(100)
        await call.until(lambda: call.heard)
        await call.finish()
        assert call.processed[-1] == Processed(100, translated=False)
        assert not any(processed.translated for processed in call.processed)
    assert server.session.kinds("input_audio_buffer.commit") == ["input_audio_buffer.commit"]


async def test_the_end_comes_at_once_when_nothing_was_said() -> None:
    async with realtime() as server, calling(server) as call:
        call.say(20, voiced=False)
        await call.finish()
        assert call.processed[-1] == Processed(20)
        assert call.audio == []


async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()
    async with realtime(one_turn) as server:
        async with calling(server) as call:
            await call.first_turn()
        await server.session.closed.wait()
        ours = [task for task in asyncio.all_tasks() - before if "bmv" in repr(task.get_coro())]
        assert ours == []
