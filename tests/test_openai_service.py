"""Which service it is: how it is told who we are, and whether we know what it costs."""

from bmv.translators.openai_service import Service, azure, openai

KEY = "sk-a-secret-key"


def test_openai_wants_the_key_as_a_bearers_and_azure_in_a_header_of_its_own() -> None:
    assert openai("https://a.example/v1", KEY).headers == {"Authorization": f"Bearer {KEY}"}
    assert azure("https://a.example/openai/v1", KEY).headers == {"api-key": KEY}


def test_without_a_key_nothing_proves_who_we_are() -> None:
    for key in (None, ""):
        assert not openai("https://a.example/v1", key).headers
        assert not azure("https://a.example/openai/v1", key).headers


def test_only_what_our_price_list_is_about_is_billed_by_it() -> None:
    assert openai("https://a.example/v1", KEY).billed("gpt-realtime-translate") == "gpt-realtime-translate"
    assert azure("https://a.example/openai/v1", KEY).billed("gpt-realtime-translate") is None


def test_the_key_is_not_shown() -> None:
    service: Service
    for service in (openai("https://a.example/v1", KEY), azure("https://a.example/openai/v1", KEY)):
        assert KEY not in repr(service)
