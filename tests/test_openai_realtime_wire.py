"""The turn-based endpoint's messages, held against the types of OpenAI's own Python package."""

import base64
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddities import JSON
from openai.types.realtime import (
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    ConversationItemInputAudioTranscriptionFailedEvent,
    InputAudioBufferCommittedEvent,
    InputAudioBufferSpeechStartedEvent,
    InputAudioBufferSpeechStoppedEvent,
    RealtimeError,
    RealtimeErrorEvent,
    RealtimeResponse,
    RealtimeResponseStatus,
    RealtimeResponseUsage,
    RealtimeServerEvent,
    RealtimeSessionCreateRequest,
    ResponseAudioDeltaEvent,
    ResponseAudioTranscriptDeltaEvent,
    ResponseCreatedEvent,
    ResponseDoneEvent,
    ResponseTextDeltaEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
)
from openai.types.realtime.conversation_item_input_audio_transcription_completed_event import (
    UsageTranscriptTextUsageDuration,
)
from openai.types.realtime.conversation_item_input_audio_transcription_failed_event import Error as TranscriptionError
from openai.types.realtime.realtime_response_status import Error
from openai_types import kind, strangers
from pydantic import BaseModel
from realtime_server import CLIENT_EVENT, USAGE, checked

from bmv.audio.mulaw import SILENCE
from bmv.errors import ProtocolError
from bmv.translators import openai_realtime_commands as outgoing
from bmv.translators import openai_realtime_wire as wire
from bmv.translators.openai_errors import ErrorDetail, ErrorEvent
from bmv.translators.prices import Tokens

WANTED = outgoing.Configuration("gpt-realtime-2.1", "marin", "Translate.", "gpt-transcribe", languages=("es", "en"))
SESSION = json.loads(outgoing.encode_update(WANTED))["session"]
PART: dict[str, Any] = {
    "event_id": "e",
    "response_id": "resp_1",
    "item_id": "item_9",
    "output_index": 0,
    "content_index": 0,
}
RESPONSE = RealtimeResponse(
    id="resp_1",
    object="realtime.response",
    status="failed",
    status_details=RealtimeResponseStatus(
        type="failed", error=Error(type="server_error", code="rate_limit_exceeded", message="Slow down.")
    ),
    metadata={"turn": "4", "attempt": "2"},
    usage=RealtimeResponseUsage.model_validate(USAGE),
    output=[],
)
SERVER_EVENTS: list[BaseModel] = [
    SessionCreatedEvent(type="session.created", event_id="e", session=RealtimeSessionCreateRequest(**SESSION)),
    SessionUpdatedEvent(type="session.updated", event_id="e", session=RealtimeSessionCreateRequest(**SESSION)),
    InputAudioBufferSpeechStartedEvent(
        type="input_audio_buffer.speech_started", event_id="e", audio_start_ms=1290, item_id="item_1"
    ),
    InputAudioBufferSpeechStoppedEvent(
        type="input_audio_buffer.speech_stopped", event_id="e", audio_end_ms=3119, item_id="item_1"
    ),
    InputAudioBufferCommittedEvent(type="input_audio_buffer.committed", event_id="e", item_id="item_1"),
    ConversationItemInputAudioTranscriptionDeltaEvent(
        type="conversation.item.input_audio_transcription.delta", event_id="e", item_id="item_1", delta="hola "
    ),
    ConversationItemInputAudioTranscriptionCompletedEvent(
        type="conversation.item.input_audio_transcription.completed",
        event_id="e",
        item_id="item_1",
        content_index=0,
        transcript="hola",
        usage=UsageTranscriptTextUsageDuration(type="duration", seconds=3),
    ),
    ConversationItemInputAudioTranscriptionFailedEvent(
        type="conversation.item.input_audio_transcription.failed",
        event_id="e",
        item_id="item_1",
        content_index=0,
        error=TranscriptionError(type="server_error", message="No."),
    ),
    ResponseCreatedEvent(type="response.created", event_id="e", response=RESPONSE),
    ResponseAudioDeltaEvent(type="response.output_audio.delta", delta=base64.b64encode(SILENCE).decode(), **PART),
    ResponseAudioTranscriptDeltaEvent(type="response.output_audio_transcript.delta", delta="hello", **PART),
    ResponseTextDeltaEvent(type="response.output_text.delta", delta="hello", **PART),
    ResponseDoneEvent(type="response.done", event_id="e", response=RESPONSE),
    RealtimeErrorEvent(
        type="error",
        event_id="e",
        error=RealtimeError(type="invalid_request_error", code="bad", message="No.", param="x", event_id="4.2"),
    ),
]
UNDERSTOOD: list[object] = [
    wire.SpeechStarted(1290, "item_1"),
    wire.SpeechStopped(3119, "item_1"),
    wire.Committed("item_1"),
    wire.InputTranscriptDelta("item_1", "hola "),
    wire.InputTranscriptCompleted("item_1", "hola", wire.TranscriptUsage("duration", 3)),
    wire.InputTranscriptFailed("item_1"),
    wire.AudioDelta("resp_1", SILENCE),
    wire.TranscriptDelta("resp_1", "hello"),
    wire.TextDelta("resp_1", "hello"),
    ErrorEvent(ErrorDetail("invalid_request_error", "bad", "No.", "x", "4.2")),
]


def decode(message: object) -> wire.ServerEvent | None:
    return wire.decode(json.dumps(message).encode())


# -- what we send ---------------------------------------------------------------------------------------------------


def test_the_check_itself_finds_a_strange_key_wherever_it_hides() -> None:
    update = json.loads(outgoing.encode_update(WANTED))
    update["session"]["temperature"] = 0.6
    update["session"]["audio"]["output"]["language"] = "en"
    event = CLIENT_EVENT.validate_python(update)
    assert set(strangers(event)) == {"session.temperature", "session.audio.output.language"}
    with pytest.raises(AssertionError):
        checked(json.dumps(update).encode())
    with pytest.raises(AssertionError):
        checked(outgoing.encode_ask((4, 2), "item_1").replace(b'"id"', b'"instructions":"x","id"'))


def test_the_update_says_all_that_an_interpreter_needs_and_nothing_else() -> None:
    assert checked(outgoing.encode_update(WANTED)) == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "Translate.",
            "max_output_tokens": 2048,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"model": "gpt-transcribe", "languages": ["es", "en"]},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 500,
                        "create_response": False,
                        "interrupt_response": False,
                    },
                },
                "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
            },
            "tools": [],
            "tool_choice": "none",
            "tracing": None,
            "reasoning": {"effort": "minimal"},
        },
    }


@pytest.mark.parametrize("model", ["gpt-realtime-1.5", "gpt-realtime", "gpt-realtime-mini", "something-else"])
def test_effort_is_asked_only_of_models_that_reason(model: str) -> None:
    assert "reasoning" not in checked(outgoing.encode_update(replace(WANTED, model=model)))["session"]


@pytest.mark.parametrize("model", ["gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"])
def test_models_that_reason_are_to_make_little_effort(model: str) -> None:
    assert checked(outgoing.encode_update(replace(WANTED, model=model)))["session"]["reasoning"] == {
        "effort": "minimal"
    }


def test_the_original_is_transcribed_only_for_captions() -> None:
    session = checked(outgoing.encode_update(replace(WANTED, transcription=None)))["session"]
    assert session["audio"]["input"]["transcription"] is None


@pytest.mark.parametrize("name", ["our-transcriber", "gpt-realtime-whisper", "whisper-1"])
def test_a_model_that_is_not_known_to_take_hints_gets_none(name: str) -> None:
    session = json.loads(outgoing.encode_update(replace(WANTED, transcription=name)))["session"]
    assert session["audio"]["input"]["transcription"] == {"model": name}


@pytest.mark.parametrize(
    ("tags", "hints"), [(("yue", "en"), ["zh", "en"]), (("yue", "zh"), ["zh"]), (("uk", "ru"), ["uk", "ru"])]
)
def test_languages_are_hinted_at_by_codes_of_two_letters_each_once(tags: tuple[str, str], hints: list[str]) -> None:
    session = checked(outgoing.encode_update(replace(WANTED, languages=tags)))["session"]
    assert session["audio"]["input"]["transcription"]["languages"] == hints


@given(st.binary(max_size=1600))
def test_audio_is_appended_as_it_is(ulaw: bytes) -> None:
    message = checked(outgoing.encode_append(ulaw))
    assert message["type"] == "input_audio_buffer.append"
    assert base64.b64decode(message["audio"], validate=True) == ulaw


def test_a_response_is_asked_for_outside_the_conversation_with_one_item_to_hear() -> None:
    assert checked(outgoing.encode_ask((4, 2), "item_1")) == {
        "type": "response.create",
        "event_id": "4.2",
        "response": {
            "conversation": "none",
            "output_modalities": ["audio"],
            "input": [{"type": "item_reference", "id": "item_1"}],
            "metadata": {"turn": "4", "attempt": "2"},
        },
    }


def test_the_other_events_are_short() -> None:
    assert checked(outgoing.encode_commit()) == {"type": "input_audio_buffer.commit"}
    assert checked(outgoing.encode_cancel("resp_1")) == {"type": "response.cancel", "response_id": "resp_1"}
    assert checked(outgoing.encode_delete("item_1")) == {"type": "conversation.item.delete", "item_id": "item_1"}
    probe = {"type": "conversation.item.retrieve", "event_id": "sign-1", "item_id": outgoing.NO_ITEM}
    assert checked(outgoing.encode_probe("sign-1")) == probe


# -- what we are sent -----------------------------------------------------------------------------------------------


def test_every_event_that_matters_is_tried_here_and_the_package_knows_it() -> None:
    ours = {each.__struct_config__.tag for each in get_args(wire.ServerEvent)}
    assert {kind(event) for event in SERVER_EVENTS} == ours
    assert {type(event) for event in SERVER_EVENTS} <= set(get_args(get_args(RealtimeServerEvent)[0]))


@pytest.mark.parametrize("event", SERVER_EVENTS, ids=kind)
@pytest.mark.parametrize("unset", [True, False], ids=["as sent", "with every null"])
def test_every_event_of_the_package_is_understood(event: BaseModel, unset: bool) -> None:
    found = wire.decode(event.model_dump_json(exclude_unset=unset).encode())
    match found:
        case wire.SessionCreated(session) | wire.SessionUpdated(session):
            assert session.mistakes == []
        case wire.ResponseCreated(response) | wire.ResponseDone(response):
            assert (response.id, response.status, response.label) == ("resp_1", "failed", (4, 2))
            assert response.error == ErrorDetail("server_error", "rate_limit_exceeded", "Slow down.")
            assert response.usage is not None
            assert response.usage.tokens == Tokens(20, 10, 80, 80, 120, 20)
        case _:
            assert found in UNDERSTOOD
    assert found is not None
    assert type(found).__struct_config__.tag == kind(event)


def test_positions_are_whole_frames_and_a_frame_that_is_only_begun_is_not_in_a_turn() -> None:
    assert wire.SpeechStarted(1290, "i").start == 64
    assert wire.SpeechStopped(3119, "i").end == 155
    assert wire.SpeechStopped(3120, "i").end == 156


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": {"format": {"type": "audio/pcm", "rate": 24000}}}, "it hears audio/pcm"),
        ({"input": {"format": None}}, "it hears no format"),
        ({"output": {"format": {"type": "audio/pcm", "rate": 24000}}}, "it speaks audio/pcm"),
        ({"output": {}}, "it speaks no format"),
        ({"input": {"turn_detection": None}}, "its turn detection is another"),
        ({"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}, "its turn detection"),
        ({"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}, "its turn detection"),
        ({"input": {"turn_detection": {"type": "semantic_vad"}}}, "its turn detection"),
    ],
)
def test_an_echo_that_is_not_what_was_asked_for_is_seen_to_be_so(change: dict[str, Any], words: str) -> None:
    session = json.loads(json.dumps(SESSION))
    for side, fields in change.items():
        session["audio"][side] = session["audio"][side] | fields if fields else fields
    event = decode({"type": "session.updated", "session": session})
    assert isinstance(event, wire.SessionUpdated)
    assert words in ", ".join(event.session.mistakes)


def test_an_echo_without_audio_confirms_nothing() -> None:
    event = decode({"type": "session.updated", "session": {"id": "s"}})
    assert isinstance(event, wire.SessionUpdated)
    assert len(event.session.mistakes) == 3


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({}, Tokens()),
        ({"input_token_details": None, "output_token_details": None}, Tokens()),
        ({"input_token_details": {"audio_tokens": 5, "cached_tokens": 3}}, Tokens(audio_in=5)),
        (
            {"input_token_details": {"text_tokens": 5, "cached_tokens_details": {"text_tokens": 3}}},
            Tokens(0, 0, 0, 2, 3),
        ),
        ({"output_token_details": {"audio_tokens": 7, "text_tokens": None}}, Tokens(audio_out=7)),
    ],
)
def test_usage_may_leave_out_what_it_does_not_know(usage: dict[str, Any], tokens: Tokens) -> None:
    event = decode({"type": "response.done", "response": {"usage": usage}})
    assert isinstance(event, wire.ResponseDone)
    assert event.response.usage is not None
    assert event.response.usage.tokens == tokens


@pytest.mark.parametrize("metadata", [None, {}, {"turn": "4"}, {"turn": "x", "attempt": "1"}, {"turn": "1" * 5000}])
def test_a_response_that_is_not_labelled_as_ours_has_no_label(metadata: dict[str, str] | None) -> None:
    assert wire.Response(metadata=metadata).label is None


@pytest.mark.parametrize("text", [None, "", "4", "4.", ".2", "4.2.1", "-4.2", "sign-1", "٤.٢", f"{'4' * 5000}.1"])
def test_a_name_that_is_not_ours_is_no_label(text: str | None) -> None:
    assert wire.read_label(text) is None


def test_why_a_response_ended_is_told_in_a_line() -> None:
    done = {"status": "incomplete", "status_details": {"type": "incomplete", "reason": "content_filter"}}
    event = decode({"type": "response.done", "response": done})
    assert isinstance(event, wire.ResponseDone)
    assert str(event.response) == "incomplete: content_filter"
    assert str(wire.Response(status="completed")) == "completed"


@pytest.mark.parametrize("name", ["rate_limits.updated", "conversation.item.added", "response.output_audio.done", ""])
def test_an_event_that_does_not_matter_is_nothing_and_no_error(name: str) -> None:
    assert decode({"type": name, "event_id": "e", "delta": 7, "session": []}) is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"null",
        b"{}",
        b'{"type":"session.updated"}',
        b'{"type":"response.done","response":"no"}',
        b'{"type":"response.output_audio.delta","response_id":"r"}',
        b'{"type":"response.output_audio.delta","response_id":"r","delta":"%%%%"}',
        b'{"type":"input_audio_buffer.speech_stopped","item_id":"i"}',
        b'{"type":"response.done","response":{"metadata":{"turn":4}}}',
    ],
)
def test_a_broken_message_is_the_peers_fault(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="OpenAI sent a message that cannot be read"):
        wire.decode(message)


@given(st.data())
def test_whatever_comes_is_an_event_nothing_or_the_peers_fault(data: st.DataObject) -> None:
    shape = json.loads(data.draw(st.sampled_from(SERVER_EVENTS)).model_dump_json(exclude_unset=True))
    key = data.draw(st.sampled_from(sorted(shape)))
    shape[key] = data.draw(JSON)
    with suppress(ProtocolError):
        found = decode(shape)
        assert found is None or str(found)
