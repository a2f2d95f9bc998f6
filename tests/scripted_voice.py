"""A voice for our own sentences that does what a test tells it."""

from __future__ import annotations

from collections.abc import Mapping

from bmv.audio import mulaw
from bmv.call.speaker import SpeechFailed, VoiceGone
from bmv.languages import Language

GONE = VoiceGone("no such model")


class Script:
    """A voice that says what a test tells it: a failure, or the number of the sentence."""

    def __init__(
        self,
        failures: Mapping[str, list[SpeechFailed]] = {},
        *,
        always: SpeechFailed | None = None,
        name: str = "a voice",
    ) -> None:
        self.name = self.model = name
        self.failures = {text: list(each) for text, each in failures.items()}
        self.always = always
        self.asked: list[str] = []

    async def speak(self, text: str, language: Language) -> bytes:
        self.asked.append(text)
        if self.always:
            raise self.always
        if self.failures.get(text):
            raise self.failures[text].pop(0)
        return bytes([len(self.asked)]) * mulaw.FRAME_BYTES
