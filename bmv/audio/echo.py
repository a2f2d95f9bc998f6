"""Keeping a listener's echo from being taken for his words: his input is gated while it is what was played to him.

A level alone cannot tell: most people wear headsets, have no echo, and may speak softly over a translation. So it is
first found out whether there is an echo at all (`echo_path`), and then only that is gated which the path explains.
"""

from itertools import repeat
from typing import Final

import numpy as np

from bmv.audio import mulaw
from bmv.audio.echo_path import EARLY, HEARD, LONGEST_DELAY, PLAYED, TAPS, Comparison, EchoPath, Signal, glimpse, signal
from bmv.audio.levels import is_silent, silent_frames
from bmv.audio.mulaw import FRAME_BYTES, SAMPLE_RATE

AFTERMATH: Final = LONGEST_DELAY + 2400
"""Samples after the end of what was played for which its echo is awaited: the longest delay and 300 ms of room."""

_LEAD = 4000  # samples that may be handed over before they sound, and by which the count of frames may lag
_LATE = 2400  # samples by which frames may come too late, in a bunch; later ones have been lost on the way
_HINT = 7.0  # clarity of a glimpse below which there is nothing to be seen
_CLEAR = 9.0  # clarity that chance seldom gives between two voices
_VERY_CLEAR = 15.0  # clarity that it gives hardly ever
_STRIKING = 25.0  # clarity that it never gave twice in a row (docs/audio.md)
_MUCH = 0.4  # share of what is heard that a path explains only if it is one
_LOUDEST = 4.0  # an echo is no louder than what was played, and 6 dB for what a telephone company may add
_SLACK = 1600  # samples of a timeline that are let go at once
_QUIET = mulaw.SILENCE[:1]
_SAME = 32  # samples between two delays that are taken for one: 4 ms
_GAP = 4  # samples between two sounds played that are no gap, only rounding
_ASTRAY = 400  # samples, 50 ms: the same path, whose buffers are filled otherwise than before
_FIRST_LOOKS, _LATER_LOOKS, _SECOND_LOOK, _RARE_LOOKS = 5, 12, 25, 50  # voiced frames between two comparisons
_PATIENCE = (10, _FIRST_LOOKS), (20, _LATER_LOOKS)  # comparisons without a find, until which they are so frequent
_BREATH = 2400  # samples, 300 ms: no pause within what is played is longer, or it is two sounds
_MUTE_FRAMES = 25  # 500 ms without a sound while something plays: longer than any pause within it
_DOUBTS = 40  # comparisons that do not confirm a path, after which it is forgotten

# Energies of what the path does not explain of a frame, against the echo that it predicts.
_LOUDER = 10**0.45  # +4.5 dB: there is somebody else in this frame
_MUCH_LOUDER = 10**0.75  # +7.5 dB, two frames in a row: somebody else is speaking
_STILL_THERE = 10**-0.6  # -6 dB: he goes on
_PAUSE_FRAMES = 16  # 320 ms: the weak sounds and the pauses within what somebody says
_FADING = 0.5  # a frame: -3 dB, the end of a room's echo
_ABOVE_NOISE = 10**0.5  # 5 dB
_NOISE_RISE = 10**0.002  # a frame: the noise of the line is the least energy of late, forgotten by 1 dB a second
_INAUDIBLE = FRAME_BYTES * 43.0**2  # of a sound whose peak is about that of silence


class Timeline:
    """The last `span` samples of a signal by their place in time, as mu-law; silence where nothing was written."""

    def __init__(self, span: int) -> None:
        self._span = span
        self._sound = bytearray()
        self._end = 0

    def write(self, sound: bytes, begin: int) -> None:
        """Put a sound to its place. What lies a span and more before the last sample written may be left out."""
        gap = begin - self._end
        if gap >= self._span:
            self._sound.clear()
        elif gap > 0:
            self._sound += _QUIET * gap
        elif gap < 0:
            sound = self._rewrite(sound, len(self._sound) + gap)
            begin = self._end
        self._sound += sound
        self._end = begin + len(sound)
        if len(self._sound) > self._span + _SLACK:
            del self._sound[: -self._span]

    def _rewrite(self, sound: bytes, place: int) -> bytes:
        """Lay the beginning of a sound over what is there already, and return the rest of it."""
        if place < 0:
            room = min(-place, self._span)
            self._sound[:0] = _QUIET * room
            sound = sound[-place - room :]
            place = 0
        over = min(len(sound), len(self._sound) - place)
        self._sound[place : place + over] = sound[:over]
        return sound[over:]

    def read(self, begin: int, end: int) -> bytes:
        """Copy a part that begins within the span; what is to come is silence."""
        first = self._end - len(self._sound)
        known = self._sound[max(0, begin - first) : max(0, end - first)]
        before = max(0, min(first, end) - begin)
        return (_QUIET * before + known).ljust(end - begin, _QUIET)


class Door:
    """Decides frame by frame, from energies, whether there is more in it than the echo."""

    def __init__(self) -> None:
        self._noise = float("inf")
        self._expected = 0.0
        self._row = 0
        self._open = 0

    def passes(self, heard: float, rest: float, echo: float) -> bool:
        """Whether somebody speaks: in this frame, or in midst of words, whose weak sounds must not be lost.

        `heard` is the energy of the frame, `rest` that of what the path does not explain, `echo` of what it predicts;
        after a loud echo some is expected for a while. What is no louder than the noise of the line opens nothing.
        """
        self._noise = min(heard, max(self._noise, _INAUDIBLE) * _NOISE_RISE)
        self._expected = _FADING * self._expected + echo
        audible = rest > max(_INAUDIBLE, _ABOVE_NOISE * self._noise)
        self._row = self._row + 1 if audible and rest > _MUCH_LOUDER * self._expected else 0
        if self._row >= 2:
            self._open = _PAUSE_FRAMES
        elif self._open and not (audible and rest > _STILL_THERE * self._expected):
            self._open -= 1
        return bool(self._open) or rest > (_LOUDER if audible else _MUCH_LOUDER) * self._expected


class EchoGate:
    """One leg: told what is played to it, it replaces the frames of its input that are nothing but the echo of that.

    While nothing plays nothing is computed, and little when somebody talks who has listened without a sound. Until an
    echo is found nothing is gated, so its first syllables, about 0.2 s of a call with an echo, pass; a listener without
    an echo is never gated. Another voice passes when it is about as loud as the echo, however loud what is played.
    """

    def __init__(self) -> None:
        self.suppressed = 0
        """Frames replaced so far."""
        self.comparisons = 0
        """Of what is heard with what was played, most of them only a glimpse: nearly all that this costs."""
        self._played: Timeline | None = None
        self._heard = Timeline(HEARD)
        self._door = Door()
        self._path: EchoPath | None = None
        self._aligned = False  # the path's delay has been confirmed since the playing began
        self._candidate: int | None = None
        self._since = 0
        self._sounds_until = 0
        self._loud_since = 0
        self._loud_until = 0
        self._awaited_until = 0
        self._mute = 0
        self._disproved = False
        self._now = 0
        self._unseen = 0
        self._looks = 0

    def played(self, audio: bytes, at: float) -> None:
        """Whole frames of mu-law, handed to the leg, that begin to sound there at the loop time `at` at the earliest.

        Call it in the order of time, not more than 200 ms ahead of it.
        """
        silent = is_silent(audio)
        if self._played is None and silent:
            return
        begin = round(at * SAMPLE_RATE)
        if self._played is None:
            self._played = Timeline(PLAYED + _LEAD)
            self._heard = Timeline(HEARD)
        self._played.write(audio, begin)
        if begin > self._sounds_until + _GAP:
            self._looks = max(1, self._looks)
            self._aligned = False  # the listener's buffer ran dry: how far it is filled from now on, chance decides
            self._since = begin
        self._sounds_until = begin + len(audio)
        if silent:
            return
        if begin - self._loud_until > _BREATH:
            self._loud_since = begin
            self._disproved = False
        self._loud_until = self._sounds_until
        self._awaited_until = self._sounds_until + AFTERMATH

    def filter(self, sound: bytes, now: float) -> bytes:
        """Give frames of 160 bytes that came at the loop time `now` as they are, with silence where they are echo."""
        at = round(now * SAMPLE_RATE)
        if self._played is not None:
            return b"".join(map(self._filter, mulaw.cut(sound), silent_frames(sound), repeat(at)))
        for _ in range(0, len(sound), FRAME_BYTES):
            self._count(at)
        return sound

    def _count(self, at: int) -> None:
        """Another frame, which came at this time."""
        counted = self._now + FRAME_BYTES
        # They are sent evenly, but come in bunches: so they are counted, as long as that fits the time.
        self._now = counted if counted <= at < counted + _LATE else at

    def _filter(self, frame: bytes, silent: bool, at: int) -> bytes:
        self._count(at)
        if self._played is None:
            return frame
        if self._now > self._awaited_until:
            self._played = None
            self._heard = Timeline(HEARD)
            return frame
        self._heard.write(frame, self._now - FRAME_BYTES)
        if silent:
            self._listens()
        else:
            self._mute = 0
            self._look(self._played)
        if self._path is None or self._passes(signal(frame), self._path, self._played) or silent:
            return frame
        self.suppressed += 1
        return mulaw.SILENCE

    def _listens(self) -> None:
        """Nothing is heard. For long enough while something plays, that disproves an echo of it."""
        self._mute += 1
        if self._mute >= _MUTE_FRAMES and self._now <= self._loud_until + _BREATH:
            playing = self._now - self._loud_since
            self._disproved = self._disproved or playing >= LONGEST_DELAY + _MUTE_FRAMES * FRAME_BYTES

    def _look(self, played: Timeline) -> None:
        """Now and then, while somebody is heard, compare what is heard with what was played."""
        self._unseen += 1
        if self._unseen < self._interval():
            return
        self._unseen = 0
        self._looks += 1
        self.comparisons += 1
        before, heard = played.read(self._now - PLAYED, self._now), self._heard.read(self._now - HEARD, self._now)
        lasting = self._now - self._since  # what was played before came by another delay
        if self._path is None and not glimpse(before, heard, lasting, least=_HINT):
            self._candidate = None
            return
        seen = Comparison(before, heard, lasting)
        if self._path is not None and self._fits(self._path, seen):
            self._confirm(self._path, seen)
        else:
            self._doubt(seen)

    def _fits(self, path: EchoPath, seen: Comparison) -> bool:
        """Whether the path is seen again: where it was, or close by if the listener's buffer has been filled anew."""
        astray = abs(seen.delay - path.delay)
        if self._aligned:
            return seen.clarity >= _CLEAR and astray <= EARLY
        return seen.clarity >= _VERY_CLEAR and astray <= _ASTRAY

    def _interval(self) -> int:
        """Voiced frames from one comparison to the next: the more rarely, the longer nothing has been found."""
        if self._path is not None:
            return _FIRST_LOOKS if self._looks else _LATER_LOOKS
        rare = _RARE_LOOKS if self._candidate is None else _SECOND_LOOK
        if self._disproved:  # but who was mute then may have an echo now
            return rare
        for looks, interval in _PATIENCE:
            if self._looks < looks:
                return interval
        return rare

    def _confirm(self, path: EchoPath, seen: Comparison) -> None:
        if self._aligned:
            path.follow(seen.delay)
        else:
            path.delay = seen.delay
        path.learn(seen)
        self._aligned = True
        self._candidate = None
        self._looks = 0

    def _doubt(self, seen: Comparison) -> None:
        """Believe in a new path when two comparisons in a row find it and it explains much; forget one never seen."""
        clear = seen.clarity >= _CLEAR
        if clear and self._candidate is not None and abs(seen.delay - self._candidate) <= _SAME:
            path = EchoPath(seen.delay)
            path.learn(seen)
            if path.gain <= _LOUDEST and (path.explained >= _MUCH or seen.clarity >= _STRIKING):
                self._path = path
                self._looks = 0
                self._aligned = True
                return
        self._candidate = seen.delay if clear else None
        if self._path is not None and self._aligned:
            self._path.learn(seen)
        if self._looks > _DOUBTS:
            self._path = None

    def _passes(self, heard: Signal, path: EchoPath, played: Timeline) -> bool:
        """Whether there is more in this frame than the echo: by its waveform, or by its level until that is aligned."""
        around = 0 if self._aligned else _ASTRAY
        begin = self._now - len(heard) - around - path.reach
        echo = path.predict(signal(played.read(begin, begin + len(heard) + 2 * around + TAPS - 1)))
        energy = float(heard @ heard)
        if self._aligned:
            rest = heard - echo
            return self._door.passes(energy, float(rest @ rest), float(echo @ echo))
        sums = np.concatenate(((0.0,), np.cumsum(np.square(echo))))
        loudest = float((sums[len(heard) :] - sums[: -len(heard)]).max())
        return self._door.passes(energy, max(0.0, energy - loudest), loudest)
