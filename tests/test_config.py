"""The settings: accepted forms, refusals that help, and secrets that are not shown."""

from pathlib import Path

import pytest
from complete_settings import ENVIRON, HEX, KEY, TOKEN, load, problem, problems, without
from hypothesis import given
from hypothesis import strategies as st

from bmv.config import SETTINGS, Settings, parsers
from bmv.errors import SettingsError


def test_with_the_required_settings_alone_everything_else_has_its_usual_value() -> None:
    settings = load()
    assert (settings.public_host, settings.account_sid) == ("voice.example.com", f"AC{HEX}")
    assert (settings.auth_token, settings.openai_api_key) == (TOKEN, KEY)
    assert (settings.caller_number, settings.flex_number) == ("+14155550100", "+14155550101")
    assert (settings.flex_workflow_sid, settings.flex_app_sid) == (f"WW{HEX}", None)
    assert (settings.forward_original, settings.original_level_db, settings.captions) == (False, -18.0, True)
    assert (settings.api_host, settings.api_port) == ("0.0.0.0", 5050)  # noqa: S104
    assert (settings.log_level, settings.log_format) == ("info", "auto")
    assert (settings.agent_language.tag, settings.translator) == ("en", "openai")
    assert [language.tag for language in settings.caller_languages] == ["en", "es", "fr", "zh", "hi"]
    assert settings.openai_base_url == "https://api.openai.com/v1"
    assert settings.openai_translate_model == "gpt-realtime-translate"
    assert settings.twilio_api_base_url == "https://api.twilio.com"
    assert (settings.max_calls, settings.shutdown_grace_seconds) == (50, 30.0)
    assert (settings.agent_answer_timeout_seconds, settings.max_wait_seconds) == (30, 600)
    assert (settings.max_call_seconds, settings.webhook_shared_key) == (14_400, None)


def test_all_that_is_missing_is_named_at_once_with_where_to_find_it() -> None:
    lines = problems({})
    assert [line.split()[0] for line in lines] == list(ENVIRON)
    assert all(" is not set. " in line and line.endswith(".") for line in lines)
    assert "console.twilio.com" in lines[1]
    assert "platform.openai.com" in lines[-1]


def test_wrong_and_missing_settings_are_reported_together() -> None:
    lines = problems(without("OPENAI_API_KEY", API_PORT="many", LOG_LEVEL="loud"))
    assert [line.split()[0] for line in lines] == ["OPENAI_API_KEY", "API_PORT", "LOG_LEVEL"]
    assert lines[1:] == [
        "API_PORT must be a whole number from 0 to 65535. Leave it out for the usual value, 5050.",
        "LOG_LEVEL must be one of debug, info, warning, error. Leave it out for the usual value, info.",
    ]


@pytest.mark.parametrize("scheme", ["", "https://", "http://", "wss://", "WS://"])
@pytest.mark.parametrize("end", ["", "/", ":443", ":443/"])
def test_the_public_host_is_taken_out_of_an_address(scheme: str, end: str) -> None:
    assert load(PUBLIC_HOST=f" {scheme}Abc-1.ngrok-free.APP{end} ").public_host == "abc-1.ngrok-free.app"


def test_the_older_name_counts_only_where_the_public_host_is_not_set() -> None:
    assert load(NGROK_DOMAIN="old.ngrok.app").public_host == "voice.example.com"
    assert load(NGROK_DOMAIN="not a host").public_host == "voice.example.com"
    assert load(PUBLIC_HOST=" ", NGROK_DOMAIN="https://old.ngrok.app").public_host == "old.ngrok.app"
    assert problem(PUBLIC_HOST="", NGROK_DOMAIN="a b").startswith("NGROK_DOMAIN must be ")


@pytest.mark.parametrize(
    ("field", "name", "other"),
    [
        ("openai_realtime_model", "OPENAI_REALTIME_MODEL", "OPENAI_INTERPRETER_MODEL"),
        ("openai_realtime_voice", "OPENAI_REALTIME_VOICE", "OPENAI_INTERPRETER_VOICE"),
        ("openai_transcription_model", "OPENAI_TRANSCRIPTION_MODEL", "OPENAI_TRANSCRIBE_MODEL"),
        ("secondary_auth_token", "TWILIO_SECONDARY_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY"),
    ],
)
def test_a_setting_may_be_given_by_its_other_name_where_it_is_not_set(field: str, name: str, other: str) -> None:
    assert getattr(load(**{other: "this-one"}), field) == "this-one"
    assert getattr(load(**{other: "this-one", name: "that-one"}), field) == "that-one"


def test_a_secret_is_one_by_its_other_name_too() -> None:
    assert "this-one" in load(TWILIO_AUTH_TOKEN_SECONDARY="this-one").secrets
    assert "this-one" not in repr(load(TWILIO_AUTH_TOKEN_SECONDARY="this-one"))


@pytest.mark.parametrize(("how", "whose"), [("bearer", "openai"), ("API-key", "azure")])
def test_how_the_key_is_sent_says_whose_service_it_is(how: str, whose: str) -> None:
    gateway = "https://gateway.example.com/ai"
    assert load(OPENAI_AUTH=how, OPENAI_BASE_URL=gateway).openai_api_type == whose
    assert problem(OPENAI_AUTH="basic").startswith("OPENAI_AUTH must be one of openai, azure, bearer, api-key.")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("voice.example.com/intercept", "without a path"),
        ("https://voice.example.com?x=1", "without a path"),
        ("ftp://voice.example.com", "without a path"),
        ("voice.example.com:8443", "without a port"),
        ("voice example com", "letters, digits"),
        ("voice_1.example.com", "letters, digits"),
        ("-voice.example.com", "letters, digits"),
        ("voice..example.com", "letters, digits"),
        ("vöice.example.com", "letters, digits"),
        ("a" * 64 + ".com", "letters, digits"),
        ("[your-public-host]", "placeholder"),
        ("https://[your-ngrok-domain].ngrok.app", "placeholder"),
        ("<your host>", "placeholder"),
    ],
)
def test_what_is_not_a_host_alone_is_refused_with_the_reason(text: str, hint: str) -> None:
    assert hint in problem(PUBLIC_HOST=text)


def test_a_phone_number_may_be_written_for_reading() -> None:
    assert load(TWILIO_CALLER_NUMBER="+1 (415) 555-0199").caller_number == "+14155550199"


@pytest.mark.parametrize("text", ["4155550100", "0034612345678", "+0123456789", "+123", "+" + "1" * 16, "+١٤١٥٥٥٥٠١٠٠"])
def test_a_phone_number_without_country_code_is_refused(text: str) -> None:
    assert "+ and country code" in problem(TWILIO_CALLER_NUMBER=text)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("TWILIO_ACCOUNT_SID", "AC"), ("TWILIO_FLEX_WORKFLOW_SID", "WW"), ("TWILIO_FLEX_APP_SID", "AP")],
)
def test_a_sid_of_another_kind_is_refused(name: str, kind: str) -> None:
    for text in (f"XX{HEX}", f"{kind}{HEX}0", f"{kind}{HEX[:-1]}", f"{kind}{HEX[:-1]}g", f"{kind}{HEX}\n{HEX}"):
        assert problem(**{name: text}).startswith(f"{name} must be {kind} followed by 32 ")


def test_a_sid_in_place_of_the_auth_token_is_noticed() -> None:
    assert "not the account SID" in problem(TWILIO_AUTH_TOKEN=f"AC{HEX}")
    assert "API key" in problem(TWILIO_AUTH_TOKEN=f"SK{HEX}")


@pytest.mark.parametrize("text", ["two words", "line\nbreak", "naïve", "[your-key]"])
def test_a_key_that_cannot_stand_in_a_header_is_refused(text: str) -> None:
    assert problem(OPENAI_API_KEY=text).startswith("OPENAI_API_KEY must be ")


@pytest.mark.parametrize("text", ["true", "on", "yes", "1", "TRUE", "On", " yes "])
def test_a_switch_is_turned_on_in_many_words(text: str) -> None:
    assert load(FORWARD_AUDIO_BEFORE_TRANSLATION=text).forward_original is True


@pytest.mark.parametrize("text", ["false", "off", "no", "0", "FALSE", "Off"])
def test_a_switch_is_turned_off_in_many_words(text: str) -> None:
    assert load(CAPTIONS=text).captions is False


@pytest.mark.parametrize("text", ["maybe", "2", "tru", "on off"])
def test_any_other_word_for_a_switch_is_refused(text: str) -> None:
    assert "true or false" in problem(CAPTIONS=text)


@pytest.mark.parametrize(
    ("name", "lowest", "highest", "outside"),
    [
        ("API_PORT", "0", "65535", ["-1", "65536", "5050.0", "٥", "0x10", "9" * 5000]),
        ("MAX_CALLS", "1", "10000", ["0", "10001", "1e3"]),
        ("AGENT_ANSWER_TIMEOUT_SECONDS", "1", "600", ["0", "601", "30s"]),
        ("MAX_WAIT_SECONDS", "1", "86400", ["0", "86401"]),
        ("MAX_CALL_SECONDS", "1", "86400", ["0", "86401"]),
        ("SHUTDOWN_GRACE_SECONDS", "0", "86400", ["-0.5", "86400.5", "nan", "inf", "1e2"]),
        ("ORIGINAL_VOICE_LEVEL_DB", "-60", "0", ["-60.5", "1", "-inf", "quiet"]),
    ],
)
def test_a_number_is_taken_within_its_range_only(name: str, lowest: str, highest: str, outside: list[str]) -> None:
    load(**{name: lowest})
    load(**{name: highest})
    for text in outside:
        assert f"number from {lowest} to {highest}. Leave it out" in problem(**{name: text})


def test_a_grace_time_and_a_level_may_have_a_fraction() -> None:
    settings = load(SHUTDOWN_GRACE_SECONDS="0.5", ORIGINAL_VOICE_LEVEL_DB="-12.5")
    assert (settings.shutdown_grace_seconds, settings.original_level_db) == (0.5, -12.5)


@pytest.mark.parametrize(("text", "tag"), [("en", "en"), ("German", "de"), ("es-MX", "es"), ("mandarin", "zh")])
def test_the_agents_language_is_a_code_or_a_name(text: str, tag: str) -> None:
    assert load(AGENT_LANGUAGE=text).agent_language.tag == tag


def test_an_unknown_agent_language_is_answered_with_the_known_ones() -> None:
    assert "en, es, fr, zh, hi" in problem(AGENT_LANGUAGE="klingon")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("hi", ["hi"]),
        ("hi,en", ["hi", "en"]),
        (" German , es-MX,mandarin, Cantonese ,", ["de", "es", "zh", "yue"]),
        ("en,es,fr,zh,hi,de,it,pt,ja", ["en", "es", "fr", "zh", "hi", "de", "it", "pt", "ja"]),
    ],
)
def test_the_languages_of_the_menu_keep_their_order(text: str, tags: list[str]) -> None:
    assert [language.tag for language in load(CALLER_LANGUAGES=text).caller_languages] == tags


@pytest.mark.parametrize(
    "text", [",", ", ,", "klingon", "en,klingon", "en;es", "en es", "en,es,en", "es,es-MX", "en,English"]
)
def test_what_is_no_menu_is_refused_with_the_languages_there_are(text: str) -> None:
    refusal = problem(CALLER_LANGUAGES=text)
    assert refusal.startswith("CALLER_LANGUAGES must be 1 to 9 of the languages en, es, fr, zh, hi, ")
    assert refusal.endswith("none of them twice. Leave it out for the usual value, en,es,fr,zh,hi.")


def test_there_are_no_more_languages_on_the_menu_than_keys() -> None:
    assert "1 to 9" in problem(CALLER_LANGUAGES="en,es,fr,zh,hi,de,it,pt,ja,ko")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("wss://EU.api.openai.com/v1", "https://eu.api.openai.com/v1"),
        ("ws://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://[::1]:9000/Path//", "http://[::1]:9000/Path"),
    ],
)
def test_a_base_address_is_kept_as_http_without_a_slash_at_the_end(text: str, stored: str) -> None:
    assert load(OPENAI_BASE_URL=text).openai_base_url == stored
    assert load(TWILIO_API_BASE_URL=text).twilio_api_base_url == stored


@pytest.mark.parametrize(
    "text",
    [
        "api.openai.com",
        "ftp://api.openai.com",
        "https://",
        "https:///v1",
        "https://user:pass@api.openai.com",
        "https://api.openai.com/v1?key=1",
        "https://api.openai.com/#v1",
        "https://api.openai.com:port",
        "https://api.openai.com:99999",
        "https://api openai com",
        "https://[::1",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    assert "an address such as" in problem(OPENAI_BASE_URL=text)


def test_quotes_that_a_container_runtime_left_around_a_value_are_taken_off() -> None:
    assert load(TWILIO_AUTH_TOKEN=f'"{TOKEN}"', API_PORT="'5051'").auth_token == TOKEN
    secret = '"' + "k" * 40
    assert load(LINK_SECRET=secret).link_secret == secret, "one quote alone is a part of it"


def test_the_secrets_are_told_to_the_log_and_to_nobody_else() -> None:
    settings = load(TWILIO_WEBHOOK_SHARED_KEY="shared-private")
    assert set(settings.secrets) == {TOKEN, KEY, "shared-private"}
    assert not any(secret in repr(settings) or secret in str(settings) for secret in settings.secrets)
    assert set(load().secrets) == {TOKEN, KEY}


def test_a_secret_pasted_into_any_line_is_not_repeated_in_the_complaint() -> None:
    pasted = "oops my secret"
    settings = [setting for setting in SETTINGS if setting.parse is not parsers.path]  # any text names a file
    lines = problems({setting.name: pasted for setting in settings})
    assert len(lines) == len(settings)
    assert "oops" not in "\n".join(lines)


@given(st.dictionaries(st.sampled_from([setting.name for setting in SETTINGS]), st.text(max_size=60)))
def test_no_text_whatever_breaks_the_reading(changes: dict[str, str]) -> None:
    lines = ["fine"]
    try:
        Settings.load(ENVIRON | changes)
    except SettingsError as refusal:
        lines = refusal.problems
    assert lines
    assert all(line.isprintable() for line in lines)


def test_a_translator_that_is_not_installed_is_refused_with_the_names_of_those_that_are() -> None:
    (line,) = problems(ENVIRON | {"TRANSLATOR": "babelfish"})
    assert line.startswith("TRANSLATOR must be one of openai, openai-interpreter, loopback")


def test_a_path_may_begin_at_the_users_own_folder_and_at_no_strangers() -> None:
    assert Settings.load(ENVIRON | {"PROMPTS_DIR": "~/prompts"}).prompts_dir == Path.home() / "prompts"
    (line,) = problems(ENVIRON | {"PROMPTS_DIR": "~nobody-of-that-name/prompts"})
    assert line.startswith("PROMPTS_DIR must be a path;")


def test_all_that_was_given_is_kept_for_translators_by_others_and_not_shown() -> None:
    settings = Settings.load(ENVIRON | {"BABELFISH_KEY": "fish-secret"})
    assert settings.environ["BABELFISH_KEY"] == "fish-secret"
    assert "fish-secret" not in repr(settings)


def test_two_auth_tokens_are_kept_secret_while_they_are_changed() -> None:
    settings = load(TWILIO_SECONDARY_AUTH_TOKEN="e" * 32)
    assert settings.secondary_auth_token == "e" * 32
    assert "e" * 32 in settings.secrets
    assert "e" * 32 not in repr(settings)
    assert load().secondary_auth_token is None
    assert "not the account SID" in problem(TWILIO_SECONDARY_AUTH_TOKEN=f"AC{HEX}")
