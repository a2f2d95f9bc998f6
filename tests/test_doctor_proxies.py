"""The doctor before the real proxies of docs/deploy/, as they are and with the mistakes that are made with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from practice import Patient, practice, roads
from proxies import KINDS, NGINX, NO_CHANGES, proxy, trust

from bmv.commands.doctor.findings import Level

pytestmark = pytest.mark.usefixtures("logs")


@asynccontextmanager
async def behind(kind: str, changes: Mapping[str, str] = NO_CHANGES) -> AsyncIterator[Patient]:
    """A house in order behind a real proxy."""
    async with practice() as patient, proxy(kind, patient.house.base_url, changes) as running:
        patient.roads = replace(roads(running.port), tls=trust())
        yield patient


@pytest.mark.parametrize("kind", KINDS)
async def test_the_documented_proxies_are_well(kind: str) -> None:
    async with behind(kind) as patient:
        found = await patient.examine()

    assert not found.bad
    assert not found.skipped


async def test_an_nginx_that_passes_no_upgrade_on_is_found_out() -> None:
    changes = {"proxy_set_header      Upgrade    $http_upgrade;": ""}
    async with behind(NGINX, changes) as patient:
        found = await patient.examine()

    assert found.of("webhooks").level is Level.OK
    found.has("media streams", "fault", "does not pass WebSockets on", "proxy_set_header Upgrade and Connection")


async def test_an_nginx_that_puts_something_before_each_path_is_found_out() -> None:
    changes = {"proxy_pass http://127.0.0.1:5050;": "proxy_pass http://127.0.0.1:5050/voice/;"}
    async with behind(NGINX, changes) as patient:
        found = await patient.examine()

    found.has("public server", "fault", "it is not this server")


async def test_an_nginx_before_no_server_is_found_out() -> None:
    async with practice() as patient, proxy(NGINX, "http://127.0.0.1:1") as running:
        patient.roads = replace(roads(running.port), tls=trust())
        found = await patient.examine()

    found.has("public server", "fault", "no server is behind it (HTTP 502)", "make run")
    found.has("local server", "ok", "answers on this machine")
