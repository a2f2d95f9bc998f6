"""The command `phone`: it says where the page is, serves until it is told to stop, and names what is wrong."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path

import aiohttp
import pytest
import structlog
from house import own_notices

from bmv.commands.arguments import parse
from bmv.commands.phone import LOOPBACKED, SCRIPTED, TRANSLATED, PhoneRequest, opened, phone
from bmv.simulator.phone.page import assets
from bmv.web.paper import FILES

ROOT = Path(__file__).parent.parent


def test_it_takes_where_to_serve() -> None:
    usual = {"command": "phone", "bind": "127.0.0.1", "port": 5051, "public_host": None, "open": False}
    assert vars(parse(["phone"])) == usual
    everywhere = "0.0.0.0"  # noqa: S104 - nothing is bound to it
    chosen = parse(["phone", "--host", everywhere, "--port", "0", "--public-host", "https://Me.example.com/", "--open"])
    assert (chosen.bind, chosen.port, chosen.public_host, chosen.open) == (everywhere, 0, "me.example.com", True)
    with pytest.raises(SystemExit):
        parse(["phone", "--port", "65536"])


async def test_it_serves_until_ctrl_c_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("OPENAI_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv", "phone", "--port", "0"),
        env=environ | {"PYTHONPATH": str(ROOT), "PROMPTS_DIR": str(own_notices())},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = (await asyncio.wait_for(process.stdout.readline(), timeout=90)).decode()
    found = re.search(r"http://127\.0\.0\.1:\d+/phone$", first.strip())
    assert found, first
    async with aiohttp.ClientSession() as http, http.get(found.group()) as page:
        assert page.status == 200
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), timeout=20)
    assert (process.returncode, err) == (0, b"")
    assert b"There is no OPENAI_API_KEY" in out


def test_a_port_that_is_taken_and_wrong_settings_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert phone(PhoneRequest(port=port), {"PROMPTS_DIR": str(own_notices())}) == 1
    assert f"cannot be served at 127.0.0.1:{port}" in capsys.readouterr().err
    assert phone(PhoneRequest(port=0), {"AGENT_LANGUAGE": "klingon"}) == 2
    assert "AGENT_LANGUAGE" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY"])
def test_a_secret_is_in_no_log_whatever_its_name_and_in_quotes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert phone(PhoneRequest(port=0), {"AGENT_LANGUAGE": "klingon", name: f'"{"e" * 32}"'}) == 2
    structlog.get_logger().warning("told", what="e" * 32)
    logged = capsys.readouterr().err
    assert "told" in logged
    assert "e" * 32 not in logged


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, SCRIPTED),
        ({"OPENAI_API_KEY": "sk-of-the-tests", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, TRANSLATED),
        ({"TRANSLATOR": "loopback"}, LOOPBACKED),
    ],
    ids=["nothing", "a key", "loopback"],
)
async def test_the_page_says_who_translates(environ: Mapping[str, str], told: str) -> None:
    settings = {"PROMPTS_DIR": str(own_notices()), **environ}
    async with (
        opened(PhoneRequest(port=0), settings) as page,
        aiohttp.ClientSession() as http,
        http.get(page.address) as answer,
    ):
        assert told in await answer.text()


def test_the_look_of_the_page_is_that_of_the_servers_pages_and_part_of_what_is_installed() -> None:
    look, kind = assets()["theme.css"]
    assert look == FILES["theme.css"]
    assert kind == "text/css"
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert "theme.css" in setup["options.package_data"]["bmv"].split(", ")


async def test_settings_of_the_real_telephone_side_are_left_out() -> None:
    theirs = {"TWILIO_ACCOUNT_SID": "AC" + "9" * 32, "TWILIO_AUTH_TOKEN": "of the real account", "API_PORT": "1"}
    theirs |= {"PUBLIC_HOST": "real.example.com", "AGENT_DESTINATION": "+14155550123", "TWILIO_FLEX_APP_SID": "AP1"}
    theirs |= {"METRICS_PORT": "1"}  # which the real server may be listening on
    async with opened(PhoneRequest(port=0), {"PROMPTS_DIR": str(own_notices()), **theirs}) as page:
        settings = page.stage.settings
    assert settings.account_sid != theirs["TWILIO_ACCOUNT_SID"]
    assert settings.auth_token != theirs["TWILIO_AUTH_TOKEN"]
    assert (settings.public_host, settings.agent_destination) == ("voice.example.com", None)
    assert settings.metrics_port is None
    assert settings.twilio_api_base_url.startswith("http://127.0.0.1:")
