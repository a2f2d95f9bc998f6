"""What a turn-based session does when the service fails it, in a turn or altogether."""

import asyncio
import time
from typing import cast

import pytest
from realtime_server import HELLO, WORLD, Session, calling, realtime
from structlog.testing import capture_logs

from bmv.call.translator import Expiring, Processed
from bmv.translators import openai_interpreter, openai_socket, turns
from bmv.translators.openai_interpreter import OpenAIInterpreter
from bmv.translators.openai_socket import Line

# -- what fails -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "details"),
    [
        ("failed", {"type": "failed", "error": {"type": "server_error", "code": None, "message": "Sorry."}}),
        ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}),
        ("cancelled", {"type": "cancelled", "reason": "turn_detected"}),
    ],
)
async def test_a_response_that_fails_is_tried_once_more_though_its_beginning_is_heard_twice(
    status: str, details: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_interpreter, "PAUSE_SECONDS", 0.05)

    async def failing(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        await session.begin(ask, "resp_1")
        await session.speak("resp_1", HELLO[:50])
        await session.done(ask, "resp_1", status, **details)
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(failing) as server, calling(server) as call:
        await call.first_turn()
        assert call.audio == [HELLO[:50], HELLO]
    assert server.session.asked == ["a", "a"]
    assert server.session.kinds("conversation.item.delete") == ["conversation.item.delete"]
    assert call.translator.usage.amounts["audio_tokens_out"] == 160  # a failure is paid for, too


async def test_a_turn_that_fails_twice_is_given_to_the_listener_as_it_is_and_the_next_is_translated() -> None:
    async def failing(session: Session) -> None:
        await session.welcome()
        await session.hear(200)
        await session.turn("a", 0, 1800)
        await session.turn("b", 2000, 3800)
        for attempt in range(2):
            ask = await session.next_ask()
            await session.done(ask, f"resp_{attempt}", "failed")
        await session.answer(await session.next_ask(), HELLO)

    with capture_logs() as logs:
        async with realtime(failing) as server, calling(server) as call:
            call.say(200)
            await call.until_heard(Processed(190))
            assert call.processed == [Processed(90, translated=False), Processed(190)]
            assert call.audio == [HELLO]
    assert server.session.asked == ["a", "a", "b"]
    assert [entry["event"] for entry in logs] == ["response_failed", "response_failed", "turn_given_up"]


async def test_a_rate_limit_is_waited_out_before_the_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_interpreter, "PAUSE_SECONDS", 0.2)
    waited: list[float] = []

    async def limited(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        error = {"type": "requests", "code": "rate_limit_exceeded", "message": "Slow down."}
        failed_at = time.monotonic()
        await session.done(ask, "resp_1", "failed", type="failed", error=error)
        ask = await session.next_ask()
        waited.append(time.monotonic() - failed_at)
        await session.answer(ask, HELLO)

    async with realtime(limited) as server, calling(server) as call:
        await call.first_turn()
    assert waited[0] >= 0.19


@pytest.mark.parametrize("named", [True, False])
async def test_a_place_that_is_taken_is_asked_for_again_when_it_is_free(named: bool) -> None:
    async def taken(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        event_id = ask["event_id"] if named else None
        await session.fail("conversation_already_has_active_response", event_id=event_id)
        await session.say("response.done", response={"id": "another", "status": "completed", "usage": None})
        await session.answer(await session.next_ask(), HELLO)

    async with asyncio.timeout(turns.SILENT_SECONDS / 2), realtime(taken) as server, calling(server) as call:
        await call.first_turn()
        assert call.audio == [HELLO]


async def test_a_place_that_is_taken_is_asked_for_again_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PAUSE_SECONDS", 0.05)

    async def taken(session: Session) -> None:
        await session.first_turn()
        for _ in range(4):  # more often than a failure is tried again
            ask = await session.next_ask()
            await session.fail("conversation_already_has_active_response", event_id=ask["event_id"])
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(taken) as server, calling(server) as call:
        await call.first_turn()
        assert call.audio == [HELLO]


async def test_an_ask_that_is_refused_is_tried_once_more_and_given_up() -> None:
    async def refusing(session: Session) -> None:
        await session.first_turn()
        for _ in range(2):
            await session.fail("item_not_found", event_id=(await session.next_ask())["event_id"])

    async with realtime(refusing) as server, calling(server) as call:
        call.say(100)
        await call.until_heard(Processed(90, translated=False))
    assert server.session.asked == ["a", "a"]


async def test_a_response_that_stops_halfway_is_cancelled_by_its_id_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "SILENT_SECONDS", 0.2)

    async def stalling(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        await session.begin(ask, "resp_1")
        await session.speak("resp_1", HELLO[:50])
        assert await session.next() == {"type": "response.cancel", "response_id": "resp_1"}
        await session.speak("resp_1", WORLD)
        await session.done(ask, "resp_1", "cancelled", type="cancelled", reason="client_cancelled")
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(stalling) as server, calling(server) as call:
        await call.first_turn()
        assert call.audio == [HELLO[:50], HELLO]


async def test_a_response_that_never_shows_is_given_up_and_cancelled_should_it_show_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "SILENT_SECONDS", 0.2)

    async def late(session: Session) -> None:
        await session.first_turn()
        first, second = await session.next_ask(), await session.next_ask()
        await session.begin(first, "late")
        assert await session.next() == {"type": "response.cancel", "response_id": "late"}
        await session.speak("late", WORLD)
        await session.done(first, "late", "cancelled")
        await session.answer(second, HELLO)

    async with realtime(late) as server, calling(server) as call:
        await call.first_turn()
        assert call.audio == [HELLO]


# -- what ends a session --------------------------------------------------------------------------------------------


async def test_a_failure_that_every_session_would_meet_ends_this_one_for_good() -> None:
    async def broke(session: Session) -> None:
        await session.first_turn()
        ask = await session.next_ask()
        error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "Pay."}
        await session.done(ask, "resp_1", "failed", type="failed", error=error)

    async with realtime(broke) as server, calling(server) as call:
        call.say(100)
        lost = await call.lost()
        assert lost.permanent
        assert "billing" in str(lost)
        assert server.factory.problem == str(lost)
        assert call.processed == []  # all of it is for the next rung of the ladder


@pytest.mark.parametrize(
    ("code", "kind", "permanent"),
    [
        ("invalid_api_key", "invalid_request_error", True),
        ("session_expired", "invalid_request_error", False),
        (None, "server_error", False),
    ],
)
async def test_an_error_that_ends_the_session_says_whether_another_can_be_had(
    code: str | None, kind: str, permanent: bool
) -> None:
    async def failing(session: Session) -> None:
        await session.welcome()
        await session.fail(code, kind)

    async with realtime(failing) as server, calling(server) as call:
        assert (await call.lost()).permanent == permanent


@pytest.mark.parametrize("code", ["response_cancel_not_active", "item_delete_invalid_item_id", "something_new", None])
async def test_an_error_that_means_nothing_changes_nothing(code: str | None) -> None:
    async def grumbling(session: Session) -> None:
        await session.welcome()
        await session.hear(100)
        await session.fail(code)
        await session.turn("a", 0, 1800)
        ask = await session.next_ask()
        await session.fail(code)
        await session.answer(ask, HELLO)

    async with realtime(grumbling) as server, calling(server) as call:
        await call.first_turn()
        assert call.audio == [HELLO]


async def test_a_socket_that_closes_loses_the_session() -> None:
    async def closing(session: Session) -> None:
        await session.welcome()
        await session.ws.close(code=1001)

    async with realtime(closing) as server, calling(server) as call:
        lost = await call.lost()
        assert "1001" in str(lost)
        assert not lost.permanent


async def test_nonsense_loses_the_session() -> None:
    async def babbling(session: Session) -> None:
        await session.welcome()
        await session.ws.send_str('{"type":"response.done"}')

    async with realtime(babbling) as server, calling(server) as call:
        assert not (await call.lost()).permanent


async def test_a_session_that_lost_audio_on_the_way_is_given_up() -> None:
    async with realtime() as server, calling(server) as call:
        while not cast(OpenAIInterpreter, call.translator)._line._sender.is_stuck:
            call.say(500, voiced=False)  # all at once: the server has no chance to read
        call.say(3000, voiced=False)
        assert "words are missing" in str(await call.lost())


async def test_a_server_that_wants_answers_without_end_and_takes_none_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def chattering(session: Session) -> None:
        await session.welcome()
        await session.say("response.created", response={"id": "not asked for", "status": "in_progress"})

    def takes_nothing(_line: Line, _message: bytes, *, audio: bool) -> bool:
        return audio

    monkeypatch.setattr(Line, "post", takes_nothing)
    async with realtime(chattering) as server, calling(server) as call:
        assert str(await call.lost()) == "OpenAI says much and takes nothing"


async def test_a_session_says_before_its_time_that_it_is_expiring_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_socket, "BELIEVED_SECONDS", 0.0)

    async def short(session: Session) -> None:
        await session.welcome(expires_at=time.time() + 1.0)
        await session.hear(100)
        await session.turn("a", 0, 1800)
        await session.answer(await session.next_ask(), HELLO)

    async with realtime(short) as server, calling(server) as call:
        await call.until_heard(Expiring())
        await call.first_turn()
        assert call.heard.count(Expiring()) == 1
