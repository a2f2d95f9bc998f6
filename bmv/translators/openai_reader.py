"""A voice for our own sentences: a conversational model of OpenAI's that is told to read them aloud.

The models that were made for reading end on 6 January 2027 (docs/openai.md, "Speech"). One that was made for talking
may answer, greet or rephrase, so what it says that it said is compared with what it was given.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

import aiohttp
import structlog

from bmv.audio.loudness import LARGEST_WIDE, LEVEL_DB, for_telephone
from bmv.call.speaker import SpeechFailed
from bmv.call.translator import TranslatorLost
from bmv.languages import Language
from bmv.metrics import Histogram
from bmv.translators import openai_reader_wire as wire
from bmv.translators.openai_errors import ErrorEvent, read
from bmv.translators.openai_realtime_wire import AudioDelta, Response, ResponseDone, SessionCreated
from bmv.translators.openai_service import Service
from bmv.translators.openai_socket import Endpoint, Line

log = structlog.get_logger()

FAMILY: Final = "gpt-realtime"
"""How the names of the models begin that read here; others are the speech endpoint's."""
SUCCESSOR: Final = "gpt-realtime-2.1-mini"
"""What OpenAI names to follow the models of its speech endpoint."""
REQUEST_SECONDS: Final = 20.0
"""For one sentence, both tries of it."""
TRIES: Final = 2

_MISSING_VOICES = frozenset({"fable", "onyx", "nova"})  # the speech endpoint has them, the realtime models do not
_USUAL_VOICE = "marin"  # recommended with cedar
_FORMAT = "pcm"


class _Reading(NamedTuple):
    audio: bytes
    words: str


class OpenAIReader:
    """A `Voice`. Without a key it only has its name, under which earlier recordings are found."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        service: Service,
        model: str,
        voice: str,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        """A `voice` that only the speech endpoint has becomes marin."""
        self._http = http
        self._url = f"{service.base_url}/realtime"
        self._headers = service.headers
        self._model = model
        self._voice = _USUAL_VOICE if voice in _MISSING_VOICES else voice
        self._request_seconds = request_seconds

    @property
    def model(self) -> str:
        """See `Voice.model`."""
        return self._model

    @property
    def name(self) -> str:
        """Who speaks, how, and how loud; see `Voice.name`."""
        return " ".join((self._url, self._model, self._voice, _FORMAT, f"{LEVEL_DB:g} dB", wire.MANNER))

    async def speak(self, text: str, language: Language) -> bytes:
        """Have it read, and once more if other words were said; see `Voice.speak`."""
        if not self._headers:
            raise SpeechFailed("there is no OpenAI key to have them spoken with", permanent=True)
        try:
            async with asyncio.timeout(self._request_seconds):
                pcm = await self._word_for_word(text, language)
        except TimeoutError as error:
            raise SpeechFailed(f"OpenAI read no sentence within {self._request_seconds:g} s") from error
        except TranslatorLost as lost:
            raise SpeechFailed(str(lost), permanent=lost.permanent, retry_after=lost.retry_after) from lost
        try:
            return for_telephone(pcm)
        except ValueError as error:
            raise SpeechFailed(f"what OpenAI sent is no spoken sentence: {error}") from error

    async def _word_for_word(self, text: str, language: Language) -> bytes:
        order = wire.encode_order(text, language, model=self._model, voice=self._voice)
        for _ in range(TRIES):
            reading = await self._read(order)
            if wire.same_words(reading.words, text):
                return reading.audio
        raise SpeechFailed(f"{self._model} did not say word for word what it was to read in {language.english}")

    async def _read(self, order: bytes) -> _Reading:
        """Ask once, in a session of its own: nothing that was said before can be answered, and nothing runs yet."""
        endpoint = Endpoint(self._http, url=self._url, headers=self._headers, model=self._model)
        async with endpoint.connect(Histogram(), _until_created) as line:
            await line.send(order)
            return await _collect(line)


async def _until_created(line: Line) -> None:
    async for message in line.messages():
        match read(wire.decode, message):
            case SessionCreated():
                return
            case ErrorEvent() as event:
                raise _refused(line, event)
    raise line.lost(None)


async def _collect(line: Line) -> _Reading:
    """Gather what is said until the response is done."""
    audio = bytearray()
    words: list[str] = []
    async for message in line.messages():
        match read(wire.decode, message):
            case AudioDelta(_, piece):
                audio += piece
                if len(audio) > LARGEST_WIDE:
                    raise SpeechFailed(f"OpenAI sent more than {LARGEST_WIDE} bytes for one sentence")
            case wire.TranscriptDone(transcript):
                words.append(transcript)
            case ResponseDone(response):
                _check(line, response)
                return _Reading(bytes(audio), " ".join(words))
            case ErrorEvent() as event:
                raise _refused(line, event)
    raise line.lost(None)


def _check(line: Line, response: Response) -> None:
    if response.status == "completed":
        return
    log.warning("response_failed", status=str(response))
    if response.error:
        raise line.failed(response.error)
    raise SpeechFailed(f"OpenAI did not read to the end ({response.status})")


def _refused(line: Line, event: ErrorEvent) -> TranslatorLost:
    """All we say is the order, so an error is about that, and the same order would be refused again."""
    log.warning("voice_refused", error=str(event))
    return line.failed(event.error, configuring=True)
