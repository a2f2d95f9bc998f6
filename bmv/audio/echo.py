"""Keeping a listener's echo from being taken for his words: his input is gated while it is what was played to him.

A level alone cannot tell: most people wear headsets, have no echo, and may speak softly over a translation. So it is
first found out whether there is an echo at all (`echo_path`), and then only that is gated which the path explains.
"""

from typing import Final

import numpy as np

from bmv.audio import mulaw
from bmv.audio.echo_path import EARLY, HEARD, LONGEST_DELAY, PLAYED, TAPS, Comparison, EchoPath, Signal
from bmv.audio.levels import is_silent

AFTERMATH: Final = LONGEST_DELAY + 2400
"""Samples after the end of what was played for which its echo is awaited: the longest delay and 300 ms of room."""

_LEAD = 8000  # samples that may be handed over before they sound
_LATE = 2400  # samples by which frames may come too late, in a bunch; later ones have been lost on the way
_CLEAR = 9.0  # clarity that chance seldom gives between two voices
_VERY_CLEAR = 15.0  # clarity that it gives hardly ever
_STRIKING = 25.0  # clarity that it never gave twice in a row (docs/audio.md)
_MUCH = 0.4  # share of what is heard that a path explains only if it is one
_LOUDEST = 4.0  # an echo is no louder than what was played, and 6 dB for what a telephone company may add
_SAME = 32  # samples between two delays that are taken for one: 4 ms
_GAP = 4  # samples between two sounds played that are no gap, only rounding
_ASTRAY = 400  # samples, 50 ms: the same path, whose buffers are filled otherwise than before
_FIRST_LOOKS, _LATER_LOOKS, _RARE_LOOKS = 5, 12, 25  # voiced frames between two comparisons
_REACH = _ASTRAY + EARLY  # samples to come that a prediction may ask for
_PATIENCE = 50  # comparisons without a find, after which they become rare
_DOUBTS = 40  # comparisons that do not confirm a path, after which it is forgotten

# Energies of what the path does not explain of a frame, against the echo that it predicts.
_LOUDER = 10**0.45  # +4.5 dB: there is somebody else in this frame
_MUCH_LOUDER = 10**0.75  # +7.5 dB, two frames in a row: somebody else is speaking
_STILL_THERE = 10**-0.6  # -6 dB: he goes on
_PAUSE_FRAMES = 16  # 320 ms: the weak sounds and the pauses within what somebody says
_FADING = 0.5  # a frame: -3 dB, the end of a room's echo
_ABOVE_NOISE = 10**0.5  # 5 dB
_NOISE_RISE = 10**0.002  # a frame: the noise of the line is the least energy of late, forgotten by 1 dB a second
_INAUDIBLE = mulaw.FRAME_BYTES * 43.0**2  # of a sound whose peak is about that of silence


class Timeline:
    """The last `span` samples of a signal by their place in time; silence where nothing was written."""

    def __init__(self, span: int, begin: int) -> None:
        self._samples: Signal = np.zeros(2 * span)
        self._span = span
        self._fill = span
        self._end = begin

    def reach(self, end: int) -> None:
        """Go on in silence up to a place; a place already reached changes nothing."""
        missing = min(end - self._end, self._span)
        if missing <= 0:
            return
        if self._fill + missing > len(self._samples):
            self._samples[: self._span] = self._samples[self._fill - self._span : self._fill]
            self._samples[self._span :] = 0
            self._fill = self._span
        if missing == self._span:
            self._samples[:] = 0
        self._fill += missing
        self._end = end

    def write(self, sound: Signal, begin: int) -> None:
        """Put a sound to its place. What lies before the span is left out."""
        self.reach(begin + len(sound))
        start = self._fill - (self._end - begin)
        missed = max(0, self._fill - self._span - start)
        self._samples[start + missed : start + len(sound)] = sound[missed:]

    def read(self, begin: int, end: int) -> Signal:
        """Look at a part that lies within the span: a view, good until the next change."""
        return self._samples[self._fill - (self._end - begin) : self._fill - (self._end - end)]


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

    While nothing plays nothing is computed. Until an echo is found nothing is gated, so its first syllables, about
    0.2 s of a call with an echo, pass; a listener without an echo is never gated. Another voice passes when it is about
    as loud as the echo, however loud what is played.
    """

    def __init__(self) -> None:
        self.suppressed = 0
        """Frames replaced so far."""
        self._played: Timeline | None = None
        self._heard = Timeline(0, 0)
        self._door = Door()
        self._path: EchoPath | None = None
        self._aligned = False  # the path's delay has been confirmed since the playing began
        self._candidate: int | None = None
        self._since = 0
        self._sounds_until = 0
        self._awaited_until = 0
        self._now = 0
        self._unseen = 0
        self._looks = 0

    def played(self, audio: bytes, at: float) -> None:
        """Whole frames of mu-law, handed to the leg, that begin to sound there at the loop time `at` at the earliest.

        Call it in the order of time, not more than a second ahead of it.
        """
        silent = is_silent(audio)
        if self._played is None and silent:
            return
        begin = round(at * mulaw.SAMPLE_RATE)
        if self._played is None:
            self._played = Timeline(PLAYED + TAPS + _REACH + _LEAD, 0)
            self._heard = Timeline(HEARD, 0)
        self._played.write(mulaw.decode(audio).astype(np.float64), begin)
        if begin > self._sounds_until + _GAP:
            self._looks = max(1, self._looks)
            self._aligned = False  # the listener's buffer ran dry: how far it is filled from now on, chance decides
            self._since = begin
        self._sounds_until = begin + len(audio)
        if not silent:
            self._awaited_until = self._sounds_until + AFTERMATH

    def filter(self, frame: bytes, now: float) -> bytes:
        """Give the frame of 160 bytes that came at the loop time `now` itself, or silence where it is echo."""
        self._move_to(round(now * mulaw.SAMPLE_RATE))
        if self._played is None:
            return frame
        if self._now > self._awaited_until:
            self._played = None
            self._heard = Timeline(0, 0)
            return frame
        heard = mulaw.decode(frame).astype(np.float64)
        self._heard.write(heard, self._now - len(heard))
        self._played.reach(self._now + _REACH)
        silent = is_silent(frame)
        if not silent:
            self._look(self._played)
        if self._path is None or self._passes(heard, self._path, self._played) or silent:
            return frame
        self.suppressed += 1
        return mulaw.SILENCE

    def _move_to(self, now: int) -> None:
        """Count the frames rather than trust their time of arrival: they are sent evenly, but come in bunches."""
        counted = self._now + mulaw.FRAME_BYTES
        self._now = counted if counted <= now < counted + _LATE else now

    def _look(self, played: Timeline) -> None:
        """Now and then, while somebody is heard, compare what is heard with what was played."""
        self._unseen += 1
        if self._unseen < self._interval():
            return
        self._unseen = 0
        self._looks += 1
        seen = Comparison(
            played.read(self._now - PLAYED, self._now),
            self._heard.read(self._now - HEARD, self._now),
            self._now - self._since,  # what was played before came by another delay
        )
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
        if self._path is not None and not self._looks:
            return _LATER_LOOKS
        return _FIRST_LOOKS if self._looks < _PATIENCE else _RARE_LOOKS

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
        echo = path.predict(played.read(begin, begin + len(heard) + 2 * around + TAPS - 1))
        energy = float(heard @ heard)
        if self._aligned:
            rest = heard - echo
            return self._door.passes(energy, float(rest @ rest), float(echo @ echo))
        sums = np.concatenate(((0.0,), np.cumsum(np.square(echo))))
        loudest = float((sums[len(heard) :] - sums[: -len(heard)]).max())
        return self._door.passes(energy, max(0.0, energy - loudest), loudest)
