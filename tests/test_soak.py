"""A soak of some seconds: the whole of it, on real sockets, with a server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from bmv.commands.exits import FAILED, WARNED
from bmv.commands.soak.command import SoakOptions, run_soak
from bmv.commands.soak.plan import NONE
from bmv.commands.soak.subject import SubjectFailed, running

opened = "lives in real time"  # see conftest.py


@pytest.mark.skipif(sys.platform != "linux", reason="the soak looks into /proc")
def test_a_soak_of_some_seconds_finds_nothing_broken_and_tells_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "soak.json"
    faults = ("caller-stream-breaks", "caller-leaves-the-queue", "order-failed")  # short ones: this is about the soak
    code = run_soak(SoakOptions(seed=7, minutes=0.05, calls_at_once=2, only=faults, report=report))
    shown, found = capsys.readouterr().out, json.loads(report.read_text("utf-8"))
    assert code in (0, WARNED), shown  # the machine may be busy with other tests
    assert "seed 7" in shown
    assert {each["judgement"] for each in found["verdicts"]} <= {"ok", "not judged"}, shown
    assert {each["plan"]["fault"] for each in found["outcomes"]} <= {*faults, "none"}
    assert len(found["outcomes"]) >= 6
    assert sum(len(each["ears"]) for each in found["outcomes"]) == 4  # of the last wave: two calls without a fault
    assert found["exit_code"] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the soak looks into /proc")
def test_a_server_that_dies_in_the_middle_is_a_broken_invariant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, report = tmp_path / "log", tmp_path / "soak.json"
    killer = Thread(target=kill_the_server, args=(log,))
    killer.start()
    code = run_soak(SoakOptions(seed=7, minutes=0.5, calls_at_once=2, only=(NONE,), report=report, log=log))
    killer.join()
    shown, found = capsys.readouterr().out, json.loads(report.read_text("utf-8"))
    assert code == FAILED
    assert "Traceback" not in shown
    first = found["verdicts"][0]
    assert first["judgement"] == "broken"
    assert "it died by SIGKILL, and said last: " in first["evidence"]
    last_line = json.loads(log.read_text("utf-8").splitlines()[-1])
    assert last_line["event"] in first["evidence"]
    assert {each["judgement"] for each in found["verdicts"][1:]} == {"ok"}, shown


def kill_the_server(log: Path) -> None:
    """As soon as it has a call."""
    while not (log.exists() and "call_" in log.read_text("utf-8")):
        sleep(0.1)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text("utf-8").split()
    (server,) = [pid for pid in children if b"soak/child.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(int(server), signal.SIGKILL)


def test_a_soak_that_cannot_be_held_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert run_soak(SoakOptions(seed=1, minutes=0.05, calls_at_once=1, report=tmp_path / "none")) == FAILED
    assert "run it on Linux" in capsys.readouterr().err


def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    async def start() -> None:
        async with running({"METRICS_TOKEN": "a-token-for-the-metrics"}, tmp_path, lambda _line: None):
            raise AssertionError("it started without any settings")

    with pytest.raises(SubjectFailed, match="To see a translated call without any account: make demo"):
        asyncio.run(start())
