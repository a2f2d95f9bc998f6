"""Two translators as one: each direction of a call has the one that speaks its listener's language."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from bmv.call.translator import LanguagePair, Translator, TranslatorFactory
from bmv.languages import Language
from bmv.metrics import Histogram


class ByTarget:
    """A `TranslatorFactory`: the first choice for the languages it speaks, another one for the rest."""

    def __init__(self, first: TranslatorFactory, *, otherwise: TranslatorFactory) -> None:
        self._first = first
        self._otherwise = otherwise

    @property
    def problem(self) -> str | None:
        """What either of them reports; see `TranslatorFactory.problem`."""
        return self._first.problem or self._otherwise.problem

    def can_speak(self, language: Language) -> bool:
        """See `TranslatorFactory.can_speak`."""
        return self._first.can_speak(language) or self._otherwise.can_speak(language)

    def open(self, pair: LanguagePair, uplink: Histogram) -> AbstractAsyncContextManager[Translator]:
        """See `TranslatorFactory.open`."""
        factory = self._first if self._first.can_speak(pair.target) else self._otherwise
        return factory.open(pair, uplink)
