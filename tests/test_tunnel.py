"""Asking ngrok for the public host, over real HTTP, with answers as its documentation shows them."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bmv.commands import tunnel
from bmv.commands.announcement import PublicHost, public_host
from bmv.commands.tunnel import ngrok_host
from bmv.simulator.ports import free_port

PORT = 5050
HOST = "your-name.ngrok-free.app"


async def in_pieces(request: web.Request, pieces: list[bytes]) -> web.StreamResponse:
    """The same over a network that hands it on bit by bit."""
    response = web.StreamResponse()
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(0.02)
    return response


@asynccontextmanager
async def ngrok(answers: Mapping[str, object]) -> AsyncIterator[str]:
    """A local API that answers these paths with what is given: JSON, or bytes as they are."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path not in answers:
            raise web.HTTPNotFound
        answer = answers[request.path]
        if isinstance(answer, list) and answer and isinstance(answer[0], bytes):
            return await in_pieces(request, answer)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


def tunnel_to(addr: object, public_url: object = f"https://{HOST}") -> dict[str, Any]:
    """One of /api/tunnels, as in https://ngrok.com/docs/agent/api."""
    return {
        "name": "command_line",
        "uri": "/api/tunnels/command_line",
        "public_url": public_url,
        "proto": "https",
        "config": {"addr": addr, "inspect": True},
    }


def endpoint_to(url: object) -> dict[str, Any]:
    """One of /api/endpoints, of agents that are configured by version 3."""
    return {"name": "bmv", "url": f"https://{HOST}", "upstream": {"url": url, "protocol": "http1"}}


async def told(*tunnels: object, endpoints: object = ()) -> str | None:
    async with ngrok({"/api/tunnels": {"tunnels": tunnels}, "/api/endpoints": {"endpoints": endpoints}}) as api_url:
        return await ngrok_host(PORT, api_url)


@pytest.mark.parametrize(
    "addr", ["5050", "localhost:5050", "http://localhost:5050", "http://127.0.0.1:5050", "http://[::1]:5050"]
)
async def test_the_tunnel_that_leads_to_our_port_is_found(addr: str) -> None:
    assert await told(tunnel_to(addr)) == HOST


async def test_so_is_an_endpoint_of_the_newer_configuration() -> None:
    assert await told(endpoints=[endpoint_to("http://localhost:5050")]) == HOST


@pytest.mark.parametrize(
    "other",
    [
        tunnel_to("http://localhost:8080"),
        tunnel_to("http://192.168.1.7:5050"),
        tunnel_to("https://localhost:5050"),  # would greet us by TLS
        tunnel_to("localhost:5050", "http://plain.example.com"),
        tunnel_to("localhost:5050", "tcp://0.tcp.ngrok.io:53476"),
        tunnel_to("localhost:5050", "https://bmv.internal"),  # only for other endpoints of the same account
        tunnel_to("localhost:5050", "https://name.example.com:8443"),
    ],
    ids=["port", "machine", "tls", "http", "tcp", "internal", "public port"],
)
async def test_a_tunnel_that_is_of_no_use_is_none(other: object) -> None:
    assert await told(other) is None
    assert await told(other, tunnel_to("localhost:5050")) == HOST


async def test_an_answer_that_comes_in_pieces_is_read_to_its_end() -> None:
    answer = json.dumps({"tunnels": [tunnel_to("localhost:5050")]}).encode()
    async with ngrok({"/api/tunnels": [answer[:50], answer[50:90], answer[90:]]}) as api_url:
        assert await ngrok_host(PORT, api_url) == HOST


async def test_an_answer_without_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "LARGEST_ANSWER", 10)
    assert await told(tunnel_to("localhost:5050")) is None


async def test_of_several_it_is_always_the_same_one() -> None:
    two = [tunnel_to("localhost:5050", f"https://{name}.example.com") for name in ("zoe", "ada")]
    assert await told(*two) == await told(*reversed(two)) == "ada.example.com"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"",
        b"\xff",
        b"[" * 100_000,
        [],
        {},
        {"tunnels": None},
        {"tunnels": [None, 7, {}]},
        {"tunnels": {"a": 1}},
    ],
    ids=lambda answer: repr(answer)[:30],
)
async def test_an_answer_that_makes_no_sense_is_none(answer: object) -> None:
    async with ngrok({"/api/tunnels": answer, "/api/endpoints": answer}) as api_url:
        assert await ngrok_host(PORT, api_url) is None


@pytest.mark.parametrize("addr", [None, "", "localhost:many", "http://[", {"port": 5050}, 8080])
async def test_a_target_that_makes_no_sense_leads_nowhere(addr: object) -> None:
    assert await told(tunnel_to(addr), endpoints=[endpoint_to(addr)]) is None


async def test_where_no_ngrok_runs_there_is_no_host() -> None:
    assert await ngrok_host(PORT, f"http://127.0.0.1:{free_port()}") is None
    async with ngrok({}) as something_else:
        assert await ngrok_host(PORT, something_else) is None


async def test_what_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        async with asyncio.timeout(20):
            assert await ngrok_host(PORT, f"http://127.0.0.1:{silent.getsockname()[1]}") is None
        assert time.monotonic() - began < 10


async def test_ngrok_is_asked_only_where_no_host_is_set() -> None:
    async with ngrok({"/api/tunnels": {"tunnels": [tunnel_to("localhost:5050")]}}) as api_url:
        assert await public_host({}, api_url) == PublicHost(HOST, by_ngrok=True)
        assert await public_host({"API_PORT": "8080"}, api_url) is None
        assert await public_host({"PUBLIC_HOST": "https://Voice.example.com/"}, api_url) == PublicHost(
            "voice.example.com"
        )
        assert await public_host({"NGROK_DOMAIN": "mine.ngrok.app"}, api_url) == PublicHost("mine.ngrok.app")
        assert await public_host({"PUBLIC_HOST": "no host"}, api_url) is None  # which the server explains
