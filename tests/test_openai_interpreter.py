"""Turn-based sessions, against a local WebSocket server that does what each test tells it."""

import asyncio

import pytest
from realtime_server import HELLO, KEY, MODEL, PAIR, WORLD, Script, Session, calling, one_turn, realtime

from bmv.audio.mulaw import SILENCE
from bmv.call.translator import Alive, CaptionKind, Processed, TranslatorLost
from bmv.languages import LANGUAGES
from bmv.metrics import Histogram
from bmv.translators.prices import Tokens, tokens_price


async def lost_while_opening(script: Script, **options: float) -> TranslatorLost:
    async with realtime(script, **options) as server:  # type: ignore[arg-type]
        with pytest.raises(TranslatorLost) as error:
            async with server.factory.open(PAIR, Histogram()):
                pass
        assert server.factory.problem == str(error.value)
    assert KEY not in str(error.value)
    return error.value


# -- opening a session ----------------------------------------------------------------------------------------------


async def test_a_session_is_asked_for_as_the_endpoint_wants_it() -> None:
    async with realtime() as server, server.factory.open(PAIR, Histogram()):
        pass
    assert server.session.query == {"model": MODEL}
    assert server.session.headers["authorization"] == f"Bearer {KEY}"
    assert not {"openai-beta", "sec-websocket-protocol"} & set(server.session.headers)
    (update,) = server.session.received
    assert update["session"]["instructions"] == "From Spanish into English."
    assert update["session"]["audio"]["output"]["voice"] == "marin"
    assert update["session"]["audio"]["input"]["transcription"] is None


async def test_captions_ask_for_a_transcript_and_another_model_is_configured_its_own_way() -> None:
    async with realtime(captions=True, model="gpt-realtime-1.5") as server, server.factory.open(PAIR, Histogram()):
        pass
    session = server.session.received[0]["session"]
    assert session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe", "languages": ["es", "en"]}
    assert "reasoning" not in session
    assert server.session.query == {"model": "gpt-realtime-1.5"}


async def test_every_language_can_be_spoken() -> None:
    async with realtime() as server:
        assert all(server.factory.can_speak(language) for language in LANGUAGES.values())


@pytest.mark.parametrize("side", ["input", "output"])
async def test_a_session_whose_echo_is_not_what_was_asked_for_is_not_used(side: str) -> None:
    async def stubborn(session: Session) -> None:
        await session.created()
        update = await session.next()
        update["session"]["audio"][side]["format"] = {"type": "audio/pcm", "rate": 24000}
        await session.say("session.updated", session=update["session"])

    assert "audio/pcm" in str(await lost_while_opening(stubborn))


async def test_a_session_that_would_answer_by_itself_is_not_used() -> None:
    async def eager(session: Session) -> None:
        await session.created()
        update = await session.next()
        update["session"]["audio"]["input"]["turn_detection"]["create_response"] = True
        await session.say("session.updated", session=update["session"])

    assert "turn detection" in str(await lost_while_opening(eager))


async def test_a_refused_update_is_final_for_it_would_be_refused_again() -> None:
    async def refusing(session: Session) -> None:
        await session.created()
        await session.next()
        await session.fail("unknown_parameter")

    lost = await lost_while_opening(refusing)
    assert lost.permanent
    assert "unknown_parameter" in str(lost)


async def test_a_server_that_says_nothing_is_not_waited_for_long() -> None:
    async def mute(session: Session) -> None:
        await session.created()

    lost = await lost_while_opening(mute, open_seconds=0.1)
    assert not lost.permanent


async def test_a_server_that_closes_before_the_session_is_ready_or_talks_nonsense_is_lost() -> None:
    async def closing(session: Session) -> None:
        await session.created()
        await session.ws.close(code=1011)

    async def babbling(session: Session) -> None:
        await session.ws.send_str("{")

    assert "1011" in str(await lost_while_opening(closing))
    assert "cannot be read" in str(await lost_while_opening(babbling))


async def test_a_refused_connection_is_told_by_its_status() -> None:
    assert (await lost_while_opening(one_turn, refuse=401)).permanent


# -- one sentence ---------------------------------------------------------------------------------------------------


async def test_a_sentence_is_heard_translated_paid_for_and_forgotten() -> None:
    async with realtime(one_turn) as server, calling(server) as call:
        await call.first_turn()
        await call.finish()
        assert call.audio == [HELLO]
        assert call.text(CaptionKind.TRANSLATION) == "Hello."
        assert call.processed == [Processed(90), Processed(100)]
    assert server.session.audio == SILENCE * 130  # and the silence that ends what is still being said
    assert server.session.asked == ["a"]
    assert server.session.deleted == ["a"]
    assert server.factory.problem is None


async def test_frames_go_out_a_tenth_of_a_second_at_a_time_as_they_are() -> None:
    frames = [bytes([number]) * 160 for number in range(14)]
    async with realtime() as server, calling(server) as call:
        for frame in frames:
            call.translator.feed(frame, voiced=False)
            await asyncio.sleep(0)  # they come one by one
        await call.until(lambda: len(server.session.received) == 3)
        assert server.session.audio == b"".join(frames[:10])
        await call.finish()
    assert server.session.audio == b"".join(frames) + SILENCE * 30


async def test_the_item_is_deleted_after_the_response_is_done_and_not_earlier() -> None:
    async def careful(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        await session.begin(ask, "resp_1")
        await session.speak("resp_1", HELLO)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.next()
        await session.done(ask, "resp_1")
        assert await session.next() == {"type": "conversation.item.delete", "item_id": "a"}

    async with realtime(careful) as server, calling(server) as call:
        await call.first_turn()


async def test_whatever_the_server_says_shows_that_it_is_alive() -> None:
    async def talkative(session: Session) -> None:
        await session.welcome()
        await session.started("a", 0)
        await session.say("rate_limits.updated", rate_limits=[])

    async with realtime(talkative) as server, calling(server) as call:
        await call.until(lambda: call.heard == [Alive(), Alive()])


async def test_the_problem_is_over_when_a_session_has_spoken_and_not_when_it_is_open() -> None:
    answers = [False, True]

    async def refusing_once(session: Session) -> None:
        if answers.pop(0):
            await one_turn(session)
            return
        await session.created()
        await session.next()
        await session.fail("unknown_parameter")

    async with realtime(refusing_once) as server:
        with pytest.raises(TranslatorLost):
            async with server.factory.open(PAIR, Histogram()):
                pass
        async with calling(server) as call:
            assert "unknown_parameter" in str(server.factory.problem)
            await call.first_turn()
            assert not server.factory.problem


# -- several --------------------------------------------------------------------------------------------------------


async def test_who_goes_on_talking_loses_nothing_and_is_answered_in_order_one_at_a_time() -> None:
    async def busy(session: Session) -> None:
        await session.welcome()
        await session.hear(300)
        await session.turn("a", 0, 1900)
        first = await session.next_ask()
        await session.begin(first, "resp_1")
        await session.turn("b", 2000, 3900)
        await session.turn("c", 4000, 5900)
        await session.speak("resp_1", HELLO)
        await session.speak("resp_1", WORLD)
        await session.done(first, "resp_1")
        await session.answer(await session.next_ask(), b"b" * 80)
        await session.answer(await session.next_ask(), b"c" * 80)

    async with realtime(busy) as server, calling(server) as call:
        call.say(300)
        await call.until_heard(Processed(295))
        await call.finish()
        assert call.audio == [HELLO, WORLD, b"b" * 80, b"c" * 80]
        assert call.processed == [Processed(95), Processed(195), Processed(295), Processed(300)]
    session = server.session
    assert session.asked == session.deleted == ["a", "b", "c"]
    steps = session.kinds("response.create", "conversation.item.delete")
    assert steps == ["response.create", "conversation.item.delete"] * 3


async def test_several_items_in_one_response_are_all_heard() -> None:
    async def split(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        await session.begin(ask, "resp_1")
        for audio in (HELLO, WORLD):
            await session.speak("resp_1", audio)
            await session.say("response.output_audio.done", response_id="resp_1", item_id="i")
        await session.done(ask, "resp_1")

    async with realtime(split) as server, calling(server) as call:
        await call.first_turn()
        assert call.audio == [HELLO, WORLD]


async def test_what_belongs_to_no_living_response_is_dropped() -> None:
    async def confused(session: Session) -> None:
        await session.welcome()
        await session.hear(100)
        await session.speak("resp_of_nobody", WORLD)
        await session.turn("a", 0, 1800)
        ask = await session.next_ask()
        await session.answer(ask, HELLO, "Hello.")
        await session.speak(f"resp_{ask['event_id']}", WORLD)
        await session.write(f"resp_{ask['event_id']}", "World.")
        await session.say("rate_limits.updated", rate_limits=[])

    async with realtime(confused) as server, calling(server) as call:
        call.say(100)
        await call.until(lambda: Processed(90) in call.heard and call.heard[-1] == Alive())
        await call.finish()
        assert call.audio == [HELLO]
        assert call.text(CaptionKind.TRANSLATION) == "Hello."


# -- captions -------------------------------------------------------------------------------------------------------


async def test_captions_of_both_kinds_come_as_they_are_written_with_spaces_between_the_sentences() -> None:
    async def write(session: Session, kind: str, item_id: str, **fields: object) -> None:
        kind = f"conversation.item.input_audio_transcription.{kind}"
        await session.say(kind, item_id=item_id, content_index=0, **fields)

    async def writing(session: Session) -> None:
        await session.welcome()
        await session.hear(200)
        await session.turn("a", 0, 1800)
        ask = await session.next_ask()
        await write(session, "delta", "a", delta="Bue")
        await write(session, "delta", "a", delta="nas.")
        await session.answer(ask, HELLO, "Hello.")
        await write(session, "completed", "a", transcript="Buenas.", usage={"type": "duration", "seconds": 2})
        await session.turn("b", 2000, 3800)
        await session.answer(await session.next_ask(), HELLO, "Bye.")
        await write(session, "completed", "b", transcript="Adiós.", usage={"type": "duration", "seconds": 4})

    async with realtime(writing, captions=True) as server, calling(server) as call:
        call.say(200)
        await call.until(lambda: call.text(CaptionKind.ORIGINAL).endswith("Adiós."))
        assert call.text(CaptionKind.ORIGINAL) == "Buenas. Adiós."
        assert call.text(CaptionKind.TRANSLATION) == "Hello. Bye."
        usage = call.translator.usage
        assert usage.amounts["transcribed_seconds"] == 6
        price = Tokens(*(2 * amount for amount in (20, 10, 80, 80, 120, 20)))
        assert usage.usd == pytest.approx((tokens_price(MODEL, price) or 0) + 6 / 60 * 0.0045)


@pytest.mark.parametrize("kind", ["completed", "failed"])
async def test_with_captions_an_item_is_deleted_only_when_its_text_has_come_or_never_will(kind: str) -> None:
    async def slow_writer(session: Session) -> None:
        await session.first_turn()
        await session.answer(await session.next_ask(), HELLO)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await session.next()
        text = {"transcript": "Hola.", "usage": None} if kind == "completed" else {"error": {"message": "No."}}
        event = f"conversation.item.input_audio_transcription.{kind}"
        await session.say(event, item_id="a", content_index=0, **text)
        assert await session.next() == {"type": "conversation.item.delete", "item_id": "a"}

    async with realtime(slow_writer, captions=True) as server, calling(server) as call:
        call.say(100)
        await call.until(lambda: server.session.deleted)


# -- cost -----------------------------------------------------------------------------------------------------------


async def test_what_the_service_counts_is_added_up_and_priced() -> None:
    async with realtime(one_turn) as server, calling(server) as call:
        assert call.translator.usage.usd == 0
        await call.first_turn()
        usage = call.translator.usage
    assert usage.amounts == {
        "audio_tokens_in": 20,
        "audio_tokens_cached": 10,
        "audio_tokens_out": 80,
        "text_tokens_in": 80,
        "text_tokens_cached": 120,
        "text_tokens_out": 20,
        "transcribed_seconds": 0,
    }
    assert usage.usd == pytest.approx((20 * 32 + 10 * 0.4 + 80 * 64 + 80 * 4 + 120 * 0.4 + 20 * 24) / 1_000_000)


async def test_a_model_without_a_known_price_has_amounts_and_no_price() -> None:
    async with realtime(one_turn, model="gpt-realtime-9") as server, calling(server) as call:
        await call.first_turn()
        assert call.translator.usage.amounts["audio_tokens_out"] == 80
        assert call.translator.usage.usd is None


async def test_a_response_that_is_not_done_when_the_session_ends_leaves_no_price() -> None:
    async def stopped(session: Session) -> None:
        await session.first_turn()
        await session.answer(await session.next_ask(), HELLO)
        await session.turn("b", 1820, 1900)
        await session.begin(await session.next_ask(), "resp_2")
        await session.speak("resp_2", HELLO)
        await session.ws.close()

    async with realtime(stopped) as server, calling(server) as call:
        call.say(100)
        await call.lost()
        assert call.audio == [HELLO, HELLO]
        assert call.translator.usage.amounts["audio_tokens_out"] == 80
        assert call.translator.usage.usd is None


@pytest.mark.parametrize("captions", [True, False])
async def test_a_transcript_that_is_still_owed_leaves_no_price(captions: bool) -> None:
    async with realtime(one_turn, captions=captions) as server, calling(server) as call:
        await call.first_turn()
        await call.finish()
        assert (call.translator.usage.usd is None) == captions


async def test_an_ask_that_is_refused_is_not_waited_for_by_the_price() -> None:
    async def taken(session: Session) -> None:
        await session.first_turn()
        await session.fail("item_not_found", event_id=(await session.next_ask())["event_id"])
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(taken) as server, calling(server) as call:
        await call.first_turn()
        assert call.translator.usage.usd == tokens_price(MODEL, Tokens(20, 10, 80, 80, 120, 20))


@pytest.mark.parametrize("usage", [None, {"type": "tokens", "input_tokens": 9, "output_tokens": 2, "total_tokens": 11}])
async def test_a_transcript_that_is_not_billed_by_the_second_leaves_no_price(usage: dict[str, object] | None) -> None:
    async def writing(session: Session) -> None:
        await session.welcome()
        kind = "conversation.item.input_audio_transcription.completed"
        await session.say(kind, item_id="a", content_index=0, transcript="Hola.", usage=usage)

    async with realtime(writing) as server, calling(server) as call:
        await call.until(lambda: call.heard)
        assert call.translator.usage.usd is None
