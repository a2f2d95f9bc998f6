"""Twilio's signatures: the vectors of its documents, and everything that must not pass."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict
from wires import AUTH_TOKEN, PUBLIC_HOST, signature

from bmv.telephony.signatures import SignatureVerifier, sign, signed_headers

TOKEN = "12345"  # of Twilio's own examples
EXAMPLE = SignatureVerifier("example.com", auth_token=TOKEN)
OURS = SignatureVerifier(PUBLIC_HOST, auth_token=AUTH_TOKEN)
HANDSHAKES = [
    "dJOQ/4kEsE0xBTQyOPkq7aID2iI=",  # wss://example.com/intercept
    "ywFLNRCiWEijckfPlIKwk8WMOwY=",  # wss://example.com/intercept/
    "B9Ru0qDSHmVRXU3iYDebtjDQxYE=",  # wss://example.com:443/intercept
]
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}
FORM_SIGNATURE = "L/OH5YylLD5NRKLltdqwSvS0BnU="  # of https://example.com/myapp.php?foo=1&bar=2
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"

Fields = Sequence[tuple[str, str]]


def refused(
    verifier: SignatureVerifier,
    path: str,
    given: str | None,
    *,
    fields: Fields = (),
    scheme: str = "https",
    settings: str | None = None,
) -> str | None:
    headers: CIMultiDict[str] = CIMultiDict()
    if given is not None:
        headers["x-twilio-signature"] = given
    if settings is not None:
        headers[SETTINGS] = settings
    return verifier.why_refused(scheme, path, MultiDict(fields), headers)


def sha256(url: str, fields: Fields, secret: str) -> str:
    text = url + "".join(name + value for name, value in sorted(fields))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("given", HANDSHAKES)
@pytest.mark.parametrize("path", ["/intercept", "/intercept/"])
def test_a_handshake_may_be_signed_with_or_without_slash_and_port(given: str, path: str) -> None:
    assert refused(EXAMPLE, path, given, scheme="wss") is None


def test_while_the_auth_token_is_changed_both_sign_and_the_second_is_mentioned_once() -> None:
    fields = list(FORM.items())
    path = "/myapp.php?foo=1&bar=2"
    for tokens, mentioned in (((TOKEN, "other"), 0), (("other", TOKEN), 1)):
        both = SignatureVerifier("example.com", auth_token=tokens[0], secondary_auth_token=tokens[1])
        with structlog.testing.capture_logs() as log:
            for _ in range(3):
                assert refused(both, path, FORM_SIGNATURE, fields=fields) is None
                assert refused(both, "/intercept", HANDSHAKES[0], scheme="wss") is None
        assert [line["event"] for line in log] == ["secondary_auth_token_fits"] * mentioned
        assert TOKEN not in str(log)
    neither = SignatureVerifier("example.com", auth_token="a", secondary_auth_token="b")
    assert "TWILIO_AUTH_TOKEN" in str(refused(neither, path, FORM_SIGNATURE, fields=fields))


@pytest.mark.parametrize("given", HANDSHAKES)
def test_a_handshakes_signature_is_good_for_nothing_else(given: str) -> None:
    assert refused(EXAMPLE, "/intercept", given, scheme="https")
    assert refused(EXAMPLE, "/intercept2", given, scheme="wss")
    assert refused(EXAMPLE, "/intercept?x=1", given, scheme="wss")
    assert refused(SignatureVerifier("example.org", auth_token=TOKEN), "/intercept", given, scheme="wss")


def test_a_form_is_signed_as_in_twilios_own_example() -> None:
    assert refused(EXAMPLE, "/myapp.php?foo=1&bar=2", FORM_SIGNATURE, fields=list(FORM.items())) is None


def test_the_order_of_the_fields_does_not_matter() -> None:
    assert refused(EXAMPLE, "/myapp.php?foo=1&bar=2", FORM_SIGNATURE, fields=list(FORM.items())[::-1]) is None


@pytest.mark.parametrize(
    "fields",
    [
        FORM | {"To": "+18005551213"},
        FORM | {"To": "+18005551212 "},
        FORM | {"Extra": "1"},
        FORM | {"Digits": ""},
        {name: value for name, value in FORM.items() if name != "Digits"},
        {name.lower(): value for name, value in FORM.items()},
        {},
    ],
    ids=["changed", "padded", "more", "blank", "fewer", "lower case", "none"],
)
def test_a_form_that_was_tampered_with_is_refused(fields: dict[str, str]) -> None:
    assert refused(EXAMPLE, "/myapp.php?foo=1&bar=2", FORM_SIGNATURE, fields=list(fields.items()))


@pytest.mark.parametrize("path", ["/myapp.php?foo=1&bar=3", "/myapp.php?bar=2&foo=1", "/myapp.php", "/x?foo=1&bar=2"])
def test_a_form_sent_elsewhere_is_refused(path: str) -> None:
    assert refused(EXAMPLE, path, FORM_SIGNATURE, fields=list(FORM.items()))


def test_another_accounts_token_is_refused_and_says_what_to_look_at() -> None:
    why = refused(SignatureVerifier("example.com", auth_token="12346"), "/intercept", HANDSHAKES[0], scheme="wss")
    assert why
    assert "PUBLIC_HOST" in why
    assert "TWILIO_AUTH_TOKEN" in why


@pytest.mark.parametrize("given", [None, "", " ", "x", HANDSHAKES[0][:-1], HANDSHAKES[0] + "=", "é", "\udcff"])
def test_no_signature_or_half_of_one_is_refused(given: str | None) -> None:
    assert refused(EXAMPLE, "/intercept", given, scheme="wss")


def test_a_missing_signature_is_named() -> None:
    assert "X-Twilio-Signature" in (refused(EXAMPLE, "/intercept", None) or "")


@pytest.mark.parametrize(
    "path",
    [
        "/incoming-call?lang=espa%C3%B1ol",
        "/incoming-call?lang=espa%c3%b1ol",
        "/incoming-call?lang=a+b&lang=%20",
        "/incoming-call?",
        "/incoming-call/?lang=",
    ],
)
def test_the_query_counts_exactly_as_it_was_sent(path: str) -> None:
    signed = signature(f"https://{PUBLIC_HOST}{path}", FORM)
    assert refused(OURS, path, signed, fields=list(FORM.items())) is None


def test_a_query_that_was_decoded_on_the_way_does_not_fit() -> None:
    signed = signature(f"https://{PUBLIC_HOST}/incoming-call?lang=espa%C3%B1ol")
    assert refused(OURS, "/incoming-call?lang=español", signed)
    assert refused(OURS, "/incoming-call?lang=espa%c3%b1ol", signed)


def test_blank_fields_count() -> None:
    fields = [*FORM.items(), ("CallerName", ""), ("Called", "")]
    signed = signature(f"https://{PUBLIC_HOST}/x", fields)
    assert refused(OURS, "/x", signed, fields=fields) is None


def test_of_a_field_that_is_repeated_every_value_counts() -> None:
    fields = [("MediaUrl", "b"), ("MediaUrl", "a"), ("Body", "")]
    signed = signature(f"https://{PUBLIC_HOST}/x", fields)
    assert refused(OURS, "/x", signed, fields=fields) is None
    assert refused(OURS, "/x", signed, fields=fields[1:])
    assert refused(OURS, "/x", signed, fields=[*fields, ("MediaUrl", "c")])


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"))))
def test_whatever_twilio_signs_is_let_in(form: dict[str, str]) -> None:
    signed = signature(f"https://{PUBLIC_HOST}/call-status?bmv_call_id=c", form)
    assert refused(OURS, "/call-status?bmv_call_id=c", signed, fields=list(form.items())) is None
    assert refused(OURS, "/call-status?bmv_call_id=d", signed, fields=list(form.items()))


def test_what_is_not_utf_8_is_refused_and_does_no_harm() -> None:
    assert refused(OURS, "/x?\udcff", "x")
    assert refused(OURS, "/x", "x", fields=[("a", "\ud800")])


# -- signatures with a shared key -----------------------------------------------------------------------------------

SHARED = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
WITH_KEY = SignatureVerifier(PUBLIC_HOST, auth_token=AUTH_TOKEN, shared_key="shared")


def test_a_shared_keys_signature_is_checked_with_that_key() -> None:
    fields = list(FORM.items())
    signed = sha256(f"https://{PUBLIC_HOST}/x", fields, "shared")
    assert refused(WITH_KEY, "/x", signed, fields=fields, settings=SHARED) is None
    assert refused(WITH_KEY, "/x", signed, fields=fields, settings="algorithm=hmac_sha256") is None
    assert refused(WITH_KEY, "/x", signed, fields=fields[1:], settings=SHARED)
    assert refused(
        WITH_KEY, "/x", sha256(f"https://{PUBLIC_HOST}/x", fields, AUTH_TOKEN), fields=fields, settings=SHARED
    )


def test_without_a_shared_key_such_a_signature_is_refused_and_says_so() -> None:
    for secret in ("shared", AUTH_TOKEN, ""):
        why = refused(OURS, "/x", sha256(f"https://{PUBLIC_HOST}/x", (), secret), settings=SHARED)
        assert why
        assert "TWILIO_WEBHOOK_SHARED_KEY" in why


def test_with_a_shared_key_the_older_signatures_stay_good() -> None:
    signed = signature(f"https://{PUBLIC_HOST}/x")
    assert refused(WITH_KEY, "/x", signed) is None
    assert refused(WITH_KEY, "/x", signed, settings="") is None


def test_neither_key_signs_for_the_other_algorithm() -> None:
    assert refused(WITH_KEY, "/x", signature(f"https://{PUBLIC_HOST}/x", secret="shared"))
    assert refused(WITH_KEY, "/x", sha256(f"https://{PUBLIC_HOST}/x", (), "shared"))


@pytest.mark.parametrize("algorithm", ["HMAC_MD5", "none", "\udcff"])
def test_an_algorithm_nobody_knows_is_refused(algorithm: str) -> None:
    assert refused(WITH_KEY, "/x", signature(f"https://{PUBLIC_HOST}/x"), settings=f"algorithm={algorithm}")


@pytest.mark.parametrize(
    ("url", "form", "expected"),
    [
        (
            "https://example.com/myapp.php?foo=1&bar=2",
            {
                "CallSid": "CA1234567890ABCDE",
                "Caller": "+14158675310",
                "Digits": "1234",
                "From": "+14158675310",
                "To": "+18005551212",
            },
            "L/OH5YylLD5NRKLltdqwSvS0BnU=",
        ),
        ("wss://example.com/intercept", {}, "dJOQ/4kEsE0xBTQyOPkq7aID2iI="),
    ],
)
def test_we_sign_as_twilio_does(url: str, form: dict[str, str], expected: str) -> None:
    assert sign(url, form, "12345") == expected
    assert signed_headers(url, form, "12345") == {"X-Twilio-Signature": expected}


def test_a_request_signed_with_a_shared_key_says_so() -> None:
    headers = signed_headers("https://voice.example.com/welcome", {}, "key", "HMAC_SHA256")

    assert headers["X-Twilio-Webhooks-Signature-Settings"] == "algorithm=HMAC_SHA256"
    assert len(headers["X-Twilio-Signature"]) == 44
