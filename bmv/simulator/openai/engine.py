"""The clock of the simulated model: input in frames of 200 ms drives a continuous output, silence included.

There is no timer: no input, no output, as was measured of the real service. The output lasts as long as the input, or
twice as long (`pace`), which was measured as well: a client that plays all of it falls behind for ever.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bmv.audio.mulaw import Samples
from bmv.simulator.openai.brains import FRAME_MS, FRAME_SAMPLES, QUIET, Brain, Piece, Said
from bmv.simulator.openai.wire import SAMPLE_RATE

_FRAME_BYTES = 2 * FRAME_SAMPLES

Silence = Literal["zero", "noise"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How the model gives out what the brain says; the real one did all of these at some time or place."""

    pace: float = 1.0
    """Seconds of output for a second of input, 1 or more."""
    frame_ms: int = 400
    """Length of one output delta."""
    silence: Silence = "zero"
    """Silence of zeros only, or of noise with a peak of 63."""


@dataclass(frozen=True, slots=True)
class Output:
    """Something to tell the client, at an input position in steps of 200 ms."""

    kind: Literal["heard", "text", "audio"]
    payload: str | bytes
    elapsed_ms: int


class Engine:
    """Turns appended audio into outputs, in order. One for each session."""

    def __init__(self, brain: Brain, manner: Manner) -> None:
        self._brain = brain
        self._manner = manner
        self._delta_samples = SAMPLE_RATE * manner.frame_ms // 1000
        self._noise = np.random.default_rng(seed=63)
        self._input = b""
        self._elapsed_ms = 0
        self._held: list[Piece] = []
        self._queue: deque[Piece] = deque()
        self._sound: Samples = np.zeros(0, np.int16)

    def append(self, pcm: bytes) -> list[Output]:
        """Take in audio of any length; what is short of a frame waits for more."""
        self._input += pcm
        outputs: list[Output] = []
        while len(self._input) >= _FRAME_BYTES:
            frame, self._input = self._input[:_FRAME_BYTES], self._input[_FRAME_BYTES:]
            outputs += self._hear(frame)
        return outputs

    def finish(self) -> list[Output]:
        """Hear what is left of the input and give out all the rest of the output."""
        outputs = self._hear(self._input.ljust(_FRAME_BYTES, b"\0")) if self._input else []
        self._input = b""
        outputs += self._take_in(self._brain.finish())
        left = sum(len(piece.audio) for piece in (*self._queue, *self._held))
        self._release()
        outputs += self._speak(left)
        self._sound = np.concatenate((self._sound, self._pause(-self._sound.size % self._delta_samples)))
        return outputs + self._deltas()

    def _hear(self, frame: bytes) -> list[Output]:
        self._elapsed_ms += FRAME_MS
        outputs = self._take_in(self._brain.hear(np.frombuffer(frame, "<i2").astype(np.int16)))
        outputs += self._speak(round(self._manner.pace * FRAME_SAMPLES))
        return outputs + self._deltas()

    def _take_in(self, said: Said) -> list[Output]:
        self._held.extend(said.pieces)
        if self._manner.pace == 1 or not said.goes_on:
            self._release()
        return [self._output("heard", said.heard)] if said.heard else []

    def _release(self) -> None:
        self._queue.extend(self._held)
        self._held.clear()

    def _speak(self, samples: int) -> list[Output]:
        """Add so much sound to the output: what is queued first, then silence. Words come ahead of their sound."""
        outputs: list[Output] = []
        sounds = [self._sound]
        while samples and self._queue:
            piece = self._queue.popleft()
            if piece.text:
                outputs.append(self._output("text", piece.text))
            sounds.append(piece.audio[:samples])
            if len(piece.audio) > samples:
                self._queue.appendleft(Piece(piece.audio[samples:]))
            samples -= len(sounds[-1])
        sounds.append(self._pause(samples))
        self._sound = np.concatenate(sounds)
        return outputs

    def _pause(self, samples: int) -> Samples:
        if self._manner.silence == "zero":
            return np.zeros(samples, np.int16)
        return self._noise.integers(-QUIET, QUIET, samples, np.int16, endpoint=True)

    def _deltas(self) -> list[Output]:
        outputs = []
        while self._sound.size >= self._delta_samples:
            delta, self._sound = self._sound[: self._delta_samples], self._sound[self._delta_samples :]
            outputs.append(self._output("audio", delta.astype("<i2").tobytes()))
        return outputs

    def _output(self, kind: Literal["heard", "text", "audio"], payload: str | bytes) -> Output:
        return Output(kind, payload, self._elapsed_ms)
