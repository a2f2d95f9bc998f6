"""The sans-I/O parts of the fake Twilio: stream messages, the playback queue, signatures."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.simulator.twilio import messages
from bmv.simulator.twilio.playback import LONGEST_QUEUE, Playback
from bmv.simulator.twilio.signing import Signer, signed_url

SID = "MZ1"


def test_the_start_message_has_the_documented_shape() -> None:
    text = messages.start(account_sid="AC1", call_sid="CA1", stream_sid=SID, parameters={"a": 'b"c'})
    assert json.loads(text) == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": SID,
        "start": {
            "accountSid": "AC1",
            "streamSid": SID,
            "callSid": "CA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"a": 'b"c'},
        },
    }


def test_the_numbers_of_a_media_message_travel_as_strings() -> None:
    text = messages.inbound_media(stream_sid=SID, sequence=3, chunk=1, timestamp=20, frame=b"\x00\xff")
    media = {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": "AP8="}
    assert json.loads(text) == {"event": "media", "sequenceNumber": "3", "streamSid": SID, "media": media}


def test_the_other_messages_have_the_documented_shapes() -> None:
    mark = json.loads(messages.mark(stream_sid=SID, sequence=4, name="m"))
    assert mark == {"event": "mark", "sequenceNumber": "4", "streamSid": SID, "mark": {"name": "m"}}
    stop = json.loads(messages.stop(account_sid="AC1", call_sid="CA1", stream_sid=SID, sequence=5))
    assert stop == {
        "event": "stop",
        "sequenceNumber": "5",
        "streamSid": SID,
        "stop": {"accountSid": "AC1", "callSid": "CA1"},
    }
    dtmf = json.loads(messages.dtmf(stream_sid=SID, sequence=6, digit="#"))
    assert dtmf["dtmf"] == {"track": "inbound_track", "digit": "#"}


def test_the_three_orders_are_understood() -> None:
    assert messages.decode('{"event":"media","streamSid":"MZ1","media":{"payload":"AP8="}}', SID) == b"\x00\xff"
    assert messages.decode('{"event":"mark","streamSid":"MZ1","mark":{"name":"m"}}', SID) == "m"
    assert messages.decode('{"event":"clear","streamSid":"MZ1"}', SID) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "[]",
        '{"event":"media","streamSid":"MZ2","media":{"payload":"AP8="}}',
        '{"event":"media","media":{"payload":"AP8="}}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":"AP8=","track":"outbound"}}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":"AP8="},"sequenceNumber":"1"}',
        '{"event":"media","streamSid":"MZ1","media":{"payload":"not base64"}}',
        '{"event":"mark","streamSid":"MZ1","mark":{"name":7}}',
        '{"event":"clear","streamSid":"MZ1","clear":{}}',
        '{"event":"clear","streamsid":"MZ1"}',
        '{"event":"stop","streamSid":"MZ1"}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(messages.MessageError):
        messages.decode(text, SID)


@given(st.lists(st.binary(max_size=700)))
def test_sound_of_any_sizes_is_played_as_one_stream(pieces: list[bytes]) -> None:
    playback = Playback()
    for piece in pieces:
        playback.put(piece)
    whole = b"".join(pieces)
    assert playback.queued == len(whole)
    frames = [playback.take()[0] for _ in range(len(whole) // 160 + 1)]
    assert {len(frame) for frame in frames} == {160}
    assert b"".join(frames) == whole.ljust(len(frames) * 160, b"\xff")
    assert playback.queued == 0


def test_a_mark_is_reached_once_the_sound_before_it_is_played() -> None:
    playback = Playback()
    playback.put_mark("at once")
    assert playback.reached() == ["at once"]
    playback.put(b"a" * 200)
    playback.put_mark("inside")
    playback.put(b"b" * 120)
    playback.put_mark("end")
    assert playback.take() == (b"a" * 160, [])
    assert playback.reached() == []
    assert playback.take() == (b"a" * 40 + b"b" * 120, ["inside"])
    assert playback.reached() == ["end"]


def test_clear_forgets_the_sound_and_returns_every_mark() -> None:
    playback = Playback()
    for name in ("one", "two"):
        playback.put(b"x" * 500)
        playback.put_mark(name)
    assert playback.clear() == ["one", "two"]
    assert playback.queued == 0
    assert playback.take() == (b"\xff" * 160, [])


def test_more_than_ten_minutes_are_not_queued() -> None:
    playback = Playback()
    assert playback.put(bytes(LONGEST_QUEUE))
    assert not playback.put(b"x")
    assert playback.queued == 600 * 8000


def test_forms_are_signed_as_in_the_vendors_example() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    headers = Signer("12345").form_headers("https://example.com/myapp.php?foo=1&bar=2", fields)
    assert headers == {"X-Twilio-Signature": "L/OH5YylLD5NRKLltdqwSvS0BnU="}


def test_an_upgrade_is_signed_with_the_wss_url_alone() -> None:
    headers = Signer("12345").socket_headers("wss://example.com/intercept")
    assert headers == {"X-Twilio-Signature": "dJOQ/4kEsE0xBTQyOPkq7aID2iI="}


def test_a_shared_key_signs_with_sha256_and_says_so() -> None:
    signer = Signer("12345")
    signer.use_shared_key("webhooks_sharedkey_1", "secret")
    headers = signer.form_headers("https://example.com/", {"a": "b"})
    assert headers["X-Twilio-Webhooks-Signature-Settings"] == "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert len(headers["X-Twilio-Signature"]) == 44  # base64 of 32 bytes
    assert "X-Twilio-Webhooks-Signature-Settings" not in signer.socket_headers("wss://example.com/")


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://u:p@h.test:8443/a?b=%20c#rc=2", "https://h.test/a?b=%20c"),
        ("http://h.test:8080/a", "http://h.test:8080/a"),
        ("https://h.test/a?lang=es", "https://h.test/a?lang=es"),
    ],
)
def test_the_signed_url_leaves_out_what_the_vendor_leaves_out(url: str, signed: str) -> None:
    assert signed_url(url) == signed
