"""One browser that looks at a phone, and perhaps holds it: what is on its way there. Knows no call and no socket."""

import asyncio
from typing import Final

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.simulator.phone import phone_wire

MOST_WAITING: Final = 150
"""Messages that a browser may leave unread, 3 s of sound; of more, none is kept."""
_FRAMES_PER_MARK: Final = round(1 / FRAME_SECONDS)


class Visitor:
    """What a browser is told waits in `outbox`. `stream_sid` is "" until it takes the phone."""

    def __init__(self) -> None:
        self.outbox: asyncio.Queue[str] = asyncio.Queue()
        self.stream_sid = ""
        self.dropped = 0
        """Messages that were thrown away, because the browser did not read."""
        self.delay: float | None = None
        """Seconds from the sending of a frame until it was played there, as measured last; None before."""
        self._frames = 0
        self._sent: dict[str, float] = {}

    def tell(self, text: str) -> None:
        """Send something, unless too much is unread already."""
        if self.outbox.qsize() < MOST_WAITING:
            self.outbox.put_nowait(text)
        else:
            self.dropped += 1

    def hear(self, frame: bytes) -> None:
        """Send a frame of sound, and once a second a mark behind it, which tells when it is played."""
        self.tell(phone_wire.media(self.stream_sid, frame))
        self._frames += 1
        if self._frames % _FRAMES_PER_MARK == 0:
            name = str(self._frames)
            self._sent = {name: asyncio.get_running_loop().time()}
            self.tell(phone_wire.mark(self.stream_sid, name))

    def played(self, mark: str) -> None:
        """A mark has come back."""
        if (sent := self._sent.pop(mark, None)) is not None:
            self.delay = asyncio.get_running_loop().time() - sent

    def hush(self) -> None:
        """Let the browser forget what it has not played yet."""
        self.tell(phone_wire.clear(self.stream_sid))
