"""`python -m bmv agent-link`: prints a link that the server with the same settings takes."""

from __future__ import annotations

import time

import pytest

from bmv.commands.agent_link import agent_link
from bmv.commands.arguments import parse
from bmv.commands.exits import DONE, WRONG_SETTINGS
from bmv.web.links import LinkRefused, Links, Purpose, secret_of

WORKER = "WK" + "a1" * 16
SETTINGS = {"PUBLIC_HOST": "voice.example.com", "TWILIO_AUTH_TOKEN": "auth-token"}


def printed(capsys: pytest.CaptureFixture[str], hours: float, **more: str) -> str:
    assert agent_link(WORKER, hours=hours, environ=SETTINGS | more) == DONE
    host, _, token = capsys.readouterr().out.strip().partition("/agent/")
    assert host == "https://voice.example.com"
    return token


@pytest.mark.parametrize("secret", ["", "a-secret-of-our-own"])
def test_the_link_is_for_this_worker_and_for_so_many_hours(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    token = printed(capsys, 2, LINK_SECRET=secret)
    for later, good in ((7190, True), (7210, False)):
        now = time.time() + later
        links = Links("voice.example.com", secret_of(secret, "auth-token"), clock=lambda now=now: now)  # type: ignore[misc]
        if good:
            assert links.subject(Purpose.AGENT, token) == WORKER
        else:
            with pytest.raises(LinkRefused):
                links.subject(Purpose.AGENT, token)


def test_what_is_missing_is_told_all_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert agent_link(WORKER, hours=12, environ={"LINK_SECRET": "short"}) == WRONG_SETTINGS
    told = capsys.readouterr().err
    assert [line.split()[0] for line in told.splitlines()] == ["PUBLIC_HOST", "TWILIO_AUTH_TOKEN", "LINK_SECRET"]
    assert "short" not in told.split("LINK_SECRET")[0]


def test_it_is_typed_with_a_worker_and_hours(capsys: pytest.CaptureFixture[str]) -> None:
    assert vars(parse(["agent-link", WORKER])) == {"command": "agent-link", "worker": WORKER, "hours": 12.0}
    assert parse(["agent-link", WORKER, "--hours", "0.5"]).hours == 0.5
    for wrong in (["agent-link"], ["agent-link", "WK1"], ["agent-link", WORKER, "--hours", "0"]):
        with pytest.raises(SystemExit) as left:
            parse(wrong)
        assert left.value.code == WRONG_SETTINGS
    assert "WK followed by 32" in capsys.readouterr().err
