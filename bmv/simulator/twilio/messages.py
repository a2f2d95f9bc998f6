"""The messages of a media stream, both ways: written as Twilio writes them, and read as strictly as it reads.

Source: Twilio "Media Streams: WebSocket messages". No asyncio in here.
"""

import base64
import binascii
import json

import msgspec

from bmv.audio.mulaw import SAMPLE_RATE


class MessageError(Exception):
    """The server sent what no message of the protocol looks like (error 31951)."""


# --- to the server ---------------------------------------------------------------------------------------------------


def connected() -> str:
    """The first message on every stream."""
    return '{"event":"connected","protocol":"Call","version":"1.0.0"}'


def start(*, account_sid: str, call_sid: str, stream_sid: str, parameters: dict[str, str]) -> str:
    """The second message; its sequence number is 1."""
    return json.dumps(
        {
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                "accountSid": account_sid,
                "streamSid": stream_sid,
                "callSid": call_sid,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": SAMPLE_RATE, "channels": 1},
                "customParameters": parameters,
            },
            "streamSid": stream_sid,
        }
    )


def inbound_media(*, stream_sid: str, sequence: int, chunk: int, timestamp: int, frame: bytes) -> str:
    """One frame of what the far end says; `timestamp` in ms since the stream's start. All numbers travel as strings."""
    payload = base64.b64encode(frame).decode()
    return (
        f'{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}",'
        f'"timestamp":"{timestamp}","payload":"{payload}"}},"streamSid":"{stream_sid}"}}'
    )


def dtmf(*, stream_sid: str, sequence: int, digit: str) -> str:
    """A key that the far end pressed."""
    body = {"track": "inbound_track", "digit": digit}
    return json.dumps({"event": "dtmf", "streamSid": stream_sid, "sequenceNumber": str(sequence), "dtmf": body})


def mark(*, stream_sid: str, sequence: int, name: str) -> str:
    """The echo of the server's mark."""
    body = {"name": name}
    return json.dumps({"event": "mark", "sequenceNumber": str(sequence), "streamSid": stream_sid, "mark": body})


def stop(*, account_sid: str, call_sid: str, stream_sid: str, sequence: int) -> str:
    """The last message."""
    body = {"accountSid": account_sid, "callSid": call_sid}
    return json.dumps({"event": "stop", "sequenceNumber": str(sequence), "streamSid": stream_sid, "stop": body})


# --- from the server: an extra field is as wrong as a missing one ----------------------------------------------------


class _Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True):
    pass


class _MediaBody(_Strict, frozen=True):
    payload: str


class _MarkBody(_Strict, frozen=True):
    name: str


class MediaMessage(_Strict, tag_field="event", tag="media", frozen=True):
    """Sound to play after what is queued already."""

    stream_sid: str
    media: _MediaBody


class MarkMessage(_Strict, tag_field="event", tag="mark", frozen=True):
    """A name to send back once everything before it has been played."""

    stream_sid: str
    mark: _MarkBody


class ClearMessage(_Strict, tag_field="event", tag="clear", frozen=True):
    """An order to forget what is queued."""

    stream_sid: str


_decoder: msgspec.json.Decoder[MediaMessage | MarkMessage | ClearMessage] = msgspec.json.Decoder(
    MediaMessage | MarkMessage | ClearMessage
)


def decode(text: str, stream_sid: str) -> bytes | str | None:
    """What a message of the server asks: bytes = play, str = mark of this name, None = clear.

    Raises `MessageError` for anything that is not exactly a message of the protocol on this stream.
    """
    try:
        message = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise MessageError(f"{error}: {text[:120]!r}") from error
    if message.stream_sid != stream_sid:
        raise MessageError(f"wrong streamSid: {text[:120]!r}")
    match message:
        case MediaMessage():
            return _payload(message.media.payload)
        case MarkMessage():
            return message.mark.name
        case ClearMessage():
            return None


def _payload(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MessageError(f"payload is not base64 ({error})") from error
