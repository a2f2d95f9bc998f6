"""Links that let somebody in: only with our signature, for what they were made for, and not for ever."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bmv.commands.arguments import parse
from bmv.web.links import CLOCK_SECONDS, LONGEST_SECONDS, LinkRefused, Links, Purpose, secret_of

CALL = "0123456789abcdef01234567"
WORKER = "WK" + "a" * 32


class Time:
    now = 1_775_000_000.0


def links(secret: bytes = b"secret", time: type[Time] = Time) -> Links:
    return Links("voice.example.com", secret, clock=lambda: time.now)


def test_a_link_leads_to_its_page_on_the_public_host_and_back_to_its_subject() -> None:
    url = links().url(Purpose.AGENT, WORKER, 60)
    host, token = url.split("/agent/")
    assert host == "https://voice.example.com"
    assert re.fullmatch(r"[A-Za-z0-9._-]+", token), "it can stand in an address as it is"
    assert links().subject(Purpose.AGENT, token) == WORKER


def test_a_link_opens_no_page_of_another_kind() -> None:
    token = links().token(Purpose.CAPTIONS, CALL, 60)
    with pytest.raises(LinkRefused, match="signature"):
        links().subject(Purpose.AGENT, token)


def test_a_link_is_good_until_its_time_is_over() -> None:
    class Later(Time):
        pass

    token = links(time=Later).token(Purpose.CAPTIONS, CALL, 60)
    Later.now += 59
    assert links(time=Later).subject(Purpose.CAPTIONS, token) == CALL
    assert links(time=Later).lasts(token) == 1
    Later.now += 1
    with pytest.raises(LinkRefused, match="expired"):
        links(time=Later).subject(Purpose.CAPTIONS, token)


def test_a_clock_that_was_ahead_makes_no_link_for_ever_and_one_that_is_put_back_a_little_breaks_none() -> None:
    class Clock(Time):
        pass

    made = [links(time=Clock).token(Purpose.AGENT, WORKER, seconds) for seconds in (60, LONGEST_SECONDS, 1e12)]
    Clock.now -= CLOCK_SECONDS
    for token in made:
        assert links(time=Clock).subject(Purpose.AGENT, token) == WORKER
    Clock.now -= 1
    for token in made[1:]:
        with pytest.raises(LinkRefused, match="ahead"):
            links(time=Clock).subject(Purpose.AGENT, token)
    Clock.now += 10 * LONGEST_SECONDS
    for token in made:
        with pytest.raises(LinkRefused, match="expired"):
            links(time=Clock).subject(Purpose.AGENT, token)


def test_a_link_may_be_asked_for_as_long_as_the_command_says() -> None:
    assert parse(["agent-link", WORKER, "--hours", f"{LONGEST_SECONDS / 3600}"]).hours * 3600 == LONGEST_SECONDS
    with pytest.raises(SystemExit):
        parse(["agent-link", WORKER, "--hours", f"{LONGEST_SECONDS / 3600 + 1}"])


def test_a_changed_secret_revokes_every_link() -> None:
    token = links().token(Purpose.AGENT, WORKER, 60)
    with pytest.raises(LinkRefused, match="signature"):
        links(b"another").subject(Purpose.AGENT, token)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_no_part_of_a_link_can_be_changed(part: int) -> None:
    parts = links().token(Purpose.CAPTIONS, CALL, 60).split(".")
    parts[part] = ("1" if parts[part][0] != "1" else "2") + parts[part][1:]
    with pytest.raises(LinkRefused, match="signature"):
        links().subject(Purpose.CAPTIONS, ".".join(parts))


@given(some.text() | some.from_regex(r"[A-Za-z0-9]+\.[0-9]+\.[A-Za-z0-9_-]{43}", fullmatch=True))
def test_what_we_did_not_sign_is_refused_whatever_it_is(text: str) -> None:
    with pytest.raises(LinkRefused) as refused:
        links().subject(Purpose.CAPTIONS, text)
    assert text not in str(refused.value) or len(text) < 4, "the link is not told again"


@pytest.mark.parametrize("subject", ["", "a.b", "a/b", "ä", "a\n", "x" * 65])
def test_a_subject_is_letters_and_digits(subject: str) -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        links().token(Purpose.CAPTIONS, subject, 60)


def test_without_a_secret_of_its_own_it_follows_from_the_auth_token_and_does_not_show_it() -> None:
    derived = secret_of(None, "auth-token")
    assert derived == secret_of("", "auth-token")
    assert derived != secret_of(None, "another")
    assert b"auth-token" not in derived
    assert secret_of("our own", "auth-token") == b"our own"
