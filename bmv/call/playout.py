"""What one listener hears: the translation, the original underneath or instead, in order and on time.

Everything a listener hears passes through one `Playout`, which owns the clock of that leg. Twilio plays what it is sent
in order from a buffer without bounds, so whatever is sent too early can no longer be mixed, ducked or shortened. A
playout therefore models how far that buffer is filled and keeps it at a small lead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bmv.audio import mulaw
from bmv.audio.levels import is_silent, mix, scale, silent_frames
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS
from bmv.call.buffer import ListenerBuffer
from bmv.call.translator import TranslatorLost

LEAD_SECONDS = 0.14  # how far the listener's buffer is filled: hides our own lateness, and is all we cannot take back
REFILL_SECONDS = 0.06  # by so much at a time while there is enough to hear: a third of the messages
LIVE_LEAD_SECONDS = 0.1  # over an original underneath, which would have a hole where the lead reaches beyond it
ROUNDING = 1e-6  # seconds: sums of frames are not exact
CUSHION_SECONDS = 0.16  # how much later than it could a translation breaks a silence: survives a jitter of +-80 ms
ORIGINAL_CUSHION_SECONDS = 0.06  # the same for the original, whose frames come evenly
PACE_WINDOW_SECONDS = 4.0
PACE_STEP_SECONDS = 0.02  # deliveries that come closer together count as one: so there are few, however many come
INNER_PAUSE = 12  # frames (240 ms): pauses up to this stay in a translation, the rest is the translator's filler
PRE_ROLL = 2  # frames kept before speech sets in again, so that a soft consonant is not cut off
BEHIND_FRAMES = 50  # more of a translation than this (1 s) waiting is being behind
BEHIND_FRAMES_LIVE = 8  # the same for an original voice, which is a conversation
SHORT_PAUSE = 5  # frames of a pause that stay when a track is behind
SHORTEST_PAUSE = 3  # and when it is far behind; less might hold the onset of a word
FAR_BEHIND_FRAMES = 150  # 3 s, as it comes to be with somebody who hardly ever pauses
MOST_FRAMES = 30_000  # 10 minutes may wait, in 10 MB: far more than a translator in its right mind is ever ahead
ORIGINAL_FRAMES = 100  # 2 s of the original may wait; what is older is of no use in a conversation, and is dropped
DUCK_STEP_DB = 3.0  # a frame; fast enough not to cover the first syllable
RELEASE_STEP_DB = 1.0  # a frame; slow enough not to pump between words
HOLD_AFTER = 0.5  # seconds without speech: what sounds in its place does not come between two words
RELEASE_AFTER = 12  # frames (240 ms): the pauses within a translation; in them the original stays turned down


class SilenceGate:
    """Lets speech pass with its inner pauses and its onset, and drops the silence a translator fills time with.

    By level and never by frame size: OpenAI's frame sizes and its idea of silence changed several times.
    """

    def __init__(self) -> None:
        self._pause = INNER_PAUSE
        self._held: list[bytes] = []

    def feed(self, audio: bytes) -> list[tuple[int, bytes, bool]]:
        """The frames to play now that these whole ones came: each with its place among them, and whether it is voiced.

        An onset that was held back has the places before that of the frame it belongs to, below 0 if need be.
        """
        if self._pause >= INNER_PAUSE and is_silent(audio):  # as most of what a translator sends
            self._hold(audio[-PRE_ROLL * FRAME_BYTES :])
            return []
        passed: list[tuple[int, bytes, bool]] = []
        for place, silent in enumerate(silent_frames(audio)):
            frame = audio[place * FRAME_BYTES : (place + 1) * FRAME_BYTES]
            if not silent:
                for early, held in enumerate(self._held, place - len(self._held)):
                    passed.append((early, held, False))
                self._held.clear()
                self._pause = 0
                passed.append((place, frame, True))
            elif self._pause < INNER_PAUSE:
                self._pause += 1
                passed.append((place, frame, False))
            else:
                self._hold(frame)
        return passed

    def _hold(self, audio: bytes) -> None:
        for start in range(0, len(audio), FRAME_BYTES):
            self._held.append(audio[start : start + FRAME_BYTES])
        del self._held[:-PRE_ROLL]


class Pace:
    """How fast a translator sends: seconds of audio for a second of time, over the last few seconds; at least 1."""

    def __init__(self) -> None:
        self._sent: list[tuple[float, float]] = []
        self._seconds = 0.0

    def note(self, received_at: float, seconds: float) -> float:
        """Count one delivery and return the pace."""
        since, sent = self._sent[-1] if self._sent else (-math.inf, 0.0)
        if received_at - since < PACE_STEP_SECONDS:
            self._sent[-1] = since, sent + seconds
        else:
            self._sent.append((received_at, seconds))
        self._seconds += seconds
        while received_at - self._sent[0][0] > PACE_WINDOW_SECONDS:
            self._seconds -= self._sent.pop(0)[1]
        elapsed = received_at - self._sent[0][0]
        if elapsed < PACE_WINDOW_SECONDS / 4:
            return 1.0
        return max(1.0, (self._seconds - seconds) / elapsed)


class Sound(NamedTuple):
    """One frame on its way: the time before which it shall not end a silence, whether it is voiced, and what it is."""

    frame: bytes
    due: float
    voiced: bool
    translated: bool


class Track:
    """Frames on their way to one listener, in order, each with the time before which it shall not end a silence.

    A silence is a gap, or a pause among the frames. That time is a little later than the frame could sound, so that the
    next delivery is there before the last frame of this one has sounded: neither the sender's jitter nor a shortened
    pause tears a word. When more than `behind` frames wait the track shortens pauses; it never drops a voiced frame.
    """

    def __init__(self, *, behind: int) -> None:
        self.frames: list[Sound] = []
        """That wait, in order."""
        self.behind = behind
        self.sounds_until = float("-inf")
        self.translated_until = float("-inf")
        self._pausing = True  # the last frame was not voiced
        self.shed = 0  # frames of pauses left out to catch up
        self.on_start: Callable[[float, float], None] = lambda _due, _silent_for: None

    def next(self, at: float) -> bytes | None:
        """The frame that shall sound at the time `at`, or None while there is nothing or it is not due."""
        frames = self.frames
        if len(frames) > self.behind:
            self._shorten_pause()
        if not frames:
            return None
        sound = frames[0]
        silent_for = at - self.sounds_until
        if at < sound.due and (self._pausing or silent_for > FRAME_SECONDS):
            return None
        if sound.translated and silent_for > FRAME_SECONDS:
            self.on_start(sound.due, silent_for)
        del frames[0]
        self.sounds_until = at + FRAME_SECONDS
        if sound.translated:
            self.translated_until = self.sounds_until
        self._pausing = not sound.voiced
        return sound.frame

    def forget_translations(self) -> None:
        """Only what is no translation still waits."""
        self.frames = [sound for sound in self.frames if not sound.translated]

    def _shorten_pause(self) -> None:
        """Leave out all but the end of the pause that comes next; the end may hold the onset of a word."""
        pause = 0
        for sound in self.frames:
            if sound.voiced:
                break
            pause += 1
        spare = max(0, pause - (SHORT_PAUSE if len(self.frames) <= FAR_BEHIND_FRAMES else SHORTEST_PAUSE))
        del self.frames[:spare]
        self.shed += spare


class Playout:
    """All that one listener hears. Feed it at any time; `take` what is due at every beat of the metronome.

    What has to be heard stands in one line, in order: translations, our own sentences, and the original where there is
    no translation. None of it is dropped, but for translations where far too much of them would wait (`speak`).
    Underneath, the original may be heard as well, turned down by `original_level_db` while something sounds above it.
    """

    def __init__(self, *, original_level_db: float) -> None:
        self._speech = Track(behind=BEHIND_FRAMES)
        self._underneath = Track(behind=BEHIND_FRAMES_LIVE)
        self._gate = SilenceGate()
        self._pace = Pace()
        self._partial = b""
        self._hold: Iterator[bytes] | None = None
        self._duck_db = original_level_db
        self._level_db = 0.0
        self._uncovered = 0
        self._dropped = 0
        self.buffer = ListenerBuffer()

    def when_translation_starts(self, report: Callable[[float, float], None]) -> None:
        """Whenever a translation ends a gap, call `report` with the time at which it was there and the gap's length.

        It was there when its delivery was received, and later by its place in the delivery.
        """
        self._speech.on_start = lambda due, silent_for: report(due - CUSHION_SECONDS, silent_for)

    @property
    def backlog(self) -> float:
        """Seconds of speech that wait to be played."""
        return len(self._speech.frames) * FRAME_SECONDS

    def speaking(self, now: float) -> bool:
        """Whether a translation, or what stands in its place, waits or sounds."""
        return bool(self._speech.frames) or self._speech.sounds_until > now

    @property
    def translated_until(self) -> float:
        """When the last frame of a translation that was sent has sounded, as a loop time."""
        return self._speech.translated_until

    def sounding(self, now: float) -> bool:
        """Whether something waits to be played, or is still in the listener's buffer."""
        return bool(self._speech.frames or self._underneath.frames) or self.buffer.runs_dry_at > now

    @property
    def dropped(self) -> float:
        """Seconds of the original underneath that waited too long to be played."""
        return self._dropped * FRAME_SECONDS

    @property
    def shed(self) -> float:
        """Seconds of pauses left out to catch up."""
        return (self._speech.shed + self._underneath.shed) * FRAME_SECONDS

    def speak(self, audio: bytes, received_at: float) -> None:
        """Translated speech, mu-law of any length; its silence is dropped by level.

        Raises `TranslatorLost` where more than ten minutes would wait to be heard. Nobody wants to hear them: all
        translations that wait are dropped then, and whoever calls this tells the listener that words were lost.
        """
        whole = len(self._partial) + len(audio)
        if (frames := len(self._speech.frames) + whole // FRAME_BYTES) > MOST_FRAMES and not is_silent(audio):
            self._speech.forget_translations()
            self._partial = b""
            raise TranslatorLost(f"it says more than can be heard: {frames * FRAME_SECONDS:.0f} s would wait")
        self._speech.behind = BEHIND_FRAMES
        audio = self._partial + audio
        whole -= whole % FRAME_BYTES
        self._partial = audio[whole:]
        step = FRAME_SECONDS / self._pace.note(received_at, whole / FRAME_BYTES * FRAME_SECONDS)
        due = received_at + CUSHION_SECONDS
        for place, frame, voiced in self._gate.feed(audio[:whole]):
            self._speech.frames.append(Sound(frame, due + place * step, voiced, True))

    def end_translation(self, now: float) -> None:
        """Who spoke is gone: nothing of his is put before the next one's first sound.

        What he said of a frame is heard as one, filled up with silence.
        """
        if self._partial:
            self.speak(mulaw.SILENCE[len(self._partial) :], now)

    def pass_on(self, frame: bytes, now: float, *, voiced: bool, cushion: float = ORIGINAL_CUSHION_SECONDS) -> None:
        """One frame of the original voice in the place of a translation, at full level.

        `voiced` tells whether somebody is talking in it: only other frames are left out to catch up. `cushion` is how
        much later than it could it ends a silence, in seconds: more for frames that come in batches.
        """
        self._speech.behind = BEHIND_FRAMES_LIVE
        self._speech.frames.append(Sound(frame, now + cushion, voiced=voiced, translated=False))

    def announce(self, audio: bytes, now: float) -> bool:
        """A sentence of our own, mu-law, after all that waits.

        Returns False, and leaves it out, where that is more than ten minutes: who asks for them may go on for hours.
        """
        if len(self._speech.frames) > MOST_FRAMES:
            return False
        for frame in mulaw.frames(audio):
            self._speech.frames.append(Sound(frame, now, voiced=not is_silent(frame), translated=False))
        return True

    def overhear(self, frame: bytes, now: float, *, voiced: bool) -> None:
        """One frame of the original underneath: turned down while something sounds above it, at full level otherwise.

        What still waits after two seconds is dropped, and counted.
        """
        waiting = self._underneath.frames
        waiting.append(Sound(frame, now + ORIGINAL_CUSHION_SECONDS, voiced=voiced, translated=False))
        if len(waiting) > ORIGINAL_FRAMES:
            del waiting[0]
            self._dropped += 1

    def hold(self, audio: Iterator[bytes] | None) -> None:
        """What sounds while there is nothing else to hear, frame by frame, until its end or until it is replaced."""
        self._hold = audio

    def take(self, now: float) -> bytes:
        """The audio to send now, so that the listener's buffer is filled to the lead again; often empty.

        Tell `buffer` that it was sent.
        """
        if not (self._speech.frames or self._underneath.frames or self._hold):
            return b""
        self.buffer.start(now)
        sounds_at = self.buffer.runs_dry_at
        lead = LEAD_SECONDS
        if self._underneath.frames:
            lead = LIVE_LEAD_SECONDS
        elif sounds_at - now > LEAD_SECONDS - REFILL_SECONDS + ROUNDING:
            return b""
        due = []
        while sounds_at + FRAME_SECONDS - now < lead + ROUNDING:
            frame = self._next(sounds_at)
            if frame is None:
                break
            due.append(frame)
            sounds_at += FRAME_SECONDS
        return b"".join(due)

    def due(self, now: float) -> float:
        """When `take` may have something to give again, as far as is known now; a loop time, or infinity."""
        if self.buffer.runs_dry_at > now:  # and may do so before more has come
            return now if self._underneath.frames else self.buffer.runs_dry_at - LEAD_SECONDS + REFILL_SECONDS
        if self._speech.frames:
            return self._speech.frames[0].due
        return now if self._underneath.frames or self._hold else float("inf")

    def _next(self, at: float) -> bytes | None:
        speech = self._speech.next(at)
        original = self._underneath.next(at) if self._underneath.frames else None
        if original is not None:
            original = self._duck(original, covered=speech is not None)
            return original if speech is None else mix(speech, original)
        if speech is not None:
            return speech
        if self._hold is None or at - self._speech.sounds_until < HOLD_AFTER:
            return None
        return next(self._hold, None)

    def _duck(self, original: bytes, *, covered: bool) -> bytes:
        self._uncovered = 0 if covered else self._uncovered + 1
        if covered:
            self._level_db = max(self._duck_db, self._level_db - DUCK_STEP_DB)
        elif self._uncovered > RELEASE_AFTER:
            self._level_db = min(0.0, self._level_db + RELEASE_STEP_DB)
        return scale(original, self._level_db) if self._level_db else original
