"""Requests that two servers could read differently, to the real one over a real socket: none hides another in itself.

A proxy in front reads each request as well. Where it could see one and the server two, somebody could put a request of
his own before that of the next one (RFC 9112, section 11.2). So what is ambiguous is refused, and the connection ends.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from house import house
from wires import log_lines

HIDDEN = b"GET /live HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = HIDDEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
FORM = b"Content-Type: application/x-www-form-urlencoded"
CHUNKED = b"Transfer-Encoding: chunked"
NO_CHUNKS = b"0\r\n\r\n" + HIDDEN


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST /welcome HTTP/1.1", b"Host: h", *headers, b"", body])


def get(*lines: bytes) -> bytes:
    return b"\r\n".join([b"GET /live HTTP/1.1", *lines, b"", HIDDEN])


TWO_LENGTHS = [
    post(b"Content-Length: 5", CHUNKED, body=NO_CHUNKS),
    post(CHUNKED, b"Content-Length: 5", body=NO_CHUNKS),
    post(b"Content-Length: 0", b"Content-Length: %d" % len(HIDDEN), body=HIDDEN),
    post(b"Content-Length: 0", b"Content-Length: 0", body=HIDDEN),
    post(b"Content-Length: 0, %d" % len(HIDDEN), body=HIDDEN),
]
NO_LENGTH = [
    post(b"Content-Length: " + length, body=b"hello worlds" + HIDDEN)
    for length in (b"+5", b"-5", b"1_2", b"0xc", b"5 5", b"\xb2", b"", b"9" * 40)
]
NO_CODING = [
    *(post(b"Transfer-Encoding: " + coding, body=NO_CHUNKS) for coding in (b"xchunked", b"identity", b"\x0bchunked")),
    *(post(CHUNKED + more, body=NO_CHUNKS) for more in (b", identity", b", chunked", b"\r\nTransfer-Encoding: x")),
    post(CHUNKED, body=NO_CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
]
NO_HEADER = [
    post(b"Content-Length : 5", body=b"hello" + HIDDEN),
    post(b"Transfer-Encoding : chunked", body=NO_CHUNKS),
    post(b"Transfer-Encoding:", b" chunked", body=NO_CHUNKS),
    *(get(b"Host: h", header) for header in (b"X\x80: y", b": y", b"X: \0", b"X Y: z")),
    get(b"Host: h", b"X: y", b" and so on: z"),
    get(b"Host: h\rX: y"),
    get(b"Host: a", b"Host: b"),
    get(),
]
BARE_LINE_FEEDS = [
    HIDDEN.replace(b"\r\n", b"\n"),
    get(b"Host: h\nX: y"),
    post(CHUNKED, body=b"5\nhello\r\n" + NO_CHUNKS),
    post(CHUNKED, body=b"5;a\nb\r\nhello\r\n" + NO_CHUNKS),
]
NO_CHUNK = [
    post(CHUNKED, body=size + b"\r\nhello\r\n" + NO_CHUNKS)
    for size in (b"-5", b"+5", b"0x5", b"5_0", b" 5", b"", b"g", b"4", b"6", b"f" * 17, b"1" + b"0" * 16 + b"5")
]


async def told(port: int, data: bytes) -> list[int]:
    """The statuses that are answered to all this, until the server has ended the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        writer.write(data)
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                while piece := await reader.read(65_536):
                    said += piece
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", said)]


@asynccontextmanager
async def a_server() -> AsyncIterator[int]:
    async with house(TRANSLATOR="loopback") as home:
        yield home.server.port


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param(TWO_LENGTHS, id="with two lengths"),
        pytest.param(NO_LENGTH, id="with a length that is none"),
        pytest.param(NO_CODING, id="with a coding that is none"),
        pytest.param(NO_HEADER, id="with a header that is none, folded or twice"),
        pytest.param(BARE_LINE_FEEDS, id="with bare line feeds"),
        pytest.param(NO_CHUNK, id="with a chunk that is none"),
    ],
)
async def test_a_request_that_can_be_read_in_two_ways_is_refused_and_the_next_one_is_served(
    requests: Sequence[bytes],
) -> None:
    with log_lines() as lines:
        async with a_server() as port:
            for request in requests:
                assert await told(port, request) == [400], request
                assert await told(port, LAST) == [200]
    events = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [each["event"] for each in events].count("request_unreadable") >= len(requests) - 1
    assert not [each for each in events if each["level"] in ("error", "critical")]


async def test_requests_one_behind_the_other_are_answered_in_their_order() -> None:
    nowhere = HIDDEN.replace(b"/live", b"/nowhere")
    async with a_server() as port:
        assert await told(port, HIDDEN + nowhere + HIDDEN + post(b"Content-Length: 0") + LAST) == [
            200,
            404,
            200,
            403,
            200,
        ]


@pytest.mark.parametrize("chunked", [False, True])
async def test_what_stands_in_the_body_of_a_request_that_is_refused_is_no_request(*, chunked: bool) -> None:
    if chunked:
        refused = post(FORM, CHUNKED, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN))
    else:
        refused = post(FORM, b"Content-Length: %d" % len(HIDDEN), body=HIDDEN)
    async with a_server() as port:
        assert await told(port, refused + LAST) == [403, 200]


async def test_a_target_that_names_another_host_has_the_locks_of_the_path_it_names_here() -> None:
    async with a_server() as port:
        for method, path, status in (
            (b"GET", b"/live", 200),
            (b"POST", b"/incoming-call", 403),
            (b"GET", b"/captions/token", 403),
            (b"GET", b"/calls/c1", 403),
        ):
            for host in (b"http://evil.example", b"https://localhost:1"):
                line = b" ".join((method, host + path, b"HTTP/1.1"))
                request = line + b"\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                assert await told(port, request) == [status], line


async def test_the_server_is_no_proxy() -> None:
    async with a_server() as port:
        for line in (b"CONNECT evil.example:443", b"CONNECT 127.0.0.1:22", b"OPTIONS *", b"TRACE /live"):
            request = line + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            (status,) = await told(port, request + HIDDEN)
            assert status in (400, 403, 404, 405), line
