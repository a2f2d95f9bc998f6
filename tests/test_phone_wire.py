"""The messages between a browser and the phones: Twilio's own, and the few that Twilio has not."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.simulator.phone import phone_wire
from bmv.simulator.twilio import messages

SID = "MZ" + "0" * 32


def test_the_streams_messages_are_those_that_the_simulated_twilio_sends_to_servers() -> None:
    start = messages.start(account_sid="AC", call_sid="CA", stream_sid=SID, parameters={"side": "caller"})
    sent = [
        messages.connected(),
        start,
        messages.inbound_media(stream_sid=SID, sequence=2, chunk=1, timestamp=20, frame=b"\x01\x02"),
        messages.dtmf(stream_sid=SID, sequence=3, digit="#"),
        messages.mark(stream_sid=SID, sequence=4, name="50"),
        messages.stop(account_sid="AC", call_sid="CA", stream_sid=SID, sequence=5),
    ]
    connected, started, media, key, mark, stop = map(phone_wire.decode, sent)
    assert isinstance(connected, phone_wire.Connected)
    assert isinstance(started, phone_wire.Start)
    assert started.start.stream_sid == SID
    assert isinstance(media, phone_wire.Media)
    assert media.ulaw() == b"\x01\x02"
    assert isinstance(key, phone_wire.Key)
    assert key.dtmf.digit == "#"
    assert isinstance(mark, phone_wire.Mark)
    assert mark.mark.name == "50"
    assert isinstance(stop, phone_wire.Stop)


def test_what_the_browser_gets_is_what_the_simulated_twilio_takes_from_servers() -> None:
    assert messages.decode(phone_wire.media(SID, b"\xff\x00"), SID) == b"\xff\x00"
    assert messages.decode(phone_wire.mark(SID, 'a "name"'), SID) == 'a "name"'
    assert messages.decode(phone_wire.clear(SID), SID) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"event":"reboot"}',
        '{"event":"dtmf","dtmf":{"digit":"1\\n"}}',
        '{"event":"start","start":{"streamSid":"MZ1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}',
        json.dumps(
            {
                "event": "start",
                "start": {
                    "streamSid": SID,
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1},
                },
            }
        ),
        '{"event":"dtmf","dtmf":{"digit":"12"}}',
        '{"event":"say","sentence":-1}',
        '{"event":"say","sentence":1.5}',
        '{"event":"words","text":"' + "x" * 101 + '"}',
        '{"event":"partner","on":"yes"}',
        "[" * 10_000,
    ],
    ids=lambda text: text[:40] or "nothing",
)
def test_what_is_no_message_is_not_understood(text: str) -> None:
    with pytest.raises(phone_wire.NotUnderstood):
        phone_wire.decode(text)


@given(st.text() | st.dictionaries(st.just("event"), st.text()).map(json.dumps))
def test_any_text_is_a_message_or_not_understood(text: str) -> None:
    with suppress(phone_wire.NotUnderstood):
        phone_wire.decode(text)


def test_a_payload_that_is_no_base64_is_not_understood() -> None:
    media = phone_wire.decode('{"event":"media","media":{"payload":"%%%"}}')
    assert isinstance(media, phone_wire.Media)
    with pytest.raises(phone_wire.NotUnderstood):
        media.ulaw()
