"""What every call of this process shares, what holds for all of them, and who is on the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bmv.call.captions import CaptionFeed
from bmv.call.carrier import Carrier
from bmv.call.leg import Role
from bmv.call.metronome import Metronome
from bmv.call.speaker import Speaker
from bmv.call.transcript import Transcripts
from bmv.call.translator import TranslatorFactory
from bmv.languages import Language


class Notice(Enum):
    """Who is told that an AI interpreter is on the line."""

    ON = "on"
    CALLER = "caller"
    OFF = "off"

    def includes(self, role: Role) -> bool:
        """Whether this party is told."""
        return self is Notice.ON or (self is Notice.CALLER and role is Role.CALLER)


@dataclass(frozen=True)
class CallPolicy:
    """What holds for every call of this process; seconds unless said otherwise."""

    agent_language: Language
    """What agents speak who do not say so themselves."""
    agent_destination: str | None = None
    """A number, or a `sip:` or `client:` address; None is the queue, where somebody has to accept the call."""
    forward_original: bool = False
    original_level_db: float = -18.0
    interpreter_notice: Notice = Notice.OFF
    captions: bool = True
    """Whether what is said may be read along."""
    hold_audio: bytes = b""
    """What a waiting caller hears again and again: mu-law in whole frames; empty for quiet."""
    hold_message: float = 20.0
    """From one sentence to a waiting caller to the next; 0 for none."""
    stream_timeout: float = 30.0
    """From the answered webhook to the caller's stream; Twilio speaks the greeting in between."""
    ring_timeout: float = 60.0
    """From the order to call somebody to that one's stream; the carrier gives up ringing before."""
    max_wait: float = 600.0
    max_call: float = 14_400.0
    replay: float = 5.0
    """How much of what a lost session had not dealt with is translated again."""
    untranslated_limit: float = 0.0
    """How long the original may stand in for a lost translation until the call is ended; 0 for ever."""
    farewell: float = 12.0
    """How long a spoken farewell may take before the call is completed all the same."""


@dataclass(frozen=True)
class CallServices:
    """What every call of this process shares."""

    carrier: Carrier
    translators: Sequence[TranslatorFactory]
    """The first choice, then what takes its place when it fails."""
    speaker: Speaker
    metronome: Metronome
    captions: CaptionFeed
    transcripts: Transcripts
    policy: CallPolicy


@dataclass(frozen=True)
class Caller:
    """The customer: the carrier's call sid, the number as given (maybe anonymous), and the language if it is known.

    Without a call sid it is we who call, as soon as an agent is there.
    """

    call_sid: str | None
    number: str
    language: Language | None
