"""OpenAI's speech endpoint: text in, a whole recording out, made fit for a telephone.

Source: `audio.speech` in OpenAI's Python package. What is sure about it and what is not is in docs/openai.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import aiohttp

from bmv.audio.loudness import LARGEST_WIDE, LEVEL_DB, for_telephone
from bmv.call.speaker import SpeechFailed, VoiceGone
from bmv.languages import Language

REQUEST_SECONDS: Final = 20.0

_MANNER = "Speak {language}, calm, clear and friendly, at a brisk pace, like an announcement on the telephone."
_UNTAUGHT = "tts-1"  # models whose names begin so take no instructions
_FORMAT = "pcm"
_LARGEST_ERROR = 65_536

_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_PERMANENT = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_NO_MODEL = "model_not_found"


class OpenAISpeech:
    """The `Voice` of OpenAI. Without a key it only has its name, under which earlier recordings are found."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        headers: Mapping[str, str],
        model: str,
        voice: str,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        """`url` like `https://api.openai.com/v1/audio/speech`; `headers` prove who we are, none without a key."""
        self._http = http
        self._url = url
        self._headers = headers
        self._model = model
        self._voice = voice
        self._request_seconds = request_seconds

    @property
    def model(self) -> str:
        """See `Voice.model`."""
        return self._model

    @property
    def name(self) -> str:
        """Who speaks, how, and how loud; see `Voice.name`."""
        return " ".join((self._url, self._model, self._voice, _FORMAT, f"{LEVEL_DB:g} dB", _MANNER))

    async def speak(self, text: str, language: Language) -> bytes:
        """Ask once, without a second try; see `Voice.speak`."""
        if not self._headers:
            raise SpeechFailed("there is no OpenAI key to have them spoken with", permanent=True)
        try:
            async with (
                asyncio.timeout(self._request_seconds),
                self._http.post(
                    self._url,
                    json=self._order(text, language),
                    headers=self._headers,
                    allow_redirects=False,
                ) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raise _refusal(response, await _read(response, _LARGEST_ERROR))
                pcm = await _read(response, LARGEST_WIDE)
        except TimeoutError as error:
            raise SpeechFailed(f"OpenAI made no speech within {self._request_seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise SpeechFailed(f"OpenAI cannot be reached: {error}") from error
        try:
            return for_telephone(pcm)
        except ValueError as error:
            raise SpeechFailed(f"what OpenAI sent is no spoken sentence: {error}") from error

    def _order(self, text: str, language: Language) -> dict[str, str]:
        order = {"model": self._model, "voice": self._voice, "input": text, "response_format": _FORMAT}
        if not self._model.startswith(_UNTAUGHT):
            order["instructions"] = _MANNER.format(language=language.english)
        return order


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read a body to its end, however it is cut into pieces. `SpeechFailed` if it is larger than `most`."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > most:
            raise SpeechFailed(f"OpenAI sent more than {most} bytes for one sentence")
    return bytes(body)


def _refusal(response: aiohttp.ClientResponse, body: bytes) -> SpeechFailed:
    """Say what was refused by status and code: the words of the answer may repeat a part of the key."""
    try:
        error = json.loads(body)["error"]
        code = str(error.get("code") or error.get("type"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        code = "no reason given"
    message = f"OpenAI refused to speak with HTTP {response.status} ({code})"
    if response.status in _GONE or code == _NO_MODEL:
        return VoiceGone(message)
    wait = response.headers.get("Retry-After", "")
    return SpeechFailed(
        message,
        permanent=response.status in _PERMANENT,
        retry_after=float(wait) if wait.isdecimal() else None,
    )
