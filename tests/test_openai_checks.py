from __future__ import annotations

from datetime import UTC, datetime

import pytest
from practice import SPRING, practice

from bmv.commands.doctor.check import Notes
from bmv.commands.doctor.findings import Level
from bmv.commands.doctor.openai_checks import judge_address
from bmv.simulator.openai import Ending, Fault, Refusal

pytestmark = pytest.mark.usefixtures("logs")

SILENCE = "original voice"
BY_SENTENCES = {"TRANSLATOR": "openai-interpreter"}
REALTIME = "gpt-realtime-2.1"


async def test_the_key_every_model_in_use_and_a_session_of_each_kind_are_looked_at() -> None:
    async with practice(settings={"CALLER_LANGUAGES": "en,es,ar"}) as patient:
        found = await patient.examine()
        openai = patient.house.openai
        opened = [record.model for record in (*openai.sessions, *openai.conversations)]
        heard = [record.samples for record in openai.sessions]

    told = {finding.message.partition(" ")[0] for finding in found if finding.name == "openai models"}
    assert told == {
        "gpt-realtime-translate",
        REALTIME,
        "gpt-realtime-whisper",
        "gpt-transcribe",
        "gpt-4o-mini-tts",
    }
    assert opened == ["gpt-realtime-translate", REALTIME]
    assert heard == [0]
    assert not found.bad


async def test_models_that_no_language_needs_are_not_looked_at() -> None:
    async with practice(settings={"CAPTIONS": "off"}) as patient:
        del patient.house.openai.models[REALTIME]
        found = await patient.examine()

    assert REALTIME not in {finding.message.partition(" ")[0] for finding in found if finding.name == "openai models"}
    assert not found.bad


async def test_a_wrong_key_is_one_fault() -> None:
    async with practice() as patient:
        found = await patient.examine(OPENAI_API_KEY="sk-of-somebody-else")

    found.has("openai key", "fault", "HTTP 401", "the key is wrong, revoked or missing", "api-keys", SILENCE)
    assert found.skipped == {"openai models", "translation"}
    assert "sk-of-somebody-else" not in str(found)


async def test_a_model_that_the_key_may_not_use_is_a_fault_with_the_setting_that_chooses_it() -> None:
    async with practice() as patient:
        found = await patient.examine(OPENAI_TRANSLATE_MODEL="gpt-realtime-translate-9")

    found.has("openai models", "fault", "gpt-realtime-translate-9", "no such model", "OPENAI_TRANSLATE_MODEL")
    found.has("translation", "fault", "gpt-realtime-translate-9", "HTTP 404", SILENCE)


async def test_a_model_for_captions_that_is_missing_is_a_warning() -> None:
    async with practice() as patient:
        del patient.house.openai.models["gpt-realtime-whisper"]
        found = await patient.examine()

    found.has("openai models", "warning", "gpt-realtime-whisper (captions)", "translated all the same")


async def test_a_model_for_our_notices_that_is_gone_has_a_successor() -> None:
    async with practice() as patient:
        del patient.house.openai.models["gpt-4o-mini-tts"]
        found = await patient.examine()

    assert not found.bad
    assert "gpt-realtime-2.1-mini takes its place by itself" in str(found)


async def test_an_address_that_is_not_openai_is_a_fault() -> None:
    async with practice() as patient:
        found = await patient.examine(OPENAI_BASE_URL=patient.house.openai.url.replace("/v1", ""))
        unreachable = await patient.examine(OPENAI_BASE_URL="http://127.0.0.1:1/v1")

    assert found.of("translation").level is not Level.OK
    unreachable.has("openai key", "fault", "OpenAI cannot be reached", "OPENAI_BASE_URL")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal.of(403), ["may not use this model", "Realtime API"]),
        (Refusal.out_of_money(), ["no credit is left", "Billing"]),
        (Refusal.of(429), ["too many sessions", "raise the limits"]),
        (Refusal.of(500), ["HTTP 500", "status.openai.com"]),
    ],
)
async def test_a_session_that_is_refused_is_a_fault_with_its_reason(refusal: Refusal, words: list[str]) -> None:
    async with practice() as patient:
        patient.house.openai.fail_next(Fault(refuse=refusal))
        found = await patient.examine()

    found.has("translation", "fault", "gpt-realtime-translate", *words)
    assert set(found.bad) == {"translation"}


async def test_a_session_that_ends_for_want_of_credit_as_it_opens_is_a_fault() -> None:
    async with practice() as patient:
        patient.house.openai.fail_next(Fault(end=Ending.quota(after=0)))
        found = await patient.examine()

    found.has("translation", "fault", "no credit is left", "Billing", SILENCE)


async def test_a_session_that_would_sound_as_noise_is_a_fault() -> None:
    async with practice(settings=BY_SENTENCES) as patient:
        patient.house.openai.fail_next(Fault(keeps_pcm=True), endpoint="realtime")
        found = await patient.examine()

    found.has("translation", "fault", "it hears audio/pcm, it speaks audio/pcm", "noise")


async def test_a_session_in_another_language_is_a_fault() -> None:
    async with practice() as patient:
        patient.house.openai.fail_next(Fault(other_language="fr"))
        found = await patient.examine()

    found.has("translation", "fault", "asked OpenAI for")


@pytest.mark.parametrize(
    ("today", "level", "words"),
    [
        (
            datetime(2026, 11, 26, tzinfo=UTC),
            "warning",
            ["ends on 20 January 2027", "OPENAI_REALTIME_MODEL=gpt-realtime-2.1"],
        ),
        (datetime(2027, 1, 20, tzinfo=UTC), "fault", ["ended on 20 January 2027", SILENCE]),
    ],
)
async def test_a_model_whose_end_is_announced_is_named_with_its_successor(
    today: datetime, level: str, words: list[str]
) -> None:
    settings = {**BY_SENTENCES, "OPENAI_REALTIME_MODEL": "gpt-realtime"}
    async with practice(settings=settings, now=today.timestamp) as patient:
        patient.house.openai.models["gpt-realtime"] = None
        found = await patient.examine()

    found.has("openai models", level, "gpt-realtime", *words)


async def test_an_end_that_only_the_service_knows_is_a_warning() -> None:
    async with practice(now=lambda: SPRING) as patient:
        patient.house.openai.models["gpt-realtime-translate"] = "2028-03-01"
        found = await patient.examine()

    found.has("openai models", "warning", "gpt-realtime-translate", "1 March 2028", "OPENAI_TRANSLATE_MODEL")


async def test_the_model_of_our_notices_may_end_because_another_one_takes_its_place() -> None:
    async with practice() as patient:
        found = await patient.examine()

    assert "gpt-4o-mini-tts (our own notices) end" in str(found)
    assert "on 6 January 2027; gpt-realtime-2.1-mini takes its place by itself" in str(found)
    assert not found.bad


async def test_loopback_needs_nothing_of_openai_and_says_that_nothing_is_translated() -> None:
    async with practice(settings={"TRANSLATOR": "loopback", "OPENAI_API_KEY": ""}) as patient:
        found = await patient.examine()

    assert set(found.bad) == {"languages"}
    assert not found.skipped
    found.has("languages", "warning", "nothing is translated", "TRANSLATOR=openai")
    assert patient.house.openai.connections == 0


async def test_where_everybody_speaks_the_same_language_no_session_is_missed() -> None:
    async with practice(settings={"AGENT_LANGUAGE": "de", "CALLER_LANGUAGES": "de"}) as patient:
        found = await patient.examine()

    assert not found.bad
    assert not found.skipped


async def test_the_fallback_is_looked_at_as_well() -> None:
    settings = {"TRANSLATOR_FALLBACK": "openai-interpreter"}
    async with practice(settings=settings) as patient:
        patient.house.openai.fail_next(Fault(refuse=Refusal.of(403)), endpoint="realtime")
        found = await patient.examine()

    found.has("translation", "fault", REALTIME)
    assert [each.level for each in found if each.name == "translation"] == [Level.OK, Level.FAULT]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://in.api.openai.com/v1", "not for “in”"),
        ("http://gateway.example.com/v1", "unencrypted"),
    ],
)
def test_an_address_is_judged_by_itself(url: str, words: str) -> None:
    notes = Notes("openai key")
    judge_address(url, notes)

    (finding,) = notes.findings
    assert words in finding.message
    assert finding.level is Level.WARNING


@pytest.mark.parametrize("url", ["https://eu.api.openai.com/v1", "https://api.openai.com/v1", "http://127.0.0.1:4/v1"])
def test_an_address_that_is_well_needs_no_words(url: str) -> None:
    notes = Notes("openai key")
    judge_address(url, notes)

    assert not notes.findings


AZURE = {
    "OPENAI_API_TYPE": "azure",
    "OPENAI_TRANSLATE_MODEL": "our-translator",
    "OPENAI_REALTIME_MODEL": "our-interpreter",
    "OPENAI_TRANSCRIPTION_MODEL": "our-writer",
}
DEPLOYMENTS = {"our-translator": "gpt-realtime-translate", "our-writer": "gpt-realtime-whisper"}


async def test_at_azure_sessions_tell_whether_key_and_deployments_fit() -> None:
    async with practice(azure=DEPLOYMENTS, settings=AZURE) as patient:
        well = await patient.examine()
        missing = await patient.examine(OPENAI_TRANSLATE_MODEL="another-name")
        wrong = await patient.examine(OPENAI_API_KEY="another-key")

    assert not well.bad
    well.has("openai key", "ok", "at Azure")
    well.has("translation", "ok", "our-translator")
    missing.has("translation", "fault", "another-name")
    wrong.has("translation", "fault", "HTTP 401")
    assert "openai models" not in {finding.name for finding in well}
