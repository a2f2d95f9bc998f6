"""The server that is soaked: a process of its own, its log read line by line, its metrics, and what /proc tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

import bmv
from bmv.call.alongside import alongside
from bmv.commands.soak.evidence import Census, Totals, Unwritten
from bmv.errors import BmvError

START_SECONDS = 30.0
CENSUS_SECONDS = 10.0
REQUEST_SECONDS = 15.0
GRAVE = ("error", "critical")
LONGEST_LINE = 1 << 20
LAG = "bmv_event_loop_lag_seconds"
REFUSED = "bmv_calls_refused_total"
LAST_WORDS = 5  # lines
LONGEST_WORD = 300  # of such a line
LATE_BOUND = 0.06


class SubjectFailed(BmvError):
    """The server did not start, or died; says what it said last."""


class Subject:
    """A running server. `calls` has the events of each call of the log, as they come."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        http: aiohttp.ClientSession,
        token: str,
        keep: Callable[[str], object],
    ) -> None:
        """`keep` is given each line of the log."""
        self._process = process
        self._keep = keep
        self._http = http
        self._token = token
        self.port = 0
        self.calls: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self.errors: list[str] = []
        """What the log has at error and above, and what is no line of the log at all."""
        self.unwritten = Unwritten()
        self._full = False
        self._serving, self._read = asyncio.Event(), asyncio.Event()
        self._counted: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._last: deque[str] = deque(maxlen=LAST_WORDS)
        self._stopped = False

    async def started(self) -> None:
        """Wait until it serves. Raises `SubjectFailed`."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._serving.wait()
        except TimeoutError:
            self._process.kill()
        if not self.port:
            raise SubjectFailed(f"the server did not start: {self.last_words}")

    async def outlives(self) -> None:
        """Come back when it has been told to stop, and did. Raises `SubjectFailed` when it has died before that."""
        code = await self._process.wait()
        await self._read.wait()
        if not self._stopped:
            how = f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
            raise SubjectFailed(f"it died {how}, and said last: {self.last_words}")

    @property
    def last_words(self) -> str:
        """The last lines of its log, shortened."""
        return " | ".join(self._last) or "nothing"

    async def read(self) -> None:
        """Read its log to the end."""
        log = self._process.stderr
        assert log is not None  # noqa: S101 for the type checker
        while line := await log.readline():
            told = line.decode(errors="replace").rstrip()
            self._keep(told + "\n")
            self._take(told)
        self._serving.set()
        self._read.set()

    def _take(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            self.errors.append(line)
            self._last.append(line[:LONGEST_WORD])
            return
        told = f"{event.get('event')} {event.get('call_id', '')}: {_last(event.get('exception'))}"
        self._last.append(told.rstrip(" :")[:LONGEST_WORD])
        if event.get("level") in GRAVE:
            self.errors.append(told)
        if call_id := event.get("call_id"):
            self.calls[call_id].append(event)
        self._note(event)

    def _note(self, event: Mapping[str, Any]) -> None:
        """What tells of the process, not of a call."""
        match event.get("event"):
            case "disk_full":
                self._full = True
            case "disk_free":
                self._full = False
                self.unwritten.logged += event["lines"]
            case "log_lines_missing":
                self.unwritten.told += event["lines"]
            case _ if self._full:
                self.unwritten.read += 1
            case "serving":
                self.port = event["port"]
                self._serving.set()
            case "census":
                self._counted.put_nowait(event)

    async def census(self) -> Census:
        """Count what it has. Raises `TimeoutError`."""
        proc = Path("/proc") / str(self._process.pid)
        untrimmed = _rss(proc)
        self.order("census")
        async with asyncio.timeout(CENSUS_SECONDS):
            counted = await self._counted.get()
        links = []
        for descriptor in (proc / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                links.append(str(descriptor.readlink()))
        return Census(
            tasks=counted["tasks"],
            objects=counted["objects"],
            files=len(links),
            sockets=sum(link.startswith("socket:") for link in links),
            threads=_number(proc, "Threads"),
            rss_mb=_rss(proc),
            untrimmed_mb=untrimmed,
            kinds=counted["kinds"],
        )

    def order(self, words: str) -> None:
        """Have it do something that `child` knows; it does it at once, or is dead."""
        orders = self._process.stdin
        assert orders is not None  # noqa: S101 for the type checker
        orders.write(f"{words}\n".encode())
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGUSR1)

    async def scrape(self) -> dict[str, float]:
        """Its metrics: the sum of each name over all labels; beats also by their bound, and refusals by the reason."""
        headers = {"Authorization": f"Bearer {self._token}"}
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        url = f"http://127.0.0.1:{self.port}/metrics"
        async with self._http.get(url, headers=headers, timeout=timeout) as answer:
            text = await answer.text()
        sums: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"{LAG}_bucket":
                    sums[f"{LAG} {sample.labels['le']}"] = sample.value
                elif sample.name == REFUSED:
                    sums[f"{REFUSED} {sample.labels['reason']}"] = sample.value
                else:
                    sums[sample.name] += sample.value
        return sums

    async def totals(self) -> Totals:
        """What the metrics say of calls and speech."""
        sums = await self.scrape()
        heard, settled = sums["bmv_speech_heard_seconds_total"], sums["bmv_speech_seconds_total"]
        return Totals(sums["bmv_calls"], round(heard, 2), round(settled, 2))

    async def refusals(self) -> dict[str, int]:
        """How many calls it refused, by the reason; those alone that there were."""
        sums = await self.scrape()
        return {
            name.removeprefix(f"{REFUSED} "): int(number)
            for name, number in sums.items()
            if name.startswith(REFUSED) and number
        }

    def stop(self, by: signal.Signals) -> None:
        """Send SIGTERM or SIGINT."""
        self._stopped = True
        self._process.send_signal(by)

    async def exited(self, seconds: float) -> int | None:
        """Wait for its exit code; None if it is still there after so many seconds, and is killed."""
        try:
            async with asyncio.timeout(seconds):
                code = await self._process.wait()
                await self._read.wait()
                return code
        except TimeoutError:
            self._process.kill()
            return None


@asynccontextmanager
async def running(settings: Mapping[str, str], folder: Path, keep: Callable[[str], object]) -> AsyncIterator[Subject]:
    """Start a server with these settings and no others, in an empty folder; `keep` is given its log, line by line.

    Raises `SubjectFailed`.
    """
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH", "HOME", "LANG"}}
    code = {"PYTHONPATH": str(Path(bmv.__file__).parent.parent)}  # the code of this soak, whatever is installed
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(Path(__file__).with_name("child.py"))),
        env=kept | code | dict(settings),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        start_new_session=True,  # Ctrl-C in a terminal is for the soak
    )
    try:
        alone = aiohttp.TCPConnector(force_close=True)  # a connection that is kept would be counted
        async with aiohttp.ClientSession(connector=alone) as http:
            subject = Subject(process, http, settings["METRICS_TOKEN"], keep)
            async with alongside(subject.read()):
                await subject.started()
                yield subject
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _rss(proc: Path) -> float:
    return round(_number(proc, "VmRSS") / 1024, 1)


def _number(proc: Path, name: str) -> int:
    """A line of /proc/PID/status."""
    found = re.search(rf"^{name}:\s+(\d+)", (proc / "status").read_text("utf-8"), re.MULTILINE)
    return int(found[1]) if found else 0


def _last(traceback: object) -> str:
    return str(traceback or "").strip().rpartition("\n")[2]


def server_p99(sums: Mapping[str, float]) -> float:
    """The bound that 99 % of the server's beats were in time for, in seconds."""
    buckets = sorted(
        (float(name.removeprefix(f"{LAG} ")), count) for name, count in sums.items() if name.startswith(f"{LAG} ")
    )
    every = buckets[-1][1] if buckets else 0.0
    return next((bound for bound, count in buckets if count >= 0.99 * every), 0.0)


def late_beats(sums: Mapping[str, float]) -> float:
    """How many beats of the server were later than `LATE_BOUND` so far."""
    return sums.get(f"{LAG} +Inf", 0.0) - sums.get(f"{LAG} {LATE_BOUND}", 0.0)
