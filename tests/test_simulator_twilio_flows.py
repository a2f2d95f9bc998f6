"""Studio's flows in the fake Twilio: numbers that lead to them, their revisions, and definitions that are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from simulator_twilio_server import ACCOUNT, CALLER, FRONT, NUMBERS, PAUSE, a_company, rest
from studio import PLACEHOLDER, Flow, Walk, presses

from bmv.simulator.twilio import Number, Party, Revision, StudioFlow

DEFINITION: dict[str, Any] = {
    "description": "",
    "states": [{"name": "Trigger", "type": "trigger", "transitions": []}],
    "initial_state": "Trigger",
    "flags": {},
}


async def test_a_number_that_leads_to_a_flow_gets_to_where_the_flow_redirects() -> None:
    text = (Path(__file__).parent.parent / "flows" / "inbound_language.json").read_text("utf-8")
    async with a_company() as (twilio, server):
        twilio.account.studio = lambda definition: Walk(Flow(json.dumps(definition)), presses("2")).urls[0]
        server.pages["/incoming-call"] = PAUSE
        fields = {
            "FriendlyName": "IVR",
            "Status": "published",
            "Definition": text.replace(PLACEHOLDER, "bmv.test"),
        }
        status, flow = await rest(twilio, "POST", "/v2/Flows", fields)
        assert status == 201
        path = f"{NUMBERS}/{twilio.numbers[FRONT].sid}.json"
        await rest(twilio, "POST", path, {"VoiceUrl": flow["webhook_url"]})
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        await call.answered(1)
        assert [webhook.url for webhook in twilio.webhooks] == ["https://bmv.test/incoming-call?lang=es"]
        assert twilio.alerts == []


async def test_calls_get_the_latest_revision_that_was_published() -> None:
    async with a_company() as (twilio, server):
        server.pages["/published"] = PAUSE
        flow = StudioFlow("IVR", [Revision({"to": "published"}), Revision({"to": "draft"}, "draft")])
        twilio.account.flows.append(flow)
        twilio.account.studio = lambda definition: f"https://bmv.test/{definition['to']}"
        twilio.numbers[FRONT] = Number(f"https://webhooks.twilio.com/v1/Accounts/{ACCOUNT}/Flows/{flow.sid}")
        await (await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))).answered(1)
        assert [path for path, _ in server.forms] == ["/published"]


@pytest.mark.parametrize("how", ["no runner", "a draft", "no such flow", "of another account"])
async def test_a_flow_that_cannot_be_run_is_an_alert(how: str) -> None:
    async with a_company() as (twilio, server):
        flow = StudioFlow("IVR", [Revision(DEFINITION, "draft" if how == "a draft" else "published")])
        twilio.account.flows += [] if how == "no such flow" else [flow]
        if how != "no runner":
            twilio.account.studio = lambda _definition: "https://bmv.test/front"
        account = "AC" + "9" * 32 if how == "of another account" else ACCOUNT
        twilio.numbers[FRONT] = Number(f"https://webhooks.twilio.com/v1/Accounts/{account}/Flows/{flow.sid}")
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        await call.ended(2)
        assert server.forms == []
        assert [alert.code for alert in twilio.alerts] == [11200]


async def test_a_flow_has_revisions_of_which_the_list_has_the_latest() -> None:
    async with a_company() as (twilio, _):
        flow = StudioFlow("IVR", [Revision(DEFINITION), Revision(DEFINITION | {"description": "2"}, "draft")])
        twilio.account.flows.append(flow)
        _, body = await rest(twilio, "GET", "/v2/Flows")
        assert [(each["revision"], each["status"], each["definition"]) for each in body["flows"]] == [
            (2, "draft", None)
        ]
        for which, revision in (("1", 1), ("LatestPublished", 1), ("LatestRevision", 2)):
            status, body = await rest(twilio, "GET", f"/v2/Flows/{flow.sid}/Revisions/{which}")
            assert (status, body["revision"]) == (200, revision)
        _, body = await rest(twilio, "GET", f"/v2/Flows/{flow.sid}/Revisions")
        assert [each["revision"] for each in body["revisions"]] == [2, 1]
        assert (await rest(twilio, "GET", f"/v2/Flows/{flow.sid}/Revisions/3"))[0] == 404


async def test_a_definition_comes_back_equal_but_not_in_the_order_it_was_sent() -> None:
    async with a_company() as (twilio, _):
        fields = {"FriendlyName": "IVR", "Status": "published", "Definition": json.dumps(DEFINITION)}
        _, body = await rest(twilio, "POST", "/v2/Flows", fields)
        assert body["definition"] == DEFINITION
        assert list(body["definition"]) != list(DEFINITION)


@pytest.mark.parametrize(
    ("definition", "where"),
    [
        ("{", "#/"),
        ("[]", "#/states"),
        (json.dumps(DEFINITION | {"initial_state": "Other"}), "#/initial_state"),
        (json.dumps(DEFINITION | {"states": DEFINITION["states"] * 2}), "#/states/0/name"),
        (
            json.dumps(DEFINITION | {"states": [{"name": "Trigger", "transitions": [{"event": "x", "next": "No"}]}]}),
            "#/states/0/transitions/0/next",
        ),
    ],
)
async def test_an_invalid_definition_is_refused_everywhere(definition: str, where: str) -> None:
    async with a_company() as (twilio, _):
        twilio.account.flows.append(flow := StudioFlow("IVR", [Revision(DEFINITION)]))
        fields = {"FriendlyName": "IVR", "Status": "published", "Definition": definition}
        for path in ("/v2/Flows", f"/v2/Flows/{flow.sid}", "/v2/Flows/Validate"):
            status, body = await rest(twilio, "POST", path, fields)
            assert (status, body["code"]) == (400, 20001)
            assert body["details"]["errors"][0]["property_path"] == where
        assert len(twilio.account.flows) == len(flow.revisions) == 1
