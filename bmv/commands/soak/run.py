"""Holding hundreds of short calls while everything goes wrong around them, and gathering what comes of it.

The server is a process of its own, with real sockets. Telephone company, translator and people are simulated in this
one. What goes wrong follows from the seed; when exactly, from the machine.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import aiohttp

from bmv.call.alongside import alongside
from bmv.commands.soak import environs, plan, weather
from bmv.commands.soak.enactment import Enactment
from bmv.commands.soak.environs import Line, World
from bmv.commands.soak.evidence import Census, Evidence, Outcome, Pace, Totals
from bmv.commands.soak.plan import NONE
from bmv.commands.soak.subject import LATE_BOUND, Subject, SubjectFailed, late_beats, running, server_p99
from bmv.simulator.twilio import DeliveryError

WARM_SHARE, WARM_SECONDS = 0.25, 60.0  # of the time, and at most
SETTLE_SECONDS = 0.7  # from the last call's end until things are counted, and between two counts
SETTLE_TRIES = 15
GLANCE_SECONDS = 1.0  # between two looks at the server's metrics
REFUSED_SECONDS = 8.0  # until who was not served calls again: as long as a call lasts, so that neither weighs more
APART_SECONDS = 1.0  # between the first calls of two lines: what befalls everybody finds each at another point
EXIT_SECONDS = 60.0
DEATH_SECONDS = 2.0  # for the end of a process that does not answer any more
MINUTE = 60.0
LAST_WAVE = 1_000_000  # the number of the first call that is told to the server to stop in


@dataclass(frozen=True)
class SoakRequest:
    """What is wanted: `only` names faults, all of them where it is empty; `log` is where the server's log is kept."""

    seed: int
    minutes: float
    calls_at_once: int
    only: Sequence[str] = ()
    log: Path = Path(os.devnull)


async def soak(request: SoakRequest, tell: Callable[[str], None]) -> Evidence:
    """Hold the calls and gather the evidence; `tell` gets a line a minute. Raises `SubjectFailed` if none starts."""
    with (
        TemporaryDirectory(prefix="bmv-soak-") as folder,
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_stand_back) as judges,
    ):
        home = Path(folder)
        await asyncio.to_thread(environs.record_notices, home)
        async with environs.opened(judges, lines=request.calls_at_once) as around:
            await asyncio.to_thread(lambda: around.sentences)
            with request.log.open("w", encoding="utf-8") as log:
                async with running(environs.settings(around, home), home, log.write) as subject:
                    around.subject = subject
                    around.twilio.route(environs.HOST, f"http://127.0.0.1:{subject.port}")
                    return await _Soak(request, around, subject, tell).run()


class _Soak:
    def __init__(self, request: SoakRequest, around: World, subject: Subject, tell: Callable[[str], None]) -> None:
        self._request, self._world, self._subject, self._tell = request, around, subject, tell
        self._outcomes: list[Outcome] = []
        self._running = 0
        self._plans = self._all_plans()
        self._began = around.clock()
        self._warm: Census | None = None
        self._end: Census | None = None
        self._warm_calls = self._end_calls = 0
        self._totals: Totals | None = None
        self._refusals: Mapping[str, int] = {}
        self._server_p99 = 0.0
        self._alerts: list[str] = []
        self._exit_code: int | None = None

    def _all_plans(self) -> Iterator[plan.CallPlan]:
        number = 0
        while True:
            number += 1
            yield plan.call(self._request.seed, number, self._request.only)

    async def run(self) -> Evidence:
        """Hold all calls, as far as the server comes: if it dies, or answers no more, that is evidence as well."""
        died = ""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._subject.outlives())
                await self._hold_all()
        except* (SubjectFailed, aiohttp.ClientError, TimeoutError, DeliveryError) as failures:
            died = await self._death(failures)
        late = self._world.lateness or [0.0]
        return Evidence(
            seed=self._request.seed,
            minutes=round((self._world.clock() - self._began) / MINUTE, 2),
            outcomes=self._outcomes,
            warm=self._warm,
            end=self._end,
            calls_between=self._end_calls - self._warm_calls,
            totals=self._totals,
            refusals=self._refusals,
            died=died,
            errors=self._subject.errors,
            alerts=self._alerts,
            exit_code=self._exit_code,
            pace=Pace(round(quantiles(late, n=100)[-1], 4), round(max(late), 3), self._server_p99),
            unwritten=self._subject.unwritten,
            weather=dict(Counter(kind for kind, _, _ in self._world.spells)),
        )

    async def _death(self, failures: BaseExceptionGroup[Exception]) -> str:
        """What is to be said of a server that is not there any more; also what failed for that reason is known."""
        try:
            async with asyncio.timeout(DEATH_SECONDS):
                await self._subject.outlives()
        except SubjectFailed as death:
            return str(death)
        except TimeoutError:
            pass
        error: BaseException = failures
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return f"it did not answer ({error!r}), and said last: {self._subject.last_words}"

    async def _hold_all(self) -> None:
        around, subject = self._world, self._subject
        seconds = self._request.minutes * MINUTE
        async with (
            alongside(around.hand_out()),
            alongside(around.watch_the_clock()),
            alongside(self._glance()),
        ):
            spells = plan.weather(self._request.seed, self._request.only)
            async with alongside(weather.come(spells, around, subject)), alongside(self._report()):
                await self._calls_until(self._began + min(WARM_SHARE * seconds, WARM_SECONDS))
                self._warm, self._warm_calls = await self._census(), len(self._outcomes)
                await self._calls_until(self._began + seconds)
            around.openai.heal()
            self._end, self._end_calls = await self._census(), len(self._outcomes)
            self._totals, self._server_p99 = await subject.totals(), server_p99(await subject.scrape())
            self._alerts = [f"{each.code} {each.text}" for each in around.twilio.alerts]  # then it goes, and is missed
            await self._last_wave()
            self._exit_code = await subject.exited(EXIT_SECONDS)

    async def _calls_until(self, until: float) -> None:
        """Keep every line busy; returns when the last call that was begun is over."""
        async with asyncio.TaskGroup() as lines:
            for place, line in enumerate(self._world.lines):
                lines.create_task(self._keep_busy(line, until, place * APART_SECONDS))

    async def _keep_busy(self, line: Line, until: float, after: float) -> None:
        await asyncio.sleep(after)
        while True:
            await self._hold(act := Enactment(next(self._plans), line, self._world))
            if act.outcome.refused or act.outcome.unreached:
                await asyncio.sleep(REFUSED_SECONDS)
            if self._world.clock() >= until:
                return

    async def _hold(self, act: Enactment) -> None:
        self._running += 1
        try:
            self._outcomes.append(await act.run())
        finally:
            self._running -= 1

    async def _last_wave(self) -> None:
        """One more call on every line, without a fault; in the middle of it the server is told to stop."""
        acts = [
            Enactment(self._faultless(LAST_WAVE + place), line, self._world)
            for place, line in enumerate(self._world.lines)
        ]
        async with asyncio.TaskGroup() as calls:
            for act in acts:
                calls.create_task(self._hold(act))
            for act in acts:
                await act.talking.wait()
            self._refusals = await self._subject.refusals()
            self._subject.stop(plan.stop(self._request.seed))

    def _faultless(self, number: int) -> plan.CallPlan:
        return replace(plan.call(self._request.seed, number), fault=NONE, together=True)

    async def _census(self) -> Census:
        """Count when no call runs and nothing is being closed any more: what is left does not become less.

        Where it became more, the first count is good: somebody looked at the metrics during the other one.
        """
        counted: Census | None = None
        async with self._world.calm:
            await asyncio.sleep(SETTLE_SECONDS)
            self._world.close_idle()
            for _ in range(SETTLE_TRIES):
                await asyncio.sleep(SETTLE_SECONDS)
                before, counted = counted, await self._subject.census()
                if before and (before.tasks, before.sockets) <= (counted.tasks, counted.sockets):
                    return before
        assert counted is not None  # noqa: S101 for the type checker
        return counted

    async def _glance(self) -> None:
        """Look now and then how late the server is."""
        before: float | None = None
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                late = late_beats(await self._subject.scrape())
                if before is not None and late > before:
                    self._world.note_late(2 * LATE_BOUND)  # more than that, as far as is known
                before = late
            await asyncio.sleep(GLANCE_SECONDS)

    async def _report(self) -> None:
        """A line a minute."""
        while True:
            await asyncio.sleep(MINUTE)
            done = self._outcomes
            faulty = sum(each.plan.fault != NONE for each in done)
            try:
                sums = await self._subject.scrape()
            except (aiohttp.ClientError, TimeoutError):
                self._tell("the server does not answer")
                continue
            self._tell(
                f"{(self._world.clock() - self._began) / MINUTE:4.0f} min  {len(done)} calls, {faulty} with a fault, "
                f"{sum(bool(each.stuck) for each in done)} stuck, {sum(each.refused for each in done)} refused; "
                f"{self._running} running; "
                f"{sums['process_resident_memory_bytes'] / 1e6:.0f} MB, {sums['process_open_fds']:.0f} files, "
                f"{len(self._subject.errors)} errors; late by {max(self._world.lateness[-3000:]) * 1000:.0f} ms"
            )


def _stand_back() -> None:
    """Judging can wait; calls cannot. Ctrl-C is for the soak itself, which ends this, too."""
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
