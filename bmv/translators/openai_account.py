"""What a turn-based session has used, as the service itself counts it, and what that costs."""

from __future__ import annotations

from dataclasses import asdict

from bmv.call.usage import Usage
from bmv.translators import openai_realtime_wire as wire
from bmv.translators.openai_socket import SESSION_SECONDS
from bmv.translators.prices import Tokens, minutes_price, tokens_price
from bmv.translators.recent import Recent
from bmv.translators.turns import Label


class Account:
    """Adds up what responses and transcripts are billed for.

    There is a price while nothing is open: no response that was asked for or runs, no transcript that is still to
    come. For what is open will be billed, too, and nobody has said how much.
    """

    def __init__(self, model: str | None, *, transcription: str | None) -> None:
        """Both names are those of the price list: `model` None for one whose price is not known, `transcription` is
        what transcribes what is said, None for nothing."""
        self._model = model
        self._transcription = transcription
        self._tokens = Tokens()
        self._transcribed = 0.0
        self._unknown = False
        self._asked: dict[Label, None] = {}  # without a response so far, oldest first
        self._running = Recent()
        self._unwritten = Recent()  # items that are committed and have no text yet
        self._written = Recent()

    def asked(self, label: Label) -> None:
        """A response was asked for."""
        self._asked[label] = None

    def refused(self, label: Label | None) -> None:
        """There will be no response to what was asked for as `label`; without one, to what was asked for last."""
        if label is not None:
            self._asked.pop(label, None)
        elif self._asked:
            self._asked.popitem()

    def take(self, event: wire.ServerEvent | None) -> None:
        """Count what the service says, as far as it is about money."""
        match event:
            case wire.ResponseCreated(response):
                self.refused(response.label)  # it is no longer only asked for
                self._running.add(response.id)
            case wire.ResponseDone(response):
                self._respond(response)
            case wire.Committed(item_id):
                if item_id not in self._written:
                    self._unwritten.add(item_id)
            case wire.InputTranscriptCompleted(item_id, _, usage):
                self._transcribe(item_id, usage)
            case wire.InputTranscriptFailed(item_id):
                self._transcribe(item_id, None)

    def _respond(self, response: wire.Response) -> None:
        """Count a response that ended, well or not. A failure may be billed too: without its tokens it has no price."""
        if response.id in self._running:
            self._running.discard(response.id)
        elif response.label is not None:
            self.refused(response.label)  # it ended without having begun
        used = response.usage
        if used is not None:
            self._tokens += used.tokens
        if used is None or used.input_token_details is None or used.output_token_details is None:
            self._unknown = True

    def _transcribe(self, item_id: str, usage: wire.TranscriptUsage | None) -> None:
        """Count a transcript; one that is not billed by the second has no price that we know."""
        self._written.add(item_id)
        self._unwritten.discard(item_id)
        if usage is None or usage.seconds is None or not 0 <= usage.seconds <= SESSION_SECONDS:
            self._unknown = True
        else:
            self._transcribed += usage.seconds

    @property
    def _is_open(self) -> bool:
        return bool(self._asked or self._running or (self._transcription and self._unwritten))

    @property
    def usage(self) -> Usage:
        """All that was counted so far, and its price if all of it has one and nothing is open."""
        tokens = {kind.replace("_", "_tokens_"): amount for kind, amount in asdict(self._tokens).items()}
        spoken = tokens_price(self._model, self._tokens)
        written = minutes_price(self._transcription, self._transcribed) if self._transcription else 0.0
        unknown = self._unknown or self._is_open
        known = (spoken or 0) + (written or 0)
        usd = None if unknown or spoken is None or written is None else known
        return Usage(tokens | {"transcribed_seconds": self._transcribed}, usd, 0.0 if usd is not None else known)
