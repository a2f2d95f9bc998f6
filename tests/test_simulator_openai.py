"""The simulated translation endpoint, met on the wire: what it says, what it refuses, and who gets in."""

import asyncio
import time
from collections.abc import Callable

import aiohttp
import numpy as np
import pytest
from simulator_openai_client import transport_of
from simulator_openai_translation import MODEL, RATE, Event, connected, noise, pause, refused, session, sound_of

from bmv.audio.compare import align
from bmv.audio.mulaw import Samples
from bmv.simulator.openai import EchoBrain, FakeOpenAI, Fault, Said
from bmv.simulator.openai.server import API_KEY

# What the session says of itself


async def test_a_new_session_translates_into_spanish_without_transcripts() -> None:
    async with FakeOpenAI() as fake, connected(fake) as client:
        created = await client.receive()
    session = created["session"]
    assert created["type"] == "session.created"
    assert session["model"] == MODEL
    assert session["audio"] == {
        "input": {"transcription": None, "noise_reduction": None},
        "output": {"language": "es"},
    }
    assert session["expires_at"] == pytest.approx(time.time() + 3600, abs=5)


async def test_an_update_is_answered_with_the_whole_session_in_force() -> None:
    async with FakeOpenAI() as fake, connected(fake) as client:
        await client.receive()
        await client.update(output={"language": "fr"})
        updated = await client.update(
            input={"transcription": {"model": "gpt-realtime-whisper"}, "noise_reduction": {"type": "near_field"}}
        )
    assert updated["type"] == "session.updated"
    assert updated["session"]["id"] == client.events[0]["session"]["id"]
    assert updated["session"]["audio"] == {
        "input": {
            "transcription": {"model": "gpt-realtime-whisper"},
            "noise_reduction": {"type": "near_field", "strength": 1.0},
        },
        "output": {"language": "fr"},
    }
    assert fake.sessions[0].language == "fr"
    assert [list(update["audio"]) for update in fake.sessions[0].updates] == [["output"], ["input"]]


async def test_a_strength_that_is_not_named_is_kept_and_null_switches_off() -> None:
    async with FakeOpenAI() as fake, connected(fake) as client:
        await client.receive()
        await client.update(input={"noise_reduction": {"type": "near_field", "strength": 0.5}})
        kept = await client.update(input={"noise_reduction": {"type": "far_field"}})
        off = await client.update(input={"noise_reduction": None, "transcription": None})
    assert kept["session"]["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.5}
    assert off["session"]["audio"]["input"] == {"noise_reduction": None, "transcription": None}


# What it refuses to be told


@pytest.mark.parametrize(
    ("session_fields", "param"),
    [
        ({"type": "translation"}, "session.type"),
        ({"model": MODEL}, "session.model"),
        ({"instructions": "Be nice."}, "session.instructions"),
        ({"audio": {"format": "pcm16"}}, "session.audio.format"),
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, "session.audio.input.format"),
        ({"audio": {"output": {"language": "en", "voice": "marin"}}}, "session.audio.output.voice"),
        (
            {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper", "language": "es"}}}},
            "session.audio.input.transcription.language",
        ),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field", "level": 1}}}},
            "session.audio.input.noise_reduction.level",
        ),
    ],
)
async def test_one_unknown_field_discards_the_whole_update(session_fields: Event, param: str) -> None:
    wanted = {"audio": {"output": {"language": "fr"}}, **session_fields}
    async with FakeOpenAI() as fake, connected(fake) as client:
        await client.receive()
        await client.send("session.update", event_id="mine", session=wanted)
        error = (await client.receive())["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "unknown_parameter")
        assert (error["param"], error["event_id"]) == (param, "mine")
        assert param in error["message"]
        unchanged = await client.update()
    assert unchanged["session"]["audio"]["output"]["language"] == "es"
    assert fake.sessions[0].errors == ["unknown_parameter"]


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "session.update", "session": {}, "extra": 1}, "unknown_parameter", "extra"),
        ({"type": "session.update", "session": []}, "invalid_type", "session"),
        ({"type": "session.update", "session": {"audio": None}}, "invalid_type", "session.audio"),
        ({"type": "session.update", "session": {}, "event_id": 7}, "invalid_type", "event_id"),
        ({"type": "session.close", "reason": "done"}, "unknown_parameter", "reason"),
        ({"type": "input_audio_buffer.append", "audio": ""}, "invalid_value", "type"),
        ({"type": "response.create"}, "invalid_value", "type"),
        ({"type": ["session.close"]}, "invalid_value", "type"),
        ({"session": {}}, "missing_required_parameter", "type"),
        ({"type": "session.input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "session.input_audio_buffer.append", "audio": [0, 0]}, "invalid_type", "audio"),
        ({"type": "session.input_audio_buffer.append", "audio": "AAA*"}, "invalid_value", "audio"),
        ({"type": "session.input_audio_buffer.append", "audio": "AAA"}, "invalid_value", "audio"),
        ({"type": "session.input_audio_buffer.append", "audio": "AAAA"}, "invalid_value", "audio"),
        ({"type": "session.input_audio_buffer.append", "audio": "", "rate": 8000}, "unknown_parameter", "rate"),
    ],
)
async def test_an_event_with_anything_wrong_is_refused(event: Event, code: str, param: str) -> None:
    async with FakeOpenAI() as fake, connected(fake) as client:
        await client.receive()
        await client.socket.send_json(event)
        error = (await client.receive())["error"]
        assert (error["code"], error["param"]) == (code, param)
        assert (await client.update())["type"] == "session.updated", "the session goes on"
    assert fake.sessions[0].seconds == 0


@pytest.mark.parametrize(
    ("audio", "param"),
    [
        ({"output": {"language": "pt-BR"}}, "session.audio.output.language"),
        ({"output": {"language": "zho"}}, "session.audio.output.language"),
        ({"output": {"language": "EN"}}, "session.audio.output.language"),
        ({"input": {"transcription": {"model": "whisper-9"}}}, "session.audio.input.transcription.model"),
        ({"input": {"noise_reduction": {"type": "none"}}}, "session.audio.input.noise_reduction.type"),
        (
            {"input": {"noise_reduction": {"type": "near_field", "strength": 2}}},
            "session.audio.input.noise_reduction.strength",
        ),
    ],
)
async def test_a_value_that_is_not_supported_is_refused(audio: Event, param: str) -> None:
    async with FakeOpenAI() as fake, connected(fake) as client:
        await client.receive()
        error = (await client.update(**audio))["error"]
    assert (error["code"], error["param"]) == ("invalid_value", param)


async def test_messages_that_are_no_json_objects_are_refused() -> None:
    async with FakeOpenAI() as fake, connected(fake) as client:
        await client.receive()
        await client.socket.send_str("not json")
        await client.socket.send_str("[]")
        await client.socket.send_bytes(b"\0" * 64)
        codes = [(await client.receive())["error"]["code"] for _ in range(3)]
    assert codes == ["invalid_json", "invalid_event", "invalid_event"]


# Sound in, sound out


@pytest.mark.parametrize("step", [480, 2400, 4801, 24000])
async def test_all_audio_arrives_however_it_was_cut(step: int) -> None:
    said = np.concatenate((noise(1.3), pause(0.5)))
    async with FakeOpenAI() as fake:
        async with session(fake) as client:
            await client.converse(said, step)
        record = fake.sessions[0]
        assert np.array_equal(record.audio, said)
        assert record.seconds == pytest.approx(1.8)
        assert align(client.audio, said).score > 0.999


async def test_without_input_there_is_no_output() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        await client.append(noise(0.39))
        assert (await client.update())["type"] == "session.updated", "200 ms were heard, too little for a delta"
        await client.append(noise(0.01))
        assert (await client.receive())["type"] == "session.output_audio.delta"
        assert (await client.update())["type"] == "session.updated", "the rest of the silence has to be heard first"


async def test_the_output_is_continuous_and_includes_silence() -> None:
    async with FakeOpenAI(lambda: EchoBrain(0.4)) as fake, session(fake) as client:
        await client.append(np.concatenate((noise(1), pause(3))))
        deltas = [await client.receive() for _ in range(10)]
    assert {event["type"] for event in deltas} == {"session.output_audio.delta"}
    assert {len(sound_of(event)) for event in deltas} == {19200}
    assert [event["elapsed_ms"] for event in deltas] == list(range(400, 4001, 400))
    assert {(event["sample_rate"], event["channels"], event["format"]) for event in deltas} == {(24000, 1, "pcm16")}
    assert np.array_equal(client.audio, np.concatenate((pause(0.4), noise(1), pause(2.6))))


async def test_the_length_of_a_delta_can_be_chosen() -> None:
    async with FakeOpenAI(frame_ms=200) as fake, session(fake) as client:
        await client.append(noise(0.4))
        assert [len(sound_of(await client.receive())) for _ in range(2)] == [9600, 9600]


async def test_silence_may_be_faint_noise() -> None:
    async with FakeOpenAI(silence="noise") as fake, session(fake) as client:
        await client.converse(pause(2))
    assert np.abs(client.audio).max() in range(1, 64)


async def test_at_double_pace_there_is_twice_the_sound_and_the_voice_is_whole() -> None:
    first, second = noise(1.5, seed=1), noise(1.0, seed=2)
    async with FakeOpenAI(pace=2) as fake, session(fake) as client:
        await client.append(np.concatenate((first, pause(1.5), second, pause(1))))
        deltas = [await client.receive() for _ in range(25)]
        await client.send("session.close")
        await client.receive_all()
    assert [event["elapsed_ms"] for event in deltas] == list(range(200, 5001, 200))
    heard = client.audio
    assert len(heard) == 10 * RATE
    assert align(heard, first).score > 0.999
    assert align(heard, second).score > 0.999
    assert np.count_nonzero(heard) == pytest.approx(2.5 * RATE, abs=10), "nothing of the voice is lost or said twice"


async def test_only_silence_is_heard_of_silence() -> None:
    async with FakeOpenAI() as fake, session(fake) as client:
        await client.converse(pause(2))
    assert len(client.audio) == 2 * RATE
    assert not client.audio.any()
    assert not client.text("output")


# The end


async def test_closing_gives_out_the_rest_and_then_says_so() -> None:
    said = noise(1.1)
    async with FakeOpenAI(lambda: EchoBrain(2.0)) as fake:
        async with session(fake) as client:
            await client.converse(said)
        assert client.events[-1]["type"] == "session.closed"
        assert client.socket.close_code == 1000
        assert align(client.audio, said).score > 0.999
        record = fake.sessions[0]
        assert (record.close_requested, record.closed_by, record.close_code) == (True, "server", 1000)


async def test_after_closing_no_more_audio_is_taken() -> None:
    async with FakeOpenAI(fault=Fault(closing_seconds=0.1)) as fake, session(fake) as client:
        await client.append(noise(0.4))
        await client.send("session.close")
        await client.append(noise(0.1))
        await client.receive_all()
    assert [event["type"] for event in client.events[-3:]] == ["session.output_audio.delta", "error", "session.closed"]
    assert fake.sessions[0].seconds == pytest.approx(0.4)


async def test_the_record_tells_who_went_and_how() -> None:
    async with FakeOpenAI() as fake:
        async with session(fake) as client:
            await client.socket.close(code=1001)
        async with session(fake) as client:
            transport_of(client.socket).abort()
            await fake.until(lambda: not fake.open_sessions)
    assert [(one.closed_by, one.close_code) for one in fake.sessions] == [("client", 1001), ("lost", 1006)]
    assert fake.sessions[0].headers["authorization"] == f"Bearer {API_KEY}"


async def test_nothing_is_left_after_the_end() -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as http:
        async with FakeOpenAI() as fake:
            url, headers = f"{fake.url}/realtime/translations?model={MODEL}", {"Authorization": f"Bearer {API_KEY}"}
            socket = await http.ws_connect(url, headers=headers)
            await socket.receive_json()
            closing = asyncio.create_task(socket.receive())
        assert (await closing).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1001
        assert (fake.sessions[0].closed_by, fake.sessions[0].close_code) == ("server", 1001)
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"{fake.url}/models/{MODEL}")
    assert asyncio.all_tasks() == before


class BrokenBrain(EchoBrain):
    def hear(self, frame: Samples) -> Said:
        raise ZeroDivisionError("a bug of this brain")


async def test_a_bug_of_a_brain_is_not_swallowed() -> None:
    with pytest.raises(ExceptionGroup) as failures:  # noqa: PT012, the error comes when the service ends
        async with FakeOpenAI(BrokenBrain) as fake, session(fake) as client:
            await client.append(noise(0.2))
            await client.receive_all()
    assert failures.group_contains(ZeroDivisionError, match="a bug of this brain")


# Who gets in


@pytest.mark.parametrize(
    ("key", "path", "status", "code"),
    [
        ("sk-wrong", "", 401, "invalid_api_key"),
        (None, "", 401, None),
        (API_KEY, "/realtime/translations?model=gpt-realtime", 404, "model_not_found"),
        (API_KEY, "/realtime/translations", 400, "missing_model"),
        (API_KEY, f"/realtime/translations?model={MODEL}&intent=translation", 400, "invalid_intent"),
        (API_KEY, f"/realtime?model={MODEL}", 404, "model_not_found"),
        (API_KEY, "/models/gpt-9", 404, "model_not_found"),
        ("sk-wrong", f"/models/{MODEL}", 401, "invalid_api_key"),
    ],
)
async def test_an_upgrade_with_anything_wrong_is_refused(
    key: str | None, path: str, status: int, code: str | None
) -> None:
    async with FakeOpenAI() as fake:
        answer = await refused(fake, key=key, path=path)
    assert (answer[0], answer[1]["code"]) == (status, code)
    assert not fake.sessions


async def test_the_model_can_be_asked_for() -> None:
    async with FakeOpenAI() as fake, aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with http.get(f"{fake.url}/models/{MODEL}", headers=headers) as answer:
            assert (await answer.json())["id"] == MODEL


@pytest.mark.parametrize(
    "headers", [{"OpenAI-Beta": "realtime=v1"}, {"Sec-WebSocket-Protocol": "realtime, openai-beta.realtime-v1"}]
)
async def test_the_beta_interface_is_gone(headers: dict[str, str]) -> None:
    async with FakeOpenAI() as fake, connected(fake, **headers) as client:
        assert (await client.receive())["error"]["code"] == "beta_api_shape_disabled"
        farewell = await client.socket.receive()
    assert farewell.type is aiohttp.WSMsgType.CLOSE
    assert (farewell.data, farewell.extra) == (4000, "invalid_request_error.beta_api_shape_disabled")
    assert not fake.sessions


async def test_until_gives_up_in_time() -> None:
    never: Callable[[], bool] = lambda: False  # noqa: E731
    async with FakeOpenAI() as fake:
        with pytest.raises(TimeoutError):
            await fake.until(never, seconds=0.01)
