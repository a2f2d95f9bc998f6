"""The simulated OpenAI service, met on the wire: everything that it sends is checked against OpenAI's own types."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import aiohttp
import numpy as np
import pydantic
import pytest
from openai.types.realtime import RealtimeTranslationServerEvent

from bmv.audio import levels, mulaw
from bmv.audio.compare import align
from bmv.audio.mulaw import Samples
from bmv.audio.resample import Upsampler
from bmv.simulator import voices
from bmv.simulator.conversation import DEMO, Line
from bmv.simulator.openai import EchoBrain, Ending, FakeOpenAI, Fault, PhrasebookBrain, Refusal, Said
from bmv.simulator.openai.server import API_KEY
from bmv.simulator.phrasebook import Entry, Phrasebook

RATE = 24000
MODEL = "gpt-realtime-translate"
SERVER_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeTranslationServerEvent)

Event = dict[str, Any]


class Client:
    """The other end of the socket, with a habit of checking what it gets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[Event] = []

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def append(self, pcm: Samples, step: int = 2400) -> None:
        raw = pcm.astype("<i2").tobytes()
        for start in range(0, len(raw), 2 * step):
            audio = base64.b64encode(raw[start : start + 2 * step]).decode()
            await self.send("session.input_audio_buffer.append", audio=audio)

    async def update(self, **audio: object) -> Event:
        await self.send("session.update", session={"audio": audio})
        return await self.receive()

    async def receive(self) -> Event:
        event: Event = checked(await self.socket.receive_json(timeout=5))
        self.events.append(event)
        return event

    async def receive_all(self) -> None:
        """Read until the socket is closed."""
        async for message in self.socket:
            self.events.append(checked(json.loads(message.data)))

    async def converse(self, pcm: Samples, step: int = 2400) -> None:
        """Say everything, close, and hear the rest."""
        await self.append(pcm, step)
        await self.send("session.close")
        await self.receive_all()

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def text(self, kind: str) -> str:
        return "".join(event["delta"] for event in self.of(f"session.{kind}_transcript.delta"))

    @property
    def audio(self) -> Samples:
        return np.frombuffer(b"".join(map(sound_of, self.of("session.output_audio.delta"))), np.int16)


def checked(event: Event) -> Event:
    """Hold an event against OpenAI's types, to the letter: they would let unknown fields pass."""
    no_unknown_fields(SERVER_EVENT.validate_python(event, strict=True))
    return event


def no_unknown_fields(model: pydantic.BaseModel) -> None:
    assert not model.model_extra
    for name in type(model).model_fields:
        if isinstance(value := getattr(model, name), pydantic.BaseModel):
            no_unknown_fields(value)


def sound_of(event: Event) -> bytes:
    return base64.b64decode(event["delta"])


@contextlib.asynccontextmanager
async def connected(
    fake: FakeOpenAI, *, key: str = API_KEY, query: str = f"model={MODEL}", **headers: str
) -> AsyncIterator[Client]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            f"{fake.url}/realtime/translations?{query}", headers={"Authorization": f"Bearer {key}", **headers}
        ) as socket,
    ):
        yield Client(socket)


@contextlib.asynccontextmanager
async def session(fake: FakeOpenAI, language: str = "en", *, transcripts: bool = False) -> AsyncIterator[Client]:
    async with connected(fake) as client:
        await client.receive()
        heard = {"transcription": {"model": "gpt-realtime-whisper"}} if transcripts else {}
        await client.update(input=heard, output={"language": language})
        yield client


def noise(seconds: float, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).integers(-9000, 9000, round(seconds * RATE), np.int16)


def pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


@cache
def wide(ulaw: bytes) -> Samples:
    return Upsampler().process(mulaw.decode(ulaw))


@cache
def phrasebook() -> Phrasebook:
    return DEMO.phrasebook()


def interpreter() -> FakeOpenAI:
    return FakeOpenAI(lambda: PhrasebookBrain(phrasebook()))


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
            lost = client.socket._response.connection
            assert lost is not None
            assert lost.transport is not None
            lost.transport.abort()
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


async def refused(fake: FakeOpenAI, *, key: str | None = API_KEY, path: str = "") -> tuple[int, Event, str | None]:
    """Ask for an upgrade as a plain request, which shows the body that a WebSocket client does not get to see."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    path = path or f"/realtime/translations?model={MODEL}"
    async with aiohttp.ClientSession() as http, http.get(fake.url + path, headers=headers) as answer:
        body = await answer.json()
        assert set(body["error"]) == {"message", "type", "param", "code"}
        return answer.status, body["error"], answer.headers.get("Retry-After")


@pytest.mark.parametrize(
    ("key", "path", "status", "code"),
    [
        ("sk-wrong", "", 401, "invalid_api_key"),
        (None, "", 401, None),
        (API_KEY, "/realtime/translations?model=gpt-realtime", 404, "model_not_found"),
        (API_KEY, "/realtime/translations", 400, "missing_model"),
        (API_KEY, f"/realtime/translations?model={MODEL}&intent=translation", 400, "invalid_intent"),
        (API_KEY, f"/realtime?model={MODEL}", 404, None),
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


# Faults on cue


@pytest.mark.parametrize(
    ("refusal", "status", "kind", "wait"),
    [
        (Refusal.of(401), 401, "invalid_request_error", None),
        (Refusal.of(403), 403, "invalid_request_error", None),
        (Refusal.of(404), 404, "invalid_request_error", None),
        (Refusal.of(429), 429, "requests", None),
        (Refusal.of(429, retry_after=2), 429, "requests", "2"),
        (Refusal.out_of_money(), 429, "insufficient_quota", None),
        (Refusal.of(500), 500, "server_error", None),
    ],
)
async def test_an_upgrade_can_be_refused_on_cue(refusal: Refusal, status: int, kind: str, wait: str | None) -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(refuse=refusal))
        answer = await refused(fake)
        assert (answer[0], answer[1]["type"], answer[2]) == (status, kind, wait)
        async with connected(fake) as client:
            assert (await client.receive())["type"] == "session.created", "only the next one was to fail"
    assert fake.connections == 2
    assert len(fake.sessions) == 1


async def test_a_fault_of_the_service_happens_to_every_connection() -> None:
    async with FakeOpenAI(fault=Fault(refuse=Refusal.of(500))) as fake:
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                async with connected(fake):
                    pass
            assert refusal.value.status == 500


async def test_a_connection_can_be_reset() -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(reset_after=1.0))
        async with session(fake) as client:
            await client.append(noise(0.9))
            await client.receive()
            assert fake.open_sessions
            await client.append(noise(0.1))
            await client.receive_all()
    assert client.socket.close_code == 1006
    assert (fake.sessions[0].closed_by, fake.sessions[0].close_code) == ("server", 1006)


async def test_a_session_can_fall_silent() -> None:
    async with FakeOpenAI(fault=Fault(silent_after=1.0)) as fake, session(fake) as client:
        await client.append(noise(0.8))
        for _ in range(2):
            await client.receive()
        await client.append(noise(0.8))
        await client.send("session.close")
        await fake.until(lambda: fake.sessions[0].close_requested)
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.05)
        assert fake.open_sessions


async def test_updates_can_be_lost() -> None:
    async with FakeOpenAI(fault=Fault(ignore_updates=True)) as fake, connected(fake) as client:
        await client.receive()
        await client.send("session.update", session={"audio": {"output": {"language": "en"}}})
        await client.append(noise(0.4))
        assert (await client.receive())["type"] == "session.output_audio.delta"
    assert fake.sessions[0].language == "es"
    assert len(fake.sessions[0].updates) == 1


async def test_an_update_can_end_up_in_another_language() -> None:
    async with FakeOpenAI(fault=Fault(other_language="fr")) as fake, connected(fake) as client:
        await client.receive()
        updated = await client.update(output={"language": "en"})
    assert updated["session"]["audio"]["output"]["language"] == "fr"


async def test_garbage_can_come_in_between() -> None:
    async with FakeOpenAI(fault=Fault(garbage="{oops")) as fake, session(fake) as client:
        await client.append(noise(0.4))
        assert await client.socket.receive_str() == "{oops"
        assert (await client.receive())["type"] == "session.output_audio.delta"


@pytest.mark.parametrize(
    ("ending", "code", "reason"),
    [
        (Ending(after=0.4), 1001, "invalid_request_error.session_expired"),
        (Ending.quota(after=0.4), 4000, "insufficient_quota.insufficient_quota"),
    ],
)
async def test_a_session_can_end_with_an_error(ending: Ending, code: int, reason: str) -> None:
    async with FakeOpenAI(fault=Fault(end=ending)) as fake, session(fake) as client:
        await client.append(noise(0.4))
        await client.receive()
        assert (await client.receive())["error"]["code"] == ending.code
        farewell = await client.socket.receive()
    assert (farewell.data, farewell.extra) == (code, reason)
    assert (fake.sessions[0].closed_by, fake.sessions[0].close_code) == ("server", code)


async def test_a_bad_key_may_be_refused_only_after_the_upgrade() -> None:
    async with FakeOpenAI(fault=Fault(end=Ending.invalid_key())) as fake, connected(fake) as client:
        assert (await client.receive())["error"]["code"] == "invalid_api_key", "before session.created"
        farewell = await client.socket.receive()
    assert (farewell.data, farewell.extra) == (3000, "invalid_request_error.invalid_api_key")


async def test_there_may_be_words_without_a_voice_or_a_voice_without_words() -> None:
    line = DEMO.lines[0]
    async with interpreter() as fake:
        for fault, voice, words in ((Fault(voiceless=True), False, True), (Fault(wordless=True), True, False)):
            fake.fail_next(fault)
            async with session(fake, line.into, transcripts=True) as client:
                await client.converse(np.concatenate((wide(line.audio()), pause(1))))
            assert client.audio.any() == voice
            assert bool(client.text("input")) == bool(client.text("output")) == words


async def test_a_session_may_never_say_that_it_is_closed() -> None:
    async with FakeOpenAI(fault=Fault(never_closed=True)) as fake, session(fake) as client:
        await client.append(noise(0.3))
        await client.send("session.close")
        assert (await client.receive())["type"] == "session.output_audio.delta"
        await client.append(noise(0.2))
        assert (await client.receive())["type"] == "error"
        assert fake.open_sessions


# The interpreter of the demo


@pytest.mark.parametrize("line", DEMO.lines[:2], ids=["Spanish", "English"])
async def test_a_line_of_the_demo_is_interpreted_while_it_is_spoken(line: Line) -> None:
    said = np.concatenate((pause(0.7), wide(line.audio()), pause(2)))
    async with interpreter() as fake, session(fake, line.into, transcripts=True) as client:
        await client.converse(said)
    found = align(client.audio, wide(line.translated_audio()))
    assert found.score > 0.99
    assert found.gain == pytest.approx(0, abs=0.1)
    assert 0.9 < found.offset / RATE - 0.7 < 1.5, "seconds behind the speaker"
    assert client.text("input") == f"{line.sentence} "
    assert client.text("output") == f"{line.translation} "


async def test_words_are_told_as_they_are_heard_and_spoken() -> None:
    line = DEMO.of("caller")[0]
    async with interpreter() as fake, session(fake, line.into, transcripts=True) as client:
        await client.converse(np.concatenate((wide(line.audio()), pause(2))))
    for kind, least in (("input", 4), ("output", 6)):
        times = [event["elapsed_ms"] for event in client.of(f"session.{kind}_transcript.delta")]
        assert times == sorted(times)
        assert len(set(times)) >= least, "not all at once"
        assert {elapsed % 200 for elapsed in times} == {0}


async def test_the_source_transcript_must_be_asked_for() -> None:
    line = DEMO.of("caller")[0]
    async with interpreter() as fake, session(fake, line.into) as client:
        await client.converse(np.concatenate((wide(line.audio()), pause(2))))
    assert not client.text("input")
    assert client.text("output")


async def interpreted(*said: Samples, into: str, pace: float = 1.0) -> tuple[str, Samples]:
    async with (
        FakeOpenAI(lambda: PhrasebookBrain(phrasebook()), pace=pace) as fake,
        session(fake, into) as client,
    ):
        await client.converse(np.concatenate(said))
    return client.text("output"), client.audio


async def test_what_is_said_follows_from_what_is_heard_and_not_from_whose_turn_it_is() -> None:
    first, second, third = DEMO.of("caller")
    text, sound = await interpreted(
        wide(third.audio()), pause(2), wide(first.audio()), pause(1), wide(first.audio()), pause(1), into="en"
    )
    assert text == f"{third.translation} {first.translation} {first.translation} "
    assert second.translation not in text
    assert len(np.flatnonzero(sound)) > 0.8 * sum(len(wide(line.translated_audio())) for line in (third, first, first))


@pytest.mark.parametrize(
    "said",
    [
        pause(6),
        noise(6),
        wide(levels.scale(DEMO.lines[0].audio(), -60)),
        wide(DEMO.lines[1].audio()),
        wide(voices.speak("El tren de las nueve ha sido cancelado por la nieve.", "es")),
    ],
    ids=["silence", "noise", "muted speech", "speech in the target language", "an unknown sentence"],
)
async def test_nothing_is_said_of_what_is_not_known(said: Samples) -> None:
    text, sound = await interpreted(said, pause(2), into="en")
    assert not text
    assert not sound.any()


@pytest.mark.parametrize("begin", [True, False])
async def test_what_is_muted_is_missing_in_the_translation(begin: bool) -> None:
    line = DEMO.of("caller")[1]
    speech = wide(line.audio()).copy()
    half = len(speech) // 2
    speech[slice(0, half) if begin else slice(half, None)] = 0
    text, _ = await interpreted(speech, pause(2), into="en")
    words = line.translation.split()
    assert words[0 if begin else -1] not in text.split()
    assert words[-1 if begin else 0] in text.split()
    assert text in f"{line.translation} "


async def test_a_short_translation_waits_so_that_it_is_not_torn() -> None:
    entry = Entry(DEMO.lines[0].sentence, "es", "It has not come yet.", "en")
    book = Phrasebook([entry])
    async with FakeOpenAI(lambda: PhrasebookBrain(book)) as fake, session(fake) as client:
        await client.converse(np.concatenate((wide(DEMO.lines[0].audio()), pause(2))))
    assert align(client.audio, wide(voices.speak(entry.translation, "en"))).score > 0.99


async def test_at_double_pace_the_translation_is_whole_too() -> None:
    line = DEMO.of("agent")[0]
    text, sound = await interpreted(wide(line.audio()), pause(2), into="es", pace=2)
    assert text == f"{line.translation} "
    assert align(sound, wide(line.translated_audio())).score > 0.99


async def test_two_interpreters_do_not_hear_each_other() -> None:
    caller, agent = DEMO.lines[0], DEMO.lines[1]
    async with interpreter() as fake, session(fake, "en") as first, session(fake, "es") as second:
        await asyncio.gather(
            first.converse(np.concatenate((wide(caller.audio()), pause(2)))),
            second.converse(np.concatenate((wide(agent.audio()), pause(2)))),
        )
    assert first.text("output") == f"{caller.translation} "
    assert second.text("output") == f"{agent.translation} "


async def test_until_gives_up_in_time() -> None:
    never: Callable[[], bool] = lambda: False  # noqa: E731
    async with FakeOpenAI() as fake:
        with pytest.raises(TimeoutError):
            await fake.until(never, seconds=0.01)
