"""An account and a folder to set up: the fake Twilio, a .env beside its sample, and the command, run in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bmv.commands.setup import SetupRequest, setup
from bmv.config import SETTINGS
from bmv.simulator.twilio import App, FakeTwilio, Number, TaskRouter
from bmv.simulator.twilio.holdings import Flex, Revision, StudioFlow
from bmv.telephony.taskrouter import MEANINGS

ROOT = Path(__file__).parent.parent
HOST, NEW_HOST = "voice.example.com", "new.example.org"
ACCOUNT, TOKEN = "AC" + "1" * 32, "auth-token-of-the-tests"
WORKFLOW = "WW" + "2" * 32
CALLER, FLEX, OTHER = "+14155550100", "+14155550199", "+14155550155"
SHORT = 1.0
"""Seconds for a request that is to fail for want of an answer; those that are answered take hundredths."""
PATIENT = 30.0
"""Seconds for one that is answered, or refused, or broken off, however busy the machine is."""

NAMED: dict[str, Any] = {"host": HOST, "caller_number": CALLER, "flex_number": FLEX}
"""What a first setup has to be told where nobody can be asked."""

EVENTS = ",".join(MEANINGS)
JOURNAL = ".bmv-setup.json"
FOREIGN_FLOW: dict[str, Any] = {
    "description": "Somebody's",
    "initial_state": "Trigger",
    "states": [{"name": "Trigger", "type": "trigger", "transitions": [], "properties": {}}],
}


def leading_to(host: str) -> dict[str, Any]:
    """A flow that an earlier version may have made: it leads to a server of this kind."""
    variables = {"variables": [{"key": "public_host", "value": host}]}
    start = {"name": "Start", "type": "set-variables", "transitions": [], "properties": variables}
    return {**FOREIGN_FLOW, "states": [*FOREIGN_FLOW["states"], start]}


OLD_FLOW = leading_to(HOST)


def patience(how: str) -> float:
    """Seconds for each request of a run that something breaks in a way that has this name."""
    return SHORT if how == "hanging" else PATIENT


@dataclass(frozen=True)
class Ran:
    """What came of one run of the command."""

    code: int
    out: str
    err: str
    writes: list[tuple[str, str]]
    """Method and path of every request that is no GET."""


@dataclass
class Place:
    """The account and the folder."""

    twilio: FakeTwilio
    folder: Path
    capsys: pytest.CaptureFixture[str]
    tunnel: str | None = None

    async def setup(self, *, seconds: float = PATIENT, **options: Any) -> Ran:
        """Run it, with nobody at a terminal."""
        self.capsys.readouterr()
        before = len(self.twilio.requests)
        request = SetupRequest(**options)
        code = await asyncio.to_thread(setup, request, self.folder, tunnel=self._tunnel, request_seconds=seconds)
        told = self.capsys.readouterr()
        assert TOKEN not in told.out + told.err
        assert "Traceback" not in told.out + told.err
        requests = [(each.method, each.path) for each in self.twilio.requests[before:]]
        return Ran(code, told.out, told.err, [each for each in requests if each[0] != "GET"])

    async def _tunnel(self, _port: int) -> str | None:
        return self.tunnel

    @property
    def env(self) -> Path:
        return self.folder / ".env"

    @property
    def journal(self) -> Path:
        return self.folder / JOURNAL

    @property
    def router(self) -> TaskRouter:
        assert self.twilio.task_router is not None
        return self.twilio.task_router

    def flow(self) -> StudioFlow:
        """The one flow of our name."""
        (flow,) = [each for each in self.twilio.account.flows if each.name == "Be My Voice"]
        return flow

    def state(self) -> dict[str, Any]:
        """Everything that setup may change, as values."""
        routers = [self.twilio.task_router, *self.twilio.account.more_workspaces]
        return {
            "numbers": {number: as_given(each) for number, each in self.twilio.numbers.items()},
            "apps": dict(self.twilio.apps),
            "workspaces": [(each.event_callback_url, tuple(each.events or ())) for each in routers if each],
            "flows": {each.sid: (each.name, each.latest.definition, each.latest.status) for each in self.flows()},
            "files": {each.name: each.read_bytes() for each in self.folder.iterdir() if each.is_file()},
        }

    def flows(self) -> list[StudioFlow]:
        return self.twilio.account.flows


def as_given(number: Number) -> Number:
    """A number whose empty values are all empty in the same way."""
    return replace(number, status_callback=number.status_callback or None)


@asynccontextmanager
async def place(folder: Path, capsys: pytest.CaptureFixture[str], *, env: str | None = "") -> AsyncIterator[Place]:
    """Open it. `env` stands in .env below the account's settings; None: there is no .env."""
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    twilio.numbers[CALLER] = Number("https://demo.twilio.com/welcome/voice/", name="Support")
    twilio.numbers[FLEX] = Number("https://flex.example.com/old", voice_method="GET", name="Sales")
    twilio.task_router = TaskRouter(workflows=[WORKFLOW])
    twilio.account.flex = Flex()
    async with twilio:
        (folder / ".env.sample").write_bytes((ROOT / ".env.sample").read_bytes())
        if env is not None:
            (folder / ".env").write_bytes((_lines(twilio) + env).encode())
        yield Place(twilio, folder, capsys)


def account_settings(twilio: FakeTwilio) -> list[tuple[str, str]]:
    """The settings that lead to this account, where they do not stand in .env."""
    return [
        ("TWILIO_ACCOUNT_SID", ACCOUNT),
        ("TWILIO_AUTH_TOKEN", TOKEN),
        ("TWILIO_API_BASE_URL", twilio.url),
        ("OPENAI_API_KEY", "sk-of-the-tests"),
    ]


def account_from_environment(twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set them in the environment, where there is no .env."""
    for name, value in account_settings(twilio):
        monkeypatch.setenv(name, value)


def _lines(twilio: FakeTwilio) -> str:
    """The same as lines of .env."""
    return (
        f"# Ours.\nTWILIO_ACCOUNT_SID={ACCOUNT}\nTWILIO_AUTH_TOKEN='{TOKEN}' # keep it\n"
        f"TWILIO_API_BASE_URL={twilio.url}\nOPENAI_API_KEY=sk-of-the-tests\n"
    )


def old_flow(name: str = "Be My Voice", status: str = "published", host: str = HOST) -> StudioFlow:
    """A flow of our name, that leads to us in some older way."""
    return StudioFlow(name, [Revision(leading_to(host), status)])


def something_old(home: Place) -> None:
    """An app and a flow of our name are there already."""
    home.twilio.apps["AP" + "7" * 32] = App(f"https://{HOST}/old", name="Be My Voice")
    home.twilio.account.flows.append(old_flow())


def leads_to(home: Place, host: str = HOST) -> None:
    """Both numbers and the workspace lead to a host."""
    caller, flex = home.twilio.numbers[CALLER], home.twilio.numbers[FLEX]
    assert (caller.voice_url, caller.voice_method) == (f"https://{host}/welcome", "POST")
    assert (caller.status_callback, caller.status_callback_method) == (f"https://{host}/call-status", "POST")
    assert (flex.voice_url, flex.voice_method) == (f"https://{host}/outbound-call", "POST")
    assert home.router.event_callback_url == f"https://{host}/reservation-accepted"
    assert set(MEANINGS) <= set(home.router.events or ())


async def nothing_more(home: Place, **options: Any) -> None:
    """A second run has nothing to do, and does nothing."""
    before = home.state()
    again = await home.setup(**options)
    assert (again.code, again.writes) == (0, [])
    assert "Nothing to do" in again.out
    assert home.state() == before


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment in which the tests run."""
    for setting in SETTINGS:
        for name in filter(None, (setting.name, setting.also)):
            monkeypatch.delenv(name, raising=False)
