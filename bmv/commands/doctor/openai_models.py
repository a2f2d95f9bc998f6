"""Which of OpenAI's models the settings really use, and what for. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from bmv.call.translator import LanguagePair
from bmv.commands.doctor.language_checks import directions
from bmv.config import Settings
from bmv.translators import openai_realtime_commands, openai_wire
from bmv.translators.openai_reader import FAMILY, SUCCESSOR

CONTINUOUS, TURNS = "continuous", "turns"
"""The two kinds of translators at OpenAI."""


@dataclass(frozen=True)
class Use:
    """A model, what it is for, and the setting that chooses it."""

    model: str
    purpose: str
    setting: str
    spare: str = ""
    """What takes its place by itself once it is gone."""


@dataclass(frozen=True)
class Session:
    """A session that calls will need: which of the translators opens it, for such a pair, and with which model."""

    translator: int
    pair: LanguagePair
    label: str


def names_of(settings: Settings) -> list[str]:
    """The translators in the order in which they are tried."""
    return [name for name in (settings.translator, settings.translator_fallback) if name]


def sessions_of(settings: Settings) -> list[Session]:
    """One session for each translator and model that a call may need; none of loopback's."""
    found: dict[str, Session] = {}
    for number, name in enumerate(names_of(settings)):
        for pair in directions(settings) if name != "loopback" else []:
            kind = _kind(name, pair)
            label = {CONTINUOUS: settings.openai_translate_model, TURNS: settings.openai_realtime_model}.get(kind, name)
            found.setdefault(label, Session(number, pair, label))
    return list(found.values())


def uses_of(settings: Settings) -> list[Use]:
    """Every model of OpenAI's that is used."""
    kinds = {_kind(name, pair) for name in names_of(settings) for pair in directions(settings)}
    uses = []
    if CONTINUOUS in kinds:
        uses.append(Use(settings.openai_translate_model, "translation", "OPENAI_TRANSLATE_MODEL"))
    if TURNS in kinds:
        uses.append(Use(settings.openai_realtime_model, "translation sentence by sentence", "OPENAI_REALTIME_MODEL"))
    if settings.captions:
        usual = {CONTINUOUS: openai_wire.TRANSCRIPTION_MODEL, TURNS: openai_realtime_commands.TRANSCRIPTION_MODEL}
        models = [settings.openai_transcription_model or usual[kind] for kind in usual if kind in kinds]
        uses += [Use(model, "captions", "OPENAI_TRANSCRIPTION_MODEL") for model in models]
    if settings.translator != "loopback" and settings.openai_speech_model:
        reads = settings.openai_speech_model.startswith(FAMILY)
        spare = "" if reads or settings.openai_speech_model == settings.openai_realtime_model else SUCCESSOR
        uses.append(Use(settings.openai_speech_model, "our own notices", "OPENAI_SPEECH_MODEL", spare))
    return list({use.model: use for use in reversed(uses) if use.model}.values())[::-1]


def _kind(name: str, pair: LanguagePair) -> str:
    if name == "openai":
        return CONTINUOUS if pair.target.continuous_target else TURNS
    return TURNS if name == "openai-interpreter" else name
