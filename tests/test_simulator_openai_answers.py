"""The simulated turn-based endpoint, met on the wire: answers, one at a time or several, and what they cost."""

import asyncio
import base64
import math
import time
from typing import Any

import numpy as np
import pytest
from simulator_openai_client import Client, noise, pause, session

from bmv.audio import mulaw
from bmv.audio.compare import align
from bmv.audio.mulaw import Samples
from bmv.simulator.conversation import DEMO
from bmv.simulator.openai import Delivery, EchoTurns, FakeOpenAI, Fault, Part, PhrasebookTurns, ResponseFault

TURN = noise(1.0) + pause(0.6)
HELD = Fault(responses=(ResponseFault(never_done=True, after=0.4),))
"""The first answer stops after 400 ms, and is in progress until somebody ends it."""


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


# Answers


async def test_an_answer_out_of_band_is_told_event_by_event() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        item = await client.say(TURN)
        before = len(client.events)
        await client.ask(item, metadata={"turn": "7"})
        done = await client.until("response.done")
    events = client.events[before:]
    deltas = kinds(events).count("response.output_audio.delta")
    assert kinds(events) == [
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_audio.delta"] * deltas,
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    created, response = events[0]["response"], done["response"]
    assert (created["status"], created["metadata"], created["conversation_id"]) == ("in_progress", {"turn": "7"}, None)
    assert (response["status"], response["metadata"], response["id"]) == ("completed", {"turn": "7"}, created["id"])
    assert {event["response_id"] for event in events[2:-1]} == {created["id"]}
    assert response["output"][0]["role"] == "assistant"
    assert client.heard() == TURN[: len(client.heard())]
    assert [one.id for one in fake.conversations[0].items] == [item], "the answer is in no conversation"
    (record,) = fake.conversations[0].responses
    assert (record.status, record.out_of_band, record.input_ids) == ("completed", True, (item,))
    assert record.metadata == {"turn": "7"}


async def test_usage_is_what_was_heard_and_said() -> None:
    class Speaker(EchoTurns):
        def answer(self, utterances: tuple[Samples, ...], instructions: str, /) -> list[Part]:
            return [Part(np.ones(8000, np.int16), "Hello "), Part(np.ones(4000, np.int16), "there.")]

    async with FakeOpenAI(turns=Speaker) as fake, session(fake) as client:
        item = await client.say(pause(0.3) + TURN)  # 300 ms padding, 1 s, 500 ms silence
        await client.ask(item, instructions="i" * 41)
        usage = (await client.until("response.done"))["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] == 18, "one for 100 ms"
    assert usage["input_token_details"]["text_tokens"] == math.ceil(41 / 4)
    assert usage["output_token_details"] == {"audio_tokens": 30, "text_tokens": 3}, "one for 50 ms"
    assert usage["input_tokens"] == 18 + 11
    assert usage["output_tokens"] == 33
    assert usage["total_tokens"] == 62
    assert fake.conversations[0].responses[0].input_tokens == 29
    assert "".join(event["delta"] for event in client.of("response.output_audio_transcript.delta")) == "Hello there."
    assert client.of("response.output_audio_transcript.done")[0]["transcript"] == "Hello there."


async def test_the_bill_grows_with_the_conversation_but_not_out_of_it() -> None:
    async with FakeOpenAI() as fake, session(fake, create_response=True) as client:
        for _ in range(3):
            await client.append(noise(1.0) + pause(0.5))
            await client.until("response.done")
        for _ in range(2):
            await client.ask(client.of("input_audio_buffer.committed")[-1]["item_id"])
            await client.until("response.done")
    first, second, third, *out_of_band = [one.input_tokens for one in fake.conversations[0].responses]
    text = math.ceil(len("Interpret from Spanish into English.") / 4)
    assert [first - text, second - text, third - text] == [15, 45, 75], "the answers count as input as well"
    assert [tokens - text for tokens in out_of_band] == [15, 15]
    assert len(fake.conversations[0].items) == 6


async def test_an_answer_stops_at_its_greatest_length() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        await client.ask(await client.say(TURN), max_output_tokens=10)
        response = (await client.until("response.done"))["response"]
    assert response["status"] == "incomplete"
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"
    assert len(client.heard()) == 4800, "the first 200 ms that reach 10 tokens of 50 ms"


async def test_an_unknown_item_cannot_be_answered() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        await client.send(
            "response.create",
            event_id="mine",
            response={"conversation": "none", "input": [{"type": "item_reference", "id": "item_x"}]},
        )
        error = await client.error()
        assert (error["param"], error["event_id"]) == ("response.input[0].id", "mine")
        await client.nothing_more()
    assert not fake.conversations[0].responses


async def test_one_answer_at_a_time_writes_to_the_conversation() -> None:
    async with FakeOpenAI(fault=HELD) as fake, session(fake) as client:
        item = await client.say(TURN)
        await client.send("response.create")
        await client.until("response.output_audio.delta", 2)
        await client.send("response.create", event_id="second")
        error = await client.error()
        assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "second")
        await client.ask(item)
        done = await client.until("response.done")
        assert done["response"]["conversation_id"] is None, "out of band nothing is in the way"
        await client.send("response.cancel")
        assert (await client.until("response.done"))["response"]["status"] == "cancelled"
        await client.send("response.create")
        assert (await client.until("response.done"))["response"]["status"] == "completed"
    assert fake.conversations[0].most_at_once == 2


@pytest.mark.parametrize("speed", [10, math.inf], ids=["paced", "at once"])
async def test_answers_out_of_band_run_beside_each_other(speed: float) -> None:
    async with FakeOpenAI(delivery=Delivery(thinking_seconds=1.0, speed=speed)) as fake, session(fake) as client:
        first, second = await client.say(TURN), await client.say(noise(1.0, seed=2) + pause(0.6))
        await client.ask(first, metadata={"turn": "1"})
        await client.ask(second, metadata={"turn": "2"})
        while fake.conversations[0].most_at_once < 2:
            await asyncio.sleep(0.01)
        time.sleep(1.0)  # noqa: ASYNC251 - until both have thought, so that neither is ahead, whichever was asked first
        await client.until("response.done", 2)
    kinds = [event["type"] for event in client.events if event["type"] in ("response.created", "response.done")]
    assert kinds == ["response.created"] * 2 + ["response.done"] * 2
    ids = [event["response_id"] for event in client.of("response.output_audio.delta")]
    assert ids[0] != ids[1]
    assert ids[:6] == ids[:2] * 3
    by_turn = {done["response"]["metadata"]["turn"]: done["response"]["id"] for done in client.of("response.done")}
    assert client.heard(by_turn["1"])[2400:8000] != client.heard(by_turn["2"])[2400:8000]


async def test_answers_come_at_the_speed_that_was_asked_for() -> None:
    delivery = Delivery(thinking_seconds=0.1, speed=5, delta_ms=500)
    async with FakeOpenAI(delivery=delivery) as fake, session(fake) as client:
        item = await client.say(TURN)
        begin = asyncio.get_running_loop().time()
        await client.ask(item)
        await client.until("response.created")
        created = asyncio.get_running_loop().time() - begin
        await client.until("response.done")
        done = asyncio.get_running_loop().time() - begin
    assert created >= 0.1
    assert done >= 0.1 + 1.5 / 5
    assert [len(base64.b64decode(event["delta"])) for event in client.of("response.output_audio.delta")] == [4000] * 3


async def test_a_cancelled_answer_breaks_off_and_says_so() -> None:
    async with FakeOpenAI(fault=HELD) as fake, session(fake) as client:
        await client.ask(await client.say(TURN))
        delta = await client.until("response.output_audio.delta", 2)
        await client.send("response.cancel", response_id=delta["response_id"])
        before = len(client.events)
        done = await client.until("response.done")
        await client.nothing_more()
    assert kinds(client.events[before:-1]) == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["response"]["usage"]["output_token_details"]["audio_tokens"] == 8
    assert fake.conversations[0].responses[0].status == "cancelled"


async def test_cancelling_without_an_id_means_the_conversation_only() -> None:
    async with FakeOpenAI(fault=HELD) as fake, session(fake) as client:
        await client.ask(await client.say(TURN))
        await client.until("response.output_audio.delta", 2)
        await client.send("response.cancel", event_id="mine")
        error = await client.error()
    assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "mine")
    assert fake.conversations[0].running


# Answers that nobody asked for, and interruptions


async def test_by_default_the_service_answers_by_itself_and_writes_it_down() -> None:
    async with FakeOpenAI() as fake, session(fake, create_response=True) as client:
        await client.append(TURN)
        done = await client.until("response.done")
    conversation = fake.conversations[0].conversation
    assert done["response"]["conversation_id"] == conversation.id
    assert [item.role for item in conversation] == ["user", "assistant"]
    added, answer = client.of("conversation.item.added")
    assert answer["previous_item_id"] == added["item"]["id"]
    assert (answer["item"]["status"], answer["item"]["content"]) == ("in_progress", [])
    assert client.of("conversation.item.done")[1]["item"]["status"] == "completed"


async def test_its_own_answer_fails_while_another_is_in_progress_and_is_not_interrupted() -> None:
    async with FakeOpenAI(fault=HELD) as fake, session(fake, create_response=True) as client:
        await client.append(TURN)
        await client.until("response.output_audio.delta", 2)
        await client.append(TURN + TURN)
        error = (await client.until("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
        await client.until("conversation.item.done")
    assert len(fake.conversations[0].commits) == 3, "the turns themselves are not lost"
    assert len(fake.conversations[0].running) == 1


@pytest.mark.parametrize("interrupt", [True, False])
async def test_speech_interrupts_the_conversation_if_it_may(interrupt: bool) -> None:
    async with FakeOpenAI(fault=HELD) as fake, session(fake, interrupt_response=interrupt) as client:
        await client.say(TURN)
        await client.send("response.create")
        await client.until("response.output_audio.delta", 2)
        await client.append(noise(0.5))
        await client.until("input_audio_buffer.speech_started")
        if interrupt:
            response = (await client.until("response.done"))["response"]
            assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        await client.nothing_more()
    assert bool(fake.conversations[0].running) != interrupt


async def test_speech_never_interrupts_an_answer_out_of_band() -> None:
    async with FakeOpenAI(fault=HELD) as fake, session(fake, interrupt_response=True) as client:
        await client.ask(await client.say(TURN))
        await client.until("response.output_audio.delta", 2)
        await client.say(TURN)
        await client.nothing_more()
    assert fake.conversations[0].running


# The interpreter of the demo


def interpreter() -> FakeOpenAI:
    return FakeOpenAI(turns=lambda: PhrasebookTurns(DEMO.phrasebook()))


async def say_line(client: Client, ulaw: bytes) -> str:
    return await client.say(pause(0.5) + ulaw + pause(0.6))


async def test_a_line_of_the_demo_is_interpreted_with_its_words() -> None:
    line = DEMO.lines[0]
    async with interpreter() as fake, session(fake, transcription={"model": "gpt-realtime-whisper"}) as client:
        await client.append(pause(0.5) + line.audio() + pause(0.6))
        transcribed = await client.until("conversation.item.input_audio_transcription.completed")
        await client.ask(transcribed["item_id"])
        await client.until("response.done")
    deltas = client.of("conversation.item.input_audio_transcription.delta")
    assert "".join(event["delta"] for event in deltas) == transcribed["transcript"] == line.sentence
    assert transcribed["usage"]["seconds"] == pytest.approx(len(line.audio()) / 8000 + 0.7, abs=0.2)
    words = [event["delta"] for event in client.of("response.output_audio_transcript.delta")]
    assert "".join(words) == line.translation
    assert align(mulaw.decode(client.heard()), mulaw.decode(line.translated_audio())).score > 0.99
    order = [kind for kind in kinds(client.events) if kind.endswith(("audio.delta", "audio_transcript.delta"))]
    assert order[0] == "response.output_audio_transcript.delta"
    assert order[-1] == "response.output_audio.delta"


async def test_the_source_transcript_must_be_asked_for() -> None:
    async with interpreter() as fake, session(fake) as client:
        await say_line(client, DEMO.lines[0].audio())
        await client.nothing_more()


async def test_what_is_not_known_is_answered_with_nothing() -> None:
    async with interpreter() as fake, session(fake) as client:
        await client.ask(await client.say(TURN))
        response = (await client.until("response.done"))["response"]
    assert (response["status"], response["output"]) == ("completed", [])
    assert not client.heard()
