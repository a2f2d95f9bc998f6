"""What an account at Twilio has and how it is changed: against the fake Twilio, and against answers that are none."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from accounts import an_account, answered, saying
from rest_api import hanging_up, refusing, silent
from simulator_twilio_server import ACCOUNT, FLEX, FRONT, WORKFLOW

from bmv.simulator.twilio import (
    Alert,
    App,
    Number,
    Profile,
    Revision,
    StudioFlow,
    TaskQueue,
    TaskRouter,
    Worker,
)
from bmv.telephony.account import Kind, Queue
from bmv.telephony.rest import RestError

EVENTS = "https://bmv.test/reservation-accepted"
QUEUE, OTHER_QUEUE = "WQ" + "1" * 32, "WQ" + "2" * 32
DEFINITION = {
    "description": "¿Qué tal?",
    "initial_state": "Trigger",
    "states": [{"name": "Trigger", "type": "trigger", "transitions": [], "properties": {"offset": {"x": 0, "y": 0}}}],
    "flags": {"allow_concurrent_calls": True},
}


# --- what there is ----------------------------------------------------------------------------------------------------


async def test_an_account_tells_its_kind_and_status() -> None:
    async with an_account() as (account, twilio):
        twilio.account.name, twilio.account.kind, twilio.account.status = "Mine", "Trial", "suspended"
        found = await account.account()
        assert (found.sid, found.name, found.kind, found.status) == (ACCOUNT, "Mine", "Trial", "suspended")


async def test_numbers_come_from_every_page_with_none_as_an_empty_text() -> None:
    async with an_account() as (account, twilio):
        for last in range(3):
            twilio.numbers[f"+1555999000{last}"] = Number("https://bmv.test/welcome", voice=last != 2)
        numbers = await account.numbers()
        assert [each.number for each in numbers] == list(twilio.numbers)
        assert [each.voice for each in numbers] == [True, True, True, True, False]
        assert [(each.kind, each.name) for each in numbers[:2]] == [(Kind.NUMBER, FRONT), (Kind.NUMBER, "Flex")]
        assert numbers[0].values == {
            "voice_url": "https://old.test/voice",
            "voice_method": "POST",
            "status_callback": "",
            "status_callback_method": "POST",
            "voice_application_sid": "",
            "trunk_sid": "",
        }
        assert numbers[1].values["voice_url"] == ""


async def test_apps_are_found_by_their_exact_name() -> None:
    async with an_account() as (account, twilio):
        for sid, name in (("AP" + "1" * 32, "bmv"), ("AP" + "2" * 32, "bmv 2"), ("AP" + "3" * 32, "bmv")):
            twilio.apps[sid] = App("https://bmv.test/outbound-call", name=name)
        assert [each.sid for each in await account.apps("bmv")] == ["AP" + "1" * 32, "AP" + "3" * 32]
        assert await account.apps("BMV") == []


async def test_flows_are_listed_without_their_definitions() -> None:
    async with an_account() as (account, twilio):
        twilio.account.flows += [StudioFlow(f"IVR {n}", [Revision(DEFINITION, "draft")] * (n + 1)) for n in range(3)]
        flows = await account.flows()
        assert [(each.name, each.revision, each.values) for each in flows] == [
            (f"IVR {n}", n + 1, {"status": "draft"}) for n in range(3)
        ]
        assert flows[0].webhook_url == f"https://webhooks.twilio.com/v1/Accounts/{ACCOUNT}/Flows/{flows[0].sid}"


async def test_flex_names_its_workspace_and_workflow() -> None:
    async with an_account() as (account, twilio):
        found = await account.flex()
        assert twilio.task_router is not None
        assert found is not None
        assert (found.workspace_sid, found.workflow_sid, found.status) == (twilio.task_router.sid, WORKFLOW, "ok")


async def test_an_account_without_flex_has_none() -> None:
    async with an_account() as (account, twilio):
        twilio.account.flex = None
        assert await account.flex() is None


async def test_that_flex_cannot_be_asked_is_not_that_there_is_none() -> None:
    async with an_account() as (account, twilio):
        twilio.refuse_next("GET", "/Configuration", status=403, code=20403)
        with pytest.raises(RestError):
            await account.flex()


async def test_workspaces_tell_where_their_events_go_and_which() -> None:
    async with an_account() as (account, twilio):
        other = TaskRouter("https://other.test/events", {"task.created", "task.canceled"}, name="Another")
        twilio.account.more_workspaces.append(other)
        first, second = await account.workspaces()
        assert (first.name, first.values) == ("Flex Task Assignment", {"event_callback_url": "", "events_filter": ""})
        assert second.values == {
            "event_callback_url": "https://other.test/events",
            "events_filter": "task.canceled,task.created",
        }


async def test_a_workflow_names_every_queue_of_its_configuration_once() -> None:
    async with an_account() as (account, twilio):
        assert twilio.task_router is not None
        twilio.task_router.queues_of[WORKFLOW] = [QUEUE, OTHER_QUEUE, OTHER_QUEUE]
        (workflow,) = await account.workflows(twilio.task_router.sid)
        assert (workflow.sid, workflow.name) == (WORKFLOW, "Assign to Anyone")
        assert sorted(workflow.queue_sids) == [QUEUE, OTHER_QUEUE]


async def test_a_queue_counts_who_may_get_its_tasks_and_who_is_available() -> None:
    async with an_account() as (account, twilio):
        assert twilio.task_router is not None
        alex, sue, joe, ann = (Worker(name) for name in ("alex", "sue", "joe", "ann"))
        sue.available = False
        twilio.task_router.workers = [alex, sue, joe, ann]
        twilio.task_router.queues = [TaskQueue("Spanish", QUEUE, [alex, sue, joe]), TaskQueue("None", OTHER_QUEUE, [])]
        workspace = twilio.task_router.sid
        assert await account.queue(workspace, QUEUE) == Queue(QUEUE, "Spanish", workers=3, available=2)
        assert await account.queue(workspace, OTHER_QUEUE) == Queue(OTHER_QUEUE, "None", workers=0, available=0)


async def test_alerts_come_newest_first_and_no_older_ones_and_no_more_than_wanted() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    async with an_account() as (account, twilio):
        for minutes in (50, 10, 30, 90):
            twilio.account.past_alerts.append(
                Alert(11200, f"{minutes} ago", "https://bmv.test/welcome", now - timedelta(minutes=minutes))
            )
        since = (now - timedelta(hours=1)).astimezone(timezone(timedelta(hours=5)))
        alerts = await account.alerts(since, limit=2)
        assert [each.text for each in alerts] == ["10 ago", "30 ago"]
        assert (alerts[0].code, alerts[0].url) == (11200, "https://bmv.test/welcome")
        assert alerts[0].at == now - timedelta(minutes=10)
        assert [each.text for each in await account.alerts(since, limit=9)] == ["10 ago", "30 ago", "50 ago"]


async def test_only_approved_profiles_are_told() -> None:
    async with an_account() as (account, twilio):
        twilio.account.profiles += [Profile("Ours", "RN1"), Profile("Draft", "RN1", "draft"), Profile("Mine", "RN2")]
        assert [(each.name, each.policy_sid) for each in await account.customer_profiles()] == [
            ("Ours", "RN1"),
            ("Mine", "RN2"),
        ]


async def test_the_policy_of_a_profile_tells_its_kind() -> None:
    async with an_account() as (account, twilio):
        twilio.account.profiles.append(Profile())
        (profile,) = await account.customer_profiles()
        assert await account.policy_name(profile.policy_sid) == "Primary Customer Profile of type Business"
        with pytest.raises(RestError):
            await account.policy_name("RN9")


# --- and what setup may change ----------------------------------------------------------------------------------------


async def test_a_number_is_changed_where_values_are_given_and_nowhere_else() -> None:
    async with an_account() as (account, twilio):
        number = twilio.numbers[FLEX]
        changed = await account.update(
            Kind.NUMBER, number.sid, {"voice_url": "https://bmv.test/outbound-call", "trunk_sid": ""}
        )
        assert changed == await account.fetch(Kind.NUMBER, number.sid)
        assert changed.values["voice_url"] == twilio.numbers[FLEX].voice_url == "https://bmv.test/outbound-call"
        assert twilio.numbers[FLEX].trunk_sid == ""
        assert (changed.name, changed.values["voice_application_sid"]) == ("Flex", "AP" + "1" * 32)


async def test_clearing_a_value_sends_an_empty_field() -> None:
    async with an_account() as (account, twilio):
        await account.update(Kind.NUMBER, twilio.numbers[FLEX].sid, {"voice_application_sid": "", "trunk_sid": ""})
        assert sorted(twilio.requests[-1].form) == [("TrunkSid", ""), ("VoiceApplicationSid", "")]


async def test_an_app_is_made_changed_and_removed() -> None:
    async with an_account() as (account, twilio):
        made = await account.create(Kind.APP, "bmv", {"voice_url": "https://a.test/x", "voice_method": "GET"})
        assert (made.kind, made.name) == (Kind.APP, "bmv")
        assert made.values == {"voice_url": "https://a.test/x", "voice_method": "GET"}
        await account.update(Kind.APP, made.sid, {"voice_url": "https://b.test/x"})
        assert twilio.apps[made.sid].voice_url == "https://b.test/x"
        assert (await account.fetch(Kind.APP, made.sid)).values["voice_method"] == "GET"
        await account.delete(Kind.APP, made.sid)
        assert made.sid not in twilio.apps
        with pytest.raises(RestError) as refused:
            await account.delete(Kind.APP, made.sid)
        assert (refused.value.status, refused.value.code) == (404, 20404)


async def test_a_workspace_gets_its_callback_and_filter() -> None:
    async with an_account() as (account, twilio):
        assert twilio.task_router is not None
        values = {"event_callback_url": EVENTS, "events_filter": "reservation.accepted,task.canceled"}
        changed = await account.update(Kind.WORKSPACE, twilio.task_router.sid, values)
        assert changed == await account.fetch(Kind.WORKSPACE, twilio.task_router.sid)
        assert changed.values == values


async def test_a_flow_is_published_and_equal_definitions_are_equal_texts() -> None:
    async with an_account() as (account, twilio):
        made = await account.create(Kind.FLOW, "bmv", {"definition": json.dumps(DEFINITION)})
        turned = json.dumps(dict(reversed(DEFINITION.items())))
        other = await account.create(Kind.FLOW, "bmv 2", {"definition": turned, "status": "draft"})
        assert made.values["definition"] == other.values["definition"]
        assert "¿Qué tal?" in made.values["definition"]
        assert (made.values["status"], other.values["status"]) == ("published", "draft")
        assert made == await account.fetch(Kind.FLOW, made.sid)
        assert json.loads(made.values["definition"]) == twilio.account.flows[0].latest.definition == DEFINITION


async def test_an_updated_flow_gets_a_new_published_revision_that_says_who_made_it() -> None:
    async with an_account() as (account, twilio):
        flow = StudioFlow("IVR", [Revision(DEFINITION)])
        twilio.account.flows.append(flow)
        changed = DEFINITION | {"description": "another"}
        await account.update(Kind.FLOW, flow.sid, {"definition": json.dumps(changed)})
        assert [each.definition for each in flow.revisions] == [DEFINITION, changed]
        assert (flow.latest.status, flow.latest.message) == ("published", "Be My Voice: setup")
        assert (await account.flows())[0].revision == 2


async def test_a_flow_goes_back_to_what_was_fetched_before() -> None:
    async with an_account() as (account, twilio):
        flow = StudioFlow("IVR", [Revision(DEFINITION, "draft")])
        twilio.account.flows.append(flow)
        before = await account.fetch(Kind.FLOW, flow.sid)
        await account.update(Kind.FLOW, flow.sid, {"definition": json.dumps(DEFINITION | {"flags": {}})})
        after = await account.update(Kind.FLOW, flow.sid, before.values)
        assert after.values == before.values


async def test_a_flow_is_removed() -> None:
    async with an_account() as (account, twilio):
        made = await account.create(Kind.FLOW, "bmv", {"definition": json.dumps(DEFINITION)})
        await account.delete(Kind.FLOW, made.sid)
        assert twilio.account.flows == []


async def test_a_valid_definition_has_no_errors_and_makes_no_flow() -> None:
    async with an_account() as (account, twilio):
        assert await account.invalid_flow("bmv", json.dumps(DEFINITION)) == []
        assert twilio.account.flows == []


async def test_an_invalid_definition_is_told_in_words_with_where() -> None:
    async with an_account() as (account, _):
        twice = DEFINITION | {"states": DEFINITION["states"] * 2}  # type: ignore[operator]
        assert await account.invalid_flow("bmv", json.dumps(twice)) == [
            "widget names must be unique (at #/states/0/name)",
            "widget names must be unique (at #/states/1/name)",
        ]


async def test_a_refusal_that_is_not_about_the_definition_stays_one() -> None:
    async with an_account() as (account, twilio):
        twilio.refuse_next("POST", "/Flows/Validate", status=400, code=20001)
        with pytest.raises(RestError):
            await account.invalid_flow("bmv", json.dumps(DEFINITION))


async def test_a_definition_that_is_just_called_invalid_is_so() -> None:
    async with answered(saying({"valid": False})) as account:
        assert len(await account.invalid_flow("bmv", "{}")) == 1


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def test_a_refused_list_tells_code_and_status() -> None:
    async with answered(refusing(401, 20003, "Authenticate")) as account:
        with pytest.raises(RestError, match="Authenticate") as refused:
            await account.numbers()
        assert (refused.value.code, refused.value.status, refused.value.nothing_done) == (20003, 401, True)


async def test_a_list_refused_on_its_second_page_is_refused() -> None:
    async with an_account() as (account, twilio):
        twilio.numbers["+15559990000"] = Number("https://bmv.test/welcome")
        first = await account.numbers()
        assert len(first) == 3
        assert [request.path for request in twilio.requests][-1].endswith("/IncomingPhoneNumbers.json")
        assert len(twilio.requests) == 2
        twilio.hang_next("GET", "IncomingPhoneNumbers", 0)
        twilio.refuse_next("GET", "IncomingPhoneNumbers", status=429, code=20429)
        with pytest.raises(RestError) as refused:
            await account.numbers()
        assert refused.value.code == 20429


async def test_no_answer_in_time_is_told_so() -> None:
    async with answered(silent, request_seconds=0.1) as account:
        for request in (account.account(), account.numbers(), account.delete(Kind.APP, "AP1")):
            with pytest.raises(RestError, match="did not answer"):
                await request


async def test_a_broken_connection_leaves_open_what_was_done() -> None:
    async with answered(hanging_up) as account:
        with pytest.raises(RestError) as broken:
            await account.update(Kind.APP, "AP1", {"voice_url": "https://bmv.test/"})
        assert not broken.value.nothing_done
