"""Somebody at a real terminal: asked for what is missing, never shown a secret, free to say no or to leave."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console
from settingup import ACCOUNT, CALLER, FLEX, HOST, TOKEN, WORKFLOW, Place, nothing_set, place

from bmv.commands.setup.asking import Asker
from bmv.config import read_environment

pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parent.parent
SECRET_KEY = "sk-of-the-terminal"


class Terminal:
    """A pseudo-terminal with a process in it, and what was seen on it so far."""

    def __init__(self, handle: int, process: asyncio.subprocess.Process) -> None:
        self._handle, self.process = handle, process
        self.seen = ""
        self._looked = 0
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(handle, self._read)

    def _read(self) -> None:
        try:
            found = os.read(self._handle, 65536)
        except OSError:  # the other end is closed
            found = b""
        if not found:
            asyncio.get_running_loop().remove_reader(self._handle)
        self.seen += found.decode(errors="replace")
        self._more.set()

    async def shows(self, text: str) -> None:
        """Wait until a text is seen, after what was waited for before."""
        async with asyncio.timeout(30):
            while (place := self.seen.find(text, self._looked)) < 0:
                await self._more.wait()
                self._more.clear()
        self._looked = place + len(text)

    async def answers(self, question: str, answer: str) -> None:
        """Wait for a question, and type."""
        await self.shows(question)
        await self.shows(":")
        os.write(self._handle, f"{answer}\n".encode())

    async def answers_unseen(self, question: str, answer: str) -> None:
        """The same for a secret: what is typed before the terminal stops showing it is thrown away."""
        await self.shows(question)
        async with asyncio.timeout(30):
            while termios.tcgetattr(self._handle)[3] & termios.ECHO:
                await asyncio.sleep(0.005)
        os.write(self._handle, f"{answer}\n".encode())

    async def leaves_with(self, key: bytes) -> int:
        """Press a key until the process ends: one that comes just as Python begins to wait for a line may be lost."""
        while True:
            os.write(self._handle, key)
            try:
                async with asyncio.timeout(2):
                    return await self.process.wait()
            except TimeoutError:
                continue

    async def ends(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def terminal(home: Place, *arguments: str) -> AsyncIterator[Terminal]:
    """`python -m bmv setup …` in a terminal, 100 columns wide."""
    outer, inner = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    surroundings = {"PYTHONPATH": str(ROOT), "TWILIO_API_BASE_URL": home.twilio.url, "TERM": "xterm", "COLUMNS": "100"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv", "setup", *arguments),
        env=kept | surroundings,
        cwd=home.folder,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # it becomes the session's own terminal
    )
    os.close(inner)
    try:
        yield Terminal(outer, process)
    finally:
        asyncio.get_running_loop().remove_reader(outer)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(outer)


async def test_a_newcomer_is_asked_for_everything_and_ends_up_set_up(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env=None) as home, terminal(home) as screen:
        await screen.answers("TWILIO_ACCOUNT_SID", "my account")
        await screen.answers("It must be AC followed by", ACCOUNT)
        await screen.answers_unseen("TWILIO_AUTH_TOKEN", TOKEN)
        await screen.answers("PUBLIC_HOST", f"https://{HOST}/")
        await screen.answers_unseen("OPENAI_API_KEY", SECRET_KEY)
        await screen.shows("Support")
        await screen.answers("Which number shall callers dial? [1-2]", "7")
        await screen.answers("One of the numbers", "1")
        await screen.answers("Which number shall lead into Flex? [1-1]", "1")
        await screen.answers("Do this?", "y")
        assert await screen.ends() == 0
        await screen.shows("What comes next")
        assert TOKEN not in screen.seen
        assert SECRET_KEY not in screen.seen
        assert home.twilio.numbers[CALLER].voice_url == f"https://{HOST}/welcome"
        written = read_environment(home.env, {})
        wanted = {
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "PUBLIC_HOST": HOST,
            "OPENAI_API_KEY": SECRET_KEY,
            "TWILIO_CALLER_NUMBER": CALLER,
            "TWILIO_FLEX_NUMBER": FLEX,
            "TWILIO_FLEX_WORKFLOW_SID": WORKFLOW,
        }
        assert {name: written[name] for name in wanted} == wanted
        assert home.env.stat().st_mode & 0o777 == 0o600


NUMBERS = ("--host", HOST, "--caller-number", CALLER, "--flex-number", FLEX)


@pytest.mark.parametrize("answer", ["", "n", "no"])
async def test_no_is_the_answer_of_whoever_just_presses_enter(answer: str, tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        async with terminal(home, *NUMBERS) as screen:
            await screen.answers("Do this?", answer)
            if answer == "no":
                await screen.answers("Do this?", "n")
            assert await screen.ends() == 0
            await screen.shows("Nothing was changed.")
        assert home.state() == before


@pytest.mark.parametrize(("key", "code"), [(b"\x03", 130), (b"\x04", 1)], ids=["ctrl-c", "ctrl-d"])
async def test_who_leaves_at_a_question_has_changed_nothing(
    key: bytes, code: int, tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        async with terminal(home, *NUMBERS) as screen:
            await screen.shows("Do this?")
            assert await screen.leaves_with(key) == code
            await screen.shows("changed")
            assert "Traceback" not in screen.seen
        assert home.state() == before


async def test_in_a_terminal_the_plan_has_colours(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home, terminal(home, *NUMBERS, "--dry-run") as screen:
        assert await screen.ends() == 0
        assert "\x1b[" in screen.seen


def test_where_standard_input_is_closed_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)  # as Python has it then
    assert not Asker.at_this_terminal(Console(force_terminal=True)).present
