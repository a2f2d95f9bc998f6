"""One response of a turn-based session: its events step by step, and what it costs."""

import base64
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.audio.resample import Upsampler
from bmv.simulator.openai.events import EventWriter
from bmv.simulator.openai.faults import NO_FAULT, WELL, Fault, ResponseFault
from bmv.simulator.openai.items import Conversation, Item
from bmv.simulator.openai.records import ResponseRecord
from bmv.simulator.openai.turns import Part

CHARACTERS_PER_TOKEN: Final = 4
"""The rule by which text is billed here. The real tokens depend on the language and are about as long in English."""
INPUT_TOKENS_PER_SECOND: Final = 10
OUTPUT_TOKENS_PER_SECOND: Final = 20
"""One token for 100 ms of audio heard, one for 50 ms spoken (documented)."""

_RATE_LIMITS = [
    {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06},
    {"name": "tokens", "limit": 40000, "remaining": 35500, "reset_seconds": 6.75},
]

Outcome = Literal["completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How fast answers come. The real ones come several times faster than they are to be played."""

    thinking_seconds: float = 0.0
    """Real time from the request to the first event."""
    speed: float = math.inf
    """Seconds of sound for a second of real time."""
    delta_ms: int = 200
    """Length of an audio delta, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a response is made of, with everything that it did not name taken from the session."""

    instructions: str
    inputs: tuple[Item, ...]
    """The context, in order."""
    out_of_band: bool
    metadata: dict[str, str] | None
    audio: dict[str, Any]
    """`format` and `voice` of the output."""
    max_output_tokens: int | Literal["inf"]


@dataclass(frozen=True, slots=True)
class Step:
    """One event to send, and how many seconds of sound are in it."""

    text: str
    seconds: float = 0.0


class Response:
    """One response: it gives its events in order, and can be cut short at any of them."""

    def __init__(
        self,
        request: Request,
        parts: Iterable[Part],
        *,
        record: ResponseRecord,
        conversation: Conversation,
        events: EventWriter,
        delta_ms: int,
        fault: ResponseFault = WELL,
        session_fault: Fault = NO_FAULT,
    ) -> None:
        self.request = request
        self.record = record
        self.fault = fault
        self._session_fault = session_fault
        self._conversation = conversation
        self._events = events
        self._chunks = list(_chunks(parts, delta_ms * mulaw.SAMPLE_RATE // 1000))
        self._output: list[Item] = []
        self._announced = fault.without_created
        self._upsampler = Upsampler()
        self._last = base64.b64encode(self._encoded(np.zeros(160, np.int16))).decode()

    def steps(self) -> Iterator[Step]:
        """Give all events, if nothing comes in between. It may end without `response.done`, by fault."""
        yield from self._announce()
        yield self._step("rate_limits.updated", rate_limits=_RATE_LIMITS)
        yield from self._speech()
        if self.fault.status is not None:
            yield from self.cut(self.fault.status, self.fault.reason, kind=self.fault.kind)
        elif self._is_full():
            yield from self.cut("incomplete", "max_output_tokens")
        elif not self.fault.never_done:
            yield from self._end("completed", None)

    def cut(self, status: Outcome, reason: str | None, *, kind: str = "") -> Iterator[Step]:
        """End it before its time."""
        yield from self._announce()
        if self._open_item is not None:
            yield from self._close_item(self._open_item, "incomplete")
        details: dict[str, Any] = {"type": status}
        if status == "failed":
            message = "The server had an error while processing your request."
            details["error"] = {"type": kind, "code": reason, "message": message}
        else:
            details["reason"] = reason
        self.record.reason = reason
        yield from self._end(status, details)

    def _announce(self) -> Iterator[Step]:
        if not self._announced:
            self._announced = True
            yield self._step("response.created", response=self._resource())

    @property
    def _open_item(self) -> Item | None:
        last = self._output[-1] if self._output else None
        return last if last is not None and last.status == "in_progress" else None

    def _speech(self) -> Iterator[Step]:
        for message in _shared_out(self._chunks, self.fault.messages):
            for chunk in message:
                if self._breaks_off():
                    return
                item = self._open_item
                if item is None:
                    item = Item(role="assistant", content="output_audio", status="in_progress")
                    yield from self._begin_item(item)
                yield from self._say(chunk, item)
            if self._open_item is not None:
                yield from self._close_item(self._open_item, "completed")

    def _breaks_off(self) -> bool:
        broken = self.fault.status is not None or self.fault.never_done
        return self._is_full() or (broken and self.record.spoken_seconds >= self.fault.after)

    def _is_full(self) -> bool:
        limit = self.request.max_output_tokens
        return limit != "inf" and self._output_tokens()["output_tokens"] >= limit

    def _begin_item(self, item: Item) -> Iterator[Step]:
        self._output.append(item)
        yield self._step("response.output_item.added", **self._place(), item=item.told())
        if not self.request.out_of_band:
            self._conversation.add(item)
            yield self._told_of_item("added", item)
        part = {"type": "audio", "transcript": ""}
        yield self._step("response.content_part.added", **self._place(item), part=part)

    def _say(self, part: Part, item: Item) -> Iterator[Step]:
        if part.text and not self._session_fault.wordless:
            item.text += part.text
            yield self._step("response.output_audio_transcript.delta", **self._place(item), delta=part.text)
        audio = np.zeros_like(part.audio) if self._session_fault.voiceless else part.audio
        item.audio = np.concatenate((item.audio, audio))
        self._last = base64.b64encode(self._encoded(audio)).decode()
        seconds = len(audio) / mulaw.SAMPLE_RATE
        self.record.spoken_seconds += seconds
        yield self._step("response.output_audio.delta", seconds, **self._place(item), delta=self._last)

    def _close_item(self, item: Item, status: Literal["completed", "incomplete"]) -> Iterator[Step]:
        item.status = status
        place = self._place(item)
        yield self._step("response.output_audio.done", **place)
        yield self._step("response.output_audio_transcript.done", **place, transcript=item.text)
        yield self._step("response.content_part.done", **place, part={"type": "audio", "transcript": item.text})
        yield self._step("response.output_item.done", **self._place(), item=item.told())
        if not self.request.out_of_band:
            yield self._told_of_item("done", item)

    def _end(self, status: Outcome, details: dict[str, Any] | None) -> Iterator[Step]:
        self.record.status = status
        if status != "failed" or self._output:
            self.record.usage = self._usage()
        yield self._step("response.done", response=self._resource(details))
        for _ in range(self.fault.late_deltas):
            item = self._output[-1] if self._output else Item(role="assistant", content="output_audio")
            yield self._step("response.output_audio.delta", **self._place(item), delta=self._last)

    def _told_of_item(self, what: str, item: Item) -> Step:
        previous = self._conversation.previous_id(item)
        return self._step(f"conversation.item.{what}", previous_item_id=previous, item=item.told())

    def _place(self, item: Item | None = None) -> dict[str, Any]:
        """Give the fields that say where in the response an event belongs."""
        place: dict[str, Any] = {"response_id": self.record.id, "output_index": max(len(self._output) - 1, 0)}
        return place if item is None else {**place, "item_id": item.id, "content_index": 0}

    def _resource(self, details: dict[str, Any] | None = None) -> dict[str, Any]:
        voice = self.request.audio["voice"]
        return {
            "object": "realtime.response",
            "id": self.record.id,
            "status": self.record.status,
            "status_details": details,
            "output": [item.told() for item in self._output],
            "conversation_id": None if self.request.out_of_band else self._conversation.id,
            "output_modalities": ["audio"],
            "max_output_tokens": self.request.max_output_tokens,
            "audio": {"output": {**self.request.audio, "voice": voice if isinstance(voice, str) else voice["id"]}},
            "usage": self.record.usage,
            "metadata": self.request.metadata,
        }

    def _usage(self) -> dict[str, Any]:
        """Bill the whole context and what was said of the answer. Nothing is ever cached here: the dearest case."""
        request = self.request
        heard = sum(_tokens(item.seconds * INPUT_TOKENS_PER_SECOND) for item in request.inputs if item.is_audio)
        read = sum(_text_tokens(item.text) for item in request.inputs if not item.is_audio)
        read += _text_tokens(request.instructions)
        output = self._output_tokens()
        cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": heard + read + output["output_tokens"],
            "input_tokens": heard + read,
            **output,
            "input_token_details": {
                "text_tokens": read,
                "audio_tokens": heard,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": cached,
            },
        }

    def _output_tokens(self) -> dict[str, Any]:
        spoken = sum(_tokens(item.seconds * OUTPUT_TOKENS_PER_SECOND) for item in self._output)
        written = sum(_text_tokens(item.text) for item in self._output)
        details = {"text_tokens": written, "audio_tokens": spoken}
        return {"output_tokens": spoken + written, "output_token_details": details}

    def _encoded(self, audio: Samples) -> bytes:
        if self.request.audio["format"]["type"] == "audio/pcmu":
            return mulaw.encode(audio)
        return self._upsampler.process(audio).astype("<i2").tobytes()

    def _step(self, kind: str, seconds: float = 0.0, **fields: object) -> Step:
        return Step(self._events.event(kind, **fields), seconds)


def _chunks(parts: Iterable[Part], longest: int) -> Iterator[Part]:
    for part in parts:
        for start in range(0, max(len(part.audio), 1), longest):
            yield Part(part.audio[start : start + longest], part.text if start == 0 else "")


def _shared_out(chunks: Sequence[Part], messages: int) -> Iterator[Sequence[Part]]:
    size = max(math.ceil(len(chunks) / messages), 1)
    for start in range(0, len(chunks), size):
        yield chunks[start : start + size]


def _tokens(amount: float) -> int:
    return math.ceil(round(amount, 6))


def _text_tokens(text: str) -> int:
    return _tokens(len(text) / CHARACTERS_PER_TOKEN)
