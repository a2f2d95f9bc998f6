"""What OpenAI, or whoever stands in its place, may send: the decoders, and sessions fed with events in any order."""

from __future__ import annotations

import asyncio
import base64
import math
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, cast

from aiohttp import WSMessage, WSMsgType
from hostile import Target, lines, loop, messages
from hypothesis import strategies as st

from bmv.audio.mulaw import SILENCE
from bmv.call.speaker import SpeechFailed
from bmv.call.translator import AudioTranslated, Processed, Translator, TranslatorLost
from bmv.errors import ProtocolError
from bmv.metrics import Histogram, LastProblem
from bmv.translators import (
    openai_errors,
    openai_interpreter,
    openai_reader,
    openai_reader_wire,
    openai_realtime_commands,
    openai_realtime_wire,
    openai_translate,
    openai_wire,
)
from bmv.translators.openai_account import Account
from bmv.translators.openai_interpreter import OpenAIInterpreter
from bmv.translators.openai_socket import Line

MOST_MESSAGES = 300
WANTED = openai_realtime_commands.Configuration(
    model="gpt-realtime-2.1", voice="marin", instructions="", transcription="gpt-transcribe", languages=("es", "en")
)
VOICE = b"\x15\x95" * (len(SILENCE) // 2)


class Script:
    """A socket that says one line after the other; some lines are no messages but what happens meanwhile.

    `~30` feeds 30 frames, voiced where the number is odd; `@5` puts the clock on by 5 s; `!` is the end of the speech.
    """

    def __init__(self, text: bytes) -> None:
        self._lines = deque(text.split(b"\n")[:MOST_MESSAGES])
        self.fed = 0
        self.translator: Translator | None = None

    async def receive(self) -> WSMessage:
        while True:
            await asyncio.sleep(0)
            if not self._lines:
                return WSMessage(WSMsgType.CLOSE, 1000, "")
            line = self._lines.popleft()
            if not self._happens(line):
                return WSMessage(WSMsgType.TEXT, line, None)

    def _happens(self, line: bytes) -> bool:
        number = int(line[1:4]) if line[1:4].isdigit() else 0
        match line[:1]:
            case b"~" if self.translator:
                for _ in range(number % 400):
                    self.translator.feed(VOICE if number % 2 else SILENCE, voiced=bool(number % 2))
                    self.fed += 1
            case b"@":
                loop().leapt += number % 60
            case b"!" if self.translator:
                self.translator.finish()
            case _:
                return line[:1] in (b"~", b"!")
        return True

    async def send_frame(self, message: bytes, kind: WSMsgType) -> None:
        assert kind is WSMsgType.TEXT
        assert len(message) < 2**20

    async def close(self) -> None: ...


def _line(script: Script) -> Line:
    return Line(cast(Any, script), uplink=Histogram(), problem=LastProblem())


async def _live(script: Script, translator: Translator) -> None:
    """Hear a session out: it may be lost, and nothing else may go wrong."""
    script.translator = translator
    covered = 0
    with suppress(TranslatorLost):
        async for event in translator.events():
            match event:
                case Processed(frames):
                    assert covered <= frames <= script.fed, "more frames are done with than were fed"
                    covered = frames
                case AudioTranslated(audio):
                    assert isinstance(audio, bytes)
    usage = translator.usage
    assert all(math.isfinite(each) and each >= 0 for each in (*usage.amounts.values(), usage.known)), usage


async def _translate(script: Script) -> None:
    line = _line(script)
    await _live(script, openai_translate.OpenAITranslator(line, billed=None, problem=LastProblem(), renew_in=3000))


async def _interpret(script: Script) -> None:
    line = _line(script)
    account = Account(WANTED.model, transcription=WANTED.transcription)
    problem = LastProblem()
    await _live(script, OpenAIInterpreter(line, WANTED, account=account, problem=problem, renew_in=3000))


async def _read(script: Script) -> None:
    with suppress(TranslatorLost, SpeechFailed):
        await openai_reader._collect(_line(script))


async def _configure(script: Script) -> None:
    with suppress(TranslatorLost):
        await openai_translate._configure(_line(script), language="es", transcription=None)
    with suppress(TranslatorLost):
        await openai_interpreter._configure(_line(script), wanted=WANTED)


def _played(session: Callable[[Script], Coroutine[Any, Any, None]], text: bytes) -> None:
    loop().run_until_complete(session(Script(text)))


def _decoded(data: bytes) -> None:
    for decode in (openai_wire.decode, openai_realtime_wire.decode, openai_reader_wire.decode):
        with suppress(ProtocolError):
            decode(data)


def _refused(data: bytes) -> None:
    """The body of an answer that refuses, its `Retry-After`, and the words of a close: a line each."""
    header, _, body = data.partition(b"\n")
    words = header.decode("utf-8", "replace")
    error = openai_errors.read_body(body)
    for lost in (
        openai_errors.refused(429, error, {"Retry-After": words}, now=1.8e9),
        openai_errors.closed(len(data), words, error),
        openai_errors.reported(error or openai_errors.ErrorDetail(), configuring=bool(len(data) % 2)),
    ):
        assert str(lost).isprintable(), str(lost)
        assert len(str(lost)) < 400, str(lost)
        assert lost.retry_after is None or 0 <= lost.retry_after < math.inf


# -- real messages ----------------------------------------------------------------------------------------------------

AUDIO = base64.b64encode(bytes(range(256)) * 3).decode()
ERROR = {"type": "invalid_request_error", "code": "bad", "message": "No.", "param": "x", "event_id": "1.1"}
TRANSLATING: list[dict[str, Any]] = [
    {"type": "session.created", "session": {"id": "s", "expires_at": 1.8e9, "audio": {"output": {"language": "es"}}}},
    {"type": "session.updated", "session": {"audio": {"output": {"language": "es"}}}},
    {"type": "session.input_transcript.delta", "delta": "Hola ", "elapsed_ms": 200},
    {"type": "session.output_transcript.delta", "delta": "Hello ", "elapsed_ms": 200},
    {"type": "session.output_audio.delta", "delta": AUDIO, "sample_rate": 24000, "channels": 1, "format": "pcm16"},
    {"type": "session.closed"},
    {"type": "error", "error": ERROR},
    {"type": "error", "error": {"type": "server_error", "code": "session_expired"}},
]
PCMU = {"format": {"type": "audio/pcmu"}}
VAD = {"type": "server_vad", "create_response": False, "interrupt_response": False}
USAGE = {
    "total_tokens": 30,
    "input_token_details": {"audio_tokens": 20, "text_tokens": 5, "cached_tokens_details": {"audio_tokens": 3}},
    "output_token_details": {"audio_tokens": 9, "text_tokens": 1},
}
ITEMS, ANSWERS = ("item_a", "item_b"), ("resp_1", "resp_2")


def _response(answer: str, status: str, label: str) -> dict[str, Any]:
    error = {"error": ERROR, "reason": "x"} if status == "failed" else None
    metadata = {"turn": label, "attempt": "1"}
    return {"id": answer, "status": status, "status_details": error, "metadata": metadata, "usage": USAGE}


INTERPRETING: list[dict[str, Any]] = [
    {"type": "session.created", "session": {"expires_at": 1.8e9}},
    {"type": "session.updated", "session": {"audio": {"input": PCMU | {"turn_detection": VAD}, "output": PCMU}}},
    *({"type": "input_audio_buffer.speech_started", "audio_start_ms": 400, "item_id": each} for each in ITEMS),
    *({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1800, "item_id": each} for each in ITEMS),
    *({"type": "input_audio_buffer.committed", "item_id": each, "previous_item_id": None} for each in ITEMS),
    {"type": "conversation.item.input_audio_transcription.delta", "item_id": "item_a", "delta": "Hola"},
    {"type": "conversation.item.input_audio_transcription.failed", "item_id": "item_b"},
    {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_a",
        "transcript": "Hola",
        "usage": {"type": "duration", "seconds": 2},
    },
    *({"type": "response.created", "response": _response(each, "in_progress", "1")} for each in ANSWERS),
    *({"type": "response.output_audio.delta", "response_id": each, "delta": AUDIO} for each in ANSWERS),
    {"type": "response.output_audio_transcript.delta", "response_id": "resp_1", "delta": "Hello"},
    {"type": "response.output_audio_transcript.done", "response_id": "resp_1", "transcript": "Hello"},
    {"type": "response.output_text.delta", "response_id": "resp_1", "delta": "Hello"},
    *(
        {"type": "response.done", "response": _response(answer, status, label)}
        for answer, status, label in (
            ("resp_1", "completed", "1"),
            ("resp_2", "failed", "1"),
            ("resp_1", "cancelled", "2"),
            ("resp_2", "completed", "2"),
        )
    ),
    {"type": "error", "error": ERROR},
    {"type": "error", "error": ERROR | {"event_id": "sign-1"}},
    {"type": "error", "error": ERROR | {"code": "conversation_already_has_active_response"}},
    {"type": "error", "error": ERROR | {"code": "input_audio_buffer_commit_empty", "event_id": None}},
    {"type": "error", "error": {"type": "server_error", "code": "rate_limit_exceeded"}},
]

happenings = st.sampled_from([b"~25", b"~10", b"~99", b"~200", b"~399", b"@1", b"@3", b"@6", b"@20", b"!"])


def _talk(shapes: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    return lines(messages(shapes) | messages(shapes) | happenings)


WIRE, SESSION = "bmv.translators.openai_wire", "bmv.translators.openai_translate"
TARGETS = (
    Target(
        "openai-messages",
        _decoded,
        messages(TRANSLATING + INTERPRETING) | st.binary(max_size=60),
        (WIRE, "bmv.translators.openai_realtime_wire", "bmv.translators.openai_reader_wire", "bmv.wire"),
    ),
    Target("openai-translate", partial(_played, _translate), _talk(TRANSLATING), (SESSION, "bmv.translators.coverage")),
    Target(
        "openai-interpreter",
        partial(_played, _interpret),
        _talk(INTERPRETING),
        tuple(f"bmv.translators.{each}" for each in ("openai_interpreter", "turns", "hearing", "openai_texts")),
    ),
    Target("openai-reader", partial(_played, _read), _talk(INTERPRETING), ("bmv.translators.openai_reader",)),
    Target("openai-setup", partial(_played, _configure), _talk(TRANSLATING + INTERPRETING), (SESSION,)),
    Target(
        "openai-refusal",
        _refused,
        st.builds(lambda words, body: words + b"\n" + body, st.binary(max_size=40), messages([{"error": ERROR}])),
        ("bmv.translators.openai_errors",),
    ),
)
