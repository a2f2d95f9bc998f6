from dataclasses import replace

import pytest
from house import HOST
from practice import practice

from bmv.commands.doctor.findings import Level

pytestmark = pytest.mark.usefixtures("logs")


async def leads_here(_: int) -> str:
    return HOST


async def leads_another(_: int) -> str:
    return "new-name.ngrok.app"


async def test_without_a_running_ngrok_nothing_is_said_of_it() -> None:
    async with practice() as patient:
        found = await patient.examine()

    assert "ngrok" not in {finding.name for finding in found}


async def test_an_ngrok_with_the_name_of_the_settings_is_well() -> None:
    async with practice() as patient:
        patient.roads = replace(patient.roads, ngrok_host=leads_here)
        found = await patient.examine()
        found_with_scheme = await patient.examine(PUBLIC_HOST=f"https://{HOST.upper()}/")

    assert found.of("ngrok").level is found_with_scheme.of("ngrok").level is Level.OK


async def test_an_ngrok_with_a_new_name_is_a_warning_with_the_command_that_sets_it() -> None:
    async with practice() as patient:
        patient.roads = replace(patient.roads, ngrok_host=leads_another)
        found = await patient.examine()

    found.has("ngrok", "warning", "PUBLIC_HOST is another", "setup --host new-name.ngrok.app")


async def test_where_no_public_host_is_set_that_of_ngrok_is_looked_at() -> None:
    async with practice() as patient:
        patient.roads = replace(patient.roads, ngrok_host=leads_here)
        found = await patient.examine(PUBLIC_HOST="")

    found.has("ngrok", "warning", "PUBLIC_HOST is not set", "looked at below", f"setup --host {HOST}")
    assert set(found.bad) == {"ngrok"}
    assert found.of("media streams").level is Level.OK
