"""Settings that need, or exclude, one another: keys and numbers, translators, Azure, metrics, the console."""

import pytest
from complete_settings import ENVIRON, HEX, load, problem, problems, without

from bmv.config import Settings


def test_without_translation_no_key_is_needed() -> None:
    assert Settings.load(without("OPENAI_API_KEY", TRANSLATOR="Loopback")).openai_api_key is None
    assert problems(without("OPENAI_API_KEY", TRANSLATOR="openai"))[0].startswith("OPENAI_API_KEY is not set")


def test_with_a_twiml_app_no_second_number_is_needed() -> None:
    settings = Settings.load(without("TWILIO_FLEX_NUMBER", TWILIO_FLEX_APP_SID=f"AP{HEX}"))
    assert (settings.flex_number, settings.flex_app_sid) == (None, f"AP{HEX}")
    assert problems(without("TWILIO_FLEX_NUMBER", TWILIO_FLEX_APP_SID=" "))[0].startswith("TWILIO_FLEX_NUMBER is not")


def test_one_number_cannot_be_both_ends_of_the_call() -> None:
    assert "cannot call itself" in problem(TWILIO_FLEX_NUMBER="+1 415 555 0100")


@pytest.mark.parametrize(("number", "whose"), [("+14155550100", "TWILIO_CALLER_NUMBER"), ("+14155550101", "_FLEX_")])
def test_agents_are_not_reached_at_a_number_of_ours(number: str, whose: str) -> None:
    assert whose in problem(AGENT_DESTINATION=number)


def test_openais_key_is_needed_for_openais_translators_and_for_no_others() -> None:
    without_key = {name: text for name, text in ENVIRON.items() if name != "OPENAI_API_KEY"}
    for translator in ("openai", "openai-interpreter", ""):
        (line,) = problems(without_key | {"TRANSLATOR": translator})
        assert line.startswith("OPENAI_API_KEY is not set.")
    assert Settings.load(without_key | {"TRANSLATOR": "loopback"}).openai_api_key is None
    (line,) = problems(without_key | {"TRANSLATOR": "loopback", "TRANSLATOR_FALLBACK": "openai-interpreter"})
    assert line == "OPENAI_API_KEY is not set, and TRANSLATOR_FALLBACK needs it."


def test_a_fallback_is_another_translator() -> None:
    (line,) = problems(ENVIRON | {"TRANSLATOR": "openai", "TRANSLATOR_FALLBACK": "openai"})
    assert line == "TRANSLATOR_FALLBACK must be another translator than TRANSLATOR."


AZURE = "https://acme.openai.azure.com/openai/v1"


def test_azure_is_told_apart_by_a_setting_and_has_an_address_of_its_own() -> None:
    settings = load(OPENAI_API_TYPE="Azure", OPENAI_BASE_URL=f"{AZURE}/", OPENAI_TRANSCRIPTION_MODEL="our-whisper")
    assert (settings.openai_api_type, settings.openai_base_url) == ("azure", AZURE)
    assert settings.openai_transcription_model == "our-whisper"
    assert (load().openai_api_type, load().openai_transcription_model) == ("openai", None)


@pytest.mark.parametrize("address", ["", "https://api.openai.com/v1", "https://eu.api.openai.com/v1"])
def test_azure_needs_the_address_of_ones_own_resource(address: str) -> None:
    line = problem(OPENAI_API_TYPE="azure", OPENAI_BASE_URL=address)
    assert line.startswith("OPENAI_BASE_URL must be your own resource's, because OPENAI_API_TYPE is azure: https://")


@pytest.mark.parametrize(
    "host", ["acme.openai.azure.com", "acme.services.ai.azure.com", "ACME.cognitiveservices.azure.com"]
)
@pytest.mark.parametrize("path", ["/openai/v1", "/openai", ""])
def test_an_address_of_azures_needs_its_kind_of_key(host: str, path: str) -> None:
    line = problem(OPENAI_BASE_URL=f"https://{host}{path}")
    assert line == "OPENAI_API_TYPE must be azure, because OPENAI_BASE_URL is an address of Azure's."


@pytest.mark.parametrize("path", ["", "/openai", "/openai/realtime", "/openai/v1/realtime", "/openai/deployments/ours"])
def test_only_azures_interface_without_versions_is_spoken(path: str) -> None:
    line = problem(OPENAI_API_TYPE="azure", OPENAI_BASE_URL=f"https://acme.openai.azure.com{path}")
    assert line.startswith("OPENAI_BASE_URL must end in /openai/v1, the interface without versions: https://")


@pytest.mark.parametrize("kind", ["openai", "azure"])
def test_azures_older_address_with_a_version_is_refused_in_words_of_its_own(kind: str) -> None:
    old = "https://acme.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=ours"
    line = problem(OPENAI_API_TYPE=kind, OPENAI_BASE_URL=old)
    assert line.startswith("OPENAI_BASE_URL must be an address without ?api-version=…, at Azure https://")
    assert "?api-version" not in problem(OPENAI_BASE_URL="https://api.openai.com/v1?x=1")


@pytest.mark.parametrize("kind", ["openai", "azure"])
def test_whoever_speaks_as_openai_or_azure_does_may_be_anywhere(kind: str) -> None:
    assert load(OPENAI_API_TYPE=kind, OPENAI_BASE_URL="https://gateway.example.com/ai").openai_api_type == kind


# -- metrics ----------------------------------------------------------------------------------------------------------


def test_metrics_are_off_unless_a_token_or_a_port_is_set() -> None:
    settings = load()
    assert (settings.metrics_token, settings.metrics_port, settings.metrics_host) == (None, None, "127.0.0.1")
    settings = load(METRICS_PORT="0", METRICS_TOKEN="a-token-of-the-scraper")
    assert settings.metrics_port == 0
    assert "a-token-of-the-scraper" in settings.secrets
    assert "a-token-of-the-scraper" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"METRICS_TOKEN": "too-short"}, "METRICS_TOKEN"),
        ({"METRICS_PORT": "65536"}, "METRICS_PORT"),
        ({"METRICS_PORT": "5050"}, "METRICS_PORT must be another port"),
        ({"METRICS_TOKEN": "a" * 16, "API_TOKEN": "a" * 16}, "METRICS_TOKEN must be another secret"),
    ],
)
def test_metrics_that_cannot_be_served_like_that_are_refused(changes: dict[str, str], name: str) -> None:
    line = problem(**changes)
    assert line.startswith(name)
    assert "a" * 16 not in line


# -- the console ------------------------------------------------------------------------------------------------------


def test_there_is_no_console_unless_a_password_is_set_which_is_kept_secret() -> None:
    assert load().console_password is None
    settings = load(CONSOLE_PASSWORD="correct-horse")
    assert settings.console_password == "correct-horse"
    assert "correct-horse" in settings.secrets
    assert "correct-horse" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"CONSOLE_PASSWORD": "elevenchars"}, "CONSOLE_PASSWORD must be at least 12 characters"),
        (
            {"CONSOLE_PASSWORD": "a" * 16, "API_TOKEN": "a" * 16},
            "CONSOLE_PASSWORD must be another secret than API_TOKEN and METRICS_TOKEN",
        ),
    ],
)
def test_a_password_that_is_no_good_is_refused_and_not_shown(changes: dict[str, str], said: str) -> None:
    line = problem(**changes)
    assert line.startswith(said)
    assert changes["CONSOLE_PASSWORD"] not in line
