"""Whether the settings can be used, and what can be used of them: the other checks go on with that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from bmv.app import read_hold_audio
from bmv.commands.doctor.check import Check, Notes
from bmv.config import SETTINGS, Settings
from bmv.config.setting import METADATA, Setting, read
from bmv.errors import SettingsError
from bmv.translators.prompt import load_glossary

FIRST_NEEDED: Final = "TWILIO_ACCOUNT_SID"
"""Who has not even this has not begun."""

NOT_GUESSED: Final = frozenset(
    {"agent_language", "caller_languages", "translator", "openai_base_url", "twilio_api_base_url"}
)
"""Where the usual value in place of a wrong one would lead to another world than the one that is meant."""


def usable(environ: Mapping[str, str]) -> Settings:
    """The settings as they are given, and the usual value of those that cannot be used.

    Those that have none, and those of `NOT_GUESSED`, are None then, whatever their type.
    """
    values: dict[str, Any] = {}
    for field in fields(Settings):
        if METADATA in field.metadata:
            declared: Setting = field.metadata[METADATA]
            try:
                values[field.name] = read(declared, environ)
            except ValueError:
                guess = declared.default if field.name not in NOT_GUESSED else None
                values[field.name] = declared.parse(guess) if guess else None
    return Settings(**values, environ=dict(environ))


def settings_check(environ: Mapping[str, str], unreadable: Sequence[str] = ()) -> Check[Settings]:
    """Make the check, whose value are settings without which the server does not start.

    `unreadable` is what is wrong with the file they should have come from.
    """

    async def make(notes: Notes) -> Settings:
        for problem in unreadable:
            _note(problem, notes)
        try:
            settings = Settings.load(environ)
        except SettingsError as error:
            for problem in _all_but_missing(error.problems, environ, notes):
                _note(problem, notes)
            settings = usable(environ)
        for problem in await asyncio.to_thread(_files, settings):
            _note(problem, notes)
        if not notes.findings:
            notes.ok("all of them can be used")
        return settings

    return Check("settings", make)


def _all_but_missing(problems: Sequence[str], environ: Mapping[str, str], notes: Notes) -> list[str]:
    """Before anything is set up, say in one line what is missing, and give the rest; later each is a line."""
    missing = [each.name for each in SETTINGS if each.needed(environ) and not each.given(environ)]
    if FIRST_NEEDED not in missing:
        return list(problems)
    notes.fault(
        f"nothing is set up yet: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
        "Run `python -m bmv setup`, which asks for some and finds the others. A call without any account: `make demo`.",
    )
    return [problem for problem in problems if not problem.startswith(tuple(f"{name} is not set" for name in missing))]


def _files(settings: Settings) -> list[str]:
    """What is wrong with the files that settings name; without them the server does not start."""
    problems = []
    try:
        if settings.hold_audio:
            read_hold_audio(settings.hold_audio)
    except SettingsError as error:
        problems += error.problems
    try:
        if settings.glossary_file:
            load_glossary(settings.glossary_file)
    except SettingsError as error:
        problems += error.problems
    return problems


def _note(problem: str, notes: Notes) -> None:
    """Write down a problem: what it is, and in the sentences behind that what to do."""
    message, _, remedy = problem.partition(". ")
    notes.fault(
        message.rstrip("."), remedy or "Mend it in .env or in the environment; .env.sample explains each setting."
    )
