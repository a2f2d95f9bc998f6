"""A soak of some seconds: the whole of it, on real sockets, with a server in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from bmv.commands.exits import FAILED, WARNED
from bmv.commands.soak.command import SoakOptions, run_soak
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
