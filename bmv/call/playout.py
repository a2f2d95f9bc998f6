"""What one listener hears: the translation, the original underneath or instead, in order and on time.

Everything a listener hears passes through one `Playout`, which owns the clock of that leg. Twilio plays what it is sent
in order from a buffer without bounds, so whatever is sent too early can no longer be mixed, ducked or shortened. A
playout therefore models how far that buffer is filled and keeps it at a small lead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bmv.audio.levels import is_silent, mix, scale
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS

LEAD_SECONDS = 0.1  # how far the listener's buffer is filled: hides our own lateness, and is all we cannot take back
INNER_PAUSE = 12  # frames (240 ms): pauses up to this stay in a translation, the rest is the translator's filler
PRE_ROLL = 2  # frames kept before speech sets in again, so that a soft consonant is not cut off
SHORT_PAUSE = 3  # frames of a pause that stay when a track is behind
ORIGINAL_SILENCE_PEAK = 500  # on the 16-bit scale: line noise of a telephone counts as a pause when we are behind
DUCK_STEP_DB = 3.0  # a frame; fast enough not to cover the first syllable
RELEASE_STEP_DB = 1.0  # a frame; slow enough not to pump between words


class SilenceGate:
    """Lets speech pass with its inner pauses and its onset, and drops the silence a translator fills time with.

    By level and never by frame size: OpenAI's frame sizes and its idea of silence changed several times.
    """

    def __init__(self) -> None:
        self._pause = INNER_PAUSE
        self._held: deque[bytes] = deque(maxlen=PRE_ROLL)

    def feed(self, frame: bytes) -> tuple[bytes, ...]:
        """The frames to play now that `frame` came: none, this one, or the held onset and this one."""
        if not is_silent(frame):
            passed = (*self._held, frame)
            self._held.clear()
            self._pause = 0
            return passed
        if self._pause < INNER_PAUSE:
            self._pause += 1
            return (frame,)
        self._held.append(frame)
        return ()


class Track:
    """Frames on their way to one listener, in order.

    Waits for a cushion of frames before it starts, so that the sender's jitter does not tear words. When more than
    `behind` frames wait it shortens pauses; a voiced frame is never dropped.
    """

    def __init__(self, *, cushion: int, behind: int, silence_below: int) -> None:
        self._frames: deque[bytes] = deque()
        self._cushion = cushion
        self._behind = behind
        self._silence_below = silence_below
        self._waiting_since = 0.0
        self._pause = 0
        self.playing = False
        self.shed = 0  # silent frames left out to catch up

    def __len__(self) -> int:
        return len(self._frames)

    def append(self, frame: bytes, now: float) -> None:
        """Put one frame at the end."""
        if not self._frames and not self.playing:
            self._waiting_since = now
        self._frames.append(frame)

    def next(self, now: float) -> bytes | None:
        """The frame to play now, or None while there is nothing or the cushion fills."""
        if not self._frames:
            self.playing = False
            return None
        if not self.playing:
            waited = now - self._waiting_since
            if len(self._frames) < self._cushion and waited < self._cushion * FRAME_SECONDS:
                return None
            self.playing = True
        if len(self._frames) > self._behind:
            self._shorten_pause()
        return self._frames.popleft()

    def _shorten_pause(self) -> None:
        while len(self._frames) > 1 and is_silent(self._frames[0], self._silence_below):
            self._pause += 1
            if self._pause <= SHORT_PAUSE:
                return
            self._frames.popleft()
            self.shed += 1
        self._pause = 0


class Playout:
    """All that one listener hears. Feed it at any time; `take` what is due at every beat of the metronome.

    `original_level_db` is how far the original voice is turned down while a translation speaks over it.
    """

    def __init__(self, *, original_level_db: float) -> None:
        self._translation = Track(cushion=6, behind=50, silence_below=200)
        self._original = Track(cushion=3, behind=8, silence_below=ORIGINAL_SILENCE_PEAK)
        self._gate = SilenceGate()
        self._partial = b""
        self._hold: deque[bytes] = deque()
        self._duck_db = original_level_db
        self._level_db = 0.0
        self._played_until = 0.0
        self._received_at: float | None = None
        self.on_translation: Callable[[float, float], None] = lambda _now, _received_at: None
        """Called when a translation begins to sound after a silence, with the time and when its audio was received."""

    @property
    def backlog(self) -> float:
        """Seconds of translation that wait to be played."""
        return len(self._translation) * FRAME_SECONDS

    @property
    def shed(self) -> float:
        """Seconds of pauses left out to catch up."""
        return (self._translation.shed + self._original.shed) * FRAME_SECONDS

    def speak(self, audio: bytes, received_at: float) -> None:
        """Translated speech, mu-law of any length; its silence is dropped by level."""
        audio = self._partial + audio
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._partial = audio[whole:]
        for start in range(0, whole, FRAME_BYTES):
            for frame in self._gate.feed(audio[start : start + FRAME_BYTES]):
                if not self._translation.playing and not len(self._translation):
                    self._received_at = received_at
                self._translation.append(frame, received_at)

    def overhear(self, frame: bytes, now: float) -> None:
        """One frame of the original voice: ducked while a translation sounds, at full level otherwise."""
        self._original.append(frame, now)

    def hold(self, loop: bytes) -> None:
        """What sounds again and again while there is nothing else to hear; empty for quiet."""
        self._hold = deque(loop[start : start + FRAME_BYTES] for start in range(0, len(loop), FRAME_BYTES))

    def take(self, now: float) -> bytes:
        """The audio to send now, so that the listener's buffer is filled to the lead again; often empty.

        What the buffer holds is known from what was sent: it runs dry at `_played_until`.
        """
        self._played_until = max(self._played_until, now)
        due = []
        while self._played_until - now < LEAD_SECONDS - FRAME_SECONDS / 2:
            frame = self._next(now)
            if frame is None:
                break
            due.append(frame)
            self._played_until += FRAME_SECONDS
        return b"".join(due)

    def _next(self, now: float) -> bytes | None:
        translated = self._translation.next(now)
        if translated is not None and self._received_at is not None:
            self.on_translation(now, self._received_at)
            self._received_at = None
        original = self._original.next(now)
        if original is not None:
            original = self._duck(original, translating=translated is not None)
            return original if translated is None else mix(translated, original)
        if translated is not None:
            return translated
        if self._hold:
            self._hold.rotate(-1)
            return self._hold[-1]
        return None

    def _duck(self, original: bytes, *, translating: bool) -> bytes:
        if translating:
            self._level_db = max(self._duck_db, self._level_db - DUCK_STEP_DB)
        else:
            self._level_db = min(0.0, self._level_db + RELEASE_STEP_DB)
        return scale(original, self._level_db) if self._level_db else original
