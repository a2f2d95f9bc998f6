"""How what Twilio answers about an account is read, also where something is missing in it or it makes no sense."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import pytest
from accounts import answered, saying
from simulator_twilio_server import FRONT, WORKFLOW

from bmv.telephony import belongings
from bmv.telephony.account import Kind, TwilioAccount
from bmv.telephony.rest import RestError


def test_equal_definitions_are_equal_texts_and_readable_ones() -> None:
    one = {"states": [{"name": "¿?", "type": "trigger"}], "flags": {"a": True, "b": None}}
    other = {"flags": {"b": None, "a": True}, "states": [{"type": "trigger", "name": "¿?"}]}
    assert belongings.canonical(one) == belongings.canonical(other)
    assert "¿?" in belongings.canonical(one)
    assert belongings.canonical(one) != belongings.canonical(one | {"flags": {}})


@pytest.mark.parametrize("details", [None, "no", {}, {"errors": None}])
def test_a_refusal_without_details_tells_no_errors(details: object) -> None:
    class Refusal(Exception):
        pass

    refusal = Refusal()
    refusal.details = details  # type: ignore[attr-defined]
    assert belongings.flow_errors(refusal) == []


def test_a_workflows_queues_are_those_of_its_targets_and_of_its_default() -> None:
    class Found:
        sid, friendly_name = WORKFLOW, "Assign to Anyone"
        configuration = """{"task_routing": {"filters": [
            {"expression": "1==1", "targets": [{"queue": "WQ1", "timeout": 20}, {"queue": "WQ2", "priority": 5}]},
            {"expression": "1==2", "targets": [{"queue": "WQ1"}]}
        ], "default_filter": {"queue": "WQ3"}}}"""

    assert belongings.workflow(Found()).queue_sids == ("WQ1", "WQ2", "WQ3")


@pytest.mark.parametrize(
    ("routing", "all_of_them"),
    [
        ('{"filters": [], "default_filter": {"queue": "WQ1"}}', True),
        ('{"filters": [{"expression": "1 == 1", "targets": [{"queue": "WQ1"}]}]}', True),
        ('{"filters": [{"expression": "11==1", "targets": [{"queue": "WQ1"}]}], "default_filter": {}}', False),
        ('{"filters": [7], "default_filter": null}', False),
        ('{"filters": null, "default_filter": {"queue": "WQ1"}}', True),
        ("[]", False),
    ],
)
def test_whether_every_task_gets_to_a_queue(routing: str, all_of_them: bool) -> None:
    class Found:
        sid, friendly_name = WORKFLOW, "Assign to Anyone"
        configuration = f'{{"task_routing": {routing}}}'

    assert belongings.workflow(Found()).takes_all is all_of_them


async def test_a_configuration_that_is_no_json_names_no_queue() -> None:
    page = {
        "meta": {"key": "workflows", "next_page_url": None},
        "workflows": [{"sid": WORKFLOW, "configuration": "a:"}],
    }
    async with answered(saying(page)) as account:
        (workflow,) = await account.workflows("WS1")
        assert workflow.queue_sids == ()


async def test_an_alert_without_a_code_or_a_url_is_one_nevertheless() -> None:
    entry = {"sid": "NO1", "date_generated": "2026-11-26T12:00:00Z", "error_code": None, "alert_text": None}
    async with alerts_of(entry) as account:
        (alert,) = await account.alerts(datetime(2026, 11, 26, tzinfo=UTC), 5)
        assert (alert.code, alert.text, alert.url) == (0, "", "")


async def test_an_alert_without_a_time_cannot_be_read() -> None:
    async with alerts_of({"sid": "NO1", "date_generated": "today"}) as account:
        with pytest.raises(RestError, match="cannot be read"):
            await account.alerts(datetime(2026, 11, 26, tzinfo=UTC), 5)


def alerts_of(entry: dict[str, Any]) -> AbstractAsyncContextManager[TwilioAccount]:
    return answered(saying({"meta": {"key": "alerts", "next_page_url": None}, "alerts": [entry]}))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        None,
        [],
        5,
        "{}",
        {"meta": {"key": "incoming_phone_numbers"}},
        {"incoming_phone_numbers": None},
        {"incoming_phone_numbers": [None]},
        {"incoming_phone_numbers": [{"sid": None, "phone_number": FRONT}]},
        {"incoming_phone_numbers": [{"sid": "PN1", "phone_number": None}]},
    ],
)
async def test_a_malformed_list_cannot_be_read(body: Any) -> None:
    async with answered(saying(body)) as account:
        with pytest.raises(RestError):
            await account.numbers()


@pytest.mark.parametrize("body", ["", "<html>", None, [], {"sid": None}, {}])
async def test_a_malformed_resource_cannot_be_read(body: Any) -> None:
    async with answered(saying(body)) as account:
        for kind in Kind:
            with pytest.raises(RestError):
                await account.fetch(kind, "XX1")
        with pytest.raises(RestError):
            await account.account()


async def test_a_number_whose_capabilities_are_not_told_cannot_take_calls() -> None:
    page = {"incoming_phone_numbers": [{"sid": "PN1", "phone_number": FRONT, "capabilities": None}]}
    async with answered(saying(page)) as account:
        (number,) = await account.numbers()
        assert not number.voice
