"""What a turn-based session has used, as the service itself counts it, and what that costs."""

from __future__ import annotations

from dataclasses import asdict

from bmv.call.usage import Usage
from bmv.translators import openai_realtime_wire as wire
from bmv.translators.openai_realtime_commands import TRANSCRIPTION_MODEL
from bmv.translators.prices import Tokens, minutes_price, tokens_price


class Account:
    """Adds up what responses and transcripts are billed for."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._tokens = Tokens()
        self._transcribed = 0.0
        self._unknown = False

    def respond(self, response: wire.Response) -> None:
        """Count a response that ended, well or not."""
        if response.usage is not None:
            self._tokens += response.usage.tokens
        elif response.status == "completed":
            self._unknown = True

    def transcribe(self, usage: wire.TranscriptUsage | None) -> None:
        """Count a transcript; one that is not billed by the second has no price that we know."""
        if usage is None or usage.seconds is None:
            self._unknown = True
        else:
            self._transcribed += usage.seconds

    @property
    def usage(self) -> Usage:
        """All of it, and its price if all of it has one."""
        tokens = {kind.replace("_", "_tokens_"): amount for kind, amount in asdict(self._tokens).items()}
        spoken = tokens_price(self._model, self._tokens)
        written = minutes_price(TRANSCRIPTION_MODEL, self._transcribed)
        usd = None if self._unknown or spoken is None or written is None else spoken + written
        return Usage(tokens | {"transcribed_seconds": self._transcribed}, usd)
