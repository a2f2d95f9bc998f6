"""How the simulated turn-based endpoint lets itself be configured: to the letter, or not at all."""

import time
from typing import Any

import pytest
from simulator_openai_client import DETECTION, MODEL, PCMU, checked, connected, noise, opened, pause, session

from bmv.simulator.openai import FakeOpenAI, Fault

PCM = {"type": "audio/pcm", "rate": 24000}
WHISPER = {"model": "gpt-realtime-whisper"}


async def test_a_new_session_is_an_assistant_that_answers_by_itself_in_pcm() -> None:
    async with FakeOpenAI() as fake, connected(fake) as client:
        created = await client.receive()
        assert (await client.receive())["type"] == "conversation.created"
    session = created["session"]
    assert created["type"] == "session.created"
    assert (session["type"], session["object"], session["model"]) == ("realtime", "realtime.session", MODEL)
    assert session["audio"]["input"]["format"] == session["audio"]["output"]["format"] == PCM
    assert session["audio"]["input"]["turn_detection"] == {
        **DETECTION,
        "create_response": True,
        "interrupt_response": True,
        "idle_timeout_ms": None,
    }
    assert session["instructions"]
    assert session["expires_at"] == pytest.approx(time.time() + 3600, abs=5)
    assert fake.conversations[0].model == MODEL
    assert not fake.sessions


async def test_an_update_changes_what_it_names_and_tells_everything() -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        await client.update(instructions="Interpret.", audio={"input": {"format": PCMU}, "output": {"format": PCMU}})
        updated = await client.update(
            audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}
        )
    settings = updated["session"]
    assert (settings["id"], settings["instructions"]) == (client.events[0]["session"]["id"], "Interpret.")
    assert settings["audio"]["input"]["format"] == settings["audio"]["output"]["format"] == PCMU
    assert settings["audio"]["input"]["turn_detection"] == {
        **DETECTION,
        "interrupt_response": True,
        "idle_timeout_ms": None,
    }
    assert fake.conversations[0].settings["audio"] == settings["audio"]
    assert [list(update) for update in fake.conversations[0].updates] == [
        ["type", "instructions", "audio"],
        ["type", "audio"],
    ]


async def test_null_switches_off_and_a_strength_that_is_not_named_is_kept() -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        await client.update(audio={"input": {"noise_reduction": {"type": "near_field", "strength": 0.5}}})
        heard = {"noise_reduction": {"type": "far_field"}, "transcription": WHISPER}
        kept = (await client.update(audio={"input": heard}))["session"]["audio"]["input"]
        off = {"noise_reduction": None, "transcription": None, "turn_detection": None}
        cleared = (await client.update(audio={"input": off}))["session"]["audio"]["input"]
    assert kept["noise_reduction"] == {"type": "far_field", "strength": 0.5}
    assert kept["transcription"] == WHISPER
    assert {name: cleared[name] for name in off} == off


async def test_everything_that_an_interpreter_wants_to_set_is_taken() -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        updated = await client.update(
            output_modalities=["audio"],
            instructions="Interpret from Spanish to English.",
            max_output_tokens=1500,
            tools=[],
            tool_choice="none",
            tracing=None,
            reasoning={"effort": "minimal"},
            truncation={"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
            audio={
                "input": {
                    "format": PCMU,
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"model": "gpt-realtime-whisper", "language": "es", "delay": "low"},
                    "turn_detection": {**DETECTION, "idle_timeout_ms": None},
                },
                "output": {"format": PCMU, "voice": "marin", "speed": 1.0},
            },
        )
    assert updated["type"] == "session.updated", updated
    assert fake.conversations[0].language == "en"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 0.6}, "session.temperature"),
        ({"modalities": ["audio"]}, "session.modalities"),
        ({"voice": "marin"}, "session.voice"),
        ({"input_audio_format": "g711_ulaw"}, "session.input_audio_format"),
        ({"turn_detection": None}, "session.turn_detection"),
        ({"max_response_output_tokens": 10}, "session.max_response_output_tokens"),
        ({"audio": {"format": PCMU}}, "session.audio.format"),
        ({"audio": {"input": {"format": {"type": "audio/pcmu", "rate": 8000}}}}, "session.audio.input.format.rate"),
        ({"audio": {"output": {"language": "en"}}}, "session.audio.output.language"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "eagerness": "low"}}}},
            "session.audio.input.turn_detection.eagerness",
        ),
    ],
)
async def test_one_unknown_field_discards_the_whole_update(fields: dict[str, Any], param: str) -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        await client.send(
            "session.update", event_id="mine", session={"type": "realtime", "instructions": "x", **fields}
        )
        error = await client.error()
        assert (error["type"], error["code"]) == ("invalid_request_error", "unknown_parameter")
        assert (error["param"], error["event_id"]) == (param, "mine")
        unchanged = await client.update()
    assert unchanged["session"] == client.events[0]["session"]
    assert fake.conversations[0].errors == ["unknown_parameter"]


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"output_modalities": ["text"]}, "not_simulated", "session.output_modalities"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"max_output_tokens": 5000}, "invalid_value", "session.max_output_tokens"),
        ({"model": "gpt-realtime-2"}, "invalid_value", "session.model"),
        ({"tools": [{"type": "function"}]}, "not_simulated", "session.tools[0]"),
        ({"reasoning": {"effort": "none"}}, "invalid_value", "session.reasoning.effort"),
        ({"instructions": None}, "invalid_type", "session.instructions"),
        (
            {"truncation": {"type": "retention_ratio"}},
            "missing_required_parameter",
            "session.truncation.retention_ratio",
        ),
        ({"audio": {"input": {"format": "pcm16"}}}, "invalid_type", "session.audio.input.format"),
        ({"audio": {"input": {"format": {"type": "g711_ulaw"}}}}, "invalid_value", "session.audio.input.format.type"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm"}}}},
            "missing_required_parameter",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        ({"audio": {"output": {"voice": "nova"}}}, "invalid_value", "session.audio.output.voice"),
        ({"audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio.output.speed"),
        (
            {"audio": {"input": {"turn_detection": {"create_response": False}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
            "not_simulated",
            "session.audio.input.turn_detection",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}}},
            "not_simulated",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            {"audio": {"input": {"transcription": {**WHISPER, "prompt": "parcels"}}}},
            "invalid_value",
            "session.audio.input.transcription.prompt",
        ),
        (
            {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe", "delay": "low"}}}},
            "invalid_value",
            "session.audio.input.transcription.delay",
        ),
        (
            {"audio": {"input": {"transcription": {"model": "gpt-transcribe", "languages": ["en", "yue"]}}}},
            "invalid_value",
            "session.audio.input.transcription.languages[1]",
        ),
    ],
)
async def test_a_value_that_is_not_right_is_refused(fields: dict[str, Any], code: str, param: str) -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        await client.send("session.update", session={"type": "realtime", **fields})
        error = await client.error()
        assert (error["code"], error["param"]) == (code, param)
        assert (await client.update())["session"] == client.events[0]["session"]


@pytest.mark.parametrize("body", [{"instructions": "Interpret."}, {"type": "translation"}, {"type": "transcription"}])
async def test_an_update_must_say_that_it_is_for_a_realtime_session(body: dict[str, Any]) -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        await client.send("session.update", session=body)
        error = await client.error()
    assert error["param"] == "session.type"
    assert error["code"] == ("invalid_value" if "type" in body else "missing_required_parameter")


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "session.close"}, "invalid_value", "type"),
        ({"type": "session.input_audio_buffer.append", "audio": ""}, "invalid_value", "type"),
        ({"type": "output_audio_buffer.clear"}, "invalid_value", "type"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AA*A"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "", "stream": 1}, "unknown_parameter", "stream"),
        ({"type": "input_audio_buffer.commit", "event_id": 5}, "invalid_type", "event_id"),
        ({"type": "conversation.item.delete"}, "missing_required_parameter", "item_id"),
        ({"type": "response.create", "response": {"temperature": 1}}, "unknown_parameter", "response.temperature"),
        ({"type": "response.create", "response": {"modalities": []}}, "unknown_parameter", "response.modalities"),
        ({"type": "response.create", "response": {"conversation": "new"}}, "invalid_value", "response.conversation"),
        (
            {"type": "response.create", "response": {"input": [{"id": "x"}]}},
            "missing_required_parameter",
            "response.input[0].type",
        ),
        (
            {"type": "response.create", "response": {"metadata": {"turn": 1}}},
            "invalid_type",
            "response.metadata.turn",
        ),
        (
            {"type": "response.create", "response": {"metadata": {str(n): "" for n in range(17)}}},
            "invalid_value",
            "response.metadata",
        ),
        (
            {"type": "response.create", "response": {"metadata": {"turn": "x" * 513}}},
            "invalid_value",
            "response.metadata.turn",
        ),
    ],
)
async def test_an_event_with_anything_wrong_is_refused(event: dict[str, Any], code: str, param: str) -> None:
    async with FakeOpenAI() as fake, opened(fake) as client:
        await client.socket.send_json(event)
        error = await client.error()
        assert (error["code"], error["param"]) == (code, param)
        await client.nothing_more()
    assert not fake.conversations[0].responses


async def test_only_models_that_reason_take_an_effort() -> None:
    async with FakeOpenAI() as fake, opened(fake, model="gpt-realtime-1.5") as client:
        await client.send("session.update", session={"type": "realtime", "reasoning": {"effort": "minimal"}})
        assert (await client.error())["param"] == "session.reasoning"


async def test_the_voice_is_fixed_once_it_was_heard() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        updated = await client.update(audio={"output": {"voice": "cedar"}})
        assert updated["session"]["audio"]["output"]["voice"] == "cedar"
        await client.ask(await client.say(noise(0.5) + pause(0.6)))
        await client.until("response.done")
        assert (await client.update(audio={"output": {"voice": "cedar"}}))["type"] == "session.updated"
        await client.send(
            "session.update", session={"type": "realtime", "instructions": "x", "audio": {"output": {"voice": "ash"}}}
        )
        assert (await client.error())["code"] == "cannot_update_voice"
        assert (await client.update())["session"]["instructions"] != "x"


async def test_formats_may_be_forgotten_by_an_update_that_does_not_name_them() -> None:
    async with FakeOpenAI(fault=Fault(forgets_formats=True)) as fake, session(fake) as client:
        heard = await client.update(audio={"input": {"turn_detection": None}})
    assert heard["session"]["audio"]["input"]["format"] == PCM
    assert heard["session"]["audio"]["output"]["format"] == PCMU


async def test_updates_can_be_lost() -> None:
    async with FakeOpenAI(fault=Fault(ignore_updates=True)) as fake, opened(fake) as client:
        await client.send("session.update", session={"type": "realtime", "instructions": "x"})
        await client.nothing_more()
    assert fake.conversations[0].settings["instructions"] != "x"
    assert len(fake.conversations[0].updates) == 1


def test_the_client_of_these_tests_sees_a_field_too_much() -> None:
    with pytest.raises(AssertionError):
        checked({"type": "input_audio_buffer.cleared", "event_id": "e", "extra": 1})
