"""The speech endpoint of the simulated OpenAI: checks an order as strictly as the package's types, and speaks it.

The five languages that SVOX Pico speaks are spoken. Whatever else is asked for is a row of beeps, as long as the text
and at two pitches of its own, in turn: it can be compared, but not understood.
"""

import asyncio
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

import numpy as np
from aiohttp import web

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.audio.resample import WIDE_RATE, Upsampler
from bmv.errors import BmvError
from bmv.simulator import voices
from bmv.simulator.openai.admission import Admission
from bmv.simulator.openai.brains import words_of
from bmv.simulator.openai.faults import Refusal
from bmv.simulator.openai.turns import Part

PATH: Final = "/audio/speech"
MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
VOICES: Final = (
    *("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer"),
    *("verse", "marin", "cedar", "fable", "onyx", "nova"),
)
FORMATS: Final = ("mp3", "opus", "aac", "flac", "wav", "pcm")
LONGEST_INPUT: Final = 4096
SILENCE_SECONDS: Final = 0.25
"""Before and after what is spoken."""

_BEEP_SECONDS = 0.15
_BEEP_LETTERS = 5
_LOWEST_HZ, _PITCHES = 400, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechFault:
    """What goes wrong with one request."""

    refuse: Refusal | None = None
    hold: asyncio.Event | None = None
    """Nothing is answered before this is set."""
    answer: bytes | None = None
    """This is sent in place of speech."""
    cut: bool = False
    """The connection is cut in the middle of the answer."""


NO_FAULT: Final = SpeechFault()


@dataclass
class SpeechRecord:
    """What was asked of the endpoint, and what shall go wrong with it."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    """The requests that were taken, as they came."""
    refused: list[str] = field(default_factory=list)
    """The code of each request that was not."""
    running: int = 0
    most_at_once: int = 0
    _faults: deque[SpeechFault] = field(default_factory=deque)

    def fail_next(self, fault: SpeechFault, times: int = 1) -> None:
        """Let this go wrong with the next request, or the next few; those after them are served well."""
        self._faults.extend([fault] * times)

    def next_fault(self) -> SpeechFault:
        """Take the fault of the request that has just come."""
        return self._faults.popleft() if self._faults else NO_FAULT


def routes(admission: Admission, record: SpeechRecord) -> list[web.RouteDef]:
    """Give the endpoint's routes, to be added before any that catches all paths."""
    return [web.post(admission.prefix + PATH, _Endpoint(admission, record).serve)]


@dataclass
class _Endpoint:
    admission: Admission
    record: SpeechRecord

    async def serve(self, request: web.Request) -> web.StreamResponse:
        fault = self.record.next_fault()
        self.record.running += 1
        self.record.most_at_once = max(self.record.most_at_once, self.record.running)
        try:
            order = await _read(request)
            if fault.hold:
                await fault.hold.wait()
            if refusal := fault.refuse or self._objection(request, order):
                self.record.refused.append(str(refusal.code))
                return self.admission.refused(refusal)
            self.record.orders.append(dict(order))
            return await self._answer(request, order, fault)
        except ConnectionResetError:  # whoever asked has gone meanwhile; aiohttp would print a traceback
            return web.Response()
        finally:
            self.record.running -= 1

    async def _answer(self, request: web.Request, order: Mapping[str, Any], fault: SpeechFault) -> web.StreamResponse:
        audio = fault.answer
        if audio is None:  # in a thread: other sessions are being talked to meanwhile
            audio = (await asyncio.to_thread(spoken, order["input"])).astype("<i2").tobytes()
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        response.enable_chunked_encoding()  # the length is not known when the real one begins to speak
        await response.prepare(request)
        await response.write(audio[: len(audio) // 2])
        if fault.cut and request.transport is not None:
            request.transport.abort()
            return response
        await response.write(audio[len(audio) // 2 :])
        return response

    def _objection(self, request: web.Request, order: Mapping[str, Any]) -> Refusal | None:
        if self.admission.key_objection(request):
            return self.admission.wrong_key
        name = order.get("model")
        named = isinstance(name, str) and self.admission.name_objection(name)
        if refusal := self.admission.speech_objection(request) or named:
            return refusal
        return objection({**order, "model": self.admission.model(name)} if isinstance(name, str) else order)


async def _read(request: web.Request) -> Mapping[str, Any]:
    """Read the order; what is no JSON object is an empty one, which lacks everything."""
    try:
        order = json.loads(await request.read())
    except ValueError:
        return {}
    return order if isinstance(order, dict) else {}


_CHECKS: Final = {
    "input": lambda value: isinstance(value, str) and 0 < len(value) <= LONGEST_INPUT,
    "model": lambda value: isinstance(value, str),
    "voice": lambda value: value in VOICES if isinstance(value, str) else _is_custom_voice(value),
    "instructions": lambda value: isinstance(value, str),
    "response_format": lambda value: value in FORMATS,
    "speed": lambda value: isinstance(value, int | float) and 0.25 <= value <= 4,
    "stream_format": lambda value: value in {"sse", "audio"},
}
"""Every field there is, and what it may be."""


def objection(order: Mapping[str, Any]) -> Refusal | None:
    """Say what is wrong with an order, None if it can be served.

    The real endpoint makes other formats than `pcm` too, in other manners; this one says that it does not.
    """
    for name in ("model", "input", "voice"):
        if name not in order:
            return Refusal(400, "missing_required_parameter", f"Missing required parameter: '{name}'.")
    for name, value in order.items():
        if name not in _CHECKS:
            return Refusal(400, "unknown_parameter", f"Unknown parameter: '{name}'.")
        if not _CHECKS[name](value):
            return Refusal(400, "invalid_value", f"Invalid value for '{name}'.")
    if order["model"] not in MODELS:
        return Refusal.of(404)
    if order.get("response_format") != "pcm" or order.get("stream_format", "audio") != "audio":
        return Refusal(400, "not_simulated", "The simulator speaks response_format 'pcm' only.")
    return None


def _is_custom_voice(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"id"} and isinstance(value["id"], str)


def spoken(text: str) -> Samples:
    """Speak a text at 24 kHz, with silence around it."""
    silence = np.zeros(round(SILENCE_SECONDS * WIDE_RATE), np.int16)
    return np.concatenate((silence, Upsampler().process(_sound(text)), silence))


def read_aloud(text: str) -> Iterator[Part]:
    """Speak a text at 8 kHz, word by word."""
    sound = _sound(text)
    for _, word, begin, end in words_of(text):
        yield Part(sound[round(begin * len(sound)) : round(end * len(sound))], word)


def _sound(text: str) -> Samples:
    """Speak a text at 8 kHz. What language it is in is told by our own sentences."""
    tag = next((each.tag for each in languages.LANGUAGES.values() if text in each.sentences.values()), "en")
    try:
        return mulaw.decode(voices.speak(text, tag))
    except BmvError:  # a language or a length that has no voice, or the voices are not installed
        return _beeps(text)


def _beeps(text: str) -> Samples:
    pitches = divmod(crc32(text.encode()) % _PITCHES**2, _PITCHES)
    time = np.arange(round(_BEEP_SECONDS * mulaw.SAMPLE_RATE)) / mulaw.SAMPLE_RATE
    beeps = [np.rint(8000 * np.sin(2 * np.pi * (_LOWEST_HZ + pitch) * time)).astype(np.int16) for pitch in pitches]
    row = [part for beep in beeps for part in (beep, np.zeros_like(beep))] * (len(text) // _BEEP_LETTERS + 1)
    return np.concatenate(row[: len(row) // 2])
