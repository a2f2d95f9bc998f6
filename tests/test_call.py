"""`python -m bmv call`: a thin client of the running server, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from wires import AGENT_SID, API_TOKEN, CALLER_SID, House, house

from bmv.call.leg import Role
from bmv.call.state import EndReason
from bmv.commands import main
from bmv.commands.call import STATES, CallRequest, call
from bmv.commands.exits import DONE, FAILED, WRONG_SETTINGS
from bmv.web.orders import AgentPlaces

ON_A_PHONE = AgentPlaces("+14155550123", flex=False)
MARIA = CallRequest("+34911222333", "spanish")


async def ordered(home: House, request: CallRequest = MARIA, token: str = API_TOKEN) -> asyncio.Future[int]:
    """The command, running beside the test; gives its exit code."""
    server = str(home.url.origin())
    return asyncio.ensure_future(asyncio.to_thread(call, request, server=server, token=token))


async def picks_up(home: House, role: Role, call_sid: str) -> None:
    async with asyncio.timeout(5):
        while not (mine := [each for each in home.carrier.dialled if each.role is role]):
            await asyncio.sleep(0.005)
    parameters = {"bmv_call_id": mine[0].call_id, "bmv_role": role.value, "bmv_token": mine[0].token}
    await home.stream(parameters, call_sid=call_sid)


@asynccontextmanager
async def something_else(answer: web.Response) -> AsyncIterator[str]:
    """What listens at an address that is no server of ours."""

    async def handle(_request: web.Request) -> web.Response:
        return answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def test_it_tells_how_far_the_call_is_and_leaves_when_both_can_talk(capsys: pytest.CaptureFixture[str]) -> None:
    async with house(agents=ON_A_PHONE) as home:
        command = await ordered(home)
        await picks_up(home, Role.AGENT, AGENT_SID)
        await picks_up(home, Role.CALLER, CALLER_SID)
        assert await command == DONE
        (running,) = home.carrier.dialled[:1]
        assert home.registry.find(running.call_id) is not None  # which goes on
    lines = capsys.readouterr().out.splitlines()
    assert f"Call {running.call_id}" in lines
    assert STATES["bridged"] in lines


async def test_a_call_that_comes_to_nothing_is_a_failure_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    async with house(agents=ON_A_PHONE) as home:
        command = await ordered(home)
        placed = await home.carrier.until_dialled()
        running = home.registry.find(placed.call_id)
        assert running is not None
        running.end(EndReason.AGENT_UNAVAILABLE)
        assert await command == FAILED
    assert "agent_unavailable" in capsys.readouterr().err


async def test_what_the_server_refuses_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    async with house() as home:
        assert await (await ordered(home, CallRequest("911", "klingon", "pigeon"))) == FAILED
        assert len(home.registry) == 0
    told = capsys.readouterr().err
    assert told.count("\n  - ") == 3


async def test_with_another_token_nothing_happens(capsys: pytest.CaptureFixture[str]) -> None:
    async with house() as home:
        assert await (await ordered(home, token="another-token-than-that")) == FAILED
        assert len(home.registry) == 0
    told = capsys.readouterr().err
    assert "API_TOKEN" in told
    assert "another-token" not in told


@pytest.mark.parametrize("token", ["", "  ", '""'])
def test_without_a_token_it_says_so(
    token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN", token)
    assert main(["call", "+34911222333", "--language", "es"]) == WRONG_SETTINGS
    assert "API_TOKEN" in capsys.readouterr().err


async def test_the_settings_are_read_as_the_server_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as home:
        monkeypatch.setenv("API_TOKEN", f'"{API_TOKEN}"')  # as docker run --env-file hands it over
        monkeypatch.setenv("API_HOST", str(home.url.host))
        monkeypatch.setenv("API_PORT", str(home.url.port))
        command = asyncio.ensure_future(asyncio.to_thread(main, ["call", "+34911222333", "--language", "es"]))
        placed = await home.carrier.until_dialled()
        running = home.registry.find(placed.call_id)
        assert running is not None
        running.end(EndReason.AGENT_UNAVAILABLE)
        assert await command == FAILED


@pytest.mark.parametrize(
    ("host", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("localhost", "localhost")],  # noqa: S104
)
def test_the_server_of_this_machine_is_asked_where_it_listens(
    host: str, asked: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("API_TOKEN", API_TOKEN), ("API_HOST", host), ("API_PORT", "1")):
        monkeypatch.setenv(name, value)
    assert main(["call", "+34911222333", "--language", "es"]) == FAILED
    assert f"cannot be reached at http://{asked}:1/calls: " in capsys.readouterr().err


def test_where_nobody_listens_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(MARIA, server="http://127.0.0.1:1", token=API_TOKEN) == FAILED
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>", content_type="text/html"),
        web.Response(text="{", content_type="application/json"),
        web.json_response([]),
        web.json_response({}, status=502),
        web.json_response({"problems": 5}),
        web.json_response({"id": "x", "state": "waiting"}),
        web.json_response({"id": "x", "state": ["ordered"]}),
        web.json_response({"id": 7, "state": "ordered"}),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    ],
    ids=["html", "broken", "a list", "bad gateway", "problems", "state", "states", "id", "redirect"],
)
async def test_what_is_no_server_of_ours_is_named_so(answer: web.Response, capsys: pytest.CaptureFixture[str]) -> None:
    async with something_else(answer) as server:
        assert await asyncio.to_thread(call, MARIA, server=server, token=API_TOKEN) == FAILED
    assert "http://127.0.0.1" in capsys.readouterr().err


def test_the_command_line_takes_number_and_language(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN", API_TOKEN)
    arguments = ["call", "+34911222333", "--language", "es", "--agent", "client:alex", "--server", "http://127.0.0.1:1"]
    assert main(arguments) == FAILED
    assert "http://127.0.0.1:1/calls" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["call", "+34911222333"])
