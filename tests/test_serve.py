"""The command that serves, as a process of its own: how it stops in a hurry, and what it does and never does say."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NoReturn

import aiohttp
import pytest
from fake_world import World
from fakes import settle, until
from house import ACCOUNT, CALLER_NUMBER, FLEX_NUMBER, HOST, KEY, MARIA_NUMBER, TOKEN, WORKFLOW, environment
from test_process import port_of, start

from bmv import languages
from bmv.call.leg import Role
from bmv.call.registry import CallRegistry
from bmv.call.services import Caller
from bmv.call.state import EndReason
from bmv.commands import serve
from bmv.config import Settings
from bmv.languages import Sentence
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.ports import free_port
from bmv.simulator.twilio import FakeTwilio, Number, Party, TaskRouter

SPANISH = languages.get("es")
SHARED_KEY = "shared-key-of-the-tests"


@asynccontextmanager
async def process_with(folder: Path, settings: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, which is not left behind."""
    process = await start(folder, settings)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def last_words(process: asyncio.subprocess.Process) -> str:
    """What it said up to its end, beginning where nobody has read yet."""
    _, told = await asyncio.wait_for(process.communicate(), timeout=15)
    return told.decode()


def without_calls(**changes: str) -> dict[str, str]:
    """Settings of a server that nobody calls; nothing of the world around it needs to be open."""
    settings = {"OPENAI_BASE_URL": "", "LOG_FORMAT": "json"} | changes
    return environment(FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN), FakeOpenAI(), settings)


def telephone_company() -> FakeTwilio:
    """Both numbers lead to this host, and there are agents."""
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    twilio.numbers[CALLER_NUMBER] = Number(f"https://{HOST}/incoming-call?lang=es", f"https://{HOST}/call-status")
    twilio.numbers[FLEX_NUMBER] = Number(f"https://{HOST}/outbound-call")
    twilio.task_router = TaskRouter(f"https://{HOST}/reservation-accepted", workflows={WORKFLOW})
    return twilio


class Patience:
    """A sleep that notes how long it was asked for, and how many calls were there."""

    def __init__(self, registry: CallRegistry) -> None:
        self._registry = registry
        self.asked: list[tuple[float, int]] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append((seconds, len(self._registry)))


@pytest.mark.parametrize("grace", [0.0, 3600.0])
async def test_when_the_last_call_is_over_somebody_is_there_a_moment_longer_for_what_is_told_of_it(
    grace: float,
) -> None:
    world = World()
    async with CallRegistry(world.services, max_calls=2) as registry:
        call = registry.answer(Caller("CA-1", MARIA_NUMBER, SPANISH))
        await settle()
        patience = Patience(registry)
        draining = asyncio.create_task(serve.drained(registry, grace, sleep=patience))
        await settle()
        if grace:
            assert not draining.done()
            call.call_completed(Role.CALLER, EndReason.CALLER_HUNG_UP)
        await until(draining.done, world.beat)
    assert patience.asked == [(serve.LINGER_SECONDS, 0)]


async def test_where_nobody_calls_nobody_is_waited_for() -> None:
    async with CallRegistry(World().services, max_calls=2) as registry:
        patience = Patience(registry)
        await serve.drained(registry, 3600.0, sleep=patience)
    assert patience.asked == []


@pytest.mark.parametrize(("ago", "waits"), [(0.0, [(serve.LINGER_SECONDS, 0)]), (serve.LINGER_SECONDS, [])])
async def test_a_call_that_was_over_just_before_is_still_waited_for_and_an_older_one_is_not(
    ago: float, waits: list[tuple[float, int]]
) -> None:
    world = World()
    async with CallRegistry(world.services, max_calls=2) as registry:
        call = registry.answer(Caller("CA-1", MARIA_NUMBER, SPANISH))
        await settle()
        call.call_completed(Role.CALLER, EndReason.CALLER_HUNG_UP)
        await until(lambda: not len(registry), world.beat)
        registry.ended_at -= ago
        patience = Patience(registry)
        await serve.drained(registry, 3600.0, sleep=patience)
    assert patience.asked == waits


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGINT)])
async def test_a_second_signal_cuts_the_grace_time_short(
    tmp_path: Path, signals: tuple[signal.Signals, signal.Signals]
) -> None:
    async with telephone_company() as twilio, aiohttp.ClientSession() as http:
        changes = {"TRANSLATOR": "loopback", "SHUTDOWN_GRACE_SECONDS": "600", "LOG_FORMAT": "json"}
        settings = environment(twilio, FakeOpenAI(), changes | {"OPENAI_BASE_URL": ""})
        async with process_with(tmp_path, settings) as process:
            base_url = f"http://127.0.0.1:{await port_of(process)}"
            twilio.route(HOST, base_url)
            maria = Party("Maria")
            call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=maria)
            await (await twilio.next_reservation(timeout=5)).accept(party=Party("Alex"))
            first, second = signals
            process.send_signal(first)
            async with asyncio.timeout(5):
                while await status(http, f"{base_url}/ready") != 503:
                    await asyncio.sleep(0.02)
            assert call.status == "in-progress"
            process.send_signal(second)
            told = await last_words(process)
            await call.ended(timeout=5)
    assert process.returncode == 0
    assert (SPANISH.sentences[Sentence.INTERRUPTED], SPANISH.say_language) in maria.sentences_heard
    assert '"event": "stopped"' in told
    assert "Traceback" not in told


async def status(http: aiohttp.ClientSession, url: str) -> int:
    async with http.get(url) as answer:
        return answer.status


async def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with process_with(tmp_path, without_calls(API_PORT=port)) as process:
            told = await last_words(process)
    assert process.returncode == 1
    (line,) = told.splitlines()
    assert '"event": "cannot_listen"' in line
    assert f"127.0.0.1:{port}" in line
    assert "API_PORT" in line


def test_an_error_of_the_system_is_not_taken_for_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def serving(_settings: Settings) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(serve, "serving", serving)
    with pytest.raises(OSError, match="No space left"):
        serve.serve(Settings.load(without_calls()))


@pytest.mark.parametrize("translator", ["loopback", "openai"])
async def test_that_nothing_is_translated_is_said_where_it_is_so(tmp_path: Path, translator: str) -> None:
    async with process_with(tmp_path, without_calls(TRANSLATOR=translator)) as process:
        await port_of(process)
        process.send_signal(signal.SIGTERM)
        told = await last_words(process)
    assert process.returncode == 0
    assert ('"level": "warning", "event": "nothing_is_translated"' in told) == (translator == "loopback")


async def test_no_secret_is_logged_not_even_when_somebody_else_says_it(tmp_path: Path) -> None:
    port = free_port()  # known in advance, so that nothing of what it says has to be read before the end
    async with telephone_company() as twilio, FakeOpenAI(api_key=KEY) as openai, aiohttp.ClientSession() as http:
        changes = {"API_PORT": str(port), "LOG_LEVEL": "debug", "TWILIO_WEBHOOK_SHARED_KEY": SHARED_KEY}
        async with process_with(tmp_path, environment(twilio, openai, changes)) as process:
            twilio.route(HOST, f"http://127.0.0.1:{port}")
            async with asyncio.timeout(15):
                while not await answers(http, f"http://127.0.0.1:{port}/live"):
                    await asyncio.sleep(0.05)
            twilio.refuse_next_create(message=f"not with {TOKEN}, {KEY} and {SHARED_KEY}")
            call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=Party("Maria"))
            await call.ended(timeout=5)
            process.send_signal(signal.SIGTERM)
            told = await last_words(process)
    assert "not with ***, *** and ***" in told
    for secret in (TOKEN, KEY, SHARED_KEY):
        assert secret not in told


async def answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        return await status(http, url) == 200
    except aiohttp.ClientConnectorError:
        return False


async def test_whoever_presses_ctrl_c_until_it_is_over_sees_no_traceback(tmp_path: Path) -> None:
    async with process_with(tmp_path, without_calls(LOG_FORMAT="json")) as process:
        await port_of(process)
        ending = asyncio.ensure_future(last_words(process))
        while not ending.done():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)  # not by asyncio, which would reap it before its watcher does
            await asyncio.sleep(0.002)
        assert "Traceback" not in await ending
        assert process.returncode in (0, 130)
