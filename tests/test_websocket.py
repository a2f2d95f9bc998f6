"""The load's own WebSockets against a library that knows the protocol: aiohttp, as server and as client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import cycle

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bmv.commands.bench.front import Door, Office
from bmv.commands.bench.websocket import TEXT, Frames, Socket, dial, frame

SIZES = (0, 1, 125, 126, 65_535, 65_536, 200_000)


@settings(max_examples=50)
@given(
    sizes=st.lists(st.sampled_from((0, 5, 125, 126, 700, 65_535, 65_536)), max_size=5),
    masked=st.booleans(),
    steps=st.lists(st.integers(1, 3000), min_size=1, max_size=9),
)
def test_frames_are_the_same_however_the_stream_is_cut(sizes: list[int], masked: bool, steps: list[int]) -> None:
    stream = b"".join(frame(bytes([size % 251]) * size, masked=masked) for size in sizes)
    frames, found, place = Frames(), [], 0
    for step in cycle(steps):
        found += list(frames.feed(stream[place : place + step]))
        place += step
        if place >= len(stream):
            break
    assert found == [(TEXT, bytes([size % 251]) * size) for size in sizes]


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(autoping=True)
    await socket.prepare(request)
    await socket.ping(b"are you there")
    async for message in socket:
        await socket.send_str(message.data)
    return socket


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    app = web.Application()
    app.add_routes([web.get("/echo", _echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site.port
    await runner.cleanup()


async def test_a_client_is_understood_by_a_server_and_understands_it(echo_port: int) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    gone = asyncio.Event()
    socket = await dial(echo_port, "/echo", {"X-Anything": "else"})
    socket.hear, socket.gone = heard.put_nowait, gone.set
    for size in SIZES:
        socket.send(b"x" * size)
        assert await heard.get() == b"x" * size
    socket.close()
    await gone.wait()
    assert not socket.open
    socket.send(b"to nobody")


async def test_an_upgrade_that_is_refused_is_an_error(echo_port: int) -> None:
    with pytest.raises(ConnectionError, match="404"):
        await dial(echo_port, "/nowhere", {})


async def test_a_server_is_understood_by_a_client_and_understands_it() -> None:
    async def serve(office: Office) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: Door(office), "127.0.0.1", 0)

    sockets: list[tuple[str, Socket]] = []

    def opened(path: str, socket: Socket) -> None:
        sockets.append((path, socket))
        socket.hear = socket.send

    server = await serve(Office(opened=opened))
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, aiohttp.ClientSession() as http, http.ws_connect(f"{url}/v1/realtime?model=m") as socket:
        for size in SIZES:
            await socket.send_str("y" * size)
            assert await socket.receive_str() == "y" * size
        await socket.close()
    ((path, ours),) = sockets
    assert path == "/v1/realtime?model=m"
    assert not ours.open


async def test_the_door_answers_what_the_server_asks_of_twilio_and_of_the_speech_endpoint() -> None:
    placed: list[dict[str, str]] = []

    def place(form: dict[str, str]) -> str:
        placed.append(form)
        return "CA1"

    updated: list[str] = []
    office = Office(placed=place, updated=updated.append)
    server = await asyncio.get_running_loop().create_server(lambda: Door(office), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, aiohttp.ClientSession() as http:
        account = f"{url}/2010-04-01/Accounts/AC1"
        async with http.post(f"{account}/Calls.json", data={"To": "+1", "Twiml": "<a&b>"}) as answer:
            assert (answer.status, (await answer.json())["sid"]) == (201, "CA1")
        async with http.post(f"{account}/Calls/CA1.json", data={"Status": "completed"}) as answer:
            assert (await answer.json())["sid"] == "CA1"
        async with http.get(f"{account}/Conferences/CF1/Participants/CA1.json") as answer:
            assert (await answer.json())["hold"] is False
        async with http.get(f"{url}/v1/Workspaces/WS1/Tasks/WT1") as answer:
            assert "conference" in (await answer.json())["attributes"]
        async with http.post(f"{url}/v1/audio/speech", json={"input": "Good bye."}) as answer:
            assert len(await answer.read()) > 48_000
        async with http.get(f"{url}/something/else") as answer:
            assert answer.status == 404
    assert placed == [{"To": "+1", "Twiml": "<a&b>"}]
    assert updated == ["CA1"]
    assert office.spoken == 1
    assert office.unknown == ["GET /something/else"]
