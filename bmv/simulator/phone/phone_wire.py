"""What a browser that holds a phone and the simulator tell each other. No asyncio in here.

The sound travels in the very messages of Twilio's Media Streams. The browser is Twilio's end: it sends `connected`,
`start`, `media`, `dtmf`, `mark` and `stop`, and gets `media`, `mark` and `clear`. What else a telephone has (a hook, a
bell, a display) travels in messages of our own. Source: Twilio "Media Streams: WebSocket messages".
"""

import base64
import binascii
import json
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from bmv.audio.mulaw import SAMPLE_RATE

LARGEST_MESSAGE: Final = 16_384
"""Bytes; a frame of 20 ms is about 400."""

_Short: TypeAlias = Annotated[str, msgspec.Meta(max_length=100)]
_Sid: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^MZ[0-9a-f]{32}\Z")]


class NotUnderstood(Exception):
    """A browser sent what is no message of a phone."""


class _Message(msgspec.Struct, tag_field="event", rename="camel", frozen=True):
    pass


# --- Media Streams, from Twilio's end --------------------------------------------------------------------------------


class Connected(_Message, tag="connected", frozen=True):
    """The first message."""

    protocol: Literal["Call"]
    version: Literal["1.0.0"]


class _MediaFormat(msgspec.Struct, rename="camel", frozen=True):
    encoding: Literal["audio/x-mulaw"]
    sample_rate: int
    channels: Literal[1]


class _StartBody(msgspec.Struct, rename="camel", frozen=True):
    stream_sid: _Sid
    media_format: _MediaFormat


class Start(_Message, tag="start", frozen=True):
    """The phone is taken; its sound is the stream of this sid."""

    start: _StartBody


class _MediaBody(msgspec.Struct, frozen=True):
    payload: str


class Media(_Message, tag="media", frozen=True):
    """Sound from the microphone."""

    media: _MediaBody

    def ulaw(self) -> bytes:
        """The sound itself. Raises `NotUnderstood`."""
        try:
            return base64.b64decode(self.media.payload, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NotUnderstood(f"payload is not base64 ({error})") from error


class _KeyBody(msgspec.Struct, frozen=True):
    digit: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]\Z")]


class Key(_Message, tag="dtmf", frozen=True):
    """A key was pressed."""

    dtmf: _KeyBody


class _MarkBody(msgspec.Struct, frozen=True):
    name: _Short


class Mark(_Message, tag="mark", frozen=True):
    """What was sent before this mark has been played, or forgotten."""

    mark: _MarkBody


class Stop(_Message, tag="stop", frozen=True):
    """The phone is given back."""


# --- what else a telephone has ---------------------------------------------------------------------------------------


class Dial(_Message, tag="dial", frozen=True):
    """Call the company. Of the caller's phone only."""


class Accept(_Message, tag="accept", frozen=True):
    """Take the call that rings. Of the agent's phone only."""


class HangUp(_Message, tag="hangup", frozen=True):
    """End the call."""


class Words(_Message, tag="words", frozen=True):
    """Something was said, of which the telephone company's recogniser writes this."""

    text: _Short


class Say(_Message, tag="say", frozen=True):
    """Speak a sentence of the script, by its place in it, in the voice of the simulation."""

    sentence: Annotated[int, msgspec.Meta(ge=0)]


class Speaks(_Message, tag="speaks", frozen=True):
    """Which language is spoken at this phone. Of the agent's phone only: callers are asked."""

    language: _Short


class Partner(_Message, tag="partner", frozen=True):
    """Let the scripted partner take this phone, or take it away from it."""

    on: bool


Told: TypeAlias = (
    Connected | Start | Media | Key | Mark | Stop | Dial | Accept | HangUp | Words | Say | Speaks | Partner
)

_decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)


def decode(text: str) -> Told:
    """What a browser tells. Raises `NotUnderstood`."""
    try:
        message = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise NotUnderstood(str(error)) from error
    if isinstance(message, Start) and message.start.media_format.sample_rate != SAMPLE_RATE:
        raise NotUnderstood("the sample rate is not 8000")
    return message


def media(stream_sid: str, frame: bytes) -> str:
    """Sound to play after what is queued already."""
    payload = base64.b64encode(frame).decode()
    return f'{{"event":"media","streamSid":"{stream_sid}","media":{{"payload":"{payload}"}}}}'


def mark(stream_sid: str, name: str) -> str:
    """A name to send back once everything before it has been played."""
    return json.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def clear(stream_sid: str) -> str:
    """An order to forget what is queued."""
    return json.dumps({"event": "clear", "streamSid": stream_sid})


def state(**details: object) -> str:
    """How the phone is right now."""
    return json.dumps({"event": "state"} | details, ensure_ascii=False)


def caption(*, own: bool, text: str) -> str:
    """What was said here (`own`), or what is told here of what the other said, as far as it is known by now."""
    return json.dumps({"event": "caption", "own": own, "text": text}, ensure_ascii=False)


def refused(why: str) -> str:
    """What was asked for cannot be done; says why, in a word that the page knows."""
    return json.dumps({"event": "refused", "why": why})
