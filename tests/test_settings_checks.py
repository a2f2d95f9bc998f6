from pathlib import Path

import pytest

from bmv.commands.doctor.findings import Finding, Level
from bmv.commands.doctor.settings_checks import settings_check, usable

GOOD = {
    "PUBLIC_HOST": "voice.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_CALLER_NUMBER": "+14155550100",
    "TWILIO_FLEX_NUMBER": "+14155550199",
    "TWILIO_FLEX_WORKFLOW_SID": "WW" + "2" * 32,
    "OPENAI_API_KEY": "sk-key",
}


async def said(**changes: str) -> list[Finding]:
    return await settings_check(GOOD | changes).findings()


async def test_good_settings_are_well() -> None:
    assert await said() == [Finding("settings", Level.OK, "all of them can be used")]


async def test_every_problem_is_a_line_with_its_remedy() -> None:
    found = await said(PUBLIC_HOST="[your-public-host]", TWILIO_CALLER_NUMBER="911", MAX_CALLS="many")

    assert [finding.level for finding in found] == [Level.FAULT] * 3
    assert found[0].message.startswith("PUBLIC_HOST must be your own value")
    assert found[1].message == (
        "TWILIO_CALLER_NUMBER must be a phone number with + and country code, such as +14155550100"
    )
    assert found[1].remedy.startswith("Find it in the Twilio Console")
    assert found[2].remedy == "Leave it out for the usual value, 50."


async def test_what_is_missing_is_a_line_each() -> None:
    found = await said(PUBLIC_HOST="", TWILIO_CALLER_NUMBER="")

    assert [finding.message for finding in found] == ["PUBLIC_HOST is not set", "TWILIO_CALLER_NUMBER is not set"]


async def test_before_anything_is_set_up_one_line_says_how_to_begin_and_others_what_is_wrong() -> None:
    missing, wrong = await said(TWILIO_ACCOUNT_SID="", TWILIO_AUTH_TOKEN="", MAX_CALLS="many")

    assert missing.message == "nothing is set up yet: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN are not set"
    assert "python -m bmv setup" in missing.remedy
    assert "make demo" in missing.remedy
    assert wrong.message.startswith("MAX_CALLS must be")


async def test_what_cannot_be_meant_together_has_a_remedy_too() -> None:
    (finding,) = await said(TWILIO_FLEX_NUMBER="+14155550100")

    assert "a number cannot call itself" in finding.message
    assert ".env" in finding.remedy


async def test_no_secret_is_repeated() -> None:
    found = await said(TWILIO_AUTH_TOKEN="AC" + "7" * 32, OPENAI_API_KEY="sk with spaces")

    assert len(found) == 2
    assert "7" * 32 not in str(found)
    assert "with spaces" not in str(found).replace("without spaces", "")


async def test_a_file_that_cannot_be_read_is_a_line() -> None:
    check = settings_check(GOOD, [".env cannot be read: it must be a UTF-8 text file this user may read."])

    (finding,) = await check.findings()

    assert finding.message.startswith(".env cannot be read")


async def test_files_without_which_the_server_does_not_start_are_looked_at(tmp_path: Path) -> None:
    glossary = tmp_path / "glossary.toml"
    glossary.write_text("this is no TOML")

    found = await said(HOLD_AUDIO=str(tmp_path / "none.wav"), GLOSSARY_FILE=str(glossary))

    assert [finding.level for finding in found] == [Level.FAULT] * 2
    assert "HOLD_AUDIO" in found[0].message
    assert "glossary.toml" in found[1].message


@pytest.mark.parametrize("name", ["PUBLIC_HOST", "TWILIO_AUTH_TOKEN", "CALLER_LANGUAGES", "TWILIO_API_BASE_URL"])
def test_a_setting_that_is_no_use_is_none_and_the_others_are_there(name: str) -> None:
    settings = usable(GOOD | {name: "{a placeholder}"})

    known = {
        "PUBLIC_HOST": settings.public_host,
        "TWILIO_AUTH_TOKEN": settings.auth_token,
        "CALLER_LANGUAGES": settings.caller_languages,
        "TWILIO_API_BASE_URL": settings.twilio_api_base_url,
    }
    assert [each for each, value in known.items() if value is None] == [name]


def test_a_wrong_setting_that_leads_nowhere_else_has_its_usual_value() -> None:
    settings = usable(GOOD | {"MAX_CALLS": "many", "TRANSLATION_REGISTER": "rude", "HOLD_AUDIO": "loud"})

    assert (settings.max_calls, settings.register, settings.hold_audio) == (50, "formal", "music")
