"""How a plan looks, on a wide screen, on a narrow one, and where there is none."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from bmv.commands.setup.setup_view import SetupView
from bmv.commands.setup.steps import Action, Change, EnvStep, Made, ResourceStep, Step
from bmv.telephony.account import Kind

OLD = "https://somewhere.example.com/a/rather/long/address"
NEW = "https://voice.example.com/reservation-accepted"
STEPS: list[Step] = [
    ResourceStep(
        Action.UPDATE,
        Kind.WORKSPACE,
        "WS1",
        "Mine",
        "TaskRouter “[bold]Mine[/]”",
        (
            Change("event_callback_url", "event callback", OLD, NEW),
            Change("events_filter", "events", "a", "a,b", ("", "reservation.created, reservation.accepted")),
            Change("status", "status", "the same", "the same"),
        ),
    ),
    EnvStep((Change("TWILIO_FLEX_APP_SID", "TWILIO_FLEX_APP_SID", "", Made(Kind.APP)),), creates=True),
]


def shown(width: int) -> list[str]:
    screen = StringIO()
    SetupView(Console(file=screen, width=width, highlight=False)).plan(STEPS, ["[red]mind[/] this"])
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_side_by_side_where_there_is_room() -> None:
    lines = shown(150)
    assert lines[0].split() == ["What", "Now", "Then"]
    assert lines[1] == "1. TaskRouter “[bold]Mine[/]”"
    assert lines[2].split() == ["event", "callback", OLD, NEW]
    assert lines[3].split(maxsplit=2) == ["events", "–", "reservation.created, reservation.accepted"]
    assert lines[4] == "2. .env (new)"
    assert lines[5].split(maxsplit=2) == ["TWILIO_FLEX_APP_SID", "–", "the new TwiML App"]
    assert lines[6:] == ["! [red]mind[/] this"]


@pytest.mark.parametrize("width", [80, 100])
def test_below_each_other_where_an_address_would_be_broken(width: int) -> None:
    lines = shown(width)
    assert max(map(len, lines)) <= width
    assert [line.split() for line in lines[:4]] == [
        ["1.", "TaskRouter", "“[bold]Mine[/]”"],
        ["event", "callback", OLD],
        ["→", NEW],
        ["events", "→", "reservation.created,", "reservation.accepted"],
    ]


def test_a_name_cannot_give_orders_to_the_terminal_or_forge_a_line() -> None:
    screen = StringIO()
    view = SetupView(Console(file=screen, width=150, highlight=False))
    name = "Mine\x1b[2J\x9b31m\u202e\ndone  all"
    change = Change("voice_url", "a call comes in", name, "https://voice.example.com/")
    view.plan([ResourceStep(Action.UPDATE, Kind.NUMBER, "PN1", name, name, (change,))], [])
    view.left([name.replace("\n", "")])
    shown = screen.getvalue()
    assert not [each for each in shown if not each.isprintable() and each != "\n"]
    assert "1. Mine [2J 31m done all " in shown
