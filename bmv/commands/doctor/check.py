"""How checks are made: each by itself and all at once, those that build on others after them, and none for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from bmv.commands.doctor.findings import Finding, Level
from bmv.commands.plain import one_line

WHOLE_SECONDS: Final = 60.0
"""For all checks together; every request of theirs has a shorter limit of its own."""
NOT_CHECKED: Final = "not checked: "

T = TypeVar("T")


class Fault(Exception):
    """A check ends with a fault, and what builds on it cannot be made."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


class NotChecked(Exception):
    """A check cannot be made, or need not be; `str()` says why, in words that complete "not checked: …"."""

    def __init__(self, why: str, *, well: bool = False) -> None:
        """`well` tells that nothing is amiss: there is nothing to check."""
        super().__init__(why)
        self.well = well


class Notes:
    """What a check has found so far. A command in a remedy is told as it is to be typed here, see `invocation`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.findings: list[Finding] = []

    def ok(self, message: str) -> None:
        """All is well with something."""
        self._add(Level.OK, message, "")

    def warning(self, message: str, remedy: str = "") -> None:
        """Something may be amiss."""
        self._add(Level.WARNING, message, remedy)

    def fault(self, message: str, remedy: str) -> None:
        """Something is amiss, and the check goes on all the same."""
        self._add(Level.FAULT, message, remedy)

    def _add(self, level: Level, message: str, remedy: str) -> None:
        self.findings.append(Finding(self._name, level, one_line(message), one_line(remedy)))


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    findings: list[Finding]
    values: list[T]  # one, or none where the check failed
    root: str = ""  # the check that has to be mended first
    needless: str = ""  # why nothing is to be checked, where nothing is amiss


class Check(Generic[T]):
    """One check, made once, by whoever asks first: for its findings, or for a value that other checks build on."""

    def __init__(self, name: str, make: Callable[[Notes], Awaitable[T]]) -> None:
        """`make` writes its notes and gives the value. It raises `Fault` or `NotChecked` to give none."""
        self.name = name
        self._make = make
        self._lock = asyncio.Lock()
        self._outcome: _Outcome[T] | None = None

    async def findings(self) -> list[Finding]:
        """What it found. Never raises: a bug in a check is a finding, too."""
        return (await self._made()).findings

    async def value(self) -> T:
        """What it gave. Raises `NotChecked` where it failed, could not be made, or need not be."""
        outcome = await self._made()
        if outcome.values:
            return outcome.values[0]
        if outcome.needless:
            raise NotChecked(outcome.needless, well=True)
        raise _Waits(outcome.root)

    async def _made(self) -> _Outcome[T]:
        async with self._lock:
            if self._outcome is None:
                self._outcome = await self._attempt(Notes(self.name))
        return self._outcome

    async def _attempt(self, notes: Notes) -> _Outcome[T]:
        root, needless = self.name, ""
        try:
            return _Outcome(notes.findings, [await self._make(notes)])
        except Fault as fault:
            notes.fault(fault.message, fault.remedy)
        except NotChecked as gap:
            root = gap.root if isinstance(gap, _Waits) else root
            if gap.well:
                needless = str(gap)
                notes.ok(f"{NOT_CHECKED}{gap}")
            else:
                notes.warning(f"{NOT_CHECKED}{gap}")
        except Exception as bug:  # the edge: the other checks go on
            notes.fault(
                f"the doctor itself failed: {type(bug).__name__}: {bug}", "This is a bug of ours; please report it."
            )
        return _Outcome(notes.findings, [], root, needless)


class _Waits(NotChecked):
    def __init__(self, root: str) -> None:
        super().__init__(f"first mend what is said of “{root}”")
        self.root = root


async def examine(
    checks: Sequence[Check[Any]], tell: Callable[[Finding], None], *, seconds: float = WHOLE_SECONDS
) -> list[Finding]:
    """Make all checks at once, within `seconds`. Gives their findings, and tells each as soon as it is its turn."""
    deadline = asyncio.get_running_loop().time() + seconds
    found: list[Finding] = []
    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(_in_time(check, deadline, seconds)) for check in checks]
        for task in made:
            for finding in await task:
                found.append(finding)
                tell(finding)
    return found


async def _in_time(check: Check[Any], deadline: float, seconds: float) -> list[Finding]:
    try:
        async with asyncio.timeout_at(deadline):
            return await check.findings()
    except TimeoutError:
        message = f"did not come to an end within {seconds:g} s"
        return [Finding(check.name, Level.FAULT, message, "Look at this machine's way to the internet, and try again.")]
