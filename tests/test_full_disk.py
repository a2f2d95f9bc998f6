"""A disk that is full: what the process writes is lost, and nothing else is."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest
from house import CALLER_NUMBER, FLEX_NUMBER, HOST, MARIA_NUMBER, WORKFLOW, environment
from test_process import start

from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.ports import free_port
from bmv.simulator.twilio import FakeTwilio, Number, Party, TaskRouter

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no disk that is always full")
async def test_a_full_disk_for_the_log_ends_no_call_and_hides_no_good_end(tmp_path: Path) -> None:
    port = free_port()
    twilio = FakeTwilio(account_sid="AC" + "1" * 32, auth_token="auth-token-of-the-tests")
    twilio.numbers[CALLER_NUMBER] = Number(f"https://{HOST}/incoming-call?lang=es")
    twilio.numbers[FLEX_NUMBER] = Number(f"https://{HOST}/outbound-call")
    twilio.task_router = TaskRouter(f"https://{HOST}/reservation-accepted", workflows={WORKFLOW})
    twilio.route(HOST, f"http://127.0.0.1:{port}")
    async with twilio, FakeOpenAI(api_key="sk-of-the-tests") as openai, aiohttp.ClientSession() as http:
        with FULL.open("w") as log:  # noqa: ASYNC230 - a device
            process = await start(tmp_path, environment(twilio, openai, {"API_PORT": str(port)}), log=log)
        try:
            async with asyncio.timeout(20):
                while not await lives(http, port):
                    await asyncio.sleep(0.05)
            maria, alex = Party("Maria"), Party("Alex")
            call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=maria)
            await (await twilio.next_reservation(timeout=5)).accept(party=alex)
            maria.say(voices.speak("Muchas gracias por su ayuda.", "es"))
            await alex.hears_speech(timeout=10)
            await call.hang_up()
            await alex.hung_up.wait()
            assert twilio.alerts == []
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), timeout=10) == 0
        finally:
            if process.returncode is None:
                process.kill()


async def lives(http: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with http.get(f"http://127.0.0.1:{port}/live") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
