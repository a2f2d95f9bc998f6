"""The wire between two ends of a telephone line: one frame each way every 20 ms, on an absolute schedule."""

import asyncio
from typing import Protocol

from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE


class Endpoint(Protocol):
    """Whoever holds a telephone: a person, or the company's machine playing TwiML."""

    def speak(self) -> bytes:
        """Give the next frame (160 bytes of mu-law) that this end says."""

    def hear(self, frame: bytes) -> None:
        """Take the next frame that the other end said."""

    def overhear(self, text: str, language: str) -> None:
        """Learn the words of a sentence that the other end is about to say."""


class Deaf:
    """An end that says nothing and hears nothing: where a call has no TwiML verb with sound."""

    def speak(self) -> bytes:
        """Silence."""
        return SILENCE

    def hear(self, frame: bytes) -> None:
        """Forget it."""

    def overhear(self, text: str, language: str) -> None:
        """Forget it."""


class Recording(Deaf):
    """An end that plays something once (`over` is set then) or, with `loop`, for ever."""

    def __init__(self, ulaw: bytes, *, loop: bool = False) -> None:
        self._ulaw = ulaw.ljust(-(-len(ulaw) // FRAME_BYTES) * FRAME_BYTES, b"\xff")
        self._position = 0
        self._loop = loop
        self.over = asyncio.Event()
        if not ulaw:
            self.over.set()

    def speak(self) -> bytes:
        """The next frame of it, then silence."""
        if self._position >= len(self._ulaw):
            self.over.set()
            return SILENCE
        frame = self._ulaw[self._position : self._position + FRAME_BYTES]
        self._position += FRAME_BYTES
        if self._loop and self._position >= len(self._ulaw):
            self._position = 0
        return frame


async def carry(left: Endpoint, right: Endpoint) -> None:
    """Carry frames both ways until cancelled. A tick that comes late is made up for: a line never gets slower."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        while due <= loop.time():
            right.hear(left.speak())
            left.hear(right.speak())
            due += FRAME_SECONDS
        await asyncio.sleep(due - loop.time())
