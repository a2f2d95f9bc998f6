"""Which of the frames that were fed the server is done with, as far as it lets us know. No I/O and no clock.

The server says where speech begins and ends; it never says "I have listened so far and there was nothing". So it is
asked (see `needs_sign`), and its answer, which it gives after all that was sent before, proves how far it has heard.
Frames are counted from the session's beginning; a frame is 20 ms.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Final

from bmv.audio.mulaw import FRAME_MS
from bmv.call.translator import Processed

PREFIX_FRAMES: Final = 300 // FRAME_MS
"""Kept before the present even in silence: speech begins before a detector can tell, and the server looks as far back.
Should the session be lost now, the next one hears the first consonant too."""
CHANCE_FRAMES: Final = 1000 // FRAME_MS
"""What the server has heard for so long without calling it speech is none to it."""
SIGN_FRAMES: Final = 2000 // FRAME_MS
"""After so many frames without a word from the server, voice among them, it is asked whether it is there. Well below
the four seconds after which a session counts as dead: who talks for a minute without a pause is not answered before."""
LONGEST_FRAMES: Final = 15_000 // FRAME_MS
"""Speech without a pause that the server waits on: longer, it is hum or music it takes for speech, or somebody who
never breathes; either way it has to be translated some time."""
VOICED_FRAMES: Final = 500 // FRAME_MS
"""Voice that the server does not take for speech: from here on it may be somebody and is passed on, below it is a
cough or a click."""
STEP_FRAMES: Final = 100 // FRAME_MS
"""Not every single frame is reported."""


class Hearing:
    """Follows the frames of one session: what was fed, what the server hears as speech, what is settled."""

    def __init__(self) -> None:
        self.fed = 0
        """How many frames were fed."""
        self._covered = 0
        self._voiced = bytearray()
        """1 or 0 for each frame that is not covered."""
        self._proven = 0
        """So many frames has the server heard."""
        self._word_at = 0
        """How many were fed when it last said anything."""
        self._speech_from: int | None = None
        self._voice_before = 0
        """Voice that runs up to the first frame that is not covered, and that no turn had in it."""

    def feed(self, frames: int = 1, *, voiced: bool) -> None:
        """Take the next so many frames."""
        self.fed += frames
        self._voiced += bytes([voiced]) * frames

    # -- what the server says ---------------------------------------------------------------------------------------

    def word(self) -> None:
        """The server said something, whatever it was."""
        self._word_at = self.fed

    def heard(self, frames: int) -> None:
        """The server has answered what was sent after so many frames: it has heard them."""
        self._proven = max(self._proven, min(frames, self.fed))

    def started(self, start: int) -> None:
        """Speech begins at frame `start`."""
        self._speech_from = min(start, self.fed)

    def ended(self) -> None:
        """Speech is over; what becomes of it is told by `settle`."""
        self._speech_from = None

    def cut_off(self, frame: int, *, goes_on: bool) -> None:
        """What was heard of the running speech until `frame` was made a turn; after it the speech may go on."""
        if self._speech_from is not None:
            self._speech_from = frame if goes_on else None

    @property
    def speech_is_open(self) -> bool:
        """Whether the server hears somebody talk."""
        return self._speech_from is not None

    @property
    def speech_is_endless(self) -> bool:
        """Whether it has heard somebody talk for longer than anybody does."""
        return self._speech_from is not None and self.fed - self._speech_from >= LONGEST_FRAMES

    @property
    def needs_sign(self) -> bool:
        """Whether it is time to ask the server for a sign of life."""
        return self.fed - self._word_at >= SIGN_FRAMES and 1 in self._voiced

    # -- what is done with ------------------------------------------------------------------------------------------

    def settle(self, end: int, *, translated: bool) -> Processed | None:
        """All frames up to a turn's end are done with, by its translation or without one."""
        return self._cover(end, translated=translated)

    def settle_idle(self) -> Processed | None:
        """Cover what needs no answer, while no turn waits for one: silence, and what the server takes for none."""
        if self._speech_from is not None:
            limit = self._speech_from
        else:
            limit = max(self._silent_until(), self._proven - CHANCE_FRAMES)
        return self._cover_unheard(limit) if limit - self._covered >= STEP_FRAMES else None

    def settle_rest(self) -> Processed | None:
        """Cover everything: the session has ended in order."""
        return self._cover_unheard(self.fed)

    def _silent_until(self) -> int:
        voiced = self._voiced.find(1)
        silent = len(self._voiced) if voiced < 0 else voiced
        return min(self._covered + silent, self.fed - PREFIX_FRAMES)

    def _cover_unheard(self, end: int) -> Processed | None:
        """Cover frames that no turn has in it; a stretch of voice is judged as a whole, though it comes in parts."""
        part = self._voiced[: max(end - self._covered, 0)]
        if not part:
            return None
        rest = b"" if self.speech_is_open else self._voiced[len(part) :]
        before = self._voice_before if part[0] else 0
        after = sum(takewhile(bool, rest)) if part[-1] else 0
        tail = sum(takewhile(bool, reversed(part)))
        processed = self._cover(end, translated=before + sum(part) + after < VOICED_FRAMES)
        self._voice_before = tail + (before if tail == len(part) else 0)
        return processed

    def _cover(self, end: int, *, translated: bool) -> Processed | None:
        count = min(end, self.fed) - self._covered
        if count <= 0:
            return None
        del self._voiced[:count]
        self._covered += count
        self._voice_before = 0
        return Processed(self._covered, translated)
