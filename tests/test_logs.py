"""The log: one pipeline, one line per event, plain data alone, and no more of it than can be read."""

import io
import json
import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec
import numpy as np
import pytest
import structlog
from log_lines import TOKEN, logged, logging_to

from bmv.logs import LONGEST_TEXT, Sparing, configure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_an_event_is_one_json_line_with_time_level_and_name_first() -> None:
    with logging_to() as (log, stream):
        structlog.contextvars.bind_contextvars(call_id="c1")
        log.warning("call_bridged", wait_ms=1200, language="es")
    assert stream.getvalue().count("\n") == 1
    line = json.loads(stream.getvalue())
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "warning",
        "event": "call_bridged",
        "call_id": "c1",
        "wait_ms": 1200,
        "language": "es",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])


def test_what_is_below_the_level_is_not_written() -> None:
    with logging_to(level="warning") as (log, stream):
        log.info("quiet")
        logging.getLogger("aiohttp.server").info("quiet")
        log.error("loud")
        logging.getLogger("aiohttp.server").error("loud too")
    assert re.findall(r'"event": "(.*?)"', stream.getvalue()) == ["loud", "loud too"]


def test_the_libraries_speak_through_the_same_pipeline() -> None:
    with logging_to() as (_, stream):
        structlog.contextvars.bind_contextvars(call_id="c1")
        logging.getLogger("aiohttp.access").info("%s called %s", "+14155550100", "/incoming-call?lang=es")
    line = json.loads(stream.getvalue())
    assert line["event"] == "+14…00 called /incoming-call?…"
    assert (line["logger"], line["level"], line["call_id"]) == ("aiohttp.access", "info", "c1")


def test_a_library_that_formats_wrongly_prints_none_of_its_arguments() -> None:
    with logging_to() as (_, stream):
        logging.getLogger("careless").error("%d items", TOKEN)
    assert json.loads(stream.getvalue())["event"] == "%d items"


def test_twilios_request_log_is_silent_even_at_debug() -> None:
    with logging_to(level="debug") as (_, stream):
        logging.getLogger("twilio.http_client").info("POST Request: ...")
        assert stream.getvalue() == ""
        logging.getLogger("twilio.http_client").warning("trouble")
        assert "trouble" in stream.getvalue()


def test_configuring_again_replaces_the_former_output() -> None:
    with logging_to() as (_, first):
        second = io.StringIO()
        configure("info", "json", [], second)
        structlog.get_logger().info("once")
        logging.getLogger("any").info("twice")
    assert first.getvalue() == ""
    assert second.getvalue().count("\n") == 2


def test_auto_means_lines_for_reading_on_a_terminal_and_json_elsewhere() -> None:
    with logging_to("auto", stream=Terminal()) as (log, terminal):
        log.info("call_bridged", wait_ms=3)
    assert re.search(r"call_bridged.*wait_ms", terminal.getvalue())
    assert "\x1b[" in terminal.getvalue()
    with logging_to("auto") as (log, stream):
        log.info("call_bridged", wait_ms=3)
    assert json.loads(stream.getvalue())["wait_ms"] == 3
    with logging_to("console") as (log, stream):
        log.info("call_bridged", wait_ms=3)
    assert re.fullmatch(r"\S+Z \[info +\] call_bridged +wait_ms=3\n", stream.getvalue())


class State(Enum):
    BRIDGED = 1


@dataclass
class Heard:
    payload: bytes
    role: State


class Frame(msgspec.Struct):
    transcript: str
    at: int


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_values_of_every_kind_become_plain_data_without_audio_or_words() -> None:
    line = logged(
        state=State.BRIDGED,
        heard=Heard(payload=b"hola", role=State.BRIDGED),
        frame=Frame(transcript="hola", at=3),
        raw=b"\xff" * 160,
        samples=np.zeros(160, np.int16),
        error=ValueError("bad +34612345689"),
        strange=Unspeakable(),
        ratio=float("nan"),
        mean=np.float64(1.5),
        seen={"only"},
    )
    assert line["state"] == "bridged"
    assert line["heard"] == {"payload": "***", "role": "bridged"}
    assert line["frame"] == {"transcript": "***", "at": 3}
    assert (line["raw"], line["samples"]) == ("<160 bytes>", "<320 bytes>")
    assert line["error"] == "ValueError: bad +34…89"
    assert line["strange"] == "<Unspeakable>"
    assert (line["ratio"], line["mean"], line["seen"]) == ("nan", 1.5, ["only"])


def test_what_contains_itself_or_is_endless_is_written_in_part() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    line = logged(loop=loop, many=list(range(1000)), long="x " * LONGEST_TEXT)
    assert line["loop"]["again"]["again"]["again"] == "<dict>"
    assert len(line["many"]) < 100
    assert len(line["long"]) < LONGEST_TEXT + 10


def fail(message: str) -> None:
    raise RuntimeError(message)


def test_an_exception_is_written_with_its_origin_and_masked() -> None:
    with logging_to() as (log, stream):
        try:
            fail(f"refused https://h/x?y=1 for +34612345689 with {TOKEN}")
        except RuntimeError:
            log.exception("call_failed")
            logging.getLogger("asyncio").exception("never retrieved")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["call_failed", "never retrieved"]
    for line in lines:
        assert "in fail" in line["exception"]
        assert line["exception"].endswith("RuntimeError: refused https://h/x?… for +34…89 with ***")


FORGED = "all well\n2026-11-22T00:00:00Z [info     ] forged\r\x1b[2K\x9b1A\u2028\u202e\x00\ud800"


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_nobody_can_forge_a_line_or_command_the_terminal(fmt: str) -> None:
    with logging_to(fmt) as (log, stream):
        log.info(FORGED, name=FORGED, inner={"deep": FORGED}, **{FORGED: 1})
        logging.getLogger("library").info("%s", FORGED)
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
    assert lines[2] == ""
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_an_exceptions_message_cannot_begin_a_line_of_its_own(fmt: str) -> None:
    with logging_to(fmt) as (log, stream):
        try:
            fail(FORGED)
        except RuntimeError:
            log.exception("call_failed")
    first, *others = stream.getvalue().removesuffix("\n").split("\n")
    assert "call_failed" in first
    assert all(line.startswith("    ") for line in others)
    assert all(line.isprintable() for line in (first, *others))
    assert bool(others) == (fmt == "console")


def test_json_keeps_the_lines_of_a_traceback_apart_for_its_reader() -> None:
    with logging_to() as (log, stream):
        try:
            fail(FORGED)
        except RuntimeError:
            log.exception("call_failed")
    assert "\n  File " in json.loads(stream.getvalue())["exception"]


def test_what_strangers_cause_again_and_again_is_counted_and_not_written() -> None:
    clock = [100.0]
    sparing = Sparing(lambda: clock[0])

    def written(event: str, **values: object) -> dict[str, object] | None:
        try:
            return dict(sparing(None, "warning", {"event": event, **values}))
        except structlog.DropEvent:
            return None

    assert sum(written("request_refused") is not None for _ in range(1000)) == Sparing.AT_ONCE
    assert written("link_refused")  # another kind is told
    clock[0] += Sparing.SECONDS
    assert written("request_refused") == {"event": "request_refused", "left_out": 940}
    assert written("request_refused") is None


@pytest.mark.parametrize("method", ["info", "warning"])
def test_what_the_ends_of_a_call_cause_again_and_again_is_counted_and_not_written(method: str) -> None:
    clock = [100.0]
    sparing = Sparing(lambda: clock[0])

    def written(event: str, call: str) -> dict[str, object] | None:
        try:
            return dict(sparing(None, method, {"event": event, "call_id": call}))
        except structlog.DropEvent:
            return None

    assert sum(written("key_pressed", "c1") is not None for _ in range(1000)) == Sparing.AT_ONCE
    assert written("key_pressed", "c2")
    assert written("stream_ended", "c1")
    clock[0] += Sparing.SECONDS
    assert written("key_pressed", "c1") == {"event": "key_pressed", "call_id": "c1", "left_out": 940}
    assert written("key_pressed", "c1") is None


def test_what_was_left_out_of_a_call_is_told_at_its_end_at_the_latest() -> None:
    sparing = Sparing(lambda: 100.0)
    for call in ("c1", "c2"):
        for event in ("key_pressed", "secure_pause"):
            for _ in range(Sparing.AT_ONCE + 5):
                with suppress(structlog.DropEvent):
                    sparing(None, "info", {"event": event, "call_id": call})
    for call in ("c1", "c2"):
        assert sparing(None, "info", {"event": "call_ended", "call_id": call})["left_out"] == 10
    assert not sparing._left_out
    assert "left_out" not in sparing(None, "info", {"event": "call_ended", "call_id": "c3"})


def test_a_flood_is_left_out_however_many_calls_tell_of_other_things_meanwhile() -> None:
    clock = [100.0]
    sparing = Sparing(lambda: clock[0])
    written = 0
    for number in range(20_000):
        clock[0] += 0.004
        sparing(None, "info", {"event": "call_ended", "call_id": f"c{number}"})
        with suppress(structlog.DropEvent):
            written += bool(sparing(None, "info", {"event": "key_pressed", "call_id": "flood"}))
    assert written == pytest.approx(Sparing.AT_ONCE + 80 / Sparing.SECONDS, abs=1)


def test_news_without_a_fault_is_never_left_out() -> None:
    sparing = Sparing(lambda: 0.0)
    assert all(sparing(None, "info", {"event": "request"}) for _ in range(1000))


def test_names_without_end_are_not_remembered_without_end() -> None:
    sparing = Sparing(lambda: 0.0)
    for number in range(5000):
        sparing(None, "error", {"event": f"{number} is wrong"})
    assert len(sparing._free_at) <= 2001
