"""A person on the telephone: a mouth to put speech into, an ear that remembers, and a sense of whose turn it is."""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf

from bmv.audio.levels import SILENCE_PEAK, is_silent
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE, frames
from bmv.simulator.twilio.watch import Watch


class Utterance:
    """Something that a party says: `started` and `ended` tell when, once it has happened."""

    def __init__(self, party: "Party") -> None:
        self._party = party
        self.first_frame: int | None = None
        """The number of its first frame on the party's timeline; None until then."""
        self.frames_left = 0
        """Frames still in the mouth."""

    @property
    def started(self) -> float | None:
        """Loop time at which its first frame left the mouth."""
        return None if self.first_frame is None else self._party.time_of(self.first_frame)

    @property
    def ended(self) -> float | None:
        """Loop time at which its last frame had left the mouth."""
        return self._party.time_of(self._last_frame + 1) if self.frames_left == 0 and self.started else None

    _last_frame = 0

    def _spoken(self, number: int) -> None:
        if self.first_frame is None:
            self.first_frame = number
        self._last_frame = number
        self.frames_left -= 1


class Party:
    """One person in one call. Everything is measured in frames of the person's own timeline.

    `noise` (mu-law, any length) is what the line carries while the mouth is shut, again and again; None = silence.
    `on_hear` is called with each frame that arrives at the ear. With `record=False` neither `heard` nor `said` grows.
    `quiet_below` is the peak, of 32767, under which this person takes what is heard for silence.
    """

    def __init__(
        self,
        name: str = "",
        *,
        noise: bytes | None = None,
        on_hear: Callable[[bytes], None] | None = None,
        record: bool = True,
        quiet_below: int = SILENCE_PEAK,
    ) -> None:
        self.name = name
        self.on_hear = on_hear
        self.sentences_heard: list[tuple[str, str]] = []
        """(text, language) of every `<Say>` that was spoken to this person."""
        self.timeline = inf
        """Loop time of frame 0 of `heard` and `said`: when the person was connected. Infinite until then."""
        self.frames_heard = 0
        """Frames that arrived at the ear so far."""
        self.hung_up = asyncio.Event()
        """Set when the call of this person is over."""
        self._noise = list(frames(noise)) if noise else [SILENCE]
        self._record = record
        self._quiet_below = quiet_below
        self._heard = bytearray()
        self._said = bytearray()
        self._frames_said = 0
        self._mouth: deque[tuple[bytes, Utterance]] = deque()
        self._quiet_frames = 0
        self._watch = Watch()

    # --- what a script does -------------------------------------------------------------------------------------------

    @property
    def heard(self) -> bytes:
        """Everything the ear got since the person was connected, silence included: byte n is at n / 8000 s."""
        return bytes(self._heard)

    @property
    def said(self) -> bytes:
        """Everything that went into the telephone since then, silence and noise included."""
        return bytes(self._said)

    def time_of(self, frame: int) -> float:
        """Loop time of a frame of the timeline."""
        return self.timeline + frame * FRAME_SECONDS

    def say(self, ulaw: bytes) -> Utterance:
        """Put speech into the mouth, behind what is there; it comes out in real time."""
        utterance = Utterance(self)
        for frame in frames(ulaw):
            self._mouth.append((frame, utterance))
            utterance.frames_left += 1
        return utterance

    def fall_silent(self) -> None:
        """Stop in the middle of the word."""
        self._mouth.clear()

    async def done_speaking(self, timeout: float | None = None) -> None:
        """Wait until the mouth is empty. Raises `TimeoutError`, or `HungUpError` when the line is cut before."""
        await self._watch.until(lambda: not self._mouth, timeout)

    async def hears_speech(self, timeout: float) -> None:
        """Wait for the next frame that is not silence. Raises `TimeoutError`, or `HungUpError`."""
        before = self.frames_heard
        await self._watch.until(lambda: self._quiet_frames == 0 and self.frames_heard > before, timeout)

    async def hears_quiet(self, seconds: float, timeout: float) -> None:
        """Wait until the last `seconds` of what was heard are silence (which may be so already).

        Raises `TimeoutError`, or `HungUpError`.
        """
        await self._watch.until(lambda: self._quiet_frames * FRAME_SECONDS >= seconds, timeout)

    # --- what the line does -------------------------------------------------------------------------------------------

    def speak(self) -> bytes:
        """The next frame out of the mouth."""
        number = self._frames_said
        self._frames_said += 1
        if self._mouth:
            frame, utterance = self._mouth.popleft()
            utterance._spoken(number)
        else:
            frame = self._unspoken(number)
        if self._record:
            self._said += frame
        return frame

    def _unspoken(self, number: int) -> bytes:
        """What the line carries in the frame of this number, while nothing that was put into the mouth is left."""
        return self._noise[number % len(self._noise)]

    def hear(self, frame: bytes) -> None:
        """A frame into the ear."""
        # Ticks can be late but never early, so the earliest estimate is the best one.
        now = asyncio.get_running_loop().time()
        self.timeline = min(self.timeline, now - self.frames_heard * FRAME_SECONDS)
        self.frames_heard += 1
        self._quiet_frames = self._quiet_frames + 1 if is_silent(frame, self._quiet_below) else 0
        if self._record:
            self._heard += frame
        if self.on_hear is not None:
            self.on_hear(frame)
        self._watch.poke()

    def overhear(self, text: str, language: str) -> None:
        """The words of a sentence that is spoken to this person."""
        self.sentences_heard.append((text, language))

    def cut_off(self) -> None:
        """The line is dead: whoever waits learns it."""
        self.hung_up.set()
        self._watch.cut(f"{self.name or 'the party'} is not on the line any more")
