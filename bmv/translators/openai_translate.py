"""OpenAI's continuous translator, `gpt-realtime-translate`: one WebSocket session for one direction of a call.

It has no turns. It wants audio all the time, silence too, as 24 kHz PCM16, and speaks all the time, silence too.
Messages: `openai_wire`. The playout drops the silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import structlog

from bmv.audio import mulaw
from bmv.audio.resample import Downsampler, Upsampler
from bmv.call.alongside import alongside
from bmv.call.translator import (
    AudioTranslated,
    Captioned,
    CaptionKind,
    LanguagePair,
    PairUnsupported,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.errors import ProtocolError
from bmv.metrics import Histogram, LastProblem
from bmv.translators import openai_wire as wire

log = structlog.get_logger()

OPEN_SECONDS = 5.0  # connecting takes 1.0-1.7 s and the update 0.2 s where it was measured
SEND_SECONDS = 5.0  # a socket that takes nothing for this long is dead
CLOSE_SECONDS = 1.0  # for the closing handshake; the call is over, nobody waits for it
HEARTBEAT_SECONDS = 20.0
BATCH_BYTES = round(wire.MODEL_FRAME_SECONDS * mulaw.SAMPLE_RATE)  # the model's own frame: larger gains nothing
OUTBOX_MESSAGES = 200  # 40 s of audio: more than what may wait for a session to open
MAX_MESSAGE_BYTES = 16 * 2**20  # a legal event has up to 15 MiB

REFUSALS = {
    400: "the request is not valid for this address: check OPENAI_BASE_URL and OPENAI_TRANSLATE_MODEL",
    401: "the key is wrong, revoked or missing: check OPENAI_API_KEY",
    403: "the key's project may not use this model, or the country is not supported",
    404: "no such model or address: check OPENAI_TRANSLATE_MODEL and OPENAI_BASE_URL",
    429: "too many sessions, or no credit left: check limits and billing",
}


async def _server_events(ws: aiohttp.ClientWebSocketResponse[bool]) -> AsyncIterator[wire.ServerEvent | None]:
    """What the server sends until the socket closes; None for an event this was not written for."""
    async for message in ws:
        if message.type is not aiohttp.WSMsgType.TEXT:
            return
        try:
            yield wire.decode(message.data)
        except ProtocolError as error:
            raise TranslatorLost(str(error)) from error


class OpenAITranslator:
    """One open, configured session. Made by `OpenAITranslateFactory.open`."""

    def __init__(
        self,
        ws: aiohttp.ClientWebSocketResponse[bool],
        *,
        uplink: Histogram,
        clock: Callable[[], float],
        problem: LastProblem,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._ws = ws
        self._send_seconds = send_seconds
        self._uplink = uplink
        self._problem = problem
        self._clock = clock
        self._up = Upsampler()
        self._down = Downsampler()
        self._batch = bytearray()
        self._outbox: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue(OUTBOX_MESSAGES)
        self._finished = False

    def feed(self, frame: bytes) -> None:
        """Collect frames to the model's own 200 ms, then convert and queue them as one message."""
        if self._finished:
            return
        self._batch += frame
        if len(self._batch) >= BATCH_BYTES:
            self._flush()

    def finish(self) -> None:
        """Send what is collected and ask the server to say what is left."""
        if not self._finished:
            if self._batch:
                self._flush()
            self._finished = True
            self._post(wire.encode_close())

    async def events(self) -> AsyncIterator[TranslatorEvent]:
        """Translated audio and captions until the server closed in order; see `Translator.events`."""
        why = ""
        async for event in _server_events(self._ws):
            match event:
                case wire.OutputAudioDelta():
                    self._problem.solved()
                    yield AudioTranslated(self._receive(event), self._clock())
                case wire.InputTranscriptDelta(delta):
                    yield Captioned(CaptionKind.ORIGINAL, delta)
                case wire.OutputTranscriptDelta(delta):
                    yield Captioned(CaptionKind.TRANSLATION, delta)
                case wire.SessionClosed():
                    return
                case wire.ErrorEvent():  # most leave the session open; one that does not is followed by the close
                    log.warning("translator_error", error=str(event))
                    why = f" after the error {event.error.code}"
                    self._problem.note(f"OpenAI reported the error {event.error.code}: see the log")
        if not self._finished:
            raise TranslatorLost(f"OpenAI closed the connection (code {self._ws.close_code}){why}")

    async def send(self) -> None:
        """Send what is queued, until cancelled or the socket fails; the failure shows in `events`."""
        try:
            while True:
                message, queued_at = await self._outbox.get()
                async with asyncio.timeout(self._send_seconds):
                    await self._ws.send_frame(message, aiohttp.WSMsgType.TEXT)
                self._uplink.add(self._clock() - queued_at)
        except (aiohttp.ClientError, ConnectionError):
            return
        except TimeoutError:
            log.warning("translator_takes_no_audio", seconds=self._send_seconds)
            await self._ws.close()

    def _flush(self) -> None:
        pcm = self._up.process(mulaw.decode(bytes(self._batch)))
        self._batch.clear()
        self._post(wire.encode_append(pcm.astype("<i2", copy=False).tobytes()))

    def _post(self, message: bytes) -> None:
        if self._outbox.full():
            self._outbox.get_nowait()
            log.warning("translator_audio_dropped", milliseconds=round(wire.MODEL_FRAME_SECONDS * 1000))
        self._outbox.put_nowait((message, self._clock()))

    def _receive(self, delta: wire.OutputAudioDelta) -> bytes:
        if not delta.is_playable:
            found = f"{delta.format} at {delta.sample_rate} Hz, {delta.channels} channels"
            raise TranslatorLost(f"OpenAI sent audio as {found}; only 24 kHz mono pcm16 can be played")
        return mulaw.encode(self._down.process(delta.delta))


class OpenAITranslateFactory:
    """Opens translation sessions; one for the process, sharing one HTTP client session."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        base_url: str,
        api_key: str,
        model: str,
        captions: bool,
        open_seconds: float = OPEN_SECONDS,
    ) -> None:
        """`base_url` like `https://api.openai.com/v1`; `captions` asks for a transcript of the original too."""
        self._http = http
        self._url = f"{base_url}/realtime/translations"
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._model = model
        self._captions = captions
        self._open_seconds = open_seconds
        self._problem = LastProblem()

    @property
    def problem(self) -> str | None:
        """Why the last session could not be opened; see `TranslatorFactory.problem`."""
        return self._problem.text

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:
        """A session whose configuration the server has confirmed; see `TranslatorFactory.open`."""
        if not pair.target.continuous_target:
            raise PairUnsupported(f"{self._model} cannot speak {pair.target.english}")
        try:
            ws = await self._connect(pair)
        except TranslatorLost as error:
            self._problem.note(str(error))
            raise
        clock = asyncio.get_running_loop().time
        translator = OpenAITranslator(ws, uplink=uplink, clock=clock, problem=self._problem)
        try:
            async with alongside(translator.send()):
                yield translator
        finally:
            await ws.close()

    async def _connect(self, pair: LanguagePair) -> aiohttp.ClientWebSocketResponse[bool]:
        try:
            async with asyncio.timeout(self._open_seconds):
                ws = await self._http.ws_connect(
                    self._url,
                    params={"model": self._model},
                    headers=self._headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                    heartbeat=HEARTBEAT_SECONDS,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    decode_text=False,
                )
                try:
                    await self._configure(ws, pair)
                except BaseException:
                    await ws.close()
                    raise
                return ws
        except aiohttp.WSServerHandshakeError as error:
            why = REFUSALS.get(error.status, "see the provider's status page")
            raise TranslatorLost(f"OpenAI refused the session with HTTP {error.status}: {why}") from error
        except aiohttp.ClientError as error:
            raise TranslatorLost(f"OpenAI cannot be reached: {error}") from error
        except TimeoutError as error:
            raise TranslatorLost(f"OpenAI did not open a session within {self._open_seconds:g} s") from error

    async def _configure(self, ws: aiohttp.ClientWebSocketResponse[bool], pair: LanguagePair) -> None:
        """Send the update, and believe it only when the server's echo names the language we asked for."""
        language = pair.target.tag
        await ws.send_frame(wire.encode_update(language=language, transcribe=self._captions), aiohttp.WSMsgType.TEXT)
        async for event in _server_events(ws):
            match event:
                case wire.SessionUpdated(session):
                    if session.language != language:
                        raise TranslatorLost(f"asked OpenAI for {language}, the session speaks {session.language}")
                    return
                case wire.ErrorEvent():
                    log.warning("translator_error", error=str(event))
                    raise TranslatorLost(f"OpenAI refused the configuration ({event.error.code}): see the log")
        raise TranslatorLost(f"OpenAI closed the connection before the session was ready (code {ws.close_code})")
