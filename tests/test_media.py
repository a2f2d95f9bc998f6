"""The messages of a media stream, checked against the shapes Twilio documents."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import wires
from hypothesis import given, settings
from hypothesis import strategies as st
from oddities import JSON, changed

from bmv.errors import ProtocolError
from bmv.telephony import media

FRAME = wires.frame(7)
EVERY_SHAPE: dict[str, dict[str, Any]] = {
    "connected": wires.connected(),
    "start": wires.start({"bmv_call_id": "c1", "bmv_token": "t"}),
    "media": wires.media(FRAME),
    "dtmf": wires.dtmf("5"),
    "mark": wires.mark("greeting"),
    "stop": wires.stop(),
}


def decode(message: object) -> media.Message | None:
    return media.decode(json.dumps(message).encode())


def test_connected_says_nothing_yet() -> None:
    assert decode(EVERY_SHAPE["connected"]) == media.Connected()


def test_start_says_whose_stream_it_is_and_what_we_asked_to_be_told_again() -> None:
    message = decode(EVERY_SHAPE["start"])
    assert isinstance(message, media.Start)
    assert message.start.call_sid == wires.CALLER_SID
    assert message.start.stream_sid == wires.STREAM_SID
    assert message.start.custom_parameters == {"bmv_call_id": "c1", "bmv_token": "t"}


def test_a_stream_without_parameters_starts_too() -> None:
    shape = wires.start({})
    del shape["start"]["customParameters"]
    message = decode(shape)
    assert isinstance(message, media.Start)
    assert message.start.custom_parameters == {}


@settings(deadline=None)
@given(st.binary(max_size=700))
def test_media_brings_the_bytes_that_were_said(audio: bytes) -> None:
    assert decode(wires.media(audio)) == media.Media(media.MediaDetail(audio))


def test_a_mark_brings_its_name_a_key_its_digit_and_stop_only_itself() -> None:
    assert decode(EVERY_SHAPE["mark"]) == media.Mark(media.MarkDetail("greeting"))
    assert decode(EVERY_SHAPE["stop"]) == media.Stop()
    assert decode(EVERY_SHAPE["dtmf"]) == media.Dtmf(media.DtmfDetail("5"))


def test_the_key_that_was_pressed_is_not_shown_by_what_holds_it() -> None:
    assert "5" not in repr(decode(wires.dtmf("5")))


@pytest.mark.parametrize("event", EVERY_SHAPE)
def test_numbers_may_come_as_strings_or_as_numbers(event: str) -> None:
    def retyped(value: Any, retype: Callable[[Any], Any]) -> Any:
        if isinstance(value, dict):
            return {
                name: retype(each) if name in {"sequenceNumber", "chunk", "timestamp", "sampleRate"} else each
                for name, each in ((name, retyped(each, retype)) for name, each in value.items())
            }
        return value

    shape = EVERY_SHAPE[event]
    assert decode(retyped(shape, str)) == decode(retyped(shape, int)) == decode(shape)


@pytest.mark.parametrize("event", EVERY_SHAPE)
def test_fields_that_twilio_adds_later_do_no_harm(event: str) -> None:
    shape = EVERY_SHAPE[event] | {"region": "us1", "new": [{"deep": 1}]}
    assert decode(shape) == decode(EVERY_SHAPE[event])


@pytest.mark.parametrize("event", ["speech-started", "", "Media", "stopp"])
def test_an_event_that_is_not_known_is_nothing_and_no_error(event: str) -> None:
    assert decode(wires.media(FRAME) | {"event": event}) is None
    assert decode({"event": event}) is None


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"{",
        b"null",
        b"[]",
        b'"media"',
        b"{}",
        b'{"event":null}',
        b'{"event":7}',
        b'{"event":"media"}',
        b'{"event":"media","media":{}}',
        b'{"event":"media","media":{"payload":7}}',
        b'{"event":"media","media":{"payload":"%%%%"}}',
        b'{"event":"media","media":{"payload":"YQ"}}',
        b'{"event":"start"}',
        b'{"event":"start","start":{"callSid":"CA1"}}',
        b'{"event":"start","start":{"streamSid":"MZ1"}}',
        b'{"event":"start","start":{"callSid":"CA1","streamSid":"MZ1","customParameters":{"k":1}}}',
        b'{"event":"mark","mark":{}}',
        b'{"event":"stop"}{"event":"stop"}',
        b'{"event":"\xff"}',
        b'{"event":"mark","mark":{"name":"\xff"}}',
        b'{"event":"mark","mark":{"name":"\\ud800"}}',
        b'{"event":"media","x":' + b"[" * 50_000,
        b'{"event":"new","x":' + b'{"x":' * 10_000,
    ],
    ids=lambda message: message[:60].decode("latin-1"),
)
def test_what_cannot_be_read_is_the_peers_fault(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="cannot be read"):
        media.decode(message)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_whatever_raise_anything_else(message: bytes) -> None:
    with suppress(ProtocolError):
        media.decode(message)


@settings(deadline=None)
@given(st.sampled_from(sorted(EVERY_SHAPE)), JSON, st.data())
def test_no_change_to_a_true_message_raises_anything_else(event: str, odd: object, data: st.DataObject) -> None:
    shape = json.loads(json.dumps(EVERY_SHAPE[event]))
    message = changed(shape, odd, data)
    with suppress(ProtocolError):
        media.decode(message)


@settings(deadline=None)
@given(st.binary(max_size=5000))
def test_what_we_send_has_exactly_the_fields_twilio_allows(audio: bytes) -> None:
    message = json.loads(media.encode_media(wires.STREAM_SID, audio))
    payload = base64.b64encode(audio).decode()
    assert message == {"event": "media", "streamSid": wires.STREAM_SID, "media": {"payload": payload}}


def test_a_mark_has_exactly_the_fields_twilio_allows() -> None:
    message = json.loads(media.encode_mark(wires.STREAM_SID, "12"))
    assert message == {"event": "mark", "streamSid": wires.STREAM_SID, "mark": {"name": "12"}}


def test_a_stream_sid_is_safe_to_be_put_into_a_message_as_it_is() -> None:
    assert media.is_stream_sid(wires.STREAM_SID)
    for text in ["", 'MZ1","x":"', "MZ1 ", "MZ1\n", "MZé", "MZ１", "CA" + "1" * 32, "MZ\\"]:
        assert not media.is_stream_sid(text), text


def test_nothing_legal_comes_near_the_limit_of_a_message() -> None:
    ten_at_once = json.dumps(wires.media(FRAME * 10)).encode()
    assert len(ten_at_once) * 10 < media.MAX_MESSAGE_BYTES <= 64 * 1024
