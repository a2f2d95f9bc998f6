"""The server under test as a process of its own, on a core of its own, and what the kernel says that it uses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from resource import getpagesize

import aiohttp

from bmv.commands.bench.world import ACCOUNT, CALLERS, FLEX, HOST, TOKEN, WORKFLOW, Kind
from bmv.commands.offspring import die_with_parent
from bmv.errors import BmvError
from bmv.simulator.ports import free_port

START_SECONDS = 20.0
LOG = "server.log"
"""What the server says, in its folder."""


class ServerFailed(BmvError):
    """The server under test is not there."""


METRICS_TOKEN = "token-of-the-scraper"  # noqa: S105
_KEY = "sk-of-the-bench"


@dataclass(frozen=True)
class Usage:
    """What a process has used so far: processor time in seconds (user and system), memory that is resident in bytes.

    `waited` is for how many seconds it was ready to go on and another process had its core.
    """

    seconds: float
    memory: int
    waited: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        """As the kernel tells it. The clock of a process counts nanoseconds, /proc only hundredths of a second.

        Raises `ServerFailed` where there is no such process any more.
        """
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            raise ServerFailed("the server ended") from None
        try:
            seconds = time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) gives on Linux
        except OSError:
            seconds = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        return cls(seconds, int(stat[21]) * getpagesize(), _waited(pid))

    @classmethod
    def here(cls) -> Usage:
        """Of this process."""
        return cls.of(os.getpid())


def _waited(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0  # a kernel that does not count it


CORES: Sequence[int] = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else ()
PINNED = len(CORES) > 1
"""Whether server and load have a core each: the first is the server's, the second that of this process."""


@contextmanager
def on_server_core() -> Iterator[None]:
    """What is started inside runs on the server's core, where the system lets us choose."""
    if PINNED:
        os.sched_setaffinity(0, {CORES[0]})
    try:
        yield
    finally:
        take_own_core()


def take_own_core() -> None:
    """This process keeps to the core that the server does not use."""
    if PINNED:
        os.sched_setaffinity(0, {CORES[1]})


def settings(kind: Kind, folder: Path, world_port: int, port: int) -> Mapping[str, str]:
    """What the server is told: as in production, with signatures, metrics and a log at info."""
    world = f"http://127.0.0.1:{world_port}"
    return {
        "PUBLIC_HOST": HOST,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_CALLER_NUMBER": CALLERS,
        "TWILIO_FLEX_NUMBER": FLEX,
        "TWILIO_FLEX_WORKFLOW_SID": WORKFLOW,
        "TWILIO_API_BASE_URL": world,
        "OPENAI_API_KEY": _KEY,
        "OPENAI_BASE_URL": f"{world}/v1",
        "TRANSLATOR": "openai-interpreter" if kind == "mulaw" else "openai",
        "INTERPRETER_NOTICE": "off",
        "HOLD_AUDIO": "quiet",
        "MAX_CALLS": "2000",
        "API_HOST": "127.0.0.1",
        "API_PORT": str(port),
        "METRICS_TOKEN": METRICS_TOKEN,
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
        "SHUTDOWN_GRACE_SECONDS": "0",
        "PROMPTS_CACHE_DIR": str(folder / "prompts"),
    }


@asynccontextmanager
async def started(command: list[str], environ: Mapping[str, str], *, log: Path | None = None) -> AsyncIterator[Process]:
    """A process on the first core, which is ended when left."""
    with on_server_core(), contextlib.ExitStack() as stack:
        errors = DEVNULL if log is None else stack.enter_context(log.open("wb"))
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdout=DEVNULL, stderr=errors, preexec_fn=die_with_parent()
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


@asynccontextmanager
async def bmv_server(
    kind: Kind, folder: Path, world_port: int, profile: Path | None = None
) -> AsyncIterator[tuple[Process, int]]:
    """`python -m bmv` as in production, once it is ready, and its port. With `profile` it is watched: `profiled`."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "PYTHONPATH")}
    watched = ("bmv.commands.bench.profiled", str(profile)) if profile else ("bmv",)
    command = [sys.executable, "-m", *watched]
    environ |= settings(kind, folder, world_port, port)
    async with started(command, environ, log=folder / LOG) as process:
        await _ready(process, f"http://127.0.0.1:{port}/ready", folder)
        yield process, port


@asynccontextmanager
async def plain_server(kind: Kind, folder: Path, world_port: int) -> AsyncIterator[tuple[Process, int]]:
    """The plain bridge, and its port. It is started as a file by itself, so that it carries nothing of this package."""
    port, file = free_port(), str(Path(__file__).with_name("plain_bridge.py"))
    command = [sys.executable, "-P", file, str(port), str(world_port), kind]
    async with started(command, dict(os.environ), log=folder / LOG) as process:
        await _ready(process, f"http://127.0.0.1:{port}/ready", folder)
        yield process, port


def last_words(folder: Path) -> Sequence[str]:
    """What the server said last, in lines."""
    log = folder / LOG
    return log.read_text("utf-8", "replace").splitlines()[-5:] if log.exists() else ()


async def _ready(process: Process, url: str, folder: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with aiohttp.ClientSession() as http, asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(url) as response:
                        if response.status == HTTPStatus.OK:
                            return
                await asyncio.sleep(0.05)
    told = f"the server did not become ready within {START_SECONDS:g} s"
    if process.returncode is not None:
        told = f"the server ended before it was ready, with {process.returncode}"
    raise ServerFailed("\n".join([told, *last_words(folder)]))
