"""What goes wrong with the simulated turn-based endpoint on cue: with its sessions, and with single responses."""

import asyncio
import base64
import time

import aiohttp
import pytest
from simulator_openai_client import Client, Event, connected, noise, opened, pause, session, transport_of

from bmv.simulator.openai import WELL, Ending, FakeOpenAI, Fault, Refusal, ResponseFault

TURN = noise(1.0) + pause(0.5)


async def asked(client: Client) -> None:
    """Say something and ask for the answer."""
    await client.ask(await client.say(TURN), metadata={"turn": "1"})


async def answered(client: Client) -> Event:
    """The same, until it is done."""
    await asked(client)
    response: Event = (await client.until("response.done"))["response"]
    return response


def kinds(client: Client) -> list[str]:
    return [event["type"] for event in client.events]


# Sessions


@pytest.mark.parametrize(
    "refusal",
    [Refusal.of(401), Refusal.of(403), Refusal.of(404), Refusal.of(429), Refusal.out_of_money(), Refusal.of(500)],
)
async def test_an_upgrade_can_be_refused_for_some_time(refusal: Refusal) -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(refuse=refusal), times=2, endpoint="realtime")
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with connected(fake):
                    pass
            assert refused.value.status == refusal.status
        async with opened(fake):
            pass
    assert (fake.connections, len(fake.conversations)) == (3, 1)


async def test_a_connection_can_be_reset_while_somebody_speaks() -> None:
    async with FakeOpenAI(fault=Fault(reset_after=0.5)) as fake, session(fake) as client:
        await client.append(noise(1.0))
        await client.receive_all()
    assert client.socket.close_code == 1006
    assert kinds(client)[-1] == "input_audio_buffer.speech_started"
    assert not fake.conversations[0].commits


async def test_a_connection_can_be_reset_in_the_middle_of_an_answer() -> None:
    async with FakeOpenAI(fault=Fault(reset_after_output=0.6)) as fake, session(fake) as client:
        await asked(client)
        await client.receive_all()
    assert client.socket.close_code == 1006
    assert len(client.heard()) == 4800
    assert fake.conversations[0].closed_by == "server"
    assert fake.conversations[0].sent_seconds == pytest.approx(0.6)


async def test_a_session_can_fall_silent_in_the_middle_of_an_answer() -> None:
    async with FakeOpenAI(fault=Fault(silent_after_output=0.6)) as fake, session(fake) as client:
        await asked(client)
        await client.until("response.output_audio.delta", 3)
        await client.append(TURN)
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.05)
        await fake.until(lambda: len(client.record.commits) == 2)
        assert fake.open_sessions, "it still hears, and says nothing"


async def test_a_session_can_fall_silent_before_it_notices_anybody() -> None:
    async with FakeOpenAI(fault=Fault(silent_after=0.1)) as fake, session(fake) as client:
        await client.append(TURN)
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.05)
        await fake.until(lambda: client.record.seconds == pytest.approx(1.5))


async def test_a_session_may_stop_to_read() -> None:
    async with FakeOpenAI(fault=Fault(deaf_after=0.2)) as fake, session(fake) as client:
        await client.append(pause(0.2) + TURN)
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.05)
        assert client.record.seconds == pytest.approx(0.2)
        transport_of(client.socket).abort()
        await fake.until(lambda: client.record.closed_by == "lost")


async def test_a_session_expires_when_it_said_so_though_nothing_is_said() -> None:
    async with FakeOpenAI(fault=Fault(expires_in=0.2)) as fake, opened(fake) as client:
        await client.receive_all()
        assert client.events[0]["session"]["expires_at"] == pytest.approx(time.time(), abs=3)
        assert client.events[-1]["error"]["code"] == "session_expired"
        assert client.socket.close_code == 1001


async def test_a_session_expires_in_the_middle_of_an_answer() -> None:
    held = (ResponseFault(never_done=True, after=0.4),)
    async with FakeOpenAI(fault=Fault(expires_in=1.0, responses=held)) as fake, session(fake) as client:
        await asked(client)
        await client.receive_all()
    assert len(client.heard()) == 3200
    assert kinds(client)[-1] == "error"


@pytest.mark.parametrize(("ending", "code"), [(Ending.quota(after=0.4), 4000), (Ending(after=0.4), 1001)])
async def test_a_session_can_end_with_an_error(ending: Ending, code: int) -> None:
    async with FakeOpenAI(fault=Fault(end=ending)) as fake, session(fake) as client:
        await client.append(TURN)
        await client.receive_all()
    assert client.events[-1]["error"]["code"] == ending.code
    assert client.socket.close_code == code


async def test_an_error_may_leave_the_session_open() -> None:
    async with FakeOpenAI(fault=Fault(end=Ending.complaint())) as fake, session(fake) as client:
        await client.append(pause(0.5))
        assert (await client.error())["type"] == "server_error"
        assert (await answered(client))["status"] == "completed"
    assert fake.conversations[0].errors == ["server_error"]


async def test_a_session_may_be_closed_without_a_reason() -> None:
    async with FakeOpenAI(fault=Fault(end=Ending.closed(1012, after=0.4))) as fake, session(fake) as client:
        await client.append(pause(1.0))
        assert (await client.socket.receive()).data == 1012
    assert fake.conversations[0].errors == []


async def test_a_bad_key_may_be_refused_only_after_the_upgrade() -> None:
    async with FakeOpenAI(fault=Fault(end=Ending.invalid_key())) as fake, connected(fake) as client:
        assert (await client.error())["code"] == "invalid_api_key", "before session.created"
        assert (await client.socket.receive()).data == 3000


async def test_garbage_can_come_before_an_answer() -> None:
    async with FakeOpenAI(fault=Fault(garbage="{oops")) as fake, session(fake) as client:
        await asked(client)
        await client.until("response.content_part.added")
        assert await client.socket.receive_str() == "{oops"
        await client.until("response.done")


async def test_one_direction_can_fail_and_the_other_not() -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(reset_after=0.4), language="es")
        async with (
            session(fake, "Interpret from Spanish into English.") as english,
            session(fake, "Interpret from English into Spanish.") as spanish,
        ):
            await spanish.append(TURN)
            await spanish.receive_all()
            await english.say(TURN)
    assert [one.close_code for one in fake.conversations][1] == 1006
    assert [one.language for one in fake.conversations] == ["en", "es"]


async def test_there_may_be_a_voice_without_words_or_words_without_a_voice() -> None:
    async with FakeOpenAI(fault=Fault(voiceless=True)) as fake, session(fake) as client:
        await answered(client)
    assert set(client.heard()) == {0xFF}
    heard = {"model": "gpt-realtime-whisper"}
    async with FakeOpenAI(fault=Fault(wordless=True)) as fake, session(fake, transcription=heard) as client:
        await answered(client)
    assert not [kind for kind in kinds(client) if "transcription" in kind]


# Responses


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        (
            ResponseFault.failed("inference_rate_limit_exceeded", kind="rate_limit_error"),
            {"type": "failed", "error": {"type": "rate_limit_error", "code": "inference_rate_limit_exceeded"}},
        ),
        (ResponseFault.incomplete("content_filter"), {"type": "incomplete", "reason": "content_filter"}),
        (ResponseFault.cancelled("turn_detected"), {"type": "cancelled", "reason": "turn_detected"}),
    ],
)
@pytest.mark.parametrize("after", [0.0, 0.4])
async def test_a_response_can_end_badly(fault: ResponseFault, details: Event, after: float) -> None:
    broken = ResponseFault(status=fault.status, reason=fault.reason, kind=fault.kind, after=after)
    async with FakeOpenAI(fault=Fault(responses=(broken, broken))) as fake, session(fake) as client:
        for _ in range(2):
            response = await answered(client)
            told = response["status_details"]
            assert (response["status"], told["type"]) == (details["type"], details["type"])
            assert told.get("reason") == details.get("reason")
            if "error" in details:
                assert details["error"].items() <= told["error"].items()
        assert len(client.heard()) == 2 * round(after * 8000)
        assert (await answered(client))["status"] == "completed", "two were to fail"
    assert [one.status for one in fake.conversations[0].responses] == [details["type"]] * 2 + ["completed"]
    assert fake.conversations[0].responses[0].reason == fault.reason


async def test_a_response_that_fails_at_once_costs_nothing() -> None:
    async with FakeOpenAI(fault=Fault(responses=(ResponseFault.failed(),))) as fake, session(fake) as client:
        response = await answered(client)
    assert (response["usage"], response["output"]) == (None, [])


async def test_a_response_may_never_be_done_until_it_is_cancelled() -> None:
    fault = Fault(responses=(ResponseFault(never_done=True, after=0.4),))
    async with FakeOpenAI(fault=fault) as fake, session(fake) as client:
        await asked(client)
        delta = await client.until("response.output_audio.delta", 2)
        await client.nothing_more()
        await client.send("response.cancel", response_id=delta["response_id"])
        assert (await client.until("response.done"))["response"]["status"] == "cancelled"
    assert len(client.heard()) == 3200


async def test_a_request_may_never_be_answered() -> None:
    async with FakeOpenAI(fault=Fault(responses=(ResponseFault(unanswered=True),))) as fake, session(fake) as client:
        await asked(client)
        await client.nothing_more()
        assert (await answered(client))["status"] == "completed"
    assert len(fake.conversations[0].responses) == 1


async def test_a_response_may_be_done_that_was_never_created() -> None:
    fault = Fault(responses=(ResponseFault(without_created=True),))
    async with FakeOpenAI(fault=fault) as fake, session(fake) as client:
        response = await answered(client)
    assert "response.created" not in kinds(client)
    assert (response["status"], response["metadata"]) == ("completed", {"turn": "1"})


@pytest.mark.parametrize("status", [None, "cancelled"])
async def test_sound_of_a_dead_response_may_still_come(status: None) -> None:
    fault = Fault(responses=(ResponseFault(status=status, after=0.4, late_deltas=2),))
    async with FakeOpenAI(fault=fault) as fake, session(fake) as client:
        response = await answered(client)
        late = [await client.receive() for _ in range(2)]
        await client.nothing_more()
    assert [(event["type"], event["response_id"]) for event in late] == [
        ("response.output_audio.delta", response["id"])
    ] * 2
    assert set(base64.b64decode(late[0]["delta"]))


async def test_an_answer_may_come_in_several_messages() -> None:
    async with FakeOpenAI(fault=Fault(responses=(ResponseFault(messages=3),))) as fake, session(fake) as client:
        response = await answered(client)
    assert len(response["output"]) == 3
    assert [event["output_index"] for event in client.of("response.output_item.added")] == [0, 1, 2]
    assert len({event["item_id"] for event in client.of("response.output_audio.delta")}) == 3
    assert client.heard() == TURN


async def test_a_response_may_be_overtaken() -> None:
    fault = Fault(responses=(ResponseFault(overtaken=True),))
    async with FakeOpenAI(fault=fault) as fake, session(fake) as client:
        first, second = await client.say(TURN), await client.say(TURN)
        await client.ask(first, metadata={"turn": "1"})
        await client.nothing_more()
        await client.ask(second, metadata={"turn": "2"})
        await client.until("response.done", 2)
    assert [done["response"]["metadata"]["turn"] for done in client.of("response.done")] == ["2", "1"]
    first_done = kinds(client).index("response.done")
    assert "response.created" in kinds(client)[first_done:], "nothing came of it before"


async def test_a_request_may_be_refused_because_another_is_believed_to_run() -> None:
    async with FakeOpenAI(fault=Fault(responses=(WELL, ResponseFault(conflict=True)))) as fake, session(fake) as client:
        await answered(client)
        await asked(client)
        assert (await client.error())["code"] == "conversation_already_has_active_response"
        assert (await answered(client))["status"] == "completed"


async def test_a_fault_that_came_by_language_reaches_the_responses() -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(responses=(ResponseFault.failed(),)), language="en")
        async with session(fake) as client:
            assert (await answered(client))["status"] == "failed"
            assert (await answered(client))["status"] == "completed"


async def test_many_faults_leave_nothing_behind() -> None:
    before = asyncio.all_tasks()
    fault = Fault(responses=(ResponseFault(overtaken=True), ResponseFault(never_done=True)))
    async with FakeOpenAI(fault=fault) as fake, session(fake) as client:
        await asked(client)
        await asked(client)
        await client.until("response.created")
    assert asyncio.all_tasks() == before
    assert {one.closed_by for one in fake.conversations} == {"client"}
