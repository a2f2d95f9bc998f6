from pathlib import Path

import pytest
from practice import practice

from bmv import languages
from bmv.call.translator import LanguagePair
from bmv.commands.doctor.check import Check
from bmv.commands.doctor.findings import Finding, Level
from bmv.commands.doctor.language_checks import directions, languages_check
from bmv.commands.doctor.settings_checks import usable
from bmv.config import Settings
from bmv.languages import Language
from bmv.translators.loopback import LoopbackFactory

pytestmark = pytest.mark.usefixtures("logs")


class Spanish(LoopbackFactory):
    """Speaks nothing but Spanish."""

    def can_speak(self, language: Language) -> bool:
        return language.tag == "es"


def menu(callers: str, agent: str = "en", **others: str) -> Settings:
    return usable({"CALLER_LANGUAGES": callers, "AGENT_LANGUAGE": agent, **others})


async def only(check: Check[None]) -> Finding:
    (finding,) = await check.findings()
    return finding


def test_both_directions_of_every_pair_are_needed_and_none_of_the_agents_own_language() -> None:
    english, spanish, french = (languages.get(tag) for tag in ("en", "es", "fr"))

    assert directions(menu("en,es,fr")) == [
        LanguagePair(spanish, english),
        LanguagePair(english, spanish),
        LanguagePair(french, english),
        LanguagePair(english, french),
    ]
    assert directions(menu("en")) == []
    assert directions(menu("klingon")) == []


async def test_pairs_that_nobody_covers_are_named() -> None:
    finding = await only(languages_check(menu("es,fr"), [Spanish()]))

    assert finding.level is Level.FAULT
    assert finding.message == "nobody translates Spanish to English, French to English, English to French"
    assert "openai-interpreter" in finding.remedy


async def test_one_of_several_translators_is_enough_for_a_pair() -> None:
    finding = await only(languages_check(menu("en,es,fr", TRANSLATOR="openai"), [Spanish(), LoopbackFactory()]))

    assert finding.level is Level.OK
    assert finding.message == "English, Spanish, French for callers, English for agents, both ways"


async def test_languages_that_are_no_use_are_not_checked() -> None:
    finding = await only(languages_check(menu("klingon"), [LoopbackFactory()]))

    assert finding.level is Level.WARNING
    assert finding.message.startswith("not checked")


async def test_notices_that_the_server_will_have_spoken_are_told_and_none_is_spoken_for_that(tmp_path: Path) -> None:
    async with practice() as patient:
        found = await patient.examine(PROMPTS_DIR="", PROMPTS_CACHE_DIR=str(tmp_path))
        assert not patient.house.openai.speech.orders

    found.has("notices", "ok", "when the server starts: en, es, fr, hi, zh")
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_notices_that_nobody_can_speak_are_a_warning(tmp_path: Path) -> None:
    async with practice(settings={"TRANSLATOR": "loopback"}) as patient:
        found = await patient.examine(PROMPTS_DIR="", PROMPTS_CACHE_DIR=str(tmp_path))

    found.has("notices", "warning", "en, es, fr, hi, zh", "two beeps", "docs/prompts.md")


async def test_a_recording_that_cannot_be_played_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "es").mkdir()
    (tmp_path / "es" / "hold.wav").write_bytes(b"no sound")
    async with practice() as patient:
        found = await patient.examine(PROMPTS_DIR=str(tmp_path))

    found.has("notices", "fault", "PROMPTS_DIR", "hold.wav", "does not start")
