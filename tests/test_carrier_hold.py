"""Asking about hold: the conference and its customer, against a local server that answers as Twilio's REST API does."""

import json

import aiohttp
import pytest
from aiohttp import web
from rest_api import Answer, hanging_up, refusing, silent, twilio
from wires import ACCOUNT_SID

from bmv.call.carrier import CarrierError, Seat
from bmv.telephony.rest import Api

WORKSPACE, TASK, CONFERENCE, CUSTOMER = "WS" + "1" * 32, "WT" + "2" * 32, "CF" + "3" * 32, "CA" + "4" * 32
TASK_PATH = f"/v1/Workspaces/{WORKSPACE}/Tasks/{TASK}"
PARTICIPANT_PATH = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Conferences/{CONFERENCE}/Participants/{CUSTOMER}.json"
SEAT = Seat(WORKSPACE, TASK)
JOINED = {"sid": CONFERENCE, "participants": {"worker": "CA5", "customer": CUSTOMER}}


def conference(*, hold: object, attributes: object = None) -> Answer:
    """Answer as Twilio does about a task and about the customer in its conference."""
    joined = json.dumps({"bmv_call_id": "c1", "conference": JOINED} if attributes is None else attributes)

    async def answer(request: web.Request) -> web.Response:
        if request.path == TASK_PATH:
            return web.json_response({"sid": TASK, "workspace_sid": WORKSPACE, "attributes": joined})
        assert request.path == PARTICIPANT_PATH
        return web.json_response({"call_sid": CUSTOMER, "conference_sid": CONFERENCE, "hold": hold, "muted": False})

    return answer


@pytest.mark.parametrize("held", [True, False])
async def test_whether_a_caller_is_on_hold_is_asked_of_the_conference_that_the_task_names(held: bool) -> None:
    async with twilio(conference(hold=held)) as (carrier, api, _pairing):
        assert await carrier.is_held(SEAT) is held
        assert await carrier.is_held(SEAT) is held
    assert [(asked.method, asked.path) for asked in api.asked] == [
        ("GET", TASK_PATH),  # once
        ("GET", PARTICIPANT_PATH),
        ("GET", PARTICIPANT_PATH),
    ]


async def test_where_an_event_has_named_the_conference_the_task_is_not_asked() -> None:
    async with twilio(conference(hold=True)) as (carrier, api, _pairing):
        assert await carrier.is_held(Seat(WORKSPACE, TASK, CONFERENCE, CUSTOMER))
    assert [asked.path for asked in api.asked] == [PARTICIPANT_PATH]


@pytest.mark.parametrize("named", [("", CUSTOMER), (CONFERENCE, ""), ("", "")])
async def test_where_an_event_has_named_half_of_it_the_task_is_asked(named: tuple[str, str]) -> None:
    async with twilio(conference(hold=True)) as (carrier, api, _pairing):
        assert await carrier.is_held(Seat(WORKSPACE, TASK, *named))
    assert [asked.path for asked in api.asked] == [TASK_PATH, PARTICIPANT_PATH]


async def test_of_the_conferences_that_were_looked_up_only_the_newest_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bmv.telephony.carrier.SEATS_KEPT", 2)
    async with twilio() as (carrier, api, _pairing):
        here = conference(hold=True)

        async def answer(request: web.Request) -> web.StreamResponse:
            return await here(request.clone(rel_url=TASK_PATH) if "/Tasks/" in request.path else request)

        api.answer = answer
        for task in ("WT1", "WT2", "WT3", "WT3", "WT2", "WT1"):
            await carrier.is_held(Seat(WORKSPACE, task))
    looked_up = [asked.path.rpartition("/")[2] for asked in api.asked if "/Tasks/" in asked.path]
    assert looked_up == ["WT1", "WT2", "WT3", "WT1"]


@pytest.mark.parametrize(
    "attributes",
    [{}, {"conference": None}, {"conference": {"sid": CONFERENCE}}, {"conference": {"participants": {}}}, []],
)
async def test_a_task_that_does_not_name_its_conference_yet_is_asked_again(attributes: object) -> None:
    async with twilio(conference(hold=True, attributes=attributes)) as (carrier, api, _pairing):
        with pytest.raises(CarrierError, match="conference"):
            await carrier.is_held(SEAT)
        api.answer = conference(hold=True)
        assert await carrier.is_held(SEAT)


@pytest.mark.parametrize("hold", [None, "false", 0, {}])
async def test_an_answer_that_does_not_say_whether_the_caller_is_on_hold_is_none(hold: object) -> None:
    async with twilio(conference(hold=hold)) as (carrier, _api, _pairing):
        with pytest.raises(CarrierError, match="hold"):
            await carrier.is_held(SEAT)


@pytest.mark.parametrize("attributes", [7, {"conference": JOINED}, [], None])
async def test_a_task_whose_attributes_are_no_text_names_no_conference(attributes: object) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"sid": TASK, "attributes": attributes})

    async with twilio(answer) as (carrier, _api, _pairing):
        with pytest.raises(CarrierError, match="conference"):
            await carrier.is_held(SEAT)


@pytest.mark.parametrize("sid", ["../../x?y=1", "CF1/../..", "CF 1", "CF1\r\n", "CFä", ""])
async def test_what_is_no_name_of_twilios_does_not_become_part_of_an_address(sid: str) -> None:
    for joined in (JOINED | {"sid": sid}, JOINED | {"participants": {"customer": sid}}):
        async with twilio(conference(hold=True, attributes={"conference": joined})) as (carrier, api, _pairing):
            with pytest.raises(CarrierError, match="conference"):
                await carrier.is_held(SEAT)
        assert [asked.path for asked in api.asked] == [TASK_PATH]


async def test_a_conference_that_is_over_is_looked_up_anew() -> None:
    async with twilio(conference(hold=True)) as (carrier, api, _pairing):
        await carrier.is_held(SEAT)
        api.answer = refusing(404, 20404, "not found")
        with pytest.raises(CarrierError):
            await carrier.is_held(SEAT)
        api.answer, api.asked = conference(hold=False), []
        assert not await carrier.is_held(SEAT)
    assert [asked.path for asked in api.asked] == [TASK_PATH, PARTICIPANT_PATH]


async def test_a_conference_that_an_event_named_and_that_is_over_is_looked_up_too() -> None:
    async with twilio(conference(hold=True)) as (carrier, api, _pairing):
        old = Seat(WORKSPACE, TASK, "CF" + "9" * 32, CUSTOMER)
        here = api.answer

        async def answer(request: web.Request) -> web.StreamResponse:
            return await (refusing(404, 20404, "not found") if "CF999" in request.path else here)(request)

        api.answer = answer
        with pytest.raises(CarrierError):
            await carrier.is_held(old)
        assert await carrier.is_held(old)


async def test_a_carrier_that_hangs_is_not_asked_for_the_conference_on_top() -> None:
    async with twilio(conference(hold=True)) as (carrier, api, _pairing):
        await carrier.is_held(SEAT)
        api.answer, api.asked = refusing(503, 20503, "later"), []
        with pytest.raises(CarrierError):
            await carrier.is_held(SEAT)
    assert [asked.path for asked in api.asked] == [PARTICIPANT_PATH]  # the agent waits for the answer


async def test_an_event_that_names_no_task_leads_to_no_request() -> None:
    async with twilio(conference(hold=True)) as (carrier, api, _pairing):
        with pytest.raises(CarrierError):
            await carrier.is_held(Seat("", ""))
    assert api.asked == []


@pytest.mark.parametrize(
    "answer", [refusing(401, 20003, "Authenticate"), refusing(429, 20429, "too many"), silent, hanging_up]
)
async def test_hold_that_cannot_be_known_is_reported_and_no_reason_not_to_be_ready(answer: Answer) -> None:
    async with twilio(answer) as (carrier, _api, _pairing):
        with pytest.raises(CarrierError):
            await carrier.is_held(SEAT)
        assert carrier.problem is None


@pytest.mark.parametrize(
    ("base_url", "taskrouter"),
    [
        ("https://api.twilio.com", "https://taskrouter.twilio.com/v1/Workspaces/WS1"),
        ("https://api.dublin.ie1.twilio.com", "https://taskrouter.dublin.ie1.twilio.com/v1/Workspaces/WS1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/Workspaces/WS1"),
        ("https://proxy.example.com/twilio", "https://proxy.example.com/twilio/v1/Workspaces/WS1"),
    ],
)
async def test_taskrouter_is_reached_beside_the_api_in_every_region(base_url: str, taskrouter: str) -> None:
    async with aiohttp.ClientSession() as http:
        api = Api(http, account_sid=ACCOUNT_SID, auth_token="", base_url=base_url)
        assert api.address("https://taskrouter.twilio.com/v1/Workspaces/WS1") == taskrouter
        assert api.address("https://api.twilio.com/2010-04-01/x.json") == f"{base_url}/2010-04-01/x.json"
