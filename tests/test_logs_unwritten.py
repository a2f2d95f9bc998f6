"""A log that cannot be written costs lines, which are counted: a full disk, a broken stream, a reader who stops."""

import errno
import io
import json
import logging
import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from log_lines import logging_to

from bmv.logs import Sparing, configure


class Broken(io.StringIO):
    def write(self, _line: str) -> int:
        raise OSError("disk full")


def test_a_log_that_cannot_be_written_does_not_end_a_call() -> None:
    with logging_to(stream=Broken()) as (log, _):
        log.info("call_bridged")
    closed = io.StringIO()
    closed.close()
    with logging_to(stream=closed) as (log, _):
        log.info("call_bridged")
        logging.getLogger("any").error("late")


class FullAtTimes(io.StringIO):
    """A log on a disk that may be full."""

    full = False

    def flush(self) -> None:
        if self.full:
            raise OSError("No space left on device")


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_a_disk_that_was_full_costs_lines_and_their_number_is_told_once_behind_the_next(fmt: str) -> None:
    stream = FullAtTimes()
    configure("info", fmt, (), stream)
    log = structlog.get_logger()
    stream.full = True
    for number in range(3):
        log.info("lost", number=number)
    stream.full = False
    before = len(stream.getvalue().splitlines())
    log.info("well_again")
    log.info("and_so_on")
    told = stream.getvalue().splitlines()[before:]
    assert [next(name for name in ("well_again", "missing", "and_so_on") if name in line) for line in told] == [
        "well_again",
        "missing",
        "and_so_on",
    ]
    assert re.search(r"lines\W+3\b", told[1])


def test_how_many_lines_a_disk_has_cost_is_told_however_often_it_was_full() -> None:
    class Flapping(io.StringIO):
        full = False

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    with logging_to(stream=(stream := Flapping())) as (log, _):
        for _ in range(2 * Sparing.AT_ONCE):
            for stream.full in (True, False):
                log.info("something")
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sum(line["lines"] for line in told if line["event"] == "log_lines_missing") == 2 * Sparing.AT_ONCE


@contextmanager
def full(file: Any) -> Iterator[None]:
    """The disk that the file is on has no room."""
    kept, no_room = os.dup(file.fileno()), os.open("/dev/full", os.O_WRONLY)
    os.dup2(no_room, file.fileno())
    try:
        yield
    finally:
        os.dup2(kept, file.fileno())
        os.close(kept)
        os.close(no_room)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("lines", [3, 300])
def test_lines_that_are_said_to_be_missing_do_not_come_later(tmp_path: Path, lines: int) -> None:
    file: Any
    with (tmp_path / "log").open("w", encoding="utf-8") as file, logging_to(stream=file) as (log, _):
        log.info("before")
        with full(file):
            for _ in range(lines):
                log.info("lost")
        log.info("again")
        log.info("and again")
    told = [json.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert [line["event"] for line in told] == ["before", "again", "log_lines_missing", "and again"]
    assert told[2]["lines"] == lines


@pytest.mark.skipif(sys.platform == "win32", reason="this system limits no file")
def test_a_line_for_half_of_which_there_is_room_is_missing_and_spoils_no_other(tmp_path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    file: Any
    with (tmp_path / "log").open("w", encoding="utf-8") as file, logging_to(stream=file) as (log, _):
        log.info("before")
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file.tell() + 40, limits[1]))
            log.info("torn")
            log.info("lost")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log.info("again")
    before, torn, *after = (tmp_path / "log").read_text("utf-8").splitlines()
    assert json.loads(before)["event"] == "before"
    assert len(torn) == 40
    assert [json.loads(line)["event"] for line in after] == ["again", "log_lines_missing"]
    assert json.loads(after[1])["lines"] == 2


@contextmanager
def unread_pipe() -> Iterator[tuple[Any, Any]]:
    """Both ends: what is read, and what is written to. It has room for 64 KiB, or little more."""
    reader, writer = os.pipe()
    with open(reader, encoding="utf-8") as reads, open(writer, "w", encoding="utf-8") as writes:  # noqa: PTH123
        yield reads, writes


def lines_there(reads: Any) -> list[str]:
    os.set_blocking(reads.fileno(), False)
    return str(reads.read() or "").splitlines()


@pytest.mark.skipif(not hasattr(select, "poll"), reason="this system does not tell whether a pipe is full")
@pytest.mark.parametrize("letters", ["ä ", "aa"])
@pytest.mark.parametrize("length", [100, 2500, 15_000])
def test_a_reader_that_stands_still_costs_lines_and_nobody_waits_for_it(length: int, letters: str) -> None:
    with unread_pipe() as (reads, writes), logging_to(stream=writes) as (log, _):
        lines = 200_000 // length
        for number in range(lines):
            log.info("something", number=number, words=f"{letters} " * (length // 2))
        before = lines_there(reads)
        log.info("again")
        log.info("and again")
        after = lines_there(reads)
    whole = [json.loads(line) for line in before if line.endswith("}")]
    assert len(whole) >= len(before) - 1, "the last one may be torn"
    assert [line["number"] for line in whole] == list(range(len(whole)))
    told = [json.loads(line) for line in after if line]
    assert [line["event"] for line in told] == ["again", "log_lines_missing", "and again"]
    assert told[1]["lines"] == lines - len(whole) > 0


@pytest.mark.skipif(not hasattr(select, "poll"), reason="this system does not tell whether a pipe is full")
def test_of_a_reader_that_stays_behind_each_missing_line_is_told_once_in_the_end() -> None:
    with unread_pipe() as (reads, writes), logging_to(stream=writes) as (log, _):
        logged, taken = 0, b""
        for _ in range(100):
            for _ in range(50):
                log.info("something", words="a " * 1250)
                logged += 1
            taken += os.read(reads.fileno(), 4096)  # a page, in which there is room for a line, and seldom for two
        lines = (taken.decode() + "\n".join(lines_there(reads))).splitlines()
        log.info("something")
        lines += lines_there(reads)
    whole = [json.loads(line) for line in lines if line.endswith("}")]
    missing = logged + 1 - sum(line["event"] == "something" for line in whole)
    told = [line["lines"] for line in whole if line["event"] == "log_lines_missing"]
    assert sum(told) == missing > 0
    assert len(told) > 1


@contextmanager
def unread_terminal() -> Iterator[tuple[Any, Any]]:
    """Both ends: of what the terminal shows, and what a program in it writes to."""
    ours, its = os.openpty()
    # What is closed first is the terminal, so that closing the other end does not wait for somebody who reads.
    with open(its, "w", encoding="utf-8") as writes, open(ours, encoding="utf-8") as reads:  # noqa: PTH123
        yield reads, writes


def shown_by(reads: Any) -> str:
    """What it shows when it is well again: it is read until nothing comes any more."""
    shown = b""
    while select.select([reads], [], [], 0.2)[0]:
        shown += os.read(reads.fileno(), 65_536)
    return shown.decode()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no such terminals")
@pytest.mark.parametrize(("length", "lines"), [(10, 1000), (300, 1000), (2000, 200), (15_000, 100)])
def test_a_terminal_that_nobody_reads_costs_lines_and_nobody_waits_for_it(length: int, lines: int) -> None:
    with unread_terminal() as (reads, writes):
        with logging_to(stream=writes) as (log, _):
            with gives_up_after(seconds=60):
                for number in range(lines):
                    log.info("something", number=number, words="a " * (length // 2))
            shown = shown_by(reads)
            log.info("again")
            log.info("and again")
            shown += shown_by(reads)
        assert os.get_blocking(writes.fileno()), "it is the shell's as well"
    told = [json.loads(line) for line in shown.splitlines() if line.endswith("}")]  # else it was not all taken
    numbers = [line["number"] for line in told if line["event"] == "something"]
    assert numbers == sorted(set(numbers))
    assert [line["event"] for line in told if "again" in line["event"]] == ["again", "and again"]
    # A full terminal may take some again before anybody reads it, and then it is told more than once.
    missing = [line["lines"] for line in told if line["event"] == "log_lines_missing"]
    assert sum(missing) == lines - len(numbers) > 0


@contextmanager
def gives_up_after(seconds: int) -> Iterator[None]:
    """What waits for ever in the system is torn out of it."""

    def too_long(*_: object) -> None:
        pytest.fail("it waits")  # an OSError would be taken for a broken stream

    former = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
