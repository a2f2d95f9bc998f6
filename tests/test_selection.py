"""Which numbers, workspace and workflow serve: as said, as they are already, or nobody knows and it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settingup import CALLER, FLEX, HOST, NAMED, OTHER, WORKFLOW, nothing_set, old_flow, place

from bmv.simulator.twilio import Number, TaskRouter
from bmv.simulator.twilio.holdings import Flex

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]


async def test_numbers_that_may_be_in_use_are_never_guessed(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        ran = await home.setup(host=HOST, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        for told in ("--caller-number", "--flex-number", CALLER, FLEX, "Support", "https://flex.example.com/old"):
            assert told in ran.err
        assert home.state() == before


async def test_a_single_number_is_not_guessed_either(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="AGENT_DESTINATION=client:alex\n") as home:
        del home.twilio.numbers[FLEX]
        ran = await home.setup(host=HOST, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert "--caller-number" in ran.err
        assert "--flex-number" not in ran.err


async def test_only_what_is_not_settled_is_asked_for(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env=f"TWILIO_CALLER_NUMBER={CALLER}\n") as home:
        ran = await home.setup(host=HOST, yes=True)
        assert ran.code == 2
        assert "Name it with --flex-number." in ran.err


async def test_numbers_that_lead_to_us_already_are_taken(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="PUBLIC_HOST=old.example.com\n") as home:
        home.twilio.numbers[CALLER] = Number("https://old.example.com/welcome")
        home.twilio.numbers[FLEX] = Number(f"https://{HOST}/outbound-call")
        home.twilio.numbers[OTHER] = Number("https://elsewhere.example.com/welcome")
        ran = await home.setup(host=HOST, yes=True)
        assert ran.code == 0, ran.err
        assert f"TWILIO_CALLER_NUMBER={CALLER}\nTWILIO_FLEX_NUMBER={FLEX}\n" in home.env.read_text("utf-8")
        assert home.twilio.numbers[OTHER].voice_url == "https://elsewhere.example.com/welcome"


async def test_a_number_that_leads_to_our_flow_is_the_callers(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows.append(old_flow())
        address = f"https://webhooks.twilio.com/v1/Accounts/{home.twilio.account_sid}/Flows/{home.flow().sid}"
        home.twilio.numbers[OTHER] = Number(address)
        assert (await home.setup(host=HOST, flex_number=FLEX, yes=True)).code == 0
        assert f"TWILIO_CALLER_NUMBER={OTHER}\n" in home.env.read_text("utf-8")


async def test_of_two_that_lead_to_us_none_is_taken(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        for number in (CALLER, OTHER):
            home.twilio.numbers[number] = Number(f"https://{HOST}/welcome")
        ran = await home.setup(host=HOST, flex_number=FLEX, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert OTHER in ran.err


async def test_a_number_of_another_account_or_for_messages_only_is_named_as_such(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        ran = await home.setup(host=HOST, caller_number="+14155550111", flex_number=FLEX, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert "no such number" in ran.err
        assert CALLER in ran.err
        home.twilio.numbers[CALLER] = Number("", voice=False)
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert "cannot take calls" in ran.err


async def test_numbers_can_change_places(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.numbers[CALLER] = Number(f"https://{HOST}/outbound-call")
        home.twilio.numbers[FLEX] = Number(f"https://{HOST}/welcome")
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert home.twilio.numbers[CALLER].voice_url == f"https://{HOST}/welcome"
        assert home.twilio.numbers[FLEX].voice_url == f"https://{HOST}/outbound-call"


async def test_an_address_that_is_none_leads_nowhere(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.numbers[CALLER] = Number("http://[")
        assert (await home.setup(host=HOST, flex_number=FLEX, yes=True)).code == 2


async def test_one_number_cannot_be_both(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        ran = await home.setup(host=HOST, caller_number=CALLER, flex_number=CALLER, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert "cannot be both" in ran.err


async def test_agents_who_would_be_the_callers_own_number_are_refused(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env=f"AGENT_DESTINATION={CALLER}\n") as home:
        ran = await home.setup(host=HOST, caller_number=CALLER, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert "AGENT_DESTINATION" in ran.err


@pytest.mark.parametrize("option", [{"app": True}, {"flex_number": FLEX}], ids=["app", "number"])
async def test_what_leads_into_flex_is_refused_where_agents_are_elsewhere(
    option: dict[str, Any], tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys, env="AGENT_DESTINATION=client:alex\n") as home:
        ran = await home.setup(host=HOST, caller_number=CALLER, yes=True, **option)
        assert (ran.code, ran.writes) == (2, [])
        assert "AGENT_DESTINATION" in ran.err


async def test_where_there_are_too_few_numbers_it_says_what_to_do(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        del home.twilio.numbers[FLEX]
        ran = await home.setup(host=HOST, yes=True)
        assert (ran.code, ran.writes) == (1, [])
        assert "--app" in ran.err
        home.twilio.numbers.clear()
        ran = await home.setup(host=HOST, app=True, yes=True)
        assert ran.code == 1
        assert "buy one" in ran.err


async def test_all_pages_of_numbers_are_read(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.page_size = 1
        assert (await home.setup(**NAMED, yes=True)).code == 0


# --- workspace and workflow ------------------------------------------------------------------------------------------


async def test_without_flex_and_workspace_it_says_what_is_missing(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flex = home.twilio.task_router = None
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (1, [])
        assert "AGENT_DESTINATION" in ran.err


@pytest.mark.parametrize("flex", [None, Flex(status="notstarted")])
async def test_where_flex_does_not_say_it_is_the_workspace_that_is_named_like_flexs(
    flex: Flex | None, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flex = flex
        home.twilio.account.more_workspaces.append(TaskRouter(name="Another", workflows=["WW" + "9" * 32]))
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert home.router.event_callback_url == f"https://{HOST}/reservation-accepted"
        assert home.twilio.account.more_workspaces[0].event_callback_url is None


async def test_the_only_workspace_is_it_whatever_it_is_called(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flex = None
        home.router.name = "Another"
        assert (await home.setup(**NAMED, yes=True)).code == 0


async def test_several_workspaces_are_listed_with_their_workflows(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flex = None
        home.router.name = "Another"
        home.twilio.account.more_workspaces.append(TaskRouter(name="A third", workflows=["WW" + "9" * 32]))
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        for told in ("TWILIO_FLEX_WORKFLOW_SID", WORKFLOW, "WW" + "9" * 32, "Another", "A third"):
            assert told in ran.err


async def test_a_workflow_that_is_set_decides_on_the_workspace_whose_events_are_ours(
    tmp_path: Path, capsys: Capture
) -> None:
    sid = "WW" + "9" * 32
    async with place(tmp_path, capsys, env=f"TWILIO_FLEX_WORKFLOW_SID={sid}\n") as home:
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert sid in ran.err
        assert WORKFLOW in ran.err
        home.twilio.account.more_workspaces.append(TaskRouter(name="Another", workflows=[sid]))
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert home.router.event_callback_url is None
        assert home.twilio.account.more_workspaces[0].event_callback_url == f"https://{HOST}/reservation-accepted"


async def test_of_several_workflows_flexs_own_is_taken(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        other = "WW" + "9" * 32
        home.router.workflows = [other, WORKFLOW]
        assert home.twilio.account.flex is not None
        home.twilio.account.flex.workflow_sid = WORKFLOW
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert f"TWILIO_FLEX_WORKFLOW_SID={WORKFLOW}\n" in home.env.read_text("utf-8")


async def test_several_workflows_of_the_same_name_are_listed(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flex = None
        home.router.workflows = ["WW" + "9" * 32, WORKFLOW]
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert WORKFLOW in ran.err


async def test_a_workspace_without_a_workflow_is_named(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.router.workflows = []
        home.twilio.account.flex = None
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (1, [])
        assert "has no workflow" in ran.err


async def test_two_flows_of_our_name_are_one_too_many_unless_callers_are_in_one(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        flows = home.twilio.account.flows
        flows += [old_flow(), old_flow()]
        assert (await home.setup(**NAMED, dry_run=True)).code == 0  # which needs none
        ran = await home.setup(**NAMED, studio=True, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert flows[0].sid in ran.err
        home.twilio.numbers[CALLER] = Number(
            f"https://webhooks.twilio.com/v1/Accounts/{home.twilio.account_sid}/Flows/{flows[1].sid}"
        )
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert [len(each.revisions) for each in flows] == [1, 2]
