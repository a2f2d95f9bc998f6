"""Bodies that are no forms: what nobody of ours would send is refused in order, and is no trouble of the server's."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bmv.web import bodies


def server() -> TestServer:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await bodies.body_of(request))

    app = web.Application(client_max_size=1024)
    app.add_routes([web.post("/", echo)])
    return TestServer(app)


async def test_a_body_is_given_as_it_is() -> None:
    async with server() as here, ClientSession() as http, http.post(here.make_url("/"), data=b"\x00{}") as answer:
        assert (answer.status, await answer.read()) == (200, b"\x00{}")


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"no such thing", {"Content-Encoding": "gzip"}, 415),
        (gzip.compress(b"{}"), {"Content-Encoding": "gzip"}, 415),
        (b" " * 2000, {}, 413),
    ],
    ids=["broken", "compressed", "large"],
)
async def test_what_is_compressed_or_too_large_is_refused(body: bytes, headers: dict[str, str], status: int) -> None:
    async with (
        server() as here,
        ClientSession() as http,
        http.post(here.make_url("/"), data=body, headers=headers) as answer,
    ):
        assert answer.status == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"5\r\nhel", b" 408 "), (b"zz\r\nhello\r\n", b" 400 ")],
    ids=["never all of it", "broken pieces"],
)
async def test_what_never_comes_or_is_broken_is_refused(
    sent: bytes, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    async with server() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
        async with asyncio.timeout(5):
            assert status in await reader.readline()
        writer.close()
