"""The queue of a media stream: sound that waits to be played to the call, and the marks in it. No asyncio in here."""

from collections import deque

from bmv.audio.mulaw import FRAME_BYTES, SAMPLE_RATE

LONGEST_QUEUE = 600 * SAMPLE_RATE
"""Bytes that are buffered for playback: 10 minutes. What comes after is thrown away (error 31931)."""


class Playback:
    """What is queued for the call's ear: sound and marks in the order received."""

    def __init__(self) -> None:
        self._queue: deque[memoryview | str] = deque()  # a view is sound, a string is a mark
        self.queued = 0
        """Bytes that wait to be played; / 8000 = seconds."""

    def put(self, ulaw: bytes) -> bool:
        """Queue sound of any length. False: ten minutes are queued already, and it is thrown away."""
        if self.queued + len(ulaw) > LONGEST_QUEUE:
            return False
        if ulaw:
            self._queue.append(memoryview(ulaw))
            self.queued += len(ulaw)
        return True

    def put_mark(self, name: str) -> None:
        """Queue a mark behind the sound."""
        self._queue.append(name)

    def reached(self) -> list[str]:
        """Take the marks that nothing is queued before."""
        names: list[str] = []
        while self._queue and isinstance(self._queue[0], str):
            names.append(str(self._queue.popleft()))
        return names

    def take(self) -> tuple[bytes, list[str]]:
        """The next 20 ms (silence where nothing is queued) and the marks that lie inside of them."""
        parts: list[memoryview] = []
        names: list[str] = []
        missing = FRAME_BYTES
        while missing and self._queue:
            item = self._queue.popleft()
            if isinstance(item, str):
                names.append(item)
                continue
            parts.append(item[:missing])
            if len(item) > missing:
                self._queue.appendleft(item[missing:])
            missing -= len(parts[-1])
        self.queued -= FRAME_BYTES - missing
        return b"".join(parts) + b"\xff" * missing, names

    def clear(self) -> list[str]:
        """Forget the sound and take all marks."""
        names = [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        self.queued = 0
        return names
