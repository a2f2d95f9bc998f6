"""The customer's seat in the conference with an agent: waiting, beep, talk, hold. Knows no TaskRouter."""

from functools import cache

import numpy as np

from bmv.audio.levels import mix
from bmv.audio.mulaw import SAMPLE_RATE, SILENCE, encode
from bmv.simulator.twilio.line import Deaf, Endpoint, Recording


class Seat:
    """What the waiting or talking customer's call is connected to: the wait music, then the beep, then the agent."""

    def __init__(self, music: bytes | None, hold_music: bytes | None) -> None:
        self._wait_music = _music(music)
        self._hold_music = _music(hold_music)
        self._beep = Recording(b"")
        self._agent: Endpoint | None = None
        self._on_hold = False

    def seat(self, agent: Endpoint, *, beep: bool) -> None:
        """Bring the agent in."""
        self._agent = agent
        if beep:
            self._beep = Recording(entry_beep())

    def hold(self, on: bool) -> None:
        """The customer hears music and the agent silence, or they hear each other again."""
        self._on_hold = on

    def speak(self) -> bytes:
        """What the customer hears."""
        voice = self._agent.speak() if self._agent is not None else SILENCE
        if self._agent is None:
            sound = self._wait_music.speak()
        else:
            sound = self._hold_music.speak() if self._on_hold else voice
        return sound if self._beep.over.is_set() else mix(sound, self._beep.speak())

    def hear(self, frame: bytes) -> None:
        """What the customer says."""
        if self._agent is not None:
            self._agent.hear(SILENCE if self._on_hold else frame)

    def overhear(self, text: str, language: str) -> None:
        """A sentence that is spoken to the customer's side, for the agent."""
        if self._agent is not None:
            self._agent.overhear(text, language)


def _music(ulaw: bytes | None) -> Endpoint:
    return Recording(ulaw, loop=True) if ulaw else Deaf()


@cache
def entry_beep() -> bytes:
    """A tone of 0.4 s. The real one's pitch and length are documented nowhere: this stands for it."""
    time = np.arange(int(0.4 * SAMPLE_RATE)) / SAMPLE_RATE
    return encode((6000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16))
