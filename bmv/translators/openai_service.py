"""Which OpenAI it is, OpenAI's own or Azure's: where it is reached, and how we say there who we are.

Sources: docs/openai.md, "Connecting" and "Azure OpenAI".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Service:
    """One account at one address; made by `openai` or `azure`. `repr` leaves the key out."""

    base_url: str
    """Without a slash at its end: `/realtime` and the like follow."""
    headers: Mapping[str, str] = field(repr=False)
    """What every request brings along to prove who we are; nothing where there is no key."""
    transcription_model: str | None = None
    """What transcribes the original; None for the usual model of each endpoint."""
    prices_known: bool = True
    """Whether the list in `prices` tells what it costs."""

    def billed(self, model: str) -> str | None:
        """The name of a model in our price list, None where its price is not known."""
        return model if self.prices_known else None


def openai(base_url: str, key: str | None, transcription_model: str | None = None) -> Service:
    """OpenAI's own service, or whatever speaks as it does; `base_url` like `https://api.openai.com/v1`."""
    return Service(base_url, {"Authorization": f"Bearer {key}"} if key else {}, transcription_model)


def azure(base_url: str, key: str | None, transcription_model: str | None = None) -> Service:
    """Azure OpenAI; `base_url` like `https://<resource>.openai.azure.com/openai/v1`.

    Every model's name is there the name of a deployment. What Microsoft asks for it we do not know.
    """
    return Service(base_url, {"api-key": key} if key else {}, transcription_model, prices_known=False)
