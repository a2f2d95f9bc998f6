"""A failure half-way, at each step: what was done, what was not, what nobody knows; and both ways on from there."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from settingup import CALLER, FLEX, HOST, NAMED, NEW_HOST, Place, nothing_set, patience, place, something_old

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]

STEPS = [
    "TwiML App “Be My Voice”",
    "Studio flow “Be My Voice”",
    "TaskRouter “Flex Task Assignment”",
    ".env",
    f"caller number {CALLER}",
]
REQUESTS = ["/Applications", "/v2/Flows", "/Workspaces/", None, "/IncomingPhoneNumbers/"]
"""In the order of the steps: what is asked of Twilio for each, in the mode with the most of them."""

BREAKS: dict[str, Callable[[Place, str], None]] = {
    "refused": lambda home, path: home.twilio.refuse_next("POST", path, status=400, code=20001, message="no"),
    "failed": lambda home, path: home.twilio.refuse_next("POST", path, status=500, code=20500),
    "hanging": lambda home, path: home.twilio.hang_next("POST", path, 60),
    "dropped": lambda home, path: home.twilio.drop_next("POST", path),
}
OPTIONS: dict[str, Any] = {"host": HOST, "caller_number": CALLER, "app": True, "studio": True, "yes": True}

each_step = pytest.mark.parametrize(
    "step", [number for number, request in enumerate(REQUESTS) if request], ids=["app", "flow", "workspace", "number"]
)
each_break = pytest.mark.parametrize("how", BREAKS)


def break_step(home: Place, step: int, how: str) -> None:
    path = REQUESTS[step]
    assert path is not None
    spare_the_validation(home, path)
    BREAKS[how](home, path)


def spare_the_validation(home: Place, path: str) -> None:
    """Studio looks at a flow before anything is changed; that request shall go well."""
    if path == "/v2/Flows":
        home.twilio.hang_next("POST", "/v2/Flows/Validate", 0)


@each_step
@each_break
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
async def test_a_failing_step_is_named_and_running_again_goes_on(
    step: int, how: str, there: bool, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        if there:
            something_old(home)
        before = home.state()
        break_step(home, step, how)
        ran = await home.setup(**OPTIONS, seconds=patience(how))
        assert ran.code == 1
        lines = ran.out.splitlines()
        for number, title in enumerate(STEPS):
            certain = "failed" if how == "refused" else "unsure"
            word = "done" if number < step else certain if number == step else "not begun"
            assert any(line.startswith(f"{word:<11}{title}") for line in lines), (word, title, ran.out)
        assert "setup --undo" in ran.out
        again = await home.setup(**OPTIONS)
        assert again.code == 0, again.out
        assert (len(home.twilio.apps), len(home.flows())) == (1, 1)
        assert (await home.setup(**OPTIONS)).writes == []
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.state() == before


@each_step
@each_break
async def test_undo_takes_back_what_was_done_before_a_failure(
    step: int, how: str, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        break_step(home, step, how)
        assert (await home.setup(**OPTIONS, seconds=patience(how))).code == 1
        undone = await home.setup(undo=True, yes=True)
        assert undone.code == 0, undone.out
        assert home.state() == before


@each_step
@each_break
async def test_a_new_host_that_half_came_through_comes_through_the_next_time(
    step: int, how: str, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        await home.setup(**OPTIONS)
        break_step(home, step, how)
        await home.setup(**OPTIONS | {"host": NEW_HOST, "caller_number": None}, seconds=patience(how))
        ran = await home.setup(**OPTIONS | {"host": NEW_HOST})
        assert ran.code == 0
        assert HOST not in repr([*home.twilio.apps.values(), home.twilio.numbers[CALLER], home.router])
        assert HOST not in repr(home.flow().latest)
        assert (await home.setup(**OPTIONS | {"host": NEW_HOST})).writes == []


async def test_the_number_of_flex_can_fail_as_well(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        home.twilio.drop_next("POST", home.twilio.numbers[FLEX].sid)
        ran = await home.setup(**NAMED, yes=True)
        assert ran.code == 1
        assert f"unsure     Flex number {FLEX}" in ran.out
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.state() == before


async def test_an_env_file_that_cannot_be_written_is_a_failed_step(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        (tmp_path / ".env.bmv-new").mkdir()  # where the new file would be written, also by root
        before = home.state()
        ran = await home.setup(**NAMED, yes=True)
        assert ran.code == 1
        assert "failed     .env: " in ran.out
        assert f"not begun  caller number {CALLER}" in ran.out
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.state() == before


async def test_without_a_journal_nothing_is_changed(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        (tmp_path / ".bmv-setup.json.bmv-new").mkdir()
        before = home.state()
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (1, [])
        assert ".bmv-setup.json cannot be written" in ran.out
        assert home.state() == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_a_process_that_is_stopped_in_the_middle_can_be_undone(
    number: signal.Signals, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        home.twilio.hang_next("POST", "/Workspaces/", 60)
        process = await start(home)
        async with asyncio.timeout(20):
            while home.router.event_callback_url is None:
                await asyncio.sleep(0.01)
        process.send_signal(number)
        out, _ = await process.communicate()
        if number is signal.SIGINT:
            assert process.returncode == 130
            assert "unsure     TaskRouter “Flex Task Assignment”: stopped in the middle of it" in out.decode()
            assert "done       TwiML App" in out.decode()
        assert home.state() != before
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.state() == before


@pytest.mark.parametrize("path", ["/Applications", "/v2/Flows"])
async def test_what_a_killed_process_had_just_created_is_found_again(
    path: str, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        spare_the_validation(home, path)
        home.twilio.hang_next("POST", path, 60)
        process = await start(home)
        async with asyncio.timeout(20):
            while not (home.flows() if path == "/v2/Flows" else home.twilio.apps):
                await asyncio.sleep(0.01)
        process.kill()
        await process.wait()
        assert (await home.setup(**OPTIONS)).code == 0
        assert (len(home.twilio.apps), len(home.flows())) == (1, 1)
        assert (await home.setup(undo=True, yes=True)).code == 0
        assert home.state() == before


async def start(home: Place) -> asyncio.subprocess.Process:
    """Setup as a process of its own, with the mode that has the most steps."""
    code = (
        "import sys; from pathlib import Path; from bmv.commands.setup import SetupRequest, setup;"
        f"sys.exit(setup(SetupRequest(**{OPTIONS!r}), Path({str(home.folder)!r})))"
    )
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    root = str(Path(__file__).parent.parent)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=root, env=kept | {"PYTHONPATH": root}, stdout=asyncio.subprocess.PIPE
    )
