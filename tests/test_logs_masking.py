"""Nothing private in the log: numbers, parties, keys, words and audio are masked wherever they stand."""

import base64
import json
import time
import timeit
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from log_lines import KEY, TOKEN, logged, logging_to

from bmv.logs import LONGEST_TEXT, Masker, mask_number


def masked(text: str) -> str:
    return Masker([TOKEN, KEY]).text(text)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+34612345689", "+34…89"),
        ("+1415555", "+14…55"),
        ("+123456789012345", "+12…45"),
        ("34612345689", "346…89"),
        ("%2B34612345689", "+34…89"),
        ("sip:alice@example.com", "sip:al…@example.com"),
        ("sip:alice@example.com;transport=tls", "sip:al…@example.com"),
        ("sips:+34612345689@example.com?X-a=b", "sips:+34…89@example.com"),
        ("sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"),
        ("client:alice", "client:al…"),
        ("client:al", "client:a…"),
        ("anonymous", "anonymous"),
        ("Restricted", "Restricted"),
        ("", ""),
        ("12345", "12…"),
        ("+34…89", "+34…89"),
        ("sip:al…@example.com", "sip:al…@example.com"),
    ],
)
def test_a_party_can_be_told_apart_and_not_called(number: str, shown: str) -> None:
    assert mask_number(number) == shown
    assert mask_number(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dialling +34612345689 now", "dialling +34…89 now"),
        ("From=%2B34612345689&To=x", "From=+34…89&To=x"),
        ("from sip:alice@example.com;a=b to client:bob", "from sip:al…@example.com;a=b to client:b…"),
        ("sip:+34612345689@example.com", "sip:+34…89@example.com"),
        ("<sip:alice@example.com>", "<sip:al…@example.com>"),
        ("https://h.example/a?b=c&d=e next", "https://h.example/a?… next"),
        ("GET /stream-status?bmv_call_id=abc HTTP/1.1", "GET /stream-status?… HTTP/1.1"),
        ("URL('http://h/x?y')", "URL('http://h/x?…')"),
        ("app:AP1?bmv_call_id=abc", "app:AP1?…"),
        (f"GET /captions/{'a' * 24}.1775000000.{'b_-' * 14}c/events HTTP/1.1", "GET /captions/***/events HTTP/1.1"),
        (f"https://h/agent/WK{'a' * 32}.1775000000.{'b' * 43}", "https://h/agent/***"),
        ("see src/agent/side.py", "see src/agent/side.py"),
        ("https://user:pass@h.example/", "https://***@h.example/"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("header Basic QUMxMjM6dG9rZW4=", "header Basic ***"),
        (f"key {KEY}, token {TOKEN}!", "key ***, token ***!"),
        (f"key={quote(KEY, safe='')}", "key=***"),
        ("audio " + base64.b64encode(bytes(160)).decode() + " end", "audio *** end"),
        (base64.b64encode(bytes(120)).decode(), "***"),  # letters and nothing else
        ("a" * 159, "a" * 159),
        (f"frame {bytes(range(128, 160))!r}", "frame b'***'"),
        ("why? because 2+2=4, at 12:30+0100 it is 100%", "why? because 2+2=4, at 12:30+0100 it is 100%"),
        ("CA0123456789abcdef client: closed, ratio 3:4", "CA0123456789abcdef client: closed, ratio 3:4"),
    ],
)
def test_what_is_private_is_found_in_any_text(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


TELLING = """
    token stream_token authToken auth-token api_key sharedKey client_secret Authorization password cookie
    audio audio_delta payload transcript source_transcript text caption X-Twilio-Signature
"""


@pytest.mark.parametrize("key", TELLING.split())
def test_a_telling_key_hides_its_value_at_any_depth(key: str) -> None:
    line = logged(**{key: "hola"}, inner={key: ["hola", {"plain": "hola"}]}, rows=[{key: "hola"}])
    assert line[key] == line["inner"][key] == line["rows"][0][key] == "***"
    assert "hola" not in json.dumps(line)


def test_numbers_and_ordinary_keys_are_shown() -> None:
    values: dict[str, Any] = {
        "audio_ms": 20,
        "tokens": 120,
        "payload_bytes": 160,
        "captions": True,
        "text": None,
        "context": "call",
    }
    assert values.items() <= logged(**values).items()


def test_a_number_without_a_plus_is_masked_under_a_key_that_says_what_it_is() -> None:
    line = logged(caller_number="34612345689", to="34612345689", call_id="34612345689")
    assert (line["caller_number"], line["to"], line["call_id"]) == ("346…89", "346…89", "34612345689")


def test_the_name_of_an_event_and_what_is_bound_to_the_call_are_masked_too() -> None:
    with logging_to() as (log, stream):
        structlog.contextvars.bind_contextvars(caller="+34612345689")
        log.bind(url="wss://h/intercept?token=abc").info(f"lost {TOKEN}")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["caller"], line["url"]) == ("lost ***", "+34…89", "wss://h/intercept?…")


def test_short_or_missing_secrets_do_not_blank_the_log() -> None:
    assert Masker(["", "a", "abc"]).text("a fine call, abc") == "a fine call, abc"


def test_a_secret_within_another_leaves_nothing_of_the_longer_one() -> None:
    assert Masker(["secret", "secret-and-more"]).text("secret-and-more secret") == "*** ***"


@given(st.text(max_size=80), st.text(max_size=20))
def test_whatever_is_logged_is_one_line_and_holds_no_secret(before: str, after: str) -> None:
    with logging_to() as (log, stream):
        log.info(before + TOKEN + after, value=[after + KEY + before])
    assert stream.getvalue().count("\n") == 1
    assert TOKEN not in stream.getvalue()
    assert KEY not in json.dumps(json.loads(stream.getvalue()))


@pytest.mark.parametrize("unit", ["sip:", "?a", "://a", "+1", "\\xff", "a" * 159 + " ", "Basic ", "client:…"])
def test_hostile_text_is_masked_in_time_that_grows_with_its_length_only(unit: str) -> None:
    masker = Masker([TOKEN])

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        return min(timeit.repeat(lambda: masker.text(text), timer=time.process_time, number=1, repeat=9))

    few, many = seconds(LONGEST_TEXT // 16), seconds(LONGEST_TEXT)
    assert many < few * 16 * 5  # in proportion it is 16 times as long, with the square 256 times
