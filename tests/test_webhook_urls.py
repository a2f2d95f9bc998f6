import pytest

from bmv.commands.doctor.webhook_urls import problem_of

HOST = "voice.example.com"
PATHS = {"/welcome", "/incoming-call"}


@pytest.mark.parametrize(
    "url",
    [
        "https://voice.example.com/welcome",
        "https://voice.example.com:443/welcome",
        "https://voice.example.com/incoming-call?lang=es",
        "https://voice.example.com/welcome#rc=2",
    ],
)
def test_an_address_of_ours_is_no_problem(url: str) -> None:
    assert problem_of(url, host=HOST, paths=PATHS) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://[your-public-host]/incoming-call?lang=es", "placeholder [your-public-host]"),
        ("https://[your-ngrok-domain].ngrok.app/incoming-call", "placeholder [your-ngrok-domain]"),
        ("https://<host>/welcome", "placeholder <host>"),
        ("https://https://voice.example.com/welcome", "https:// twice"),
        ("https://http://voice.example.com/welcome", "https:// twice"),
        ("https://wss://voice.example.com/welcome", "https:// twice"),
        ("https://https//voice.example.com/welcome", "https:// twice"),
        ("voice.example.com/welcome", "no complete address"),
        ("https:///welcome", "no complete address"),
        ("https://voice.example.com:port/welcome", "no complete address"),
    ],
)
def test_an_address_that_no_request_can_be_sent_to_explains_the_call_that_drops(url: str, words: str) -> None:
    problem = problem_of(url, host=HOST, paths=PATHS)

    assert problem is not None
    assert words in problem.words
    assert problem.malformed
    assert "11100" in problem.remedy
    assert "setup --host voice.example.com" in problem.remedy


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is empty"),
        ("https://old.ngrok.app/welcome", "leads to old.ngrok.app, and PUBLIC_HOST is voice.example.com"),
        ("http://voice.example.com/welcome", "does not use https"),
        ("https://Voice.Example.com/welcome", "has capital letters in its host: Voice.Example.com"),
        ("https://voice.example.com:8443/welcome", "does not use https on port 443"),
        ("https://voice.example.com/", "leads to /, not to /incoming-call or /welcome"),
        ("https://voice.example.com//welcome", "leads to //welcome"),
        ("https://voice.example.com/welcome/", "leads to /welcome/"),
    ],
)
def test_an_address_that_leads_elsewhere_says_where(url: str, words: str) -> None:
    problem = problem_of(url, host=HOST, paths=PATHS)

    assert problem is not None
    assert words in problem.words
    assert not problem.malformed
    assert "setup" in problem.remedy


def test_a_query_is_never_shown() -> None:
    problem = problem_of("http://voice.example.com/welcome?from=%2B34911", host=HOST, paths=PATHS)

    assert problem is not None
    assert "34911" not in problem.words
