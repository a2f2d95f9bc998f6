"""What `python -m bmv setup` leaves is what `python -m bmv doctor` finds well."""

import asyncio
from pathlib import Path

import pytest
from house import CALLER_NUMBER, FLEX_NUMBER
from practice import practice

from bmv.commands.setup import SetupRequest, setup
from bmv.config import read_environment
from bmv.simulator.twilio import Number

pytestmark = pytest.mark.usefixtures("logs")

NEW = "https://demo.twilio.com/welcome/voice/"


@pytest.mark.parametrize("studio", [True, False])
@pytest.mark.parametrize("app", [True, False])
async def test_what_setup_leaves_the_doctor_finds_well(studio: bool, app: bool, tmp_path: Path) -> None:
    async with practice() as patient:
        twilio, router = patient.house.twilio, patient.house.twilio.task_router
        assert router is not None
        twilio.numbers.update({CALLER_NUMBER: Number(NEW), FLEX_NUMBER: Number(NEW)})
        router.event_callback_url, router.events = None, None
        lines = [f"{name}={text}" for name, text in patient.settings.items()]
        (tmp_path / ".env").write_text("\n".join(lines), "utf-8")

        before = await patient.examine()
        code = await asyncio.to_thread(setup, SetupRequest(yes=True, studio=studio, app=app), tmp_path)
        patient.settings = read_environment(tmp_path / ".env", {})
        after = await patient.examine()

    assert code == 0
    assert before.bad.keys() >= {"caller number", "flex number", "events"}
    assert not after.bad
    assert not after.skipped
