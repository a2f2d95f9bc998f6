"""Undo: everything is as it was, byte for byte; what somebody changed since is left alone; it can fail half-way too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from settingup import (
    CALLER,
    FLEX,
    HOST,
    NAMED,
    NEW_HOST,
    OLD_FLOW,
    OTHER,
    SHORT,
    Place,
    account_from_environment,
    nothing_set,
    old_flow,
    patience,
    place,
    something_old,
)

from bmv.config import parsers
from bmv.simulator.twilio import App
from bmv.simulator.twilio.holdings import Revision
from bmv.telephony import flow
from bmv.telephony.menu import Menu

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]

CRLF = "# Mine.\r\nexport PUBLIC_HOST = 'old.example.com'   # the old one\r\n\r\n# TWILIO_FLEX_NUMBER=+1…\r\nLAST=1"
MODES: dict[str, dict[str, Any]] = {
    "numbers": NAMED,
    "studio": NAMED | {"studio": True},
    "app": {"host": HOST, "caller_number": CALLER, "app": True},
    "both": {"host": HOST, "caller_number": CALLER, "app": True, "studio": True},
}

REQUESTS = ["IncomingPhoneNumbers", "Workspaces", "Flows", "Applications"]
BREAKS: dict[str, Callable[[Place, str, str], None]] = {
    "refused": lambda home, method, path: home.twilio.refuse_next(method, path, status=400, code=20001),
    "failed": lambda home, method, path: home.twilio.refuse_next(method, path),
    "hanging": lambda home, method, path: home.twilio.hang_next(method, path, 60),
    "dropped": lambda home, method, path: home.twilio.drop_next(method, path),
}

each_mode = pytest.mark.parametrize("options", MODES.values(), ids=MODES)


@each_mode
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
async def test_everything_is_as_before(options: dict[str, Any], there: bool, tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env=CRLF) as home:
        if there:
            home.twilio.apps["AP" + "7" * 32] = App("https://old.example.com/", voice_method="GET", name="Be My Voice")
            home.twilio.account.flows.append(old_flow())
            home.router.event_callback_url, home.router.events = "https://old.example.com/reservation-accepted", None
        before = home.state()
        assert (await home.setup(**options, yes=True)).code == 0
        assert (await home.setup(host=NEW_HOST, yes=True)).code == 0
        assert home.state() != before
        ran = await home.setup(undo=True, yes=True)
        assert ran.code == 0, ran.out
        assert "Everything is as it was before setup." in ran.out
        assert home.state() == before
        again = await home.setup(undo=True, yes=True)
        assert (again.code, again.writes) == (0, [])
        assert "Nothing to undo" in again.out


async def test_an_old_definition_is_published_again_as_a_new_revision(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows.append(old_flow())
        await home.setup(**NAMED, studio=True, yes=True)
        await home.setup(undo=True, yes=True)
        assert len(home.flow().revisions) == 3
        assert home.flow().published is home.flow().latest
        assert home.flow().latest.definition == OLD_FLOW


async def test_it_shows_its_plan_first_and_a_dry_run_stops_there(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="PUBLIC_HOST=old.example.com\n") as home:
        await home.setup(**NAMED, yes=True)
        before = home.state()
        ran = await home.setup(undo=True, dry_run=True)
        assert (ran.code, ran.writes) == (0, [])
        for told in (f"https://{HOST}/welcome", "https://demo.twilio.com/welcome/voice/", "old.example.com", ".env"):
            assert told in ran.out
        assert home.state() == before
        ran = await home.setup(undo=True)
        assert (ran.code, ran.writes) == (2, [])
        assert "--yes" in ran.err
        assert home.state() == before


async def test_the_caller_number_is_put_back_first_and_env_last(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        await home.setup(**NAMED, studio=True, yes=True)
        ran = await home.setup(undo=True, yes=True)
        done = [line.removeprefix("done").strip() for line in ran.out.splitlines() if line.startswith("done")]
        assert done == [
            f"number {CALLER}",
            f"number {FLEX}",
            "TaskRouter “Flex Task Assignment”",
            "Studio flow “Be My Voice”",
            ".env",
        ]


async def test_what_somebody_changed_since_is_left_alone_and_named(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="PUBLIC_HOST=old.example.com\n") as home:
        before = home.state()
        await home.setup(**NAMED, yes=True)
        theirs = "https://theirs.example.com/voice"
        home.twilio.numbers[CALLER] = replace(home.twilio.numbers[CALLER], voice_url=theirs)
        home.router.events = ["task.created"]
        text = home.env.read_text("utf-8")
        home.env.write_text(text.replace(f"PUBLIC_HOST={HOST}", "PUBLIC_HOST=theirs.example.com") + "MORE=1\n", "utf-8")
        ran = await home.setup(undo=True, yes=True)
        assert ran.code == 0
        left = ran.out.partition("Left as they are")[2]
        for told in (f"number {CALLER}, a call comes in: {theirs}", "events: task.created", ".env, PUBLIC_HOST"):
            assert told in left
        assert home.twilio.numbers[CALLER].voice_url == theirs
        assert not home.twilio.numbers[CALLER].status_callback  # which was still ours
        assert home.router.event_callback_url is None
        assert home.router.events == ["task.created"]
        assert home.env.read_text("utf-8").endswith("PUBLIC_HOST=theirs.example.com\nMORE=1\n")
        again = await home.setup(undo=True, yes=True)
        assert (again.code, again.writes) == (0, [])
        assert theirs in again.out
        forced = await home.setup(undo=True, yes=True, force=True)
        assert forced.code == 0
        after = home.state()
        assert after.pop("files")[".env"] == before.pop("files")[".env"] + b"MORE=1\n"
        assert after == before
        assert not home.journal.exists()


@pytest.mark.parametrize("force", [False, True])
async def test_a_flow_and_an_app_that_somebody_changed_are_not_deleted_unless_that_is_forced(
    force: bool, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        await home.setup(**MODES["both"], yes=True)
        home.flow().revisions.append(Revision(OLD_FLOW))
        ((sid, app),) = home.twilio.apps.items()
        home.twilio.apps[sid] = replace(app, voice_url="https://theirs.example.com/")
        ran = await home.setup(undo=True, yes=True, force=force)
        assert ran.code == 0
        assert (len(home.flows()), len(home.twilio.apps)) == ((0, 0) if force else (1, 1))
        assert ("Studio flow “Be My Voice”, definition" in ran.out) is not force
        assert home.journal.exists() is not force


async def test_what_another_number_leads_to_by_now_is_not_deleted(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        await home.setup(**MODES["both"], yes=True)
        (app,) = home.twilio.apps
        numbers = home.twilio.numbers
        numbers[FLEX] = replace(numbers[FLEX], voice_application_sid=app)
        numbers[OTHER] = replace(numbers[FLEX], voice_url=numbers[CALLER].voice_url, voice_application_sid="")
        ran = await home.setup(undo=True, yes=True)
        assert ran.code == 0
        assert f"TwiML App “Be My Voice”: {FLEX} leads to it" in ran.out
        assert f"Studio flow “Be My Voice”: {OTHER} leads to it" in ran.out
        assert (len(home.flows()), len(home.twilio.apps)) == (1, 1)
        del numbers[OTHER], numbers[FLEX]
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert (len(home.flows()), len(home.twilio.apps)) == (0, 0)
        assert not home.journal.exists()


async def test_a_flow_that_somebody_changed_is_not_overwritten(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows.append(old_flow())
        await home.setup(**NAMED, studio=True, yes=True)
        theirs = OLD_FLOW | {"description": "Theirs"}
        home.flow().revisions.append(Revision(theirs))
        await home.setup(undo=True, yes=True)
        assert home.flow().latest.definition == theirs
        await home.setup(undo=True, yes=True, force=True)
        assert home.flow().latest.definition == OLD_FLOW


async def test_a_draft_stays_a_draft_also_where_somebody_made_ours_one(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows.append(old_flow(status="draft"))
        await home.setup(**NAMED, studio=True, yes=True)
        home.flow().revisions.append(Revision(home.flow().latest.definition, "draft"))
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert (home.flow().latest.definition, home.flow().latest.status) == (OLD_FLOW, "draft")


async def test_a_method_that_was_never_set_is_not_unset(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.numbers[CALLER] = replace(home.twilio.numbers[CALLER], voice_method="", voice_url="")
        await home.setup(**NAMED, yes=True)
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert (home.twilio.numbers[CALLER].voice_url, home.twilio.numbers[CALLER].voice_method) == ("", "POST")
        assert not home.journal.exists()


async def test_what_is_gone_by_now_does_not_stop_it(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        await home.setup(**MODES["both"], yes=True)
        home.twilio.apps.clear()
        home.flows().clear()
        del home.twilio.numbers[CALLER]
        ran = await home.setup(undo=True, yes=True)
        assert ran.code == 0
        assert "number “Support” is gone" in ran.out
        del before["numbers"][CALLER]
        assert home.state() == before


async def test_what_somebody_put_there_between_two_setups_is_what_was_there_before(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys, env="PUBLIC_HOST=old.example.com\n") as home:
        await home.setup(**NAMED, yes=True)
        home.router.event_callback_url = "https://theirs.example.com/events"
        home.env.write_text(home.env.read_text("utf-8").replace(f"={HOST}\n", "=theirs.example.com # now\n"), "utf-8")
        await home.setup(**NAMED, yes=True, force=True)
        await home.setup(undo=True, yes=True)
        assert home.router.event_callback_url == "https://theirs.example.com/events"
        assert "PUBLIC_HOST=theirs.example.com # now\n" in home.env.read_text("utf-8")


async def test_an_env_file_that_we_made_stays_where_somebody_wrote_into_it(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path, capsys, env=None) as home:
        account_from_environment(home.twilio, monkeypatch)
        sample = (home.folder / ".env.sample").read_text("utf-8")
        await home.setup(**NAMED, yes=True)
        home.env.write_text(home.env.read_text("utf-8") + "MORE=1\n", "utf-8")
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.env.read_text("utf-8") == sample + "MORE=1\n"
        assert not home.journal.exists()


async def test_an_env_file_that_we_made_and_that_is_gone_is_no_matter(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path, capsys, env=None) as home:
        account_from_environment(home.twilio, monkeypatch)
        before = home.state()
        await home.setup(**NAMED, yes=True)
        home.env.unlink()
        ran = await home.setup(undo=True, yes=True)
        assert ran.code == 0
        assert "Left as they are" not in ran.out
        assert home.state() == before


async def test_an_env_file_that_was_put_back_by_hand_is_left_so(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        text = home.env.read_text("utf-8")
        await home.setup(**NAMED, yes=True)
        home.env.write_text(text, "utf-8")  # as somebody put it back by hand
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.env.read_text("utf-8") == text


@pytest.mark.parametrize("seed", range(8))
async def test_after_any_course_of_events_it_brings_back_the_beginning(
    seed: int, tmp_path: Path, capsys: Capture
) -> None:
    chance = Random(seed)
    async with place(tmp_path, capsys, env=CRLF) as home:
        if chance.random() < 0.5:
            home.twilio.account.flows.append(old_flow(host="old.example.com"))
        before = home.state()
        for _ in range(6):
            if (how := chance.choice(["well", "well", *BREAKS])) != "well":
                BREAKS[how](home, "POST", chance.choice(REQUESTS))
            options = chance.choice(list(MODES.values())) | {"host": chance.choice([HOST, NEW_HOST])}
            await home.setup(**options, yes=True, seconds=SHORT)
            if chance.random() < 0.2:
                await home.setup(undo=True, yes=True, seconds=SHORT)
        await until_it_has_nothing_to_do(home, **MODES["both"] | {"host": "last.example.com"})
        assert home.router.event_callback_url == "https://last.example.com/reservation-accepted"
        assert home.flow().latest.definition == flow.build(Menu(parsers.menu("en,es,fr,zh,hi")), "last.example.com")
        await until_it_has_nothing_to_do(home, undo=True)
        assert home.state() == before


async def until_it_has_nothing_to_do(home: Place, **options: Any) -> None:
    """Run it again and again: what was to go wrong, and has not yet, does so now."""
    for _ in range(12):
        ran = await home.setup(**options, yes=True, seconds=SHORT)
        if ran.code == 0 and not ran.writes:
            return
    raise AssertionError(ran.out + ran.err)


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("path", REQUESTS)
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
async def test_an_undo_that_fails_half_way_goes_on_later(
    path: str, how: str, there: bool, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        if there:
            something_old(home)
        before = home.state()
        await home.setup(**MODES["both"], yes=True)
        method = "POST" if there or path in REQUESTS[:2] else "DELETE"
        BREAKS[how](home, method, path)
        ran = await home.setup(undo=True, yes=True, seconds=patience(how))
        if (method, how) != ("DELETE", "dropped"):  # what may be repeated aiohttp does ask again, when it is dropped
            assert ran.code == 1
            assert "setup --undo again" in ran.out
        ran = await home.setup(undo=True, yes=True)
        assert ran.code == 0, ran.out
        assert home.state() == before


async def test_an_env_file_that_cannot_be_put_back_is_put_back_later(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        await home.setup(**NAMED, yes=True)
        (tmp_path / ".env.bmv-new").mkdir()
        ran = await home.setup(undo=True, yes=True)
        assert ran.code == 1
        assert "failed     .env: " in ran.out
        (tmp_path / ".env.bmv-new").rmdir()
        ran = await home.setup(undo=True, yes=True)
        assert (ran.code, ran.writes) == (0, [])
        assert home.state() == before


async def test_another_account_is_neither_undone_nor_set_up(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        await home.setup(**NAMED, yes=True)
        journal = json.loads(home.journal.read_text("utf-8"))
        home.journal.write_text(json.dumps(journal | {"account_sid": "AC" + "9" * 32}), "utf-8")
        before = home.state()
        for options in ({"undo": True}, {"host": NEW_HOST}):
            ran = await home.setup(**options, yes=True)
            assert (ran.code, ran.writes) == (2, [])
            assert "AC" + "9" * 32 in ran.err
        assert home.state() == before


@pytest.mark.parametrize("content", ["{", "[]", '{"account_sid": 7}', '{"account_sid": "AC1", "version": 99}'])
async def test_a_journal_that_makes_no_sense_stops_everything(content: str, tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.journal.write_text(content, "utf-8")
        for options in ({"undo": True}, NAMED):
            ran = await home.setup(**options, yes=True)
            assert (ran.code, ran.writes) == (1, [])
            assert ".bmv-setup.json" in ran.err
        assert home.journal.read_text("utf-8") == content
