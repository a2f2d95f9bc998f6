"""The process from outside: what it says about wrong settings, that it serves, and how it stops."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import aiohttp
from house import CALLER_NUMBER, FLEX_NUMBER, HOST, MARIA_NUMBER, WORKFLOW, environment

from bmv import languages
from bmv.languages import Sentence
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import FakeTwilio, Number, Party, TaskRouter

ROOT = Path(__file__).parent.parent


async def start(folder: Path, settings: dict[str, str]) -> asyncio.subprocess.Process:
    """`python -m bmv` in an empty folder with nothing but these settings."""
    path = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv"),
        env=path | {"PYTHONPATH": str(ROOT)} | settings,  # the code beside these tests, whatever is installed
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def port_of(process: asyncio.subprocess.Process) -> int:
    """The port from the log line that says the server is serving."""
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while line := await process.stderr.readline():
            if found := re.search(rb'"port": ?(\d+)', line):
                return int(found[1])
    raise AssertionError("the server never said where it listens")


async def test_without_settings_it_names_every_one_that_is_missing_and_points_to_the_demo(tmp_path: Path) -> None:
    process = await start(tmp_path, {})
    _, told = await process.communicate()
    assert process.returncode == 2
    for name in ("PUBLIC_HOST", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_CALLER_NUMBER", "OPENAI_API_KEY"):
        assert name.encode() in told
    assert b"python -m bmv setup" in told
    assert b"make demo" in told
    assert b"Traceback" not in told


async def test_a_running_call_outlives_sigterm_and_the_process_ends_with_it(tmp_path: Path) -> None:
    twilio = FakeTwilio(account_sid="AC" + "1" * 32, auth_token="auth-token-of-the-tests")
    twilio.numbers[CALLER_NUMBER] = Number(f"https://{HOST}/incoming-call?lang=es")
    twilio.numbers[FLEX_NUMBER] = Number(f"https://{HOST}/outbound-call")
    twilio.task_router = TaskRouter(f"https://{HOST}/reservation-accepted", workflows={WORKFLOW})
    async with twilio, FakeOpenAI(api_key="sk-of-the-tests") as openai, aiohttp.ClientSession() as http:
        settings = environment(twilio, openai, {"SHUTDOWN_GRACE_SECONDS": "20", "LOG_FORMAT": "json"})
        process = await start(tmp_path, settings)
        try:
            base_url = f"http://127.0.0.1:{await port_of(process)}"
            twilio.route(HOST, base_url)
            call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=Party("Maria"))
            await call.streaming(timeout=5)
            process.send_signal(signal.SIGTERM)
            reservation = await twilio.next_reservation(timeout=5)
            await reservation.accept(party=Party("Alex"))
            marta = Party("Marta")
            refused = await twilio.dial(from_="+34911000000", to=CALLER_NUMBER, party=marta)
            await refused.ended(timeout=5)
            spanish = languages.get("es")
            assert marta.sentences_heard == [(spanish.sentences[Sentence.BUSY], spanish.say_language)]
            async with http.get(f"{base_url}/ready") as ready, http.get(f"{base_url}/live") as live:
                assert (ready.status, live.status) == (503, 200)
            await call.hang_up()
            _, told = await asyncio.wait_for(process.communicate(), timeout=10)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0
        assert b"Traceback" not in told
        assert MARIA_NUMBER.encode() not in told
        assert all(session.closed_by for session in openai.sessions)
