"""Setting up an account: what is changed, what is not, and that a second time nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from settingup import (
    CALLER,
    FLEX,
    HOST,
    NAMED,
    NEW_HOST,
    OLD_FLOW,
    WORKFLOW,
    account_from_environment,
    leads_to,
    nothing_more,
    nothing_set,
    old_flow,
    place,
)

from bmv import languages
from bmv.config import Settings, read_environment
from bmv.simulator.twilio import App
from bmv.telephony import flow
from bmv.telephony.menu import Menu
from bmv.telephony.taskrouter import MEANINGS

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]


async def test_numbers_workspace_and_settings_are_set_and_a_second_time_nothing_is(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        ran = await home.setup(**NAMED, yes=True)
        assert ran.code == 0, ran.err
        leads_to(home)
        assert list(home.router.events or ()) == list(MEANINGS)
        assert [path.rpartition("/")[2][:2] for _, path in ran.writes] == ["PN", "WS", "PN"]
        for told in (CALLER, "python -m bmv doctor", "make run", "Available"):
            assert told in ran.out
        settings = Settings.load(read_environment(home.env, {}))
        assert (settings.public_host, settings.caller_number, settings.flex_number) == (HOST, CALLER, FLEX)
        assert settings.flex_workflow_sid == WORKFLOW
        await nothing_more(home)
        await nothing_more(home, host=HOST, yes=True)


async def test_a_dry_run_shows_everything_and_changes_nothing(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        ran = await home.setup(**NAMED, dry_run=True)
        assert (ran.code, ran.writes) == (0, [])
        assert home.state() == before
        for told in (
            "https://demo.twilio.com/welcome/voice/",
            f"https://{HOST}/welcome",
            f"https://{HOST}/outbound-call",
            f"https://{HOST}/reservation-accepted",
            ", ".join(MEANINGS),
            "TWILIO_FLEX_WORKFLOW_SID",
            "nothing was changed",
        ):
            assert told in ran.out, told
        assert "\x1b" not in ran.out


async def test_where_nobody_can_be_asked_it_needs_yes(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        ran = await home.setup(**NAMED)
        assert (ran.code, ran.writes) == (2, [])
        assert "--yes" in ran.err
        assert home.state() == before


async def test_a_changed_host_is_one_command(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        await home.setup(**NAMED, yes=True)
        ran = await home.setup(host=NEW_HOST, yes=True)
        assert ran.code == 0, ran.err
        leads_to(home, NEW_HOST)
        assert f"PUBLIC_HOST={NEW_HOST}\n" in home.env.read_text("utf-8")
        await nothing_more(home)


async def test_a_running_tunnel_says_the_host_where_none_is_set(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.tunnel = NEW_HOST
        assert (await home.setup(caller_number=CALLER, flex_number=FLEX, yes=True)).code == 0
        leads_to(home, NEW_HOST)
        home.tunnel = "another.example.net"
        await nothing_more(home)


# --- numbers ---------------------------------------------------------------------------------------------------------


async def test_an_app_or_a_trunk_that_would_win_over_the_address_is_taken_off_and_that_is_said(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        app = "AP" + "7" * 32
        home.twilio.apps[app] = App("https://elsewhere.example.com/")
        numbers = home.twilio.numbers
        numbers[CALLER] = type(numbers[CALLER])(f"https://{HOST}/welcome", voice_application_sid=app)
        numbers[FLEX] = type(numbers[FLEX])(f"https://{HOST}/outbound-call", trunk_sid="TK" + "7" * 32)
        before = home.state()
        ran = await home.setup(**NAMED, yes=True)
        assert f"{CALLER} is led by a TwiML App" in ran.out
        assert f"{FLEX} is led by a SIP trunk" in ran.out
        leads_to(home)
        assert not home.twilio.numbers[CALLER].voice_application_sid
        assert not home.twilio.numbers[FLEX].trunk_sid
        await nothing_more(home)
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.state() == before


# --- TaskRouter ------------------------------------------------------------------------------------------------------


async def test_a_filter_that_has_ours_in_another_order_is_left_as_it_is(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.router.event_callback_url = f"https://{HOST}/reservation-accepted"
        home.router.events = [*reversed(list(MEANINGS)), "task.created"]
        ran = await home.setup(**NAMED, yes=True)
        assert not [path for _, path in ran.writes if "Workspaces" in path]


# --- Studio ----------------------------------------------------------------------------------------------------------


async def test_with_studio_a_flow_is_made_published_and_led_to(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="CALLER_LANGUAGES=es,de\n") as home:
        ran = await home.setup(**NAMED, studio=True, yes=True)
        assert ran.code == 0, ran.err
        made = home.flow()
        spanish, german = languages.get("es"), languages.get("de")
        assert made.published is not None
        assert made.published.definition == flow.build(Menu((spanish, german)), HOST)
        assert home.twilio.numbers[CALLER].voice_url.endswith(f"/Flows/{made.sid}")
        assert ran.writes[0][1] == "/v2/Flows/Validate"
        await nothing_more(home)
        await nothing_more(home, studio=True)
        assert (await home.setup(host=NEW_HOST, yes=True)).code == 0
        assert len(made.revisions) == 2
        assert json.dumps(made.latest.definition).count(NEW_HOST) == 1
        await nothing_more(home)
        ran = await home.setup(studio=False, yes=True)
        assert ran.code == 0
        leads_to(home, NEW_HOST)
        await nothing_more(home)


async def test_other_languages_are_a_change_of_the_flow_that_can_be_seen(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="CALLER_LANGUAGES=es,de\n") as home:
        await home.setup(**NAMED, studio=True, yes=True)
        home.env.write_text(home.env.read_text("utf-8").replace("es,de", "es,fr"), "utf-8")
        ran = await home.setup(dry_run=True)
        assert f"leads to {HOST}, as the settings have it by now" in ran.out


async def test_a_flow_of_our_name_gets_a_new_revision(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows += [old_flow(), old_flow("IVR")]
        assert (await home.setup(**NAMED, studio=True, yes=True)).code == 0
        assert len(home.flows()) == 2
        assert [each.status for each in home.flow().revisions] == ["published", "published"]
        assert home.flow().revisions[0].definition == OLD_FLOW
        await nothing_more(home)


async def test_a_number_that_leads_to_our_flow_goes_on_doing_so(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows.append(old_flow())
        address = f"https://webhooks.twilio.com/v1/Accounts/{home.twilio.account_sid}/Flows/{home.flow().sid}"
        home.twilio.numbers[CALLER] = type(home.twilio.numbers[CALLER])(address)
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert home.twilio.numbers[CALLER].voice_url == address
        assert len(home.flow().revisions) == 2


async def test_a_draft_is_published_and_what_undo_can_do_about_it_is_said(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows.append(old_flow(status="draft"))
        ran = await home.setup(**NAMED, studio=True, yes=True)
        assert "draft" in ran.out
        assert home.flow().latest.status == "published"
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert (home.flow().latest.definition, home.flow().latest.status) == (OLD_FLOW, "draft")


async def test_what_studio_finds_wrong_stops_it_before_anything_is_changed(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        home.twilio.refuse_next("POST", "/Flows/Validate", status=400, code=20001, message="Flow definition is invalid")
        ran = await home.setup(**NAMED, studio=True, yes=True)
        assert ran.code == 1
        assert len(ran.writes) == 1
        assert home.state() == before


# --- TwiML App, and no Flex ------------------------------------------------------------------------------------------


async def test_an_app_takes_the_place_of_the_second_number(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.twilio.numbers[FLEX]
        ran = await home.setup(host=HOST, caller_number=CALLER, app=True, yes=True)
        assert ran.code == 0, ran.err
        ((sid, app),) = home.twilio.apps.items()
        assert (app.name, app.voice_url, app.voice_method) == ("Be My Voice", f"https://{HOST}/outbound-call", "POST")
        assert f"TWILIO_FLEX_APP_SID={sid}\n" in home.env.read_text("utf-8")
        assert home.twilio.numbers[FLEX] == before
        Settings.load(read_environment(home.env, {}))
        await nothing_more(home)
        assert (await home.setup(host=NEW_HOST, yes=True)).code == 0
        assert home.twilio.apps[sid].voice_url == f"https://{NEW_HOST}/outbound-call"
        await nothing_more(home, app=True)


async def test_the_app_that_a_setting_names_is_updated_whatever_it_is_called(tmp_path: Path, capsys: Capture) -> None:
    sid = "AP" + "7" * 32
    async with place(tmp_path, capsys, env=f"TWILIO_FLEX_APP_SID={sid}\n") as home:
        home.twilio.apps[sid] = App("https://old.example.com/x", voice_method="GET", name="Into Flex")
        assert (await home.setup(host=HOST, caller_number=CALLER, yes=True)).code == 0
        assert home.twilio.apps == {sid: App(f"https://{HOST}/outbound-call", name="Into Flex")}
        await nothing_more(home)


async def test_an_app_that_is_not_there_is_named(tmp_path: Path, capsys: Capture) -> None:
    sid = "AP" + "7" * 32
    async with place(tmp_path, capsys, env=f"TWILIO_FLEX_APP_SID={sid}\n") as home:
        ran = await home.setup(host=HOST, caller_number=CALLER, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert sid in ran.err
        assert "--app" in ran.err


async def test_without_flex_only_the_caller_number_is_pointed_here(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="AGENT_DESTINATION=client:alex\n") as home:
        home.twilio.account.flex = home.twilio.task_router = None
        before = home.twilio.numbers[FLEX]
        ran = await home.setup(host=HOST, caller_number=CALLER, yes=True)
        assert ran.code == 0, ran.err
        assert len(ran.writes) == 1
        assert home.twilio.numbers[CALLER].voice_url == f"https://{HOST}/welcome"
        assert home.twilio.numbers[FLEX] == before
        assert "Flex" not in ran.out
        Settings.load(read_environment(home.env, {}))
        await nothing_more(home)


# --- the environment -------------------------------------------------------------------------------------------------


async def test_what_the_environment_sets_is_not_written_but_said(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path, capsys) as home:
        monkeypatch.setenv("PUBLIC_HOST", f"https://{HOST}/")
        monkeypatch.setenv("TWILIO_CALLER_NUMBER", CALLER)
        ran = await home.setup(flex_number=FLEX, yes=True)
        assert ran.code == 0
        text = home.env.read_text("utf-8")
        assert "PUBLIC_HOST" not in text
        assert "TWILIO_CALLER_NUMBER" not in text
        assert "Set by the environment, and so not written into .env: PUBLIC_HOST, TWILIO_CALLER_NUMBER." in ran.out


async def test_an_environment_that_says_otherwise_is_named(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path, capsys) as home:
        monkeypatch.setenv("PUBLIC_HOST", "old.example.com")
        ran = await home.setup(**NAMED, yes=True)
        assert ran.code == 0
        assert (
            f"! PUBLIC_HOST is set in the environment, which wins over .env, to another value: set it there to {HOST}"
            in (ran.out)
        )


async def test_a_trial_account_and_a_flex_that_is_not_ready_are_pointed_out(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.kind = "Trial"
        assert home.twilio.account.flex is not None
        home.twilio.account.flex.status = "inprogress"
        ran = await home.setup(**NAMED, dry_run=True)
        assert "trial account" in ran.out
        assert "inprogress" in ran.out


async def test_without_a_sample_a_new_env_file_has_what_is_needed_alone(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path, capsys, env=None) as home:
        account_from_environment(home.twilio, monkeypatch)
        (home.folder / ".env.sample").unlink()
        assert (await home.setup(host=HOST, caller_number=CALLER, flex_number=FLEX, yes=True)).code == 0
        assert home.env.read_text("utf-8") == (
            f"PUBLIC_HOST={HOST}\nTWILIO_CALLER_NUMBER={CALLER}\nTWILIO_FLEX_NUMBER={FLEX}\n"
            f"TWILIO_FLEX_WORKFLOW_SID={WORKFLOW}\n"
        )
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert not home.env.exists()


async def test_how_the_sample_stands_in_a_new_env_file(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path, capsys, env=None) as home:
        account_from_environment(home.twilio, monkeypatch)
        assert (await home.setup(**NAMED, yes=True)).code == 0
        assert home.env.stat().st_mode & 0o777 == 0o600
        sample = (home.folder / ".env.sample").read_text("utf-8").splitlines()
        changed = [line for line in home.env.read_text("utf-8").splitlines() if line not in sample]
        assert changed == [
            f"PUBLIC_HOST={HOST}",
            f"TWILIO_CALLER_NUMBER={CALLER}",
            f"TWILIO_FLEX_NUMBER={FLEX}",
            f"TWILIO_FLEX_WORKFLOW_SID={WORKFLOW}",
        ]
        assert home.journal.stat().st_mode & 0o777 == 0o600
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert not home.env.exists()
