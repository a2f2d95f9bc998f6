"""A conference: who is in it, who hears whom, beeps and hold. Knows no TaskRouter.

Sources: Twilio "TwiML Conference", "Conference Participant resource", "Call control concepts".
"""

from dataclasses import dataclass
from functools import cache, reduce
from typing import Literal, TypeAlias

import numpy as np

from bmv.audio.levels import mix
from bmv.audio.mulaw import SAMPLE_RATE, SILENCE, encode
from bmv.simulator.twilio import fields
from bmv.simulator.twilio.exchange import new_sid
from bmv.simulator.twilio.line import Deaf, Endpoint, Recording
from bmv.simulator.twilio.party import Party
from bmv.simulator.twilio.watch import HungUpError

Beep: TypeAlias = bool | Literal["onEnter", "onExit"]
"""Whether the others hear a beep when somebody comes and goes (True), only then, or never."""
Role: TypeAlias = Literal["customer", "worker", "supervisor"]


class Participant:
    """One call in a conference. For tests: `call_sid`, `role`, `hold`, `muted`, `party`; `leave()`.

    `party` is None for the customer, whose own line drives the conference. Who is on `hold` hears music and is not
    heard; who is `muted` hears everybody and is not heard.
    """

    def __init__(self, conference: "Conference", call_sid: str, role: Role, party: Party | None) -> None:
        self.conference = conference
        self.call_sid = call_sid
        self.role = role
        self.party = party
        self.hold = False
        self.muted = False
        self.beep: Beep = False
        self.created = fields.rfc2822()
        self.music = _music(conference.hold_music)

    @property
    def audible(self) -> bool:
        """Whether the others hear this one."""
        return not self.hold and not self.muted

    def leave(self) -> None:
        """Go; the others stay."""
        self.conference.leave(self)


@dataclass(slots=True)
class _Ringing:
    """A beep that sounds, and whose it is: that one does not hear it."""

    sound: Recording
    whose: Participant
    frame: bytes = SILENCE


class Conference:
    """What the waiting or talking customer's call is connected to: wait music until somebody joins, then everybody.

    For tests: `sid`, `participants`, `customer`; `join()`, `over`. It lasts as long as the customer's call is in it:
    a customer who is alone waits, on hold with music.
    """

    def __init__(self, customer_sid: str, wait_music: bytes | None, hold_music: bytes | None) -> None:
        self.sid = new_sid("CF")
        self.hold_music = hold_music
        self.customer = Participant(self, customer_sid, "customer", None)
        self.over = False
        self._wait_music = _music(wait_music)
        self._joined: dict[Participant, Party] = {}
        self._started = False
        self._beeps: list[_Ringing] = []
        self._said: dict[Participant, bytes] = {}
        """What everybody says in the present 20 ms."""

    @property
    def participants(self) -> list[Participant]:
        """Everybody who is in it: the customer, as soon as somebody has joined, and the others in order."""
        if self.over or not self._started:
            return []
        return [self.customer, *self._joined]

    def join(
        self,
        party: Party,
        *,
        role: Role = "supervisor",
        beep: Beep = True,
        muted: bool = False,
        call_sid: str | None = None,
    ) -> Participant:
        """Let somebody in, as an agent or a supervisor who barges in (or, `muted`, only listens).

        Raises `HungUpError` when the conference is over.
        """
        if self.over:
            raise HungUpError(f"the conference {self.sid} is over")
        participant = Participant(self, call_sid or new_sid("CA"), role, party)
        participant.beep, participant.muted = beep, muted
        self._joined[participant] = party
        self._started = True
        if beep in (True, "onEnter"):
            self._beeps.append(_Ringing(Recording(entry_beep()), participant))
        return participant

    def leave(self, participant: Participant) -> None:
        """Let somebody go: his line is cut. Nothing happens where he has gone already."""
        if (party := self._joined.pop(participant, None)) is None:
            return
        self._said.pop(participant, None)
        if participant.beep in (True, "onExit"):
            self._beeps.append(_Ringing(Recording(entry_beep()), participant))
        party.cut_off()

    def end(self) -> None:
        """The customer leaves, and with that everybody."""
        self.over = True
        for party in self._joined.values():
            party.cut_off()
        self._joined.clear()

    # --- the customer's line ------------------------------------------------------------------------------------------

    def speak(self) -> bytes:
        """What the customer hears."""
        customer_said = self._said.get(self.customer, SILENCE)
        self._said = {participant: party.speak() for participant, party in self._joined.items()}
        self._said[self.customer] = customer_said
        for beep in self._beeps:
            beep.frame = beep.sound.speak()
        self._beeps = [beep for beep in self._beeps if not beep.sound.over.is_set()]
        return self._heard_by(self.customer) if self._started else self._wait_music.speak()

    def hear(self, frame: bytes) -> None:
        """What the customer says."""
        self._said[self.customer] = frame
        for participant, party in self._joined.items():
            party.hear(self._heard_by(participant))

    def overhear(self, text: str, language: str) -> None:
        """A sentence that is spoken on the customer's side, for everybody who hears it."""
        if self.customer.audible:
            for participant, party in self._joined.items():
                if not participant.hold:
                    party.overhear(text, language)

    def _heard_by(self, listener: Participant) -> bytes:
        if listener.hold:
            return listener.music.speak()
        sounds = [
            frame for participant, frame in self._said.items() if participant is not listener and participant.audible
        ]
        sounds += [beep.frame for beep in self._beeps if beep.whose is not listener]
        return reduce(mix, [sound for sound in sounds if sound != SILENCE] or [SILENCE])


def _music(ulaw: bytes | None) -> Endpoint:
    return Recording(ulaw, loop=True) if ulaw else Deaf()


@cache
def entry_beep() -> bytes:
    """A tone of 0.4 s. The real one's pitch and length are documented nowhere: this stands for it."""
    time = np.arange(int(0.4 * SAMPLE_RATE)) / SAMPLE_RATE
    return encode((6000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16))
