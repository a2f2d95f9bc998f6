import json
from copy import deepcopy
from typing import Any

import pytest
from house import ACCOUNT, CALLER_NUMBER, HOST
from practice import Patient, changed, practice

from bmv import languages
from bmv.commands.doctor.findings import Level
from bmv.commands.doctor.studio_check import redirects_of
from bmv.simulator.twilio import Revision, StudioFlow
from bmv.telephony.flow import PLACEHOLDER, build
from bmv.telephony.menu import Menu

pytestmark = pytest.mark.usefixtures("logs")

MENU = Menu([languages.get(tag) for tag in ("en", "es", "fr")])


def flow_of(host: str) -> dict[str, Any]:
    return build(MENU, host)


def published(patient: Patient, *revisions: Revision, account: str = ACCOUNT) -> None:
    """Let callers meet a flow."""
    flow = StudioFlow("Our menu", list(revisions))
    patient.house.twilio.account.flows.append(flow)
    changed(
        patient.house,
        CALLER_NUMBER,
        voice_url=f"https://webhooks.twilio.com/v1/Accounts/{account}/Flows/{flow.sid}",
    )


async def test_a_flow_that_leads_here_is_well() -> None:
    async with practice() as patient:
        published(patient, Revision(flow_of(HOST)))
        found = await patient.examine()

    assert not found.bad
    found.has("caller number", "ok", "leads to the Studio flow FW")
    found.has("studio flow", "ok", f"“Our menu” hands callers to https://{HOST}/incoming-call")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (PLACEHOLDER, "placeholder [your-public-host]"),
        (f"https://{HOST}", "https:// twice"),
        (f"{HOST}/", "leads to //incoming-call"),
        ("old.ngrok.app", "leads to old.ngrok.app"),
    ],
)
async def test_a_flow_with_a_wrong_host_is_why_the_call_drops(host: str, words: str) -> None:
    async with practice() as patient:
        published(patient, Revision(flow_of(host)))
        found = await patient.examine()

    found.has("studio flow", "fault", words, f"setup --host {HOST}")
    assert found.of("caller number").level is Level.OK


async def test_a_draft_is_not_what_callers_meet() -> None:
    async with practice() as patient:
        published(patient, Revision(flow_of("old.ngrok.app")), Revision(flow_of(HOST), status="draft"))
        found = await patient.examine()

    found.has("studio flow", "warning", "is a draft", "Publish it")


@pytest.mark.parametrize(
    ("name", "value", "level", "words"),
    [
        ("method", "GET", "fault", ["by GET", "POST", "The call drops"]),
        ("url", f"https://{HOST}/incoming-call", "warning", ["without a language", "untranslated", "?lang="]),
        ("url", f"https://{HOST}/welcome", "ok", ["hands callers to"]),
    ],
)
async def test_how_a_flow_hands_callers_on_matters_too(name: str, value: str, level: str, words: list[str]) -> None:
    definition = flow_of(HOST)
    for state in definition["states"]:
        if state["type"] == "add-twiml-redirect":
            state["properties"][name] = value
    async with practice() as patient:
        published(patient, Revision(definition))
        found = await patient.examine()

    found.has("studio flow", level, *words)


async def test_a_flow_that_hands_nobody_on_is_a_fault() -> None:
    definition = flow_of(HOST)
    definition["states"] = [state for state in definition["states"] if state["type"] != "add-twiml-redirect"]
    async with practice() as patient:
        published(patient, Revision(definition))
        found = await patient.examine()

    found.has("studio flow", "fault", "never hands the call to a server")


async def test_a_flow_of_another_account_is_a_fault() -> None:
    async with practice() as patient:
        published(patient, Revision(flow_of(HOST)), account="AC" + "9" * 32)
        found = await patient.examine()

    found.has("caller number", "fault", "a Studio flow of another account")


async def test_a_flow_that_is_gone_is_a_fault() -> None:
    async with practice() as patient:
        published(patient, Revision(flow_of(HOST)))
        patient.house.twilio.account.flows.clear()
        found = await patient.examine()

    found.has("studio flow", "fault", "is gone", "setup", "The call drops")


def test_redirects_are_read_with_each_value_their_variables_are_given() -> None:
    redirects = list(redirects_of(flow_of(HOST)))

    assert redirects == [f"https://{HOST}/incoming-call"]


def test_two_values_of_a_variable_are_two_addresses() -> None:
    definition = deepcopy(flow_of(HOST))
    (start,) = (state for state in definition["states"] if state["name"] == "Start")
    second = deepcopy(start)
    second["properties"]["variables"][0]["value"] = "other.example.com"
    definition["states"].append(second)

    assert {url.split("/")[2] for url in redirects_of(definition)} == {HOST, "other.example.com"}


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"states": None},
        {"states": [1, {"type": "set-variables"}, {"type": "add-twiml-redirect", "properties": None}]},
        {"states": [{"type": "set-variables", "properties": {"variables": None}}]},
    ],
)
def test_what_is_no_flow_of_ours_is_read_without_a_stumble(definition: dict[str, Any]) -> None:
    assert set(redirects_of(definition)) <= {""}
    json.dumps(definition)


def test_a_variable_that_nothing_is_known_of_stays_in_the_address() -> None:
    redirect = {"type": "add-twiml-redirect", "properties": {"url": "https://{{flow.variables.host}}/incoming-call"}}

    assert list(redirects_of({"states": [redirect]})) == ["https://{{flow.variables.host}}/incoming-call"]
