from typing import Any

import pytest
from house import APP, CALLER_NUMBER, FLEX_NUMBER, HOST
from practice import changed, practice

from bmv.commands.doctor.findings import Level
from bmv.simulator.twilio import App, Number

pytestmark = pytest.mark.usefixtures("logs")

OURS = f"https://{HOST}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"voice_url": ""}, ["is empty", "setup"]),
        ({"voice_url": "https://old.ngrok.app/welcome"}, ["leads to old.ngrok.app", f"setup --host {HOST}"]),
        ({"voice_url": f"https://https://{HOST}/welcome"}, ["https:// twice", "11100", "please wait"]),
        ({"voice_url": "https://[your-public-host]/welcome"}, ["placeholder", "11100"]),
        ({"voice_url": f"{OURS}/outbound-call"}, ["leads to /outbound-call, not to /incoming-call or /welcome"]),
        ({"voice_method": "GET"}, ["is called by GET", "POST"]),
        ({"trunk_sid": "TK" + "1" * 32}, ["SIP trunk TK1111"]),
        ({"voice": False}, ["cannot take calls"]),
    ],
)
async def test_a_caller_number_that_does_not_lead_here_is_a_fault(changes: dict[str, Any], words: list[str]) -> None:
    async with practice() as patient:
        changed(patient.house, CALLER_NUMBER, **changes)
        found = await patient.examine()

    found.has("caller number", "fault", *words)
    assert set(found.bad) == {"caller number"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"voice_url": "https://old.ngrok.app/outbound-call"}, ["leads to old.ngrok.app", "Flex never rings"]),
        ({"voice_url": f"{OURS}/welcome"}, ["leads to /welcome, not to /outbound-call", "Flex never rings"]),
        ({"voice_method": "GET"}, ["is called by GET", "Flex never rings"]),
        ({"voice": False}, ["cannot take calls"]),
    ],
)
async def test_a_flex_number_that_does_not_lead_here_is_why_flex_never_rings(
    changes: dict[str, Any], words: list[str]
) -> None:
    async with practice() as patient:
        changed(patient.house, FLEX_NUMBER, **changes)
        found = await patient.examine()

    found.has("flex number", "fault", *words)


@pytest.mark.parametrize(
    ("name", "setting"), [("caller number", "TWILIO_CALLER_NUMBER"), ("flex number", "TWILIO_FLEX_NUMBER")]
)
async def test_a_number_of_another_account_is_a_fault(name: str, setting: str) -> None:
    async with practice() as patient:
        found = await patient.examine(**{setting: "+14155550177"})

    found.has(name, "fault", f"+14155550177 ({setting}) is no number of this account", "subaccount")


async def test_numbers_are_found_on_every_page() -> None:
    async with practice() as patient:
        patient.house.twilio.account.page_size = 1
        found = await patient.examine()

    assert not found.bad


async def test_numbers_that_cannot_be_asked_for_are_said_once() -> None:
    async with practice() as patient:
        patient.house.twilio.refuse_next("GET", "IncomingPhoneNumbers", status=429, code=20429, message="Too many")
        found = await patient.examine()

    found.has("numbers", "fault", "20429")
    assert {"caller number", "flex number", "studio flow"} <= found.skipped


async def test_an_app_that_overrides_the_number_counts_in_its_place() -> None:
    async with practice() as patient:
        twilio = patient.house.twilio
        changed(patient.house, CALLER_NUMBER, voice_application_sid=APP)
        twilio.apps[APP] = App(voice_url="https://old.ngrok.app/welcome")
        elsewhere = await patient.examine()
        twilio.apps[APP] = App(voice_url=f"{OURS}/welcome")
        here = await patient.examine()
        del twilio.apps[APP]
        gone = await patient.examine()

    elsewhere.has("caller number", "fault", "leads to old.ngrok.app")
    assert here.of("caller number").level is Level.OK
    gone.has("caller number", "fault", f"TwiML App {APP}, which is gone", "setup")


async def test_callers_who_are_never_asked_for_a_language_are_a_warning() -> None:
    async with practice() as patient:
        changed(patient.house, CALLER_NUMBER, voice_url=f"{OURS}/incoming-call")
        without = await patient.examine()
        changed(patient.house, CALLER_NUMBER, voice_url=f"{OURS}/incoming-call?lang=es")
        with_one = await patient.examine()

    without.has("caller number", "warning", "untranslated", "/welcome")
    assert with_one.of("caller number").level is Level.OK


async def test_a_missing_status_callback_is_a_warning() -> None:
    async with practice() as patient:
        patient.house.twilio.numbers[CALLER_NUMBER] = Number(voice_url=f"{OURS}/welcome")
        found = await patient.examine()

    found.has("caller number", "warning", "status callback", "is empty", "setup")


async def test_a_status_callback_that_comes_by_get_is_a_warning() -> None:
    async with practice() as patient:
        changed(patient.house, CALLER_NUMBER, status_callback_method="GET")
        found = await patient.examine()

    found.has("caller number", "warning", "status callback", "is not called by POST", "setup")


async def test_an_app_takes_the_place_of_the_flex_number() -> None:
    async with practice(settings={"TWILIO_FLEX_APP_SID": APP, "TWILIO_FLEX_NUMBER": ""}) as patient:
        patient.house.twilio.apps[APP] = App(voice_url=f"{OURS}/outbound-call", name="Be My Voice")
        well = await patient.examine()
        patient.house.twilio.apps[APP] = App(voice_url="https://old.ngrok.app/outbound-call", name="Be My Voice")
        elsewhere = await patient.examine()
        del patient.house.twilio.apps[APP]
        gone = await patient.examine()

    assert well.of("flex app").message == "“Be My Voice” leads to /outbound-call"
    elsewhere.has("flex app", "fault", "leads to old.ngrok.app", "Flex never rings")
    gone.has("flex app", "fault", f"TWILIO_FLEX_APP_SID names {APP}", "setup --app", "Flex never rings")


async def test_without_flex_nothing_of_it_is_looked_at() -> None:
    async with practice(settings={"AGENT_DESTINATION": "+14155550123"}) as patient:
        patient.house.twilio.account.flex = None
        found = await patient.examine()

    assert not found.bad
    assert not {"flex", "flex number", "queues", "events"} & {finding.name for finding in found}
