"""Whether OpenAI serves us: the key, each model that is used, and a session as a call would open it, without audio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from bmv.call.translator import TranslatorFactory, TranslatorLost
from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes
from bmv.commands.doctor.openai_models import Session, Use, sessions_of, uses_of
from bmv.commands.doctor.retirement import retirement_of
from bmv.commands.doctor.strangers import Answer
from bmv.commands.doctor.surroundings import Surroundings, fetch
from bmv.config import Settings
from bmv.metrics import Histogram
from bmv.translators import openai_errors as errors
from bmv.translators.openai_service import Service

SESSION_SECONDS: Final = 15.0
_SILENCE = "Until then both sides hear the original voice, after a moment of silence."
_ELSEWHERE = "See status.openai.com, and docs/openai.md."
_NOISE = "Without this check it would be noise: sound in a format that a telephone cannot play. Please report it."

NEEDED: Final = frozenset({"OPENAI_TRANSLATE_MODEL", "OPENAI_REALTIME_MODEL"})
"""Without the models that these choose nothing is translated."""

REMEDIES: Final[Mapping[str, str]] = {
    errors.WRONG_KEY: f"Create one at platform.openai.com/api-keys and put it into OPENAI_API_KEY. {_SILENCE}",
    errors.NO_MONEY: f"Add credit, or raise the limit: platform.openai.com, Settings, Billing and Limits. {_SILENCE}",
    errors.NO_MODEL: (
        "Set the model back to the usual one, or have the key's project allow it (platform.openai.com, Settings, "
        f"Project, Limits). OPENAI_BASE_URL must end in /v1. {_SILENCE}"
    ),
    errors.NOT_ALLOWED: (
        "Have the key's project allow the model and the Realtime API; a project of a region wants that region's "
        f"OPENAI_BASE_URL. {_SILENCE}"
    ),
    errors.TOO_MUCH: "Try again in a minute; if it stays, raise the limits of the account.",
    errors.WRONG_SHAPE: f"OPENAI_BASE_URL leads to the beta interface, which ended on 12 May 2026. {_SILENCE}",
    "did not take the configuration": _NOISE,
}
"""What to do, by the words in which a translator says why it has no session."""


class OpenAIChecks:
    """The checks of the translation service."""

    def __init__(
        self, settings: Settings, service: Service, translators: Sequence[TranslatorFactory], around: Surroundings
    ) -> None:
        """`service` is where and as whom we ask; `translators` are those of the settings, none if they are no use."""
        self._settings = settings
        self._service = service
        self._translators = translators
        self._around = around
        self.key = Check("openai key", self._key)
        self.models = Check("openai models", self._models)
        self.sessions = Check("translation", self._sessions)

    @property
    def all(self) -> list[Check[Any]]:
        """In the order of the report."""
        return [self.key, self.models, self.sessions]

    async def _key(self, notes: Notes) -> dict[Use, Answer]:
        """Give what the service says of each model that is used."""
        uses = uses_of(self._settings)
        if not uses:
            raise NotChecked("nothing of OpenAI's is used", well=True)
        base_url = self._service.base_url
        if not base_url or not self._service.headers:
            raise NotChecked("OPENAI_API_KEY or OPENAI_BASE_URL is not set, or no use")
        judge_address(base_url, notes)
        if self._settings.openai_api_type == "azure":
            notes.ok("at Azure, where a model is a deployment: whether key and names fit, “translation” below tells")
            return {}
        asking = (self._ask(f"{base_url}/models/{use.model}") for use in uses)
        answers = dict(zip(uses, await asyncio.gather(*asking), strict=True))
        for answer in answers.values():
            words = _words(answer)
            if answer.status == 401 or words in (errors.NO_MONEY, "the account is deactivated"):
                raise Fault(f"OpenAI refuses the key (HTTP {answer.status}): {words}", REMEDIES.get(words, _SILENCE))
        if all(answer.status == 404 and errors.read_body(answer.text.encode()) is None for answer in answers.values()):
            raise Fault(f"{base_url} is not where OpenAI's service is", REMEDIES[errors.NO_MODEL])
        notes.ok("valid; whether there is credit left shows only with the first words of a call")
        return answers

    async def _ask(self, url: str) -> Answer:
        try:
            return await fetch(self._around.http, "GET", url, headers=self._service.headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Fault(
                f"OpenAI cannot be reached: {error or 'no answer'}",
                "Look at this machine's way to the internet, and at OPENAI_BASE_URL if you set it.",
            ) from error

    async def _models(self, notes: Notes) -> None:
        answers = await self.key.value()
        for use, answer in answers.items():
            if answer.status == 200:
                self._life(use, answer, notes)
            elif answer.status == 403:
                notes.warning(
                    f"{use.model}: the key may not ask about models, or not use this one",
                    "“translation” below tells whether calls may use it.",
                )
            else:
                self._missing(use, answer, notes)

    def _missing(self, use: Use, answer: Answer, notes: Notes) -> None:
        """Say what a model that cannot be used means for calls."""
        words = _words(answer)
        told = f"{use.model} ({use.purpose}) cannot be used (HTTP {answer.status}): {words}"
        if use.spare and answer.status == 404:
            notes.ok(f"{use.model} ({use.purpose}) is not there; {use.spare} takes its place by itself")
        elif use.setting in NEEDED:
            notes.fault(told, f"Look at {use.setting}. {REMEDIES.get(words, _SILENCE)}")
        else:
            notes.warning(told, f"Look at {use.setting}. Calls are translated all the same.")

    def _life(self, use: Use, answer: Answer, notes: Notes) -> None:
        """Say how long a model will be there."""
        end = retirement_of(use.model, _shutdown_date(answer))
        if end is None:
            notes.ok(f"{use.model} ({use.purpose}) can be used")
            return
        today = datetime.fromtimestamp(self._around.roads.now(), UTC).date()
        told = f"{use.model} ({use.purpose}) {'ended' if end.on <= today else 'ends'} on {end.on:%-d %B %Y}"
        successor = f"{use.setting}={end.successor}" if end.successor else f"another {use.setting}"
        if use.spare:
            notes.ok(f"{told}; {use.spare} takes its place by itself")
        elif end.on <= today:
            notes.fault(told, f"Set {successor}. {_SILENCE}")
        else:
            notes.warning(told, f"Set {successor} before that day.")

    # -- sessions ---------------------------------------------------------------------------------------------------

    async def _sessions(self, notes: Notes) -> None:
        sessions = sessions_of(self._settings)
        if not sessions:
            one_language = self._settings.agent_language is not None and bool(self._settings.caller_languages)
            raise NotChecked("no call needs a session", well=self._settings.translator == "loopback" or one_language)
        if uses_of(self._settings):
            await self.key.value()
        if not self._translators:
            raise NotChecked("the translator cannot be made")
        opened = await asyncio.gather(*(_open(self._translators[each.translator], each) for each in sessions))
        for session, lost in zip(sessions, opened, strict=True):
            if lost is None:
                notes.ok(f"{session.label}: a session opens, and confirms its language and the format of its sound")
            else:
                notes.fault(f"{session.label}: {lost}", _remedy(str(lost)))


def judge_address(base_url: str, notes: Notes) -> None:
    """Say what an address tells by itself: where the data goes, and that it should go encrypted."""
    host = base_url.partition("://")[2].partition("/")[0]
    region = host.removesuffix(".api.openai.com")
    if region not in (host, "us", "eu"):
        notes.warning(
            f"OpenAI documents realtime translation for data in the US and in Europe, not for “{region}”",
            "Use https://eu.api.openai.com/v1 or https://api.openai.com/v1, with a key of that region's project.",
        )
    local = host.partition(":")[0] in ("localhost", "127.0.0.1")
    if base_url.startswith("http://") and not local:
        notes.warning("the key and all that is said go to OPENAI_BASE_URL unencrypted", "Let it begin with https.")


async def _open(factory: TranslatorFactory, session: Session) -> TranslatorLost | None:
    """Open a session as a call would, and close it before anything is said; give why it could not be opened."""
    try:
        async with asyncio.timeout(SESSION_SECONDS), factory.open(session.pair, Histogram()):
            return None
    except TranslatorLost as lost:
        return lost
    except TimeoutError:
        return TranslatorLost(f"no session was opened within {SESSION_SECONDS:g} s")


def _remedy(words: str) -> str:
    return next((remedy for known, remedy in REMEDIES.items() if known in words), f"{_ELSEWHERE} {_SILENCE}")


def _words(answer: Answer) -> str:
    """What a refusal means: by the code in it, else by its status."""
    error = errors.read_body(answer.text.encode())
    known = errors.PERMANENT | errors.TRANSIENT
    named = [known[name] for name in (error.code, error.type) if name in known] if error else []
    return next(iter(named), errors.STATUS.get(answer.status, "see status.openai.com"))


def _shutdown_date(answer: Answer) -> object:
    try:
        found = json.loads(answer.text)
    except ValueError:
        return None
    return found.get("shutdown_date") if isinstance(found, dict) else None
