import time

import pytest
from practice import practice

pytestmark = pytest.mark.usefixtures("logs")


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        (0, "ok", "right"),
        (-20, "ok", "right"),
        (60, "warning", "s ahead of"),
        (-60, "warning", "s behind"),
        (400, "fault", "s ahead of"),
        (-3600, "fault", "s behind"),
    ],
)
async def test_a_clock_is_compared_with_the_date_of_twilios_answer(ahead: float, level: str, words: str) -> None:
    async with practice(now=lambda: time.time() + ahead) as patient:
        found = await patient.examine()

    found.has("clock", level, words)
