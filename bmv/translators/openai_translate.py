"""OpenAI's continuous translator, `gpt-realtime-translate`: one WebSocket session for one direction of a call.

It has no turns. It wants audio all the time, silence too, as 24 kHz PCM16, and speaks all the time, silence too.
Messages: `openai_wire`; the socket: `openai_socket`; what it has dealt with: `coverage`. The playout drops the silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import structlog

from bmv.audio import mulaw
from bmv.audio.levels import SILENCE_PEAK, is_silent
from bmv.audio.resample import Downsampler, Upsampler
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    Captioned,
    CaptionKind,
    Expiring,
    Hear,
    LanguagePair,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.call.usage import Usage
from bmv.languages import Language
from bmv.metrics import Histogram, LastProblem
from bmv.translators import openai_wire as wire
from bmv.translators.batch import Batch
from bmv.translators.coverage import Coverage
from bmv.translators.openai_errors import ErrorDetail, ErrorEvent, Severity, classify, read
from bmv.translators.openai_outlet import Outlet
from bmv.translators.openai_service import Service
from bmv.translators.openai_socket import OPEN_SECONDS, Endpoint, Line, renew_after
from bmv.translators.prices import minutes_price

log = structlog.get_logger()

BATCH_BYTES = round(wire.MODEL_FRAME_SECONDS * mulaw.SAMPLE_RATE)  # the model's own frame: larger gains nothing
CLOSED_IN_ORDER = (1000, 1005)  # with a goodbye; 1005 is one without a code


class OpenAITranslator:
    """One open, configured session. Made by `OpenAITranslateFactory.open`."""

    def __init__(self, line: Line, *, billed: str | None, problem: LastProblem, renew_in: float) -> None:
        """`billed` is the model's name in the price list, None for one that has no price there; `renew_in` seconds from
        now the session says that it is expiring."""
        self._line = line
        self._billed = billed
        self._problem = problem
        self._clock = asyncio.get_running_loop().time
        self._renew_at: float | None = self._clock() + renew_in
        self._up = Upsampler()
        self._down = Downsampler()
        self._coverage = Coverage()
        self._last_error: ErrorDetail | None = None
        self._finished = False
        self._still_at: float | None = None
        self._samples_sent = 0
        self._samples_received = 0
        self._outlet = Outlet(line, take=self._take, closed=self._closed, look=self._look)
        self._batch = Batch(BATCH_BYTES, self._send)
        self._ready = self._outlet.ready

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        """Collect frames to the model's own 200 ms, then convert and queue them as one message."""
        if self._finished:
            return
        self._coverage.feed(len(sound) // mulaw.FRAME_BYTES, voiced=voiced)
        self._batch.add(sound)

    def finish(self) -> None:
        """Send what is collected and ask the server to say what is left."""
        if not self._finished:
            self._batch.flush()
            self._finished = True
            self._coverage.finish()
            self._line.post(wire.encode_close(), audio=False)
            if (seconds := self._coverage.still_for) is not None:  # closing may take longer than anybody waits for
                self._still_at = self._clock() + seconds
                self._outlet.look_by(self._still_at)

    def events(self) -> AsyncIterator[TranslatorEvent]:
        """What is translated, and what that covers, until the server closed in order; see `Translator.events`."""
        return self._outlet.events()

    async def tell(self, hear: Hear) -> None:
        """See `Telling.tell`."""
        await self._outlet.tell(hear)

    @property
    def usage(self) -> Usage:
        """Seconds of audio queued for sending, silence included, and received; their price by the minutes sent.

        Whether the transcript of the original is paid for on top is not documented, so it is not in the price.
        """
        sent = self._samples_sent / wire.SAMPLE_RATE
        received = self._samples_received / wire.SAMPLE_RATE
        amounts = {"audio_seconds_sent": sent, "audio_seconds_received": received}
        return Usage(amounts, minutes_price(self._billed, sent))

    def _take(self, message: bytes) -> None:
        match read(wire.decode, message):
            case wire.OutputAudioDelta() as delta:
                self._problem.solved()
                audio = self._receive(delta)
                voiced = not is_silent(audio)
                if voiced:
                    self._still_at = None
                self._ready.append(AudioTranslated(audio, self._clock()))
                self._ready.extend(self._coverage.heard(voiced=voiced))
            case wire.InputTranscriptDelta(delta):
                self._ready.append(Captioned(CaptionKind.ORIGINAL, delta))
            case wire.OutputTranscriptDelta(delta):
                self._ready.append(Captioned(CaptionKind.TRANSLATION, delta))
            case ErrorEvent(error):  # no sign of life: a session may answer everything with one
                self._complain(error)
            case wire.SessionClosed():
                self._end(said_so=True)
                return
            case _:
                self._ready.append(Alive())
        if self._renew_at is not None and self._clock() >= self._renew_at:
            self._renew_at = None
            self._ready.append(Expiring())

    def _look(self) -> None:
        if self._still_at is None:
            return
        if self._clock() < self._still_at:
            self._outlet.look_by(self._still_at)
        else:
            self._still_at = None
            self._ready.extend(self._coverage.still())

    def _closed(self) -> None:
        self._end(said_so=False)

    def _end(self, *, said_so: bool) -> None:
        if not self._line.left:  # while we were listening: nobody wants the rest, and nothing is known of it
            self._check_end(said_so=said_so)
            self._ready.extend(self._coverage.end())
        self._outlet.over = True

    def _check_end(self, *, said_so: bool) -> None:
        if not said_so and not (self._finished and self._line.close_code in CLOSED_IN_ORDER):
            raise self._line.lost(self._last_error)
        if not self._finished:
            raise TranslatorLost("OpenAI ended the session")

    def _complain(self, error: ErrorDetail) -> None:
        log.warning("translator_error", error=str(error))
        if classify(error) is not Severity.BENIGN:
            raise self._line.failed(error)
        self._last_error = error

    def _send(self, sound: bytes) -> None:
        pcm = self._up.process(mulaw.decode(sound))
        self._samples_sent += len(pcm)
        if not self._line.post(wire.encode_append(pcm.astype("<i2", copy=False).tobytes()), audio=True):
            self._outlet.fail(TranslatorLost("OpenAI takes audio more slowly than it is spoken"))

    def _receive(self, delta: wire.OutputAudioDelta) -> bytes:
        if not delta.is_playable:
            found = f"{delta.format} at {delta.sample_rate} Hz, {delta.channels} channels"
            raise TranslatorLost(f"OpenAI sent audio as {found}; only 24 kHz mono pcm16 can be played")
        self._samples_received += len(delta.delta) // wire.SAMPLE_BYTES
        return self._down.to_ulaw(delta.delta, floor=SILENCE_PEAK)


class OpenAITranslateFactory:
    """Opens translation sessions; one for the process, sharing one HTTP client session."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        service: Service,
        model: str,
        captions: bool,
        open_seconds: float = OPEN_SECONDS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`captions` asks for a transcript of the original too.

        `wall_clock` tells Unix time, in which the server says when a session ends.
        """
        url = f"{service.base_url}/realtime/translations"
        self._endpoint = Endpoint(http, url=url, headers=service.headers, model=model, open_seconds=open_seconds)
        self._model = model
        self._billed = service.billed(model)
        self._transcription = (service.transcription_model or wire.TRANSCRIPTION_MODEL) if captions else None
        self._wall_clock = wall_clock

    @property
    def problem(self) -> str | None:
        """Why the last session could not be opened; see `TranslatorFactory.problem`."""
        return self._endpoint.problem.text

    def can_speak(self, language: Language) -> bool:
        """Whether the language is among the thirteen that the model is documented to speak."""
        return language.continuous_target

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:
        """A session whose configuration the server has confirmed; see `TranslatorFactory.open`."""
        if not self.can_speak(pair.target):
            raise TranslatorLost(f"{self._model} cannot speak {pair.target.english}", permanent=True)
        configure = partial(_configure, language=pair.target.tag, transcription=self._transcription)
        async with self._endpoint.connect(uplink, configure) as line:
            yield OpenAITranslator(
                line,
                billed=self._billed,
                problem=self._endpoint.problem,
                renew_in=renew_after(line.expires_at, now=self._wall_clock()),
            )


async def _configure(line: Line, *, language: str, transcription: str | None) -> float | None:
    """Send the update, believe it only when the echo names that language, and give when the session will expire."""
    await line.send(wire.encode_update(language=language, transcription=transcription))
    expires_at: float | None = None
    async for message in line.messages():
        match read(wire.decode, message):
            case wire.SessionCreated(session):
                expires_at = session.expires_at
            case wire.SessionUpdated(session):
                if session.language != language:
                    raise TranslatorLost(f"asked OpenAI for {language}, the session speaks {session.language}")
                return session.expires_at or expires_at
            case ErrorEvent(error):
                log.warning("translator_error", error=str(error))
                raise line.failed(error, configuring=True)
    raise line.lost(None)
