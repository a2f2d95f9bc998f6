"""The whole of setup: the command as it is typed, and that a caller then reaches the server and an agent rings."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from house import KEY, MARIA_NUMBER, House, Unhurried, environment, house_is_quiet
from settingup import CALLER, FLEX, HOST, NAMED, Place, nothing_set, place
from studio import Flow, Walk, presses

from bmv.app import serving
from bmv.config import Settings, read_environment
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import Party

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parent.parent
SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")


@asynccontextmanager
async def served(home: Place) -> AsyncIterator[House]:
    """The real server, with the settings that stand in .env by now, at the public host that they name."""
    async with FakeOpenAI(api_key=KEY) as openai:
        usual = environment(home.twilio, openai, {})
        written = read_environment(home.env, {})
        names = ("PUBLIC_HOST", "TWILIO_CALLER_NUMBER", "TWILIO_FLEX_NUMBER", "TWILIO_FLEX_WORKFLOW_SID")
        settings = {name: text for name, text in usual.items() if name not in names} | written
        async with serving(Settings.load(settings | {"OPENAI_API_KEY": KEY}), Unhurried()) as server:
            base_url = f"http://127.0.0.1:{server.port}"
            home.twilio.route(settings["PUBLIC_HOST"], base_url)
            yield House(home.twilio, openai, server, [], base_url)
            await house_is_quiet(home.twilio, openai, server)


async def a_call_gets_through(home: Place, key: str | None) -> None:
    """Somebody dials the number, an agent takes the call in Flex, both can talk, and nothing is amiss at Twilio."""
    async with served(home) as house:
        maria = Party("Maria")
        call = await home.twilio.dial(from_=MARIA_NUMBER, to=CALLER, party=maria)
        if key is not None:
            await call.gathering(timeout=10)
            call.press(key)
        await call.streaming(timeout=10)
        alex, _ = await house.accepts()
        maria.say(SPANISH)
        await alex.hears_speech(timeout=10)
        await call.hang_up()
        await house.empty()
        assert home.twilio.alerts == []
        assert {webhook.url.partition("?")[0] for webhook in home.twilio.webhooks} >= {
            f"https://{HOST}/outbound-call",
            f"https://{HOST}/reservation-accepted",
            f"https://{HOST}/call-status",
        }


async def test_after_setup_a_caller_is_asked_for_the_language_and_an_agent_rings(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        assert (await home.setup(**NAMED, yes=True)).code == 0
        await a_call_gets_through(home, "2")


async def test_after_setup_with_an_app_and_a_flow_as_well(tmp_path: Path, capsys: Capture) -> None:
    def run(definition: dict[str, Any]) -> str:
        (url,) = Walk(Flow(json.dumps(definition)), presses("2")).urls
        return url

    async with place(tmp_path, capsys) as home:
        home.twilio.account.studio = run
        ran = await home.setup(host=HOST, caller_number=CALLER, app=True, studio=True, yes=True)
        assert ran.code == 0
        await a_call_gets_through(home, None)
        (webhook,) = [each for each in home.twilio.webhooks if "/incoming-call" in each.url]
        assert parse_qs(urlsplit(webhook.url).query) == {"lang": ["es"]}


# --- as it is typed --------------------------------------------------------------------------------------------------


async def typed(home: Place, *arguments: str, **environ: str) -> tuple[int | None, str, str]:
    """`python -m bmv setup …` in the folder, without a terminal."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv", "setup", *arguments),
        env=kept | {"PYTHONPATH": str(ROOT)} | environ,
        cwd=home.folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_sets_up_and_undoes(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        numbers = ("--caller-number", CALLER, "--flex-number", FLEX)
        code, out, err = await typed(home, "--host", f"https://{HOST}/", *numbers)
        assert code == 2
        assert "--yes" in err
        code, out, err = await typed(home, "--host", HOST, *numbers, "--yes")
        assert (code, err) == (0, "")
        assert home.twilio.numbers[CALLER].voice_url == f"https://{HOST}/welcome"
        code, out, err = await typed(home)
        assert (code, err) == (0, "")
        assert "Nothing to do" in out
        code, out, err = await typed(home, "--undo", "--yes")
        assert (code, err) == (0, "")
        assert home.state() == before


async def test_it_can_be_shown_where_not_every_sign_can(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        numbers = ("--caller-number", CALLER, "--flex-number", FLEX)
        code, out, err = await typed(home, "--host", HOST, "--dry-run", *numbers, PYTHONIOENCODING="ascii")
        assert (code, err) == (0, "")
        assert "TaskRouter ?Flex Task Assignment?" in out
