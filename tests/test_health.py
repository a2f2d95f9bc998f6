"""Liveness and readiness, over real HTTP."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bmv.web.health import Check, Health


async def ask(checks: dict[str, Check], path: str) -> tuple[int, object]:
    app = web.Application()
    app.add_routes(Health(checks).routes())
    async with TestClient(TestServer(app)) as client:
        response = await client.get(path)
        assert response.content_type == "application/json"
        return response.status, await response.json()


def well() -> str | None:
    return None


async def test_a_process_that_answers_is_alive_whatever_is_wrong() -> None:
    assert await ask({"carrier": lambda: "Twilio refused"}, "/live") == (200, {"live": True})


@pytest.mark.parametrize("checks", [{}, {"carrier": well, "capacity": well}], ids=["no checks", "all well"])
async def test_a_process_without_problems_is_ready(checks: dict[str, Check]) -> None:
    assert await ask(checks, "/ready") == (200, {"ready": True, "problems": {}})


async def test_readiness_says_everything_that_is_in_the_way_and_only_that() -> None:
    checks: dict[str, Check] = {
        "draining": lambda: "the process is shutting down",
        "capacity": well,
        "translator": lambda: "the key is wrong",
    }
    problems = {"draining": "the process is shutting down", "translator": "the key is wrong"}
    assert await ask(checks, "/ready") == (503, {"ready": False, "problems": problems})


async def test_readiness_is_looked_at_anew_each_time() -> None:
    problems: list[str | None] = ["not yet", None]
    app = web.Application()
    app.add_routes(Health({"translator": lambda: problems.pop(0)}).routes())
    async with TestClient(TestServer(app)) as client:
        assert [(await client.get("/ready")).status for _ in range(2)] == [503, 200]
