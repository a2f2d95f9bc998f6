"""What a failure of OpenAI's means: whether another try could succeed, and what the operator is told."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.translators.openai_errors import (
    PERMANENT,
    TRANSIENT,
    ErrorDetail,
    Severity,
    classify,
    closed,
    read_body,
    refused,
    reported,
    retry_after,
)

NOW = 1_790_000_000.0
QUOTA = ErrorDetail(type="insufficient_quota", code="credit_balance_exhausted", message="Acme owes us.")
BUSY = ErrorDetail(type="requests", code="rate_limit_exceeded")
STRANGE = ErrorDetail(type="invalid_request_error", code="strange_audio")


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "severity"),
    [
        *((code, "invalid_request_error", Severity.PERMANENT) for code in PERMANENT),
        *((None, kind, Severity.PERMANENT) for kind in PERMANENT),
        *((code, "invalid_request_error", Severity.TRANSIENT) for code in TRANSIENT),
        *((None, kind, Severity.TRANSIENT) for kind in TRANSIENT),
        ("insufficient_quota", "server_error", Severity.PERMANENT),  # the code counts more than the type
        ("session_expired", "insufficient_quota", Severity.TRANSIENT),
        ("new_code", "server_error", Severity.TRANSIENT),
        ("response_cancel_not_active", "invalid_request_error", Severity.BENIGN),
        ("conversation_already_has_active_response", "invalid_request_error", Severity.BENIGN),
        ("input_audio_buffer_commit_empty", "invalid_request_error", Severity.BENIGN),
        ("unknown_parameter", "invalid_request_error", Severity.BENIGN),
        (None, None, Severity.BENIGN),
    ],
)
def test_an_error_is_classed_by_its_code_and_else_by_its_type(
    code: str | None, kind: str | None, severity: Severity
) -> None:
    assert classify(ErrorDetail(type=kind, code=code)) is severity


def test_the_codes_that_stop_all_trying_are_those_we_know() -> None:
    named = """invalid_api_key account_deactivated billing_hard_limit_reached insufficient_quota
        credit_balance_exhausted model_not_found beta_api_shape_disabled"""
    assert set(named.split()) <= set(PERMANENT)
    assert {"session_expired", "rate_limit_exceeded", "server_error"} <= set(TRANSIENT)
    assert not set(PERMANENT) & set(TRANSIENT)


def test_the_operator_is_told_what_to_check_and_not_what_the_provider_wrote() -> None:
    told = reported(QUOTA)
    assert "credit_balance_exhausted" in str(told)
    assert "billing" in str(told)
    assert "Acme" not in str(told)
    assert "Acme owes us." in str(QUOTA)


@pytest.mark.parametrize("name", ["Your key sk-abc is wrong", "sk-abc", "a" * 65, "", "7"])
def test_a_code_that_does_not_look_like_one_is_not_repeated(name: str) -> None:
    assert str(reported(ErrorDetail(code=name))) == "OpenAI reported an error (unknown): see the log"
    assert ErrorDetail(code=name, type="server_error").name == "server_error"


def test_a_configuration_that_is_refused_as_invalid_would_be_refused_again() -> None:
    assert not reported(STRANGE).permanent
    assert reported(STRANGE, configuring=True).permanent
    assert not reported(ErrorDetail(type="server_error"), configuring=True).permanent
    assert not reported(ErrorDetail(type="new_error", code="new"), configuring=True).permanent
    assert not reported(ErrorDetail(type="invalid_request_error", code="session_expired"), configuring=True).permanent


# -- closed sockets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [None, 1000, 1001, 1005, 1006, 1011, 1012, 1013, 3000, 4000])
def test_a_socket_that_closes_without_a_reason_may_be_tried_again(code: int | None) -> None:
    assert str(closed(code, "", None)) == f"OpenAI closed the connection (code {code})"
    assert not closed(code, "", None).permanent
    assert not closed(code, "keepalive ping timeout", None).permanent


@pytest.mark.parametrize(
    ("code", "reason", "permanent"),
    [
        (4000, "invalid_request_error.beta_api_shape_disabled", True),
        (4000, "invalid_request_error.something_new", True),  # it does not like how we speak to it
        (4000, "invalid_request_error.session_expired", False),
        (4000, "something_new", False),
        (1001, "session_expired", False),
        (3000, "invalid_request_error.invalid_api_key", True),
        (3000, "invalid_api_key", True),
        (1011, "insufficient_quota", True),
        (1011, "invalid_request_error.something_new", False),
    ],
)
def test_the_reason_of_a_close_counts(code: int, reason: str, permanent: bool) -> None:
    assert closed(code, reason, None).permanent is permanent


def test_what_the_last_error_said_counts_more() -> None:
    assert closed(1006, "", QUOTA).permanent
    assert closed(4000, "invalid_request_error.something_new", QUOTA).permanent
    assert not closed(4000, "invalid_request_error.something_new", BUSY).permanent
    assert "after the error strange_audio" in str(closed(1006, "", STRANGE))
    assert not closed(1006, "", STRANGE).permanent


@given(st.none() | st.integers(0, 4999), st.text())
def test_no_reason_whatever_is_repeated_as_prose(code: int | None, reason: str) -> None:
    told = str(closed(code, reason, None))
    assert " " not in reason or reason.strip() == "" or reason not in told


# -- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words", "permanent"),
    [
        (400, "OPENAI_BASE_URL", True),
        (401, "OPENAI_API_KEY", True),
        (403, "may not use this model", True),
        (404, "OPENAI_BASE_URL", True),
        (429, "billing", False),
        (500, "status page", False),
        (503, "status page", False),
        (302, "status page", False),
    ],
)
def test_a_refusal_says_what_to_look_at(status: int, words: str, permanent: bool) -> None:
    told = refused(status, None, {}, now=NOW)
    assert f"HTTP {status}" in str(told)
    assert words in str(told)
    assert told.permanent is permanent
    assert told.retry_after is None


def test_of_the_two_kinds_of_429_the_body_tells_which() -> None:
    money, busy = (refused(429, error, {"Retry-After": "7"}, now=NOW) for error in (QUOTA, BUSY))
    assert money.permanent
    assert money.retry_after is None  # waiting does not help
    assert "HTTP 429 (credit_balance_exhausted): no credit is left" in str(money)
    assert not busy.permanent
    assert busy.retry_after == 7
    assert "HTTP 429 (rate_limit_exceeded): too many" in str(busy)


def test_when_to_come_back_is_heeded_after_any_failure_that_passes() -> None:
    assert refused(503, None, {"Retry-After": "2.5"}, now=NOW).retry_after == 2.5
    assert refused(401, None, {"Retry-After": "2.5"}, now=NOW).retry_after is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        ("86400", 120),
        ("1.5", 1.5),
        (" 4 ", 4),
        ("-3", 0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0),
        (format_datetime(datetime.fromtimestamp(NOW + 86_400, UTC), usegmt=True), 120),  # our clock is a day slow
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("Mon, 99 Nov 2026 00:00:00 GMT", None),
    ],
)
def test_when_to_come_back_is_said_in_seconds_or_as_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(header, now=NOW) == seconds


@given(st.text())
def test_no_such_header_whatever_raises(header: str) -> None:
    found = retry_after(header, now=NOW)
    assert found is None or found >= 0


def test_the_error_is_read_from_the_body() -> None:
    body = b'{"error":{"message":"No.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}'
    assert read_body(body) == ErrorDetail(type="insufficient_quota", code="insufficient_quota", message="No.")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"error":"no"}', b'{"error":{"code":7}}', b"\xff", b"[" * 9999]
)
def test_a_body_without_an_error_tells_nothing(body: bytes) -> None:
    assert read_body(body) is None


# -- Azure's own way ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "words", "permanent"),
    [
        (401, "401", "HTTP 401: the key is wrong", True),
        (401, "PermissionDenied", "(PermissionDenied): the key's project may not use", True),
        (404, "DeploymentNotFound", "(DeploymentNotFound): the resource has no deployment of this name", True),
        (404, "404", "HTTP 404: no such model or address", True),
        (400, "OpperationNotSupported", "this deployment's model does not work for this", True),
        (400, "OperationNotSupported", "this deployment's model does not work for this", True),
        (429, "429", "HTTP 429: too many sessions or requests", False),
        (429, "RateLimitReached", "(RateLimitReached): too many sessions or requests", False),
        (503, "503", "status page", False),
    ],
)
def test_what_azure_refuses_with_is_understood(status: int, code: str, words: str, permanent: bool) -> None:
    body = f'{{"error":{{"code":"{code}","message":"Access denied, Acme."}}}}'.encode()
    told = refused(status, read_body(body), {"Retry-After": "7"}, now=NOW)
    assert words in str(told)
    assert "Acme" not in str(told)
    assert told.permanent is permanent
    assert told.retry_after == (None if permanent else 7)
