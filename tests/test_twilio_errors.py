from datetime import UTC, datetime, timedelta

import pytest
from house import HOST
from practice import practice

from bmv.commands.doctor.twilio_errors import MEANINGS
from bmv.simulator.twilio import Alert

pytestmark = pytest.mark.usefixtures("logs")

LOG = "twilio's error log"


def alert(code: int, hours: float = 1, url: str = "") -> Alert:
    return Alert(code, "Twilio's own words", url, datetime.now(UTC) - timedelta(hours=hours))


async def test_errors_of_the_last_day_are_counted_by_code_with_their_meaning() -> None:
    async with practice() as patient:
        patient.house.twilio.account.past_alerts += [
            alert(11200, 3, f"https://{HOST}/outbound-call?bmv_call_id=abc"),
            alert(11200, 2, f"https://{HOST}/call-status?bmv_call_id=abc"),
            alert(11100, 1),
            alert(31920, 25),
        ]
        found = await patient.examine()

    told = [(each.message, each.remedy) for each in found if each.name == LOG]
    assert len(told) == 2
    assert told[0][0].startswith("11100 (once, last ")
    assert "please wait" in told[0][1]
    assert told[1][0].startswith("11200 (2 times, last ")
    assert f"at {HOST}/call-status): a webhook was not answered with 200" in told[1][0]
    assert "abc" not in str(told)


async def test_errors_that_are_none_of_ours_are_one_line() -> None:
    async with practice() as patient:
        patient.house.twilio.account.past_alerts += [alert(30007), alert(30007), alert(45678)]
        found = await patient.examine()

    found.has(LOG, "warning", "besides: 30007 (2 times", "45678 (once", "docs/api/errors")
    assert len([each for each in found if each.name == LOG]) == 1


async def test_a_quiet_day_is_well() -> None:
    async with practice() as patient:
        found = await patient.examine()

    found.has(LOG, "ok", "no error in the last 24 hours")


async def test_a_log_that_cannot_be_read_is_not_checked() -> None:
    async with practice() as patient:
        patient.house.twilio.refuse_next("GET", "/Alerts", status=403, code=20403, message="Forbidden")
        found = await patient.examine()

    found.has(LOG, "warning", "not checked: Twilio refused (20403)")


def test_the_codes_that_matter_have_a_meaning_and_a_remedy() -> None:
    codes = {11100, 11200, 11205, 12100, 12300, 20003, 20429, 21210, 21215, 31901, 31902, 31920, 31921, 31931, 31950}

    assert {*codes, 31951, 10004} <= MEANINGS.keys()
    assert all(meaning.words and meaning.remedy for meaning in MEANINGS.values())
