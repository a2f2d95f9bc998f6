"""`serve --reload` as processes: when it starts the server again, whom it waits for, and that nobody is left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from house import CALLER_NUMBER, HOST, MARIA_NUMBER, environment
from rich.console import Console
from test_serve import answers, status, telephone_company, without_calls
from test_tunnel import ngrok, tunnel_to

from bmv.commands import reload
from bmv.commands.reload import Supervisor
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.ports import free_port
from bmv.simulator.twilio import Call, FakeTwilio, Party

PACKAGE = Path(reload.__file__).parent.parent
PATIENCE = 20.0


class Reloading:
    """The supervisor and what it and its servers say, in a folder with a copy of the code."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.said: list[str] = []

    async def says(self, words: str) -> str:
        """Wait for a line with these words, from here on; gives the line."""
        assert self.process.stderr is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while line := (await self.process.stderr.readline()).decode():
                    self.said.append(line)
                    if words in line:
                        return line
        raise AssertionError(f"it never said {words!r}:\n{''.join(self.said)}")

    def edit(self) -> None:
        """Somebody works on the code."""
        with (self.folder / "bmv" / "errors.py").open("a") as file:
            file.write("# changed\n")

    def interrupt(self) -> None:
        """Press Ctrl-C: a terminal tells everybody in the foreground, so a server among them would be told twice."""
        os.killpg(self.process.pid, signal.SIGINT)

    async def ends(self) -> int:
        """Wait until it has ended; gives its exit code."""
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        assert out == b""
        assert b"Traceback" not in err
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def reloading(folder: Path, settings: dict[str, str]) -> AsyncIterator[Reloading]:
    """`python -m bmv serve --reload` on a copy of the code, which may be changed."""
    shutil.copytree(PACKAGE, folder / "bmv", ignore=shutil.ignore_patterns("__pycache__"))
    path = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv", "serve", "--reload"),
        env=path | {"PYTHONPATH": str(folder)} | settings,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Reloading(process, folder)
    finally:
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.communicate(), PATIENCE)


@asynccontextmanager
async def with_a_call(folder: Path) -> AsyncIterator[tuple[Reloading, Call, str]]:
    """The same, while Maria waits for an agent."""
    async with telephone_company() as twilio:
        port = free_port()
        changes = {"TRANSLATOR": "loopback", "API_PORT": str(port), "LOG_FORMAT": "json", "OPENAI_BASE_URL": ""}
        async with reloading(folder, environment(twilio, FakeOpenAI(), changes)) as it:
            base_url = f"http://127.0.0.1:{port}"
            twilio.route(HOST, base_url)
            await it.says('"event": "serving"')
            yield it, await maria_calls(twilio), base_url


async def maria_calls(twilio: FakeTwilio) -> Call:
    call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=Party("Maria"))
    await call.streaming(timeout=5)
    return call


async def is_gone(base_url: str) -> None:
    """Wait until nobody listens there."""
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        while await answers(http, f"{base_url}/live"):
            await asyncio.sleep(0.02)


async def test_a_change_starts_the_server_again_when_the_running_call_is_over(tmp_path: Path) -> None:
    async with with_a_call(tmp_path) as (it, call, base_url), aiohttp.ClientSession() as http:
        it.edit()
        await it.says("errors.py changed")
        await it.says("Waiting for the running calls")
        assert call.status == "in-progress"
        assert await status(http, f"{base_url}/ready") == 503  # the old one is still there, and takes no more
        await call.hang_up()
        await it.says('"event": "serving"')
        assert await status(http, f"{base_url}/ready") == 200
        it.interrupt()
        assert await it.ends() == 0
        await is_gone(base_url)


async def test_ctrl_c_while_a_restart_waits_ends_the_call_and_the_next_server_starts(tmp_path: Path) -> None:
    async with with_a_call(tmp_path) as (it, call, base_url):
        it.edit()
        await it.says("Waiting for the running calls")
        it.interrupt()
        await call.ended(timeout=PATIENCE)
        await it.says('"event": "serving"')
        it.interrupt()
        assert await it.ends() == 0
        await is_gone(base_url)


async def test_ctrl_c_stops_after_the_running_call(tmp_path: Path) -> None:
    async with with_a_call(tmp_path) as (it, call, base_url):
        it.interrupt()
        await it.says("Stopping when the running calls have ended")
        assert call.status == "in-progress"
        await call.hang_up()
        assert await it.ends() == 0
        await is_gone(base_url)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
async def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, first: signal.Signals) -> None:
    async with with_a_call(tmp_path) as (it, call, base_url):
        it.process.send_signal(first)
        await it.says("Stopping when the running calls have ended")
        it.interrupt()
        assert await it.ends() == 0
        await call.ended(timeout=PATIENCE)
        await is_gone(base_url)


async def test_ctrl_c_before_a_restart_has_to_wait_stops(tmp_path: Path) -> None:
    async with with_a_call(tmp_path) as (it, call, base_url):
        it.edit()
        await it.says('"event": "draining"')
        it.interrupt()
        await it.says("Stopping when the running calls have ended")
        assert call.status == "in-progress"
        await call.hang_up()
        assert await it.ends() == 0
        assert not [line for line in it.said if "Ending the running calls" in line]
        await is_gone(base_url)


async def test_whoever_presses_ctrl_c_until_it_is_over_sees_no_traceback(tmp_path: Path) -> None:
    async with reloading(tmp_path, without_calls()) as it:
        await it.says('"event": "serving"')
        ending = asyncio.ensure_future(it.ends())
        while not ending.done():
            with suppress(ProcessLookupError):
                it.interrupt()
            await asyncio.sleep(0.002)
        assert await ending in (0, 130)


async def test_wrong_settings_are_waited_out(tmp_path: Path) -> None:
    async with reloading(tmp_path, {}) as it:
        await it.says("PUBLIC_HOST is not set")
        await it.says("make demo")
        await it.says("ended (exit code 2)")
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in without_calls().items()))
        await it.says(".env changed")
        await it.says(f"https://{HOST}/reservation-accepted")
        await it.says('"event": "serving"')
        (tmp_path / "bmv" / "errors.py").write_text("this is no Python\n")
        await it.says("SyntaxError")
        await it.says("ended (exit code 1)")
        it.interrupt()
        assert await it.ends() == 1


async def test_a_killed_supervisor_leaves_no_server_behind(tmp_path: Path) -> None:
    if sys.platform != "linux":
        return  # elsewhere a parent's death is not told to its children
    port = str(free_port())
    async with reloading(tmp_path, without_calls(API_PORT=port)) as it:
        await it.says('"event": "serving"')
        it.process.kill()
        await it.process.wait()
        await is_gone(f"http://127.0.0.1:{port}")


async def test_a_tunnel_that_is_opened_later_is_noticed_and_its_host_becomes_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    settings = without_calls(API_PORT=str(port)) | {"PUBLIC_HOST": "", "PYTHONPATH": str(PACKAGE.parent)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NGROK_DOMAIN", raising=False)
    monkeypatch.setattr(reload, "ASK_AGAIN_SECONDS", 0.02)
    opened: dict[str, object] = {}
    async with ngrok(opened) as api_url:
        told = ""
        running = asyncio.ensure_future(Supervisor(Console(stderr=True, width=200), tmp_path, api_url).run())
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
            while "ended (exit code 2)" not in told:
                await asyncio.sleep(0.02)
                told += capfd.readouterr().err
            assert "No public host" in told
            opened["/api/tunnels"] = {"tunnels": [tunnel_to(f"http://localhost:{port}")]}
            while not await answers(http, f"http://127.0.0.1:{port}/live"):
                await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running, PATIENCE) == 0
    told += capfd.readouterr().err
    assert "Public host: your-name.ngrok-free.app, as ngrok says" in told
    assert '"public_host": "your-name.ngrok-free.app"' in told
    assert "https://your-name.ngrok-free.app/welcome" in told
    assert "python -m bmv setup --host your-name.ngrok-free.app" in told
