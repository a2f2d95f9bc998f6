"""What the fake Twilio's account has, by REST: how strict it is, and that what REST changes takes effect in calls."""

import asyncio

import aiohttp
import pytest
from simulator_twilio_server import (
    ACCOUNT,
    AUTHORIZATION,
    CALLER,
    FLEX,
    FRONT,
    NUMBERS,
    PAUSE,
    WORKFLOW,
    a_company,
    connect,
    create,
    enqueue,
    events,
    rest,
)

from bmv.simulator.twilio import FakeTwilio, Number, Party, TaskRouter, Worker

APP = "AP" + "1" * 32
APPS = f"/2010-04-01/Accounts/{ACCOUNT}/Applications"


def workspace(twilio: FakeTwilio) -> str:
    assert twilio.task_router is not None
    return f"/v1/Workspaces/{twilio.task_router.sid}"


# --- what REST changes takes effect -----------------------------------------------------------------------------------


async def test_a_call_goes_where_the_number_was_pointed_by_rest() -> None:
    async with a_company() as (twilio, server):
        server.pages["/new"] = PAUSE
        path = f"{NUMBERS}/{twilio.numbers[FRONT].sid}.json"
        changes = {"VoiceUrl": "https://bmv.test/new", "StatusCallback": "https://bmv.test/new-status"}
        status, body = await rest(twilio, "POST", path, changes)
        assert (status, body["voice_url"], body["phone_number"]) == (200, "https://bmv.test/new", FRONT)
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        await call.answered(1)
        await call.hang_up()
        await server.until(lambda: [path for path, _ in server.forms] == ["/new", "/new-status"])


async def test_the_voice_method_of_a_number_counts() -> None:
    async with a_company() as (twilio, server):
        twilio.numbers[FRONT] = Number("https://bmv.test/front", voice_method="GET")
        server.pages["/front"] = PAUSE
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        await call.answered(1)
        assert twilio.webhooks[0].method == "GET"


async def test_an_application_of_a_number_beats_its_url() -> None:
    async with a_company() as (twilio, server):
        server.pages["/app"] = PAUSE
        status, body = await rest(
            twilio, "POST", f"{NUMBERS}/{twilio.numbers[FRONT].sid}.json", {"VoiceApplicationSid": APP}
        )
        assert (status, body["voice_application_sid"]) == (200, APP)
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        await call.answered(1)
        assert [path for path, _ in server.forms] == ["/app"]


async def test_a_number_on_a_trunk_asks_nobody_and_is_an_alert() -> None:
    async with a_company() as (twilio, server):
        twilio.numbers[FRONT] = Number("https://bmv.test/front", trunk_sid="TK1")
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        assert await call.ended(2) == "completed"
        assert server.forms == []
        assert [alert.code for alert in twilio.alerts] == [11100]


async def test_a_trunk_and_an_application_replace_each_other() -> None:
    async with a_company() as (twilio, _):
        path = f"{NUMBERS}/{twilio.numbers[FRONT].sid}.json"
        await rest(twilio, "POST", path, {"VoiceApplicationSid": APP})
        _, body = await rest(twilio, "POST", path, {"TrunkSid": "TK1"})
        assert (body["trunk_sid"], body["voice_application_sid"]) == ("TK1", "")
        _, body = await rest(twilio, "POST", path, {"VoiceApplicationSid": APP})
        assert (body["trunk_sid"], body["voice_application_sid"]) == (None, APP)


async def test_an_app_made_by_rest_can_be_called() -> None:
    async with a_company() as (twilio, server):
        server.pages["/made"] = PAUSE
        status, app = await rest(
            twilio, "POST", f"{APPS}.json", {"FriendlyName": "bmv", "VoiceUrl": "https://bmv.test/made"}
        )
        assert (status, app["friendly_name"]) == (201, "bmv")
        form = {"To": f"app:{app['sid']}?bridge=7", "From": FRONT, "Twiml": connect()}
        assert (await create(twilio, form))[0] == 201
        await (await twilio.next_call(1)).answered(1)
        ((path, fields),) = [each for each in server.forms if each[0] != "/stream-status"]
        assert (path, fields["bridge"]) == ("/made", "7")


async def test_events_go_where_the_workspace_was_pointed_by_rest_and_only_those_wanted() -> None:
    async with a_company() as (twilio, server):
        assert twilio.task_router is not None
        twilio.task_router.event_callback_url = None
        changes = {"EventCallbackUrl": "https://bmv.test/events", "EventsFilter": "task.created, reservation.created"}
        status, body = await rest(twilio, "POST", workspace(twilio), changes)
        assert (status, body["events_filter"]) == (200, "task.created,reservation.created")
        server.pages["/front"] = enqueue()
        await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        await twilio.next_reservation(1)
        await server.until(lambda: events(server) == ["task.created", "reservation.created"])


async def test_a_filter_that_is_cleared_lets_every_event_through() -> None:
    async with a_company() as (twilio, _):
        assert twilio.task_router is not None
        twilio.task_router.events = ["task.created"]
        _, body = await rest(twilio, "POST", workspace(twilio), {"EventsFilter": ""})
        assert body["events_filter"] is None
        assert twilio.task_router.wants("task.canceled")
        _, body = await rest(twilio, "POST", workspace(twilio), {"EventCallbackUrl": ""})
        assert body["event_callback_url"] == ""
        assert not twilio.task_router.wants("task.canceled")


async def test_a_worker_who_is_not_available_is_not_rung() -> None:
    async with a_company() as (twilio, server):
        twilio.task_router = TaskRouter(workflows={WORKFLOW}, workers=[Worker("alex", available=False), Worker("sue")])
        server.pages["/front"] = enqueue()
        await twilio.dial(from_=CALLER, to=FRONT, party=Party("Maria"))
        assert (await twilio.next_reservation(1)).worker.name == "sue"


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["2010", "v1"])
async def test_a_page_after_the_first_needs_the_token_of_the_page_before(style: str) -> None:
    async with a_company() as (twilio, _):
        twilio.account.page_size = 2
        for n in range(3):
            twilio.numbers[f"+1555999000{n}"] = Number("https://bmv.test/front")
            twilio.account.more_workspaces.append(TaskRouter(name=f"W{n}"))
        path, key = (
            (f"{NUMBERS}.json", "incoming_phone_numbers") if style == "2010" else ("/v1/Workspaces", "workspaces")
        )
        _, first = await rest(twilio, "GET", path)
        following = first["next_page_uri"] if style == "2010" else first["meta"]["next_page_url"]
        assert following.startswith(path if style == "2010" else "https://taskrouter.twilio.com/v1/Workspaces?")
        _, second = await rest(twilio, "GET", path + "?" + following.partition("?")[2])
        assert len(first[key]) == 2
        assert {each["sid"] for each in first[key]}.isdisjoint(each["sid"] for each in second[key])
        for wrong in (
            {"Page": "1", "PageSize": "2"},
            {"Page": "9", "PageToken": "PA1"},
            {"PageSize": "0"},
            {"Page": "x"},
        ):
            assert (await rest(twilio, "GET", path, wrong))[0] == 400


async def test_a_list_of_nothing_is_a_page() -> None:
    async with a_company() as (twilio, _):
        twilio.numbers.clear()
        status, body = await rest(twilio, "GET", f"{NUMBERS}.json")
        assert (status, body["incoming_phone_numbers"], body["next_page_uri"]) == (200, [], None)


async def test_lists_are_filtered() -> None:
    async with a_company() as (twilio, _):
        _, body = await rest(twilio, "GET", f"{NUMBERS}.json", {"PhoneNumber": FLEX})
        assert [each["phone_number"] for each in body["incoming_phone_numbers"]] == [FLEX]
        _, body = await rest(twilio, "GET", f"{NUMBERS}.json", {"FriendlyName": "Nothing"})
        assert body["incoming_phone_numbers"] == []
        assert twilio.task_router is not None
        twilio.task_router.workers = [Worker("alex"), Worker("sue", available=False)]
        for fields, names in (
            ({}, ["alex", "sue"]),
            ({"Available": "true"}, ["alex"]),
            ({"Available": "false"}, ["sue"]),
            ({"FriendlyName": "sue"}, ["sue"]),
        ):
            _, body = await rest(twilio, "GET", f"{workspace(twilio)}/Workers", fields)
            assert [each["friendly_name"] for each in body["workers"]] == names


# --- strictness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "fields", "code"),
    [
        ("POST", "number", {"VoiceURL": "https://bmv.test/"}, 20001),
        ("POST", "number", {"VoiceUrl": "bmv.test"}, 21402),
        ("POST", "number", {"VoiceUrl": "wss://bmv.test/"}, 21402),
        ("POST", "number", {"VoiceMethod": "PUT"}, 21403),
        ("POST", "number", {"VoiceApplicationSid": "AP9"}, 21218),
        ("GET", "number", {"Fields": "all"}, 20001),
        ("POST", "workspace", {"EventCallbackUrl": "here"}, 20001),
        ("POST", "workspace", {"EventsFilter": "task.created,task.exploded"}, 20001),
        ("POST", "/v2/Flows", {"FriendlyName": "x", "Definition": "{}"}, 20001),
        ("POST", "/v2/Flows", {"FriendlyName": "x", "Definition": "{}", "Status": "live"}, 20001),
        ("GET", "/v1/Alerts", {"StartDate": "yesterday"}, 20001),
        ("GET", "/v1/CustomerProfiles", {"Status": "approved"}, 20001),
    ],
)
async def test_wrong_fields_are_refused(method: str, path: str, fields: dict[str, str], code: int) -> None:
    async with a_company() as (twilio, _):
        before = dict(twilio.numbers)
        paths = {"number": f"{NUMBERS}/{twilio.numbers[FRONT].sid}.json", "workspace": workspace(twilio)}
        status, body = await rest(twilio, method, paths.get(path, path), fields)
        assert (status, body["code"]) == (400, code)
        assert twilio.numbers == before


@pytest.mark.parametrize(
    "path",
    [
        f"{NUMBERS}/PN9.json",
        f"{APPS}/AP9.json",
        "/v2/Flows/FW9",
        "/v1/Workspaces/WS9",
        "/v1/Configuration",
        "/v1/Nothing",
        f"/2010-04-01/Accounts/AC{'9' * 32}.json",
        f"/2010-04-01/Accounts/AC{'9' * 32}/IncomingPhoneNumbers.json",
    ],
)
async def test_what_there_is_not_is_not_found(path: str) -> None:
    async with a_company() as (twilio, _):
        status, body = await rest(twilio, "GET", path)
        assert (status, body["code"]) == (404, 20404)


async def test_a_method_that_a_resource_does_not_have_is_refused() -> None:
    async with a_company() as (twilio, _):
        for method, path in (("POST", f"{NUMBERS}.json"), ("DELETE", workspace(twilio)), ("POST", "/v1/Alerts")):
            assert (await rest(twilio, method, path))[0] == 405


# --- failures on cue --------------------------------------------------------------------------------------------------


async def test_a_refused_request_does_nothing_and_the_next_one_does() -> None:
    async with a_company() as (twilio, _):
        twilio.refuse_next("POST", "/Applications", times=2, status=429, code=20429)
        assert (await rest(twilio, "GET", f"{APPS}.json"))[0] == 200
        for expected in (429, 429, 201):
            assert (await rest(twilio, "POST", f"{APPS}.json", {"FriendlyName": "x"}))[0] == expected
        assert [app.name for app in twilio.apps.values()].count("x") == 1
        assert [request.status for request in twilio.requests] == [200, 429, 429, 201]


async def test_a_request_that_hangs_is_done_at_once() -> None:
    async with a_company() as (twilio, _):
        twilio.hang_next("DELETE", f"/Applications/{APP}", seconds=60)
        async with aiohttp.ClientSession(headers=AUTHORIZATION) as session, asyncio.timeout(10):
            asked = asyncio.ensure_future(session.delete(f"{twilio.url}{APPS}/{APP}.json"))
            while APP in twilio.apps:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert not asked.done()
            asked.cancel()


async def test_a_dropped_request_is_done_but_not_answered() -> None:
    async with a_company() as (twilio, _):
        twilio.drop_next("POST", "/Workspaces/")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await rest(twilio, "POST", workspace(twilio), {"EventCallbackUrl": "https://bmv.test/new"})
        assert twilio.task_router is not None
        assert twilio.task_router.event_callback_url == "https://bmv.test/new"


async def test_trouble_can_wait_for_one_call_and_can_be_taken_back() -> None:
    mine, other = ({"To": FLEX, "From": FRONT, "Twiml": connect(), "CallReason": name} for name in ("mine", "other"))
    async with a_company() as (twilio, _):
        for name in ("mine", "nobody's"):
            twilio.refuse_next("POST", "/Calls.json", status=400, code=21210, containing=name)
        assert (await create(twilio, other))[0] == 201
        assert (await create(twilio, mine))[1]["code"] == 21210
        assert (await create(twilio, mine))[0] == 201
        twilio.refuse_next("POST", "/Calls.json", containing="mine")
        twilio.forget_troubles("mine")
        assert (await create(twilio, mine))[0] == 201


async def test_calls_can_be_refused_as_well() -> None:
    async with a_company() as (twilio, _):
        twilio.refuse_next("POST", "/Calls.json", status=400, code=21210)
        assert (await create(twilio, {"To": FLEX, "From": FRONT, "Twiml": connect()}))[1]["code"] == 21210
