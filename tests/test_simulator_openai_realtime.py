"""The simulated turn-based endpoint, met on the wire: turns, items, and who gets in."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest
from simulator_openai_client import PCMU, connected, noise, opened, pause, session

from bmv.audio import mulaw
from bmv.audio.compare import align
from bmv.audio.mulaw import Samples
from bmv.audio.resample import Upsampler
from bmv.simulator.openai import EchoTurns, FakeOpenAI, Fault, Part, ResponseFault

TURN = noise(1.0) + pause(0.6)
HELD = Fault(responses=(ResponseFault(never_done=True, after=0.4),))
"""The first answer stops after 400 ms, and is in progress until somebody ends it."""


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


# Turns


async def test_an_utterance_becomes_an_item() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        await client.append(pause(2.0) + TURN)
        events = [await client.receive() for _ in range(5)]
        await client.nothing_more()
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    started, stopped, committed, added, done = events
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (1700, 3500)
    assert {started["item_id"], stopped["item_id"], committed["item_id"], added["item"]["id"]} == {done["item"]["id"]}
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert committed["previous_item_id"] is None
    commit = fake.conversations[0].commits[0]
    assert (commit.item_id, commit.start_ms, commit.end_ms, commit.by) == (done["item"]["id"], 1700, 3500, "server")
    assert client.record.seconds == pytest.approx(3.6)
    assert bytes(client.record.received) == pause(2.0) + TURN


async def test_items_follow_each_other() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        first = await client.say(TURN)
        second = await client.say(TURN)
    assert client.of("input_audio_buffer.committed")[1]["previous_item_id"] == first
    assert [item.id for item in fake.conversations[0].items] == [first, second]


async def test_the_position_counts_audio_that_was_written_in_pcm_too() -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        sound = Upsampler().process(mulaw.decode(pause(2.0) + TURN)).astype("<i2").tobytes()
        for start in range(0, len(sound), 4800):
            audio = base64.b64encode(sound[start : start + 4800]).decode()
            await client.send("input_audio_buffer.append", audio=audio)
        assert (await client.until("input_audio_buffer.speech_started"))["audio_start_ms"] == 1700
        assert (await client.until("input_audio_buffer.speech_stopped"))["audio_end_ms"] == pytest.approx(3500, abs=20)
        await client.until("response.done")
        assert client.record.seconds == pytest.approx(3.6)
        await client.send("input_audio_buffer.append", audio=base64.b64encode(b"\0").decode())
        assert (await client.error())["param"] == "audio"
    heard = np.frombuffer(client.heard(), "<i2").astype(np.int16)
    assert align(heard, np.frombuffer(sound, "<i2").astype(np.int16)[48000:72000]).score > 0.99


async def test_without_detection_the_client_commits() -> None:
    async with FakeOpenAI() as fake, session(fake, turn_detection=False) as client:
        await client.append(TURN)
        await client.nothing_more()
        await client.send("input_audio_buffer.commit", event_id="mine")
        assert (await client.receive())["type"] == "input_audio_buffer.committed"
        await client.until("conversation.item.done")
        await client.send("input_audio_buffer.commit", event_id="again")
        error = await client.error()
        assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "again")
        await client.append(TURN)
        await client.send("input_audio_buffer.clear")
        assert (await client.receive())["type"] == "input_audio_buffer.cleared"
        await client.send("input_audio_buffer.commit")
        assert (await client.error())["code"] == "input_audio_buffer_commit_empty"
    assert [commit.by for commit in fake.conversations[0].commits] == ["client"]


async def test_what_is_being_said_can_be_committed_under_the_id_that_was_announced() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        await client.append(noise(1.0))
        started = await client.until("input_audio_buffer.speech_started")
        await client.send("input_audio_buffer.commit")
        committed = await client.receive()
    assert (committed["type"], committed["item_id"]) == ("input_audio_buffer.committed", started["item_id"])


# Items


async def test_an_item_can_be_deleted_once() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        item = await client.say(TURN)
        await client.send("conversation.item.delete", item_id=item)
        deleted = await client.receive()
        assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", item)
        await client.send("conversation.item.delete", item_id=item, event_id="mine")
        error = await client.error()
        assert (error["code"], error["event_id"]) == ("item_delete_invalid_item_id", "mine")
    record = fake.conversations[0]
    assert (record.items, record.deleted, record.deleted_too_early) == ([], [item], [])


async def test_the_record_tells_who_deletes_too_early() -> None:
    async with FakeOpenAI(fault=HELD) as fake, session(fake) as client:
        item = await client.say(TURN)
        await client.ask(item)
        await client.until("response.output_audio.delta", 2)
        await client.send("conversation.item.delete", item_id=item)
        await client.until("conversation.item.deleted")
    assert fake.conversations[0].deleted_too_early == [item]


async def test_an_item_can_be_looked_at_with_its_sound() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        item = await client.say(TURN)
        await client.send("conversation.item.retrieve", item_id=item)
        content = (await client.receive())["item"]["content"][0]
        assert base64.b64decode(content["audio"]) == TURN[: 8000 + 4000]
        await client.send("conversation.item.retrieve", item_id="item_x")
        assert (await client.error())["code"] == "item_retrieve_invalid_item_id"


async def test_text_can_be_put_into_the_conversation() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        await client.say(TURN)
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        await client.send("conversation.item.create", item={"id": "item_mine", **said}, previous_item_id="root")
        added = await client.receive()
        assert (added["type"], added["previous_item_id"]) == ("conversation.item.added", None)
        assert (await client.receive())["type"] == "conversation.item.done"
        await client.send("conversation.item.create", item={"id": "item_mine", **said})
        assert (await client.error())["param"] == "item.id"
        await client.send("conversation.item.create", item=said, previous_item_id="item_x")
        assert (await client.error())["param"] == "previous_item_id"
        sound = {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": ""}]}
        await client.send("conversation.item.create", item=sound)
        assert (await client.error())["code"] == "invalid_value", "audio of the assistant cannot be made up"
    assert [item.content for item in fake.conversations[0].items] == ["input_text", "input_audio"]


async def test_an_answer_can_be_cut_to_what_was_heard_of_it() -> None:
    async with FakeOpenAI() as fake, session(fake, create_response=True) as client:
        await client.append(TURN)
        answer = (await client.until("response.done"))["response"]["output"][0]["id"]
        cut = {"item_id": answer, "content_index": 0}
        await client.send("conversation.item.truncate", **cut, audio_end_ms=700)
        assert (await client.receive())["type"] == "conversation.item.truncated"
        await client.send("conversation.item.truncate", **cut, audio_end_ms=701)
        assert (await client.error())["param"] == "audio_end_ms"
        mine = fake.conversations[0].items[0].id
        await client.send("conversation.item.truncate", item_id=mine, content_index=0, audio_end_ms=0)
        assert (await client.error())["param"] == "item_id"
    assert fake.conversations[0].items[1].seconds == pytest.approx(0.7)


# The rest


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-realtime-2.1-mini"])
async def test_the_other_models_are_there_too(model: str) -> None:
    async with FakeOpenAI() as fake, opened(fake, model=model) as client:
        assert client.events[0]["session"]["model"] == model


async def test_both_endpoints_count_as_open_sessions() -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        assert fake.open_sessions == [client.record]
        await client.socket.close(code=1000)
        await fake.until(lambda: not fake.open_sessions)
    assert (client.record.closed_by, client.record.close_code) == ("client", 1000)
    assert client.record.headers["authorization"].startswith("Bearer ")


async def test_nothing_is_left_after_the_end_though_somebody_is_being_answered() -> None:
    before = asyncio.all_tasks()
    async with FakeOpenAI(fault=HELD) as fake, session(fake) as client:
        await client.ask(await client.say(TURN))
        await client.until("response.output_audio.delta", 2)
    assert asyncio.all_tasks() == before
    assert not fake.open_sessions


async def test_a_bug_of_a_brain_is_not_swallowed() -> None:
    class Broken(EchoTurns):
        def answer(self, utterances: tuple[Samples, ...], instructions: str, /) -> list[Part]:
            raise ZeroDivisionError("a bug of this brain")

    with pytest.raises(ExceptionGroup) as failures:  # noqa: PT012, the error comes when the service ends
        async with FakeOpenAI(turns=Broken) as fake, session(fake) as client:
            await client.ask(await client.say(TURN))
            await client.receive_all()
    assert failures.group_contains(ZeroDivisionError, match="a bug of this brain")


async def test_the_beta_interface_is_gone_here_too() -> None:
    async with FakeOpenAI() as fake, connected(fake, **{"OpenAI-Beta": "realtime=v1"}) as client:
        assert (await client.error())["code"] == "beta_api_shape_disabled"
        farewell = await client.socket.receive()
    assert (farewell.data, farewell.extra) == (4000, "invalid_request_error.beta_api_shape_disabled")
    assert not fake.conversations


async def test_a_binary_message_is_refused() -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        await client.socket.send_bytes(b"\0" * 160)
        assert (await client.error())["code"] == "invalid_event"
        await client.update(audio={"input": {"format": PCMU}})
