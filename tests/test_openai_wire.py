"""The translation endpoint's messages, held against the types of OpenAI's own Python package."""

import base64
import json
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddities import JSON, changed
from openai.types.realtime import (
    RealtimeError,
    RealtimeErrorEvent,
    RealtimeTranslationClientEvent,
    RealtimeTranslationInputTranscriptDeltaEvent,
    RealtimeTranslationOutputAudioDeltaEvent,
    RealtimeTranslationOutputTranscriptDeltaEvent,
    RealtimeTranslationServerEvent,
    RealtimeTranslationSession,
    RealtimeTranslationSessionClosedEvent,
    RealtimeTranslationSessionCreatedEvent,
    RealtimeTranslationSessionUpdatedEvent,
)
from openai.types.realtime.realtime_translation_session import Audio, AudioInput, AudioInputTranscription, AudioOutput
from openai_types import kind, strangers
from pydantic import BaseModel, TypeAdapter

from bmv.errors import ProtocolError
from bmv.languages import LANGUAGES
from bmv.translators import openai_wire as wire
from bmv.translators.openai_errors import ErrorEvent

CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeTranslationClientEvent)
PCM = bytes(range(256)) * 4
SESSION = RealtimeTranslationSession(
    id="sess_1",
    type="translation",
    model="gpt-realtime-translate",
    expires_at=1760000000,
    audio=Audio(
        input=AudioInput(transcription=AudioInputTranscription(model="gpt-realtime-whisper")),
        output=AudioOutput(language="en"),
    ),
)
SERVER_EVENTS: list[BaseModel] = [
    RealtimeTranslationSessionCreatedEvent(type="session.created", event_id="e", session=SESSION),
    RealtimeTranslationSessionUpdatedEvent(type="session.updated", event_id="e", session=SESSION),
    RealtimeTranslationInputTranscriptDeltaEvent(
        type="session.input_transcript.delta", event_id="e", delta="hola ", elapsed_ms=2400
    ),
    RealtimeTranslationOutputTranscriptDeltaEvent(
        type="session.output_transcript.delta", event_id="e", delta="hello", elapsed_ms=3600
    ),
    RealtimeTranslationOutputAudioDeltaEvent(
        type="session.output_audio.delta",
        event_id="e",
        delta=base64.b64encode(PCM).decode(),
        sample_rate=24000,
        channels=1,
        format="pcm16",
        elapsed_ms=3600,
    ),
    RealtimeTranslationSessionClosedEvent(type="session.closed", event_id="e"),
    RealtimeErrorEvent(
        type="error",
        event_id="e",
        error=RealtimeError(
            type="invalid_request_error", code="unknown_parameter", message="Unknown parameter.", param="session.x"
        ),
    ),
]


def checked(text: bytes) -> dict[str, Any]:
    """Read what we send as strictly as the service does."""
    event = CLIENT_EVENT.validate_json(text, strict=True)
    assert list(strangers(event)) == []
    message: dict[str, Any] = json.loads(text)
    assert event.model_dump(exclude_unset=True) == message  # nothing was dropped, nothing converted
    return message


def decode(message: object) -> wire.ServerEvent | None:
    return wire.decode(json.dumps(message).encode())


# -- what we send ---------------------------------------------------------------------------------------------------


def test_the_check_itself_finds_a_strange_key_wherever_it_hides() -> None:
    update = json.loads(wire.encode_update(language="en", transcription="gpt-realtime-whisper"))
    update["session"]["audio"]["output"]["voice"] = "alloy"
    update["session"]["type"] = "translation"
    event = CLIENT_EVENT.validate_python(update)
    assert set(strangers(event)) == {"session.type", "session.audio.output.voice"}


@pytest.mark.parametrize("tag", [tag for tag, language in LANGUAGES.items() if language.continuous_target])
@pytest.mark.parametrize("transcription", ["gpt-realtime-whisper", None])
def test_the_update_names_language_and_transcription_and_nothing_else(tag: str, transcription: str | None) -> None:
    assert checked(wire.encode_update(language=tag, transcription=transcription)) == {
        "type": "session.update",
        "session": {
            "audio": {
                "input": {
                    "transcription": {"model": "gpt-realtime-whisper"} if transcription else None,
                    "noise_reduction": {"type": "near_field"},
                },
                "output": {"language": tag},
            }
        },
    }


@settings(deadline=None)
@given(st.binary(max_size=9600))
def test_audio_is_appended_as_it_is(pcm: bytes) -> None:
    message = checked(wire.encode_append(pcm))
    assert message["type"] == "session.input_audio_buffer.append"
    assert base64.b64decode(message["audio"], validate=True) == pcm


def test_the_end_is_asked_for_in_two_words() -> None:
    assert checked(wire.encode_close()) == {"type": "session.close"}


# -- what we are sent -----------------------------------------------------------------------------------------------


def test_every_event_the_package_knows_is_tried_here() -> None:
    ours = {each.__struct_config__.tag for each in get_args(wire.ServerEvent)}
    assert {kind(event) for event in SERVER_EVENTS} == ours
    assert {type(event) for event in SERVER_EVENTS} == set(get_args(get_args(RealtimeTranslationServerEvent)[0]))


@pytest.mark.parametrize("event", SERVER_EVENTS, ids=kind)
@pytest.mark.parametrize("unset", [True, False], ids=["as sent", "with every null"])
def test_every_event_of_the_package_is_understood(event: BaseModel, unset: bool) -> None:
    found = wire.decode(event.model_dump_json(exclude_unset=unset).encode())
    match found:
        case wire.SessionCreated(session) | wire.SessionUpdated(session):
            assert session.language == "en"
            assert session.expires_at == 1760000000
        case wire.InputTranscriptDelta(delta):
            assert delta == "hola "
        case wire.OutputTranscriptDelta(delta):
            assert delta == "hello"
        case wire.OutputAudioDelta():
            assert found == wire.OutputAudioDelta(PCM, 24000, 1, "pcm16")
        case ErrorEvent():
            assert str(found).startswith("unknown_parameter: Unknown parameter. (session.x)")
        case _:
            assert found == wire.SessionClosed()
    assert found is not None
    assert type(found).__struct_config__.tag == kind(event)


def test_what_the_package_calls_optional_may_be_missing_or_null() -> None:
    for optional in ({}, {"sample_rate": None, "channels": None, "format": None, "elapsed_ms": None}):
        event = decode({"type": "session.output_audio.delta", "event_id": "e", "delta": "AAA=", **optional})
        assert isinstance(event, wire.OutputAudioDelta)
        assert event.is_playable
    audios: list[dict[str, Any]] = [{}, {"output": None}, {"output": {}}, {"output": {"language": None}}]
    for audio in audios:
        event = decode({"type": "session.updated", "event_id": "e", "session": {"id": "s", "audio": audio}})
        assert isinstance(event, wire.SessionUpdated)
        assert event.session.language is None
    for error in ({"type": "server_error", "message": "m"}, {"type": "server_error", "message": "m", "code": None}):
        assert str(decode({"type": "error", "event_id": "e", "error": error})) == "server_error: m"
    assert str(decode({"type": "error", "error": {}})) == "error: no message"


@pytest.mark.parametrize("other", [{"sample_rate": 8000}, {"channels": 2}, {"format": "g711_ulaw"}])
def test_audio_of_another_kind_is_seen_to_be_so(other: dict[str, object]) -> None:
    event = decode({"type": "session.output_audio.delta", "delta": "AAA=", **other})
    assert isinstance(event, wire.OutputAudioDelta)
    assert not event.is_playable


@pytest.mark.parametrize("name", ["session.usage", "response.output_audio.delta", "", "Error", "input_audio_buffer"])
def test_an_event_this_endpoint_did_not_have_is_nothing_and_no_error(name: str) -> None:
    assert decode({"type": name, "event_id": "e", "delta": 7, "session": []}) is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"null",
        b"[]",
        b"{}",
        b'{"type":null}',
        b'{"type":7}',
        b'{"type":"session.updated"}',
        b'{"type":"session.updated","session":null}',
        b'{"type":"session.output_audio.delta"}',
        b'{"type":"session.output_audio.delta","delta":null}',
        b'{"type":"session.output_audio.delta","delta":"%%%%"}',
        b'{"type":"session.output_transcript.delta","delta":7}',
        b'{"type":"error"}',
        b'{"type":"error","error":"text"}',
        b'{"type":"session.closed"}{}',
        b'{"type":"\xff"}',
        b'{"type":"session.output_transcript.delta","delta":"\xff"}',
        b'{"type":"session.output_transcript.delta","delta":"\\ud800"}',
        b'{"type":"session.closed","x":' + b"[" * 50_000,
    ],
    ids=lambda message: message[:60].decode("latin-1"),
)
def test_what_cannot_be_read_is_the_providers_fault(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="OpenAI sent a message that cannot be read"):
        wire.decode(message)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_whatever_raise_anything_else(message: bytes) -> None:
    with suppress(ProtocolError):
        wire.decode(message)


@settings(deadline=None)
@given(st.sampled_from(SERVER_EVENTS), JSON, st.data())
def test_no_change_to_a_true_event_raises_anything_else(event: BaseModel, odd: object, data: st.DataObject) -> None:
    shape = event.model_dump(mode="json", exclude_unset=True)
    message = changed(shape, odd, data)
    with suppress(ProtocolError):
        found = wire.decode(message)
        assert found is None or str(found)
