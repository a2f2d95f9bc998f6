"""Whether every caller can be understood, in both directions, and whether our own sentences can be heard."""

from __future__ import annotations

from collections.abc import Sequence

from bmv.app import prompts
from bmv.call.translator import LanguagePair, TranslatorFactory
from bmv.commands.doctor.check import Check, NotChecked, Notes
from bmv.commands.doctor.surroundings import Surroundings
from bmv.config import Settings
from bmv.errors import SettingsError


def directions(settings: Settings) -> list[LanguagePair]:
    """Every translation that a call may need, to and from each language of the menu; none where a setting is no use."""
    agent, callers = settings.agent_language, settings.caller_languages
    if not agent or not callers:
        return []
    others = [language for language in callers if language != agent]
    return [pair for other in others for pair in (LanguagePair(other, agent), LanguagePair(agent, other))]


def languages_check(settings: Settings, translators: Sequence[TranslatorFactory]) -> Check[None]:
    """Make the check of who speaks what."""

    async def make(notes: Notes) -> None:
        if not settings.agent_language or not settings.caller_languages or not settings.translator:
            raise NotChecked("a setting of the languages, or TRANSLATOR, is no use")
        if not translators:
            raise NotChecked("the translator cannot be made")
        pairs = directions(settings)
        nobody = [pair for pair in pairs if not any(each.can_speak(pair.target) for each in translators)]
        if nobody:
            told = ", ".join(f"{pair.source.english} to {pair.target.english}" for pair in nobody)
            notes.fault(
                f"nobody translates {told}",
                "Set TRANSLATOR or TRANSLATOR_FALLBACK to openai-interpreter, which speaks them, or take the languages "
                "out of CALLER_LANGUAGES. Those callers hear the original voice.",
            )
        if settings.translator == "loopback":
            notes.warning(
                "nothing is translated: TRANSLATOR=loopback gives every voice back as it is", "Set TRANSLATOR=openai."
            )
        if not notes.findings:
            callers = ", ".join(language.english for language in settings.caller_languages)
            notes.ok(f"{callers} for callers, {settings.agent_language.english} for agents, both ways")

    return Check("languages", make)


def notices_check(settings: Settings, around: Surroundings) -> Check[None]:
    """Make the check of what we say in a call ourselves; nothing is rendered for it."""

    async def make(notes: Notes) -> None:
        if not settings.agent_language or not settings.caller_languages:
            raise NotChecked("a setting of the languages is no use")
        try:
            ready = await prompts(settings, around.http)
        except SettingsError as error:
            for problem in error.problems:
                notes.fault(problem.rstrip("."), "Mend the recording, or take it out; the server does not start so.")
            return
        wanted = {settings.agent_language.tag, *(language.tag for language in settings.caller_languages)}
        missing = sorted(wanted & set(ready.without_audio))
        if not missing:
            notes.ok("every notice of a call is there in every language")
        elif settings.translator != "loopback" and settings.openai_api_key:
            notes.ok(f"will be spoken when the server starts: {', '.join(missing)}")
        else:
            notes.warning(
                f"nobody has spoken the notices in {', '.join(missing)}: two beeps are heard in their place",
                "Set OPENAI_API_KEY and start the server once, or record them yourself: docs/prompts.md.",
            )

    return Check("notices", make)
