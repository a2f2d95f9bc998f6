"""The README's commands, as a newcomer types them: on an account at the fake Twilio, without a name on the internet."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from house import ACCOUNT, CALLER_NUMBER, FLEX_NUMBER, HOST, KEY, MARIA_NUMBER, TOKEN, WORKFLOW, own_notices

from bmv.commands.exits import DONE, FAILED, WRONG_SETTINGS
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.ports import free_port
from bmv.simulator.twilio import FakeTwilio, Flex, Number, Party, Phone, TaskRouter

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PATIENCE = 30.0

BY_CI = {"make demo", "make test"}
"""What `.ci/run` does."""
ELSEWHERE = {
    "git clone <address of this repository> bmv": "the fresh clone in which CI runs",
    "cd bmv": "the same",
    "ngrok http 5050": "an account at ngrok; its local API is played in test_tunnel.py",
    "curl https://<host>/calls": "the route: test_orders.py",
    "python3 -m venv .venv": "scripts/run_dockerfile.py",
    ".venv/bin/pip install --require-hashes --only-binary :all: -r requirements.txt": "the same",
    ".venv/bin/pip install --no-deps --no-build-isolation .": "the same",
    ".venv/bin/python -m bmv": "test_process.py",
    "make soak": "a short one: test_soak.py",
    "make format": "it changes files; `make lint`, which CI runs, checks that nothing is left to it",
    "make help": "test_commands.py",
}
"""What is run elsewhere, or cannot be run here, and why."""
WALK = {
    "make setup-twilio",
    "make run",
    "make doctor",
    ".venv/bin/python -m bmv call +34911222333 --language es",
}
"""What is run below."""


def commands() -> list[str]:
    """Every command that the README shows, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines]


def test_every_command_is_run_somewhere() -> None:
    known = BY_CI | set(ELSEWHERE) | WALK
    for command in commands():
        assert command in known or any(command.startswith(f"{start} ") for start in ELSEWHERE), command
    assert set(commands()) >= WALK | BY_CI
    in_ci = (ROOT / ".ci" / "run").read_text("utf-8")
    for command in BY_CI:
        assert re.search(rf"^\s*{command}", in_ci, re.MULTILINE)


def typed(command: str) -> list[str]:
    """What a command of the README comes to: a target of make is the command that it stands for."""
    if command.startswith("make "):
        made = subprocess.run(  # noqa: S603 - `make -n` only prints
            ["make", "--dry-run", "--silent", "--always-make", *shlex.split(command)[1:]],  # noqa: S607
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        command = made.stdout.strip().splitlines()[-1]
    python, *rest = shlex.split(command)
    assert python == ".venv/bin/python"
    return [sys.executable, *rest]


class Newcomer:
    """Somebody with an account and a key, in a folder without settings. `world` is what leads to the simulated ones."""

    def __init__(self, folder: Path, world: dict[str, str]) -> None:
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
        self._environ = kept | {"PYTHONPATH": str(ROOT), "HOME": str(folder)} | world

    async def begins(self, command: str) -> Process:
        """Type a command."""
        return await asyncio.create_subprocess_exec(
            *typed(command),
            cwd=self._folder,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )

    async def types(self, command: str) -> tuple[int, str]:
        """Type a command and wait for its end: the exit code, and what it said."""
        process = await self.begins(command)
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert process.returncode is not None
        assert b"Traceback" not in said
        return process.returncode, said.decode()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[list[str]]:
        """`make run`, until Ctrl-C; gives what it says until it serves."""
        process = await self.begins("make run")
        said: list[str] = []
        try:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE):
                while '"serving"' not in "".join(said[-1:]):
                    line = await process.stdout.readline()
                    assert line, "".join(said)
                    said.append(line.decode())
            yield said
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), PATIENCE)
            assert process.returncode == DONE
        finally:
            if process.returncode is None:
                process.terminate()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.communicate(), PATIENCE)


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    """An account as Flex leaves it, with two numbers."""
    company = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    company.numbers[CALLER_NUMBER] = Number("https://demo.twilio.com/welcome/voice/")
    company.numbers[FLEX_NUMBER] = Number("")
    company.task_router = TaskRouter(None, workflows={WORKFLOW})
    company.account.flex = Flex()
    company.phones[MARIA_NUMBER] = Phone(Party("Maria"))
    async with company:
        yield company


async def test_a_newcomer_gets_to_a_first_call_and_back(twilio: FakeTwilio, tmp_path: Path) -> None:
    async with FakeOpenAI(api_key=KEY) as openai:
        port = free_port()
        world = {
            "TWILIO_API_BASE_URL": twilio.url,
            "OPENAI_BASE_URL": openai.url,
            "API_PORT": str(port),
            "API_HOST": "127.0.0.1",
            "API_TOKEN": "a-token-of-the-tests",
            "LOG_FORMAT": "json",
            "PROMPTS_DIR": str(own_notices()),
            "PROMPTS_CACHE_DIR": str(tmp_path / "cache"),
        }
        secrets = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "OPENAI_API_KEY": KEY}
        (tmp_path / ".env.sample").write_bytes((ROOT / ".env.sample").read_bytes())
        newcomer = Newcomer(tmp_path, world)

        code, said = await newcomer.types("make setup-twilio")
        assert code == WRONG_SETTINGS
        assert "TWILIO_ACCOUNT_SID is not set" in said

        # A terminal would ask; without one the settings are there, and the numbers are named.
        before = "".join(f"{name}={value}\n" for name, value in secrets.items())
        (tmp_path / ".env").write_text(before)
        numbers = f"--caller-number {CALLER_NUMBER} --flex-number {FLEX_NUMBER}"
        code, said = await newcomer.types(f'make setup-twilio ARGS="--yes --host {HOST} {numbers}"')
        assert code == DONE, said
        assert twilio.numbers[CALLER_NUMBER].voice_url == f"https://{HOST}/welcome"

        twilio.route(HOST, f"http://127.0.0.1:{port}")
        async with newcomer.serving():
            code, said = await newcomer.types("make doctor")
            assert code == FAILED  # this machine has no name on the internet, and all else is well
            faults = re.findall(r"^fault +([a-z' ]+?)  ", said, re.MULTILINE)
            assert faults == ["public name"]
            assert re.search(r"^ok +caller number ", said, re.MULTILINE), said
            assert re.search(r"^ok +translation ", said, re.MULTILINE)

            maria = Party("Maria")
            call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=maria)
            await call.gathering(timeout=10)
            call.press("2")
            await call.streaming(timeout=10)
            agent = await (await twilio.next_reservation(timeout=10)).accept(party=Party("Alex"))
            await openai.until(lambda: len(openai.open_sessions) == 2)
            await call.hang_up()
            await agent.hung_up(timeout=10)

            ordering = await newcomer.begins(".venv/bin/python -m bmv call +34911222333 --language es")
            await (await twilio.next_reservation(timeout=10)).accept(party=Party("Alex"))
            said_last, _ = await asyncio.wait_for(ordering.communicate(), PATIENCE)
            assert b"Both can talk." in said_last
            assert ordering.returncode == DONE
            for each in twilio.calls.values():
                if not each.over:
                    await each.hang_up()

        code, said = await newcomer.types('make setup-twilio ARGS="--undo --yes"')
        assert code == DONE, said
        assert (tmp_path / ".env").read_text() == before
        assert twilio.numbers[CALLER_NUMBER].voice_url == "https://demo.twilio.com/welcome/voice/"
        assert twilio.task_router is not None
        assert not twilio.task_router.event_callback_url
        assert twilio.alerts == []
