"""What is somebody else's, and what was this server's under another name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from settingup import (
    CALLER,
    FOREIGN_FLOW,
    HOST,
    NAMED,
    NEW_HOST,
    leading_to,
    leads_to,
    nothing_more,
    nothing_set,
    place,
)

from bmv.simulator.twilio import App, Revision, StudioFlow
from bmv.telephony.taskrouter import MEANINGS

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]


async def test_a_callback_of_somebody_else_is_not_touched_unless_that_is_forced(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        theirs = "https://wallboard.example.com/events"
        home.router.event_callback_url = theirs
        home.router.events = ["task.created", *MEANINGS]
        before = home.state()
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert theirs in ran.err
        assert "--force" in ran.err
        assert home.state() == before
        ran = await home.setup(**NAMED, yes=True, force=True)
        assert ran.code == 0
        assert theirs in ran.out
        leads_to(home)
        assert list(home.router.events) == list(MEANINGS)  # what was ticked for them is no business of ours
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.state() == before


@pytest.mark.parametrize(
    "theirs",
    [
        f"https://{HOST}/events",
        "http://x.example.com/reservation-accepted/more",
        "https://production.example.com/reservation-accepted",  # another server of this kind
        "what?",
        "http://[x/",
    ],
)
async def test_another_path_or_an_unknown_host_is_somebody_elses(theirs: str, tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.router.event_callback_url = theirs
        assert (await home.setup(**NAMED, yes=True)).code == 2
        assert home.router.event_callback_url == theirs


async def test_a_login_in_somebodys_address_is_not_shown_and_comes_back(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.router.event_callback_url = theirs = "https://sue:secret@wallboard.example.com/events"
        refused = await home.setup(**NAMED, yes=True)
        forced = await home.setup(**NAMED, yes=True, force=True)
        undone = await home.setup(undo=True, yes=True)
        assert home.router.event_callback_url == theirs
        told = "".join(ran.out + ran.err for ran in (refused, forced, undone))
        assert "https://…@wallboard.example.com/events" in told
        assert "secret" not in told


async def test_our_callback_under_an_old_host_is_ours_and_what_else_was_ticked_stays(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys, env="PUBLIC_HOST=old.example.com\n") as home:
        home.router.event_callback_url = "https://old.example.com/reservation-accepted"
        home.router.events = ["worker.created", "reservation.accepted"]
        assert (await home.setup(**NAMED, yes=True)).code == 0
        leads_to(home)
        assert list(home.router.events) == ["worker.created", *MEANINGS]
        await nothing_more(home)


async def test_the_host_before_is_known_by_the_journal_when_env_has_another_one_already(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        options: dict[str, Any] = {"caller_number": CALLER, "studio": True, "app": True, "yes": True}
        assert (await home.setup(host=HOST, **options)).code == 0
        home.env.write_text(home.env.read_text("utf-8").replace(HOST, NEW_HOST), "utf-8")  # by hand
        home.env.write_text(home.env.read_text("utf-8").replace("TWILIO_FLEX_APP_SID=", "#"), "utf-8")
        ran = await home.setup(**options)
        assert ran.code == 0, ran.err
        assert home.router.event_callback_url == f"https://{NEW_HOST}/reservation-accepted"
        assert len(home.flow().revisions) == 2


async def test_the_host_before_is_known_by_the_journal_where_it_never_was_in_env(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(tmp_path, capsys) as home:
        options: dict[str, Any] = {"caller_number": CALLER, "studio": True, "app": True, "yes": True}
        for host in (HOST, NEW_HOST):
            monkeypatch.setenv("PUBLIC_HOST", host)
            monkeypatch.setenv("TWILIO_FLEX_APP_SID", "")
            ran = await home.setup(**options)
            assert ran.code == 0, ran.err
            assert home.router.event_callback_url == f"https://{host}/reservation-accepted"
        assert len(home.flow().revisions) == 2


@pytest.mark.parametrize("led", [False, True], ids=["unused", "in use"])
@pytest.mark.parametrize(
    ("definition", "whose"),
    [
        (FOREIGN_FLOW, "by somebody else"),
        (leading_to("production.example.com"), "leads to production.example.com"),
    ],
    ids=["another flow", "another server's"],
)
async def test_a_flow_of_our_name_that_is_somebody_elses_is_not_touched_unless_that_is_forced(
    definition: dict[str, Any], whose: str, led: bool, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.flows.append(StudioFlow("Be My Voice", [Revision(definition)]))
        if led:
            address = f"https://webhooks.twilio.com/v1/Accounts/{home.twilio.account_sid}/Flows/{home.flow().sid}"
            home.twilio.numbers[CALLER] = type(home.twilio.numbers[CALLER])(address)
        before = home.state()
        ran = await home.setup(**NAMED, studio=None if led else True, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        for told in (whose, home.flow().sid, "--force", "--no-studio"):
            assert told in ran.err
        assert home.state() == before
        assert (await home.setup(**NAMED, studio=True, yes=True, force=True)).code == 0
        assert len(home.flow().revisions) == 2
        await nothing_more(home)
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.flow().latest.definition == definition


async def test_an_app_of_our_name_that_is_somebody_elses_is_not_touched_unless_that_is_forced(
    tmp_path: Path, capsys: Capture
) -> None:
    sid = "AP" + "7" * 32
    async with place(tmp_path, capsys) as home:
        home.twilio.apps[sid] = App("https://production.example.com/outbound-call", name="Be My Voice")
        options: dict[str, Any] = {"host": HOST, "caller_number": CALLER, "app": True, "yes": True}
        before = home.state()
        ran = await home.setup(**options)
        assert (ran.code, ran.writes) == (2, [])
        for told in (sid, "production.example.com", "--force"):
            assert told in ran.err
        assert home.state() == before
        assert (await home.setup(**options, force=True)).code == 0
        assert home.twilio.apps[sid].voice_url == f"https://{HOST}/outbound-call"
        await nothing_more(home)
