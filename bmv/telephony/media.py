"""The messages of a Twilio media stream: bytes to messages and back, no I/O.

Source: Twilio's "Media Streams: WebSocket messages". Every message is a JSON text frame. What Twilio sends has its
audio as 8 kHz mu-law in base64, 20 ms a message in practice, though no document promises the size. What Twilio gets is
checked strictly: an unknown type, a missing or an extra field costs a warning 31951 and the message.
"""

from __future__ import annotations

import msgspec

from bmv.telephony.sids import sid_of
from bmv.wire import MessageDecoder

MAX_MESSAGE_BYTES = 64 * 1024  # a media message has about 400 bytes; nothing legal comes near this


class Connected(msgspec.Struct, tag_field="event", tag="connected"):
    """The first message; says nothing yet about whose stream it is."""


class StartDetail(msgspec.Struct, rename="camel"):
    """Whose stream this is. `custom_parameters` are the `<Parameter>`s of our TwiML."""

    call_sid: str
    stream_sid: str
    custom_parameters: dict[str, str] = msgspec.field(default_factory=dict)


class Start(msgspec.Struct, tag_field="event", tag="start"):
    """The second message, once."""

    start: StartDetail


class MediaDetail(msgspec.Struct):
    """Audio of the party: mu-law, 8 kHz, decoded from base64."""

    payload: bytes


class Media(msgspec.Struct, tag_field="event", tag="media"):
    """The next piece of what the party says."""

    media: MediaDetail


class MarkDetail(msgspec.Struct):
    """The name we gave the mark."""

    name: str


class Mark(msgspec.Struct, tag_field="event", tag="mark"):
    """Playback reached the mark we sent, or was cleared."""

    mark: MarkDetail


class DtmfDetail(msgspec.Struct):
    """Which key: 0 to 9, * or #. It may be a digit of a card number, so it is in no log: not even in a `repr`."""

    digit: str

    def __repr__(self) -> str:
        return "DtmfDetail()"


class Dtmf(msgspec.Struct, tag_field="event", tag="dtmf"):
    """The party pressed a key."""

    dtmf: DtmfDetail


class Stop(msgspec.Struct, tag_field="event", tag="stop"):
    """The stream stopped in order: the call ended, or its TwiML was replaced."""


Message = Connected | Start | Media | Mark | Dtmf | Stop

_decoder: MessageDecoder[Message] = MessageDecoder("the media stream", Message)


def decode(message: bytes) -> Message | None:
    """One message from Twilio; see `MessageDecoder.decode`."""
    return _decoder.decode(message)


class Play(msgspec.Struct, tag_field="event", tag="media", rename="camel"):
    """Audio for the party, in exactly the fields that Twilio allows."""

    stream_sid: str
    media: MediaDetail


class SetMark(msgspec.Struct, tag_field="event", tag="mark", rename="camel"):
    """A mark behind what was sent: it comes back when playback reaches it."""

    stream_sid: str
    mark: MarkDetail


_encoder = msgspec.json.Encoder()


def encode_media(stream_sid: str, audio: bytes) -> bytes:
    """Audio to play: mu-law, 8 kHz, any length; Twilio queues it and plays it in order."""
    return _encoder.encode(Play(stream_sid, MediaDetail(audio)))


def encode_mark(stream_sid: str, name: str) -> bytes:
    """A mark behind what was sent before; Twilio sends it back when that has been played."""
    return _encoder.encode(SetMark(stream_sid, MarkDetail(name)))


def is_stream_sid(text: str) -> bool:
    """Whether this may be a name that Twilio gives a stream. It is written into every message that we send."""
    return text.startswith("MZ") and bool(sid_of(text))
