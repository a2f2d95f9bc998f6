"""What a session costs is what the service counted, and unknown as long as it has not counted all of it."""

import msgspec
import pytest

from bmv.translators import openai_realtime_wire as wire
from bmv.translators.openai_account import Account
from bmv.translators.turns import Label

HEARD, SAID = {"input_token_details": {"audio_tokens": 30}}, {"output_token_details": {"audio_tokens": 80}}
SPOKEN = msgspec.convert(HEARD | SAID, wire.ResponseUsage)
PRICE = (30 * 32 + 80 * 64) / 1_000_000


def account(*, transcribed: bool = False) -> Account:
    return Account("gpt-realtime-2.1", transcription="gpt-transcribe" if transcribed else None)


def response(
    name: str, label: Label | None = None, status: str = "completed", usage: wire.ResponseUsage | None = SPOKEN
) -> wire.Response:
    metadata = {"turn": str(label[0]), "attempt": str(label[1])} if label else None
    return wire.Response(id=name, status=status, metadata=metadata, usage=usage)


def begin(account: Account, name: str, label: Label | None) -> None:
    account.take(wire.ResponseCreated(response(name, label, "in_progress", None)))


def end(account: Account, done: wire.Response) -> None:
    account.take(wire.ResponseDone(done))


def test_what_is_not_in_the_price_list_has_no_price_but_its_amounts() -> None:
    for ours in (
        Account(None, transcription=None),
        Account("our-interpreter", transcription=None),
        Account("gpt-realtime-2.1", transcription="our-transcriber"),
    ):
        end(ours, response("r"))
        assert ours.usage.usd is None
        assert ours.usage.amounts["audio_tokens_out"] == 80


def test_a_response_has_no_price_from_the_moment_it_is_asked_for_until_it_is_done() -> None:
    assert account().usage.usd == 0
    ours = account()
    ours.asked((1, 1))
    assert ours.usage.usd is None
    begin(ours, "r", (1, 1))
    assert ours.usage.usd is None
    end(ours, response("r", (1, 1)))
    assert ours.usage.usd == pytest.approx(PRICE)


@pytest.mark.parametrize("status", ["completed", "failed", "incomplete", "cancelled"])
def test_a_response_that_does_not_say_what_it_used_leaves_no_price_however_it_ended(status: str) -> None:
    ours = account()
    begin(ours, "r", None)
    end(ours, response("r", status=status, usage=None))
    begin(ours, "s", None)
    end(ours, response("s"))
    assert ours.usage.usd is None
    assert ours.usage.amounts["audio_tokens_out"] == 80


@pytest.mark.parametrize("told", [{}, HEARD, SAID])
def test_a_count_that_does_not_tell_the_kinds_of_tokens_leaves_no_price(told: dict[str, dict[str, int]]) -> None:
    ours = account()
    end(ours, response("r", usage=msgspec.convert(told, wire.ResponseUsage)))
    assert ours.usage.usd is None


def test_a_failure_that_says_what_it_used_is_paid_for() -> None:
    ours = account()
    end(ours, response("r", status="failed"))
    assert ours.usage.usd == pytest.approx(PRICE)


@pytest.mark.parametrize("label", [(1, 1), None])
def test_a_response_that_is_refused_costs_nothing(label: Label | None) -> None:
    ours = account()
    ours.asked((1, 1))
    ours.refused(label)
    assert ours.usage.usd == 0
    ours.refused(label)
    assert ours.usage.usd == 0


def test_a_response_that_was_given_up_is_open_until_it_shows_and_ends() -> None:
    ours = account()
    ours.asked((1, 1))
    ours.asked((1, 2))
    begin(ours, "second", (1, 2))
    end(ours, response("second", (1, 2)))
    assert ours.usage.usd is None
    begin(ours, "first", (1, 1))
    end(ours, response("first", (1, 1), "cancelled"))
    assert ours.usage.usd == pytest.approx(2 * PRICE)


def test_a_response_without_metadata_is_the_one_that_was_asked_for() -> None:
    ours = account()
    ours.asked((1, 1))
    begin(ours, "r", None)
    end(ours, response("r"))
    assert ours.usage.usd == pytest.approx(PRICE)


def test_a_response_that_ends_without_having_begun_is_over() -> None:
    ours = account()
    ours.asked((1, 1))
    end(ours, response("r", (1, 1)))
    assert ours.usage.usd == pytest.approx(PRICE)


def test_a_transcript_has_no_price_from_the_commit_until_it_has_come() -> None:
    ours = account(transcribed=True)
    ours.take(wire.Committed("a"))
    assert ours.usage.usd is None
    ours.take(wire.InputTranscriptCompleted("a", "Hola.", wire.TranscriptUsage("duration", 60)))
    assert ours.usage.usd == pytest.approx(0.0045)
    ours.take(wire.Committed("a"))
    assert ours.usage.usd == pytest.approx(0.0045)


def test_a_transcript_that_failed_leaves_no_price() -> None:
    ours = account(transcribed=True)
    ours.take(wire.Committed("a"))
    ours.take(wire.InputTranscriptFailed("a"))
    assert ours.usage.usd is None


def test_without_captions_no_transcript_is_owed() -> None:
    ours = account()
    ours.take(wire.Committed("a"))
    assert ours.usage.usd == 0
