"""The log: one pipeline, one line per event, and nothing private in it."""

import base64
import errno
import io
import json
import logging
import os
import re
import select
import signal
import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bmv.logs import LONGEST_TEXT, Masker, Sparing, configure, mask_number

TOKEN = "0123456789abcdef0123456789abcdef"
KEY = "sk-proj/odd+key=="


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(
    fmt: str = "json", level: str = "info", stream: io.StringIO | None = None
) -> Iterator[tuple[Any, io.StringIO]]:
    """Yield our logger and what it writes to; everything global is put back afterwards."""
    stream = io.StringIO() if stream is None else stream
    root, twilio = logging.getLogger(), logging.getLogger("twilio")
    before = root.handlers[:], root.level, twilio.level
    try:
        configure(level, fmt, [TOKEN, KEY], stream)
        yield structlog.get_logger(), stream
    finally:
        root.handlers[:], root.level, twilio.level = before
        logging.Logger.manager._clear_cache()  # type: ignore[attr-defined]  # levels were put back past setLevel
        structlog.contextvars.clear_contextvars()
        structlog.reset_defaults()


def logged(event: str = "something", **values: Any) -> dict[str, Any]:
    with logging_to() as (log, stream):
        log.info(event, **values)
        line: dict[str, Any] = json.loads(stream.getvalue())
        return line


def masked(text: str) -> str:
    return Masker([TOKEN, KEY]).text(text)


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


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+34612345689", "+34…89"),
        ("+1415555", "+14…55"),
        ("+123456789012345", "+12…45"),
        ("34612345689", "346…89"),
        ("%2B34612345689", "+34…89"),
        ("sip:alice@example.com", "sip:al…@example.com"),
        ("sip:alice@example.com;transport=tls", "sip:al…@example.com"),
        ("sips:+34612345689@example.com?X-a=b", "sips:+34…89@example.com"),
        ("sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"),
        ("client:alice", "client:al…"),
        ("client:al", "client:a…"),
        ("anonymous", "anonymous"),
        ("Restricted", "Restricted"),
        ("", ""),
        ("12345", "12…"),
        ("+34…89", "+34…89"),
        ("sip:al…@example.com", "sip:al…@example.com"),
    ],
)
def test_a_party_can_be_told_apart_and_not_called(number: str, shown: str) -> None:
    assert mask_number(number) == shown
    assert mask_number(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dialling +34612345689 now", "dialling +34…89 now"),
        ("From=%2B34612345689&To=x", "From=+34…89&To=x"),
        ("from sip:alice@example.com;a=b to client:bob", "from sip:al…@example.com;a=b to client:b…"),
        ("sip:+34612345689@example.com", "sip:+34…89@example.com"),
        ("<sip:alice@example.com>", "<sip:al…@example.com>"),
        ("https://h.example/a?b=c&d=e next", "https://h.example/a?… next"),
        ("GET /stream-status?bmv_call_id=abc HTTP/1.1", "GET /stream-status?… HTTP/1.1"),
        ("URL('http://h/x?y')", "URL('http://h/x?…')"),
        ("app:AP1?bmv_call_id=abc", "app:AP1?…"),
        (f"GET /captions/{'a' * 24}.1775000000.{'b_-' * 14}c/events HTTP/1.1", "GET /captions/***/events HTTP/1.1"),
        (f"https://h/agent/WK{'a' * 32}.1775000000.{'b' * 43}", "https://h/agent/***"),
        ("see src/agent/side.py", "see src/agent/side.py"),
        ("https://user:pass@h.example/", "https://***@h.example/"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("header Basic QUMxMjM6dG9rZW4=", "header Basic ***"),
        (f"key {KEY}, token {TOKEN}!", "key ***, token ***!"),
        (f"key={quote(KEY, safe='')}", "key=***"),
        ("audio " + base64.b64encode(bytes(160)).decode() + " end", "audio *** end"),
        (f"frame {bytes(range(128, 160))!r}", "frame b'***'"),
        ("why? because 2+2=4, at 12:30+0100 it is 100%", "why? because 2+2=4, at 12:30+0100 it is 100%"),
        ("CA0123456789abcdef client: closed, ratio 3:4", "CA0123456789abcdef client: closed, ratio 3:4"),
    ],
)
def test_what_is_private_is_found_in_any_text(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


TELLING = """
    token stream_token authToken auth-token api_key sharedKey client_secret Authorization password cookie
    audio audio_delta payload transcript source_transcript text caption X-Twilio-Signature
"""


@pytest.mark.parametrize("key", TELLING.split())
def test_a_telling_key_hides_its_value_at_any_depth(key: str) -> None:
    line = logged(**{key: "hola"}, inner={key: ["hola", {"plain": "hola"}]}, rows=[{key: "hola"}])
    assert line[key] == line["inner"][key] == line["rows"][0][key] == "***"
    assert "hola" not in json.dumps(line)


def test_numbers_and_ordinary_keys_are_shown() -> None:
    values: dict[str, Any] = {
        "audio_ms": 20,
        "tokens": 120,
        "payload_bytes": 160,
        "captions": True,
        "text": None,
        "context": "call",
    }
    assert values.items() <= logged(**values).items()


def test_a_number_without_a_plus_is_masked_under_a_key_that_says_what_it_is() -> None:
    line = logged(caller_number="34612345689", to="34612345689", call_id="34612345689")
    assert (line["caller_number"], line["to"], line["call_id"]) == ("346…89", "346…89", "34612345689")


def test_the_name_of_an_event_and_what_is_bound_to_the_call_are_masked_too() -> None:
    with logging_to() as (log, stream):
        structlog.contextvars.bind_contextvars(caller="+34612345689")
        log.bind(url="wss://h/intercept?token=abc").info(f"lost {TOKEN}")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["caller"], line["url"]) == ("lost ***", "+34…89", "wss://h/intercept?…")


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


def test_short_or_missing_secrets_do_not_blank_the_log() -> None:
    assert Masker(["", "a", "abc"]).text("a fine call, abc") == "a fine call, abc"


def test_a_secret_within_another_leaves_nothing_of_the_longer_one() -> None:
    assert Masker(["secret", "secret-and-more"]).text("secret-and-more secret") == "*** ***"


@given(st.text(max_size=80), st.text(max_size=20))
def test_whatever_is_logged_is_one_line_and_holds_no_secret(before: str, after: str) -> None:
    with logging_to() as (log, stream):
        log.info(before + TOKEN + after, value=[after + KEY + before])
    assert stream.getvalue().count("\n") == 1
    assert TOKEN not in stream.getvalue()
    assert KEY not in json.dumps(json.loads(stream.getvalue()))


@pytest.mark.parametrize("unit", ["sip:", "?a", "://a", "+1", "\\xff", "a" * 159 + " ", "Basic ", "client:…"])
def test_hostile_text_is_masked_in_time_that_grows_with_its_length_only(unit: str) -> None:
    masker = Masker([TOKEN])

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        return min(timeit.repeat(lambda: masker.text(text), timer=time.process_time, number=1, repeat=9))

    few, many = seconds(LONGEST_TEXT // 16), seconds(LONGEST_TEXT)
    assert many < few * 16 * 5  # in proportion it is 16 times as long, with the square 256 times


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
    assert all(written("translator_lost", call_id="c") for _ in range(1000))  # a call of ours tells all
    clock[0] += Sparing.SECONDS
    assert written("request_refused") == {"event": "request_refused", "left_out": 940}
    assert written("request_refused") is None


def test_news_without_a_fault_is_never_left_out() -> None:
    sparing = Sparing(lambda: 0.0)
    assert all(sparing(None, "info", {"event": "request"}) for _ in range(1000))


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


def shown_by(reads: Any) -> list[str]:
    """What it shows when it is well again: it is read until nothing comes any more."""
    shown = b""
    while select.select([reads], [], [], 0.2)[0]:
        shown += os.read(reads.fileno(), 65_536)
    return shown.decode().splitlines(keepends=True)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no such terminals")
@pytest.mark.parametrize("length", [10, 300, 15_000])
def test_a_terminal_that_nobody_reads_costs_lines_and_nobody_waits_for_it(length: int) -> None:
    with unread_terminal() as (reads, writes):
        with logging_to(stream=writes) as (log, _):
            with gives_up_after(seconds=5):
                for number in range(1000):
                    log.info("something", number=number, words="a " * (length // 2))
            before = shown_by(reads)
            log.info("again")
            log.info("and again")
            after = "".join(shown_by(reads)).splitlines()
        assert os.get_blocking(writes.fileno()), "it is the shell's as well"
    whole = [json.loads(line) for line in before if line.endswith(("}\n", "}\r\n"))]  # else it was not all taken
    assert [line["number"] for line in whole] == list(range(len(whole)))
    told = [json.loads(line) for line in after if line]
    assert [line["event"] for line in told] == ["again", "log_lines_missing", "and again"]
    assert told[1]["lines"] == 1000 - len(whole) > 0


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


def test_names_without_end_are_not_remembered_without_end() -> None:
    sparing = Sparing(lambda: 0.0)
    for number in range(5000):
        sparing(None, "error", {"event": f"{number} is wrong"})
    assert len(sparing._free_at) <= 1001
