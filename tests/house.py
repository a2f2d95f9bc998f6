"""The whole house for end-to-end tests: the real server between a fake Twilio and a fake OpenAI, on real sockets."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from notices import record_notices

from bmv import languages
from bmv.app import Server, serving
from bmv.audio import mulaw
from bmv.call.captions import Caption
from bmv.call.metronome import Metronome
from bmv.config import Settings
from bmv.languages import Sentence
from bmv.simulator.openai import Brain, EchoBrain, EchoTurns, FakeOpenAI, TurnBrain
from bmv.simulator.twilio import Agent, Call, FakeTwilio, Number, Party, TaskRouter

HOST = "voice.example.com"
ACCOUNT = "AC" + "1" * 32
WORKFLOW = "WW" + "2" * 32
APP = "AP" + "3" * 32
TOKEN = "auth-token-of-the-tests"
KEY = "sk-of-the-tests"
CALLER_NUMBER = "+14155550100"
FLEX_NUMBER = "+14155550199"
MARIA_NUMBER = "+34911222333"
EVENTS = (
    "reservation.created",
    "reservation.accepted",
    "reservation.wrapup",
    "reservation.completed",
    "task.canceled",
)


@dataclass
class House:
    """A running server and the world around it."""

    twilio: FakeTwilio
    openai: FakeOpenAI
    server: Server
    captions: list[Caption]
    base_url: str

    async def calls(self, *, language: str = "es", from_: str = MARIA_NUMBER) -> tuple[Party, Call]:
        """Somebody calls, and streams."""
        self.twilio.numbers[CALLER_NUMBER] = Number(
            voice_url=f"https://{HOST}/incoming-call?lang={language}", status_callback=f"https://{HOST}/call-status"
        )
        maria = Party("Maria")
        call = await self.twilio.dial(from_=from_, to=CALLER_NUMBER, party=maria)
        await call.streaming(timeout=10)
        return maria, call

    async def accepts(self, *, beep: bool = True) -> tuple[Party, Agent]:
        """An agent takes the next call."""
        alex = Party("Alex")
        reservation = await self.twilio.next_reservation(timeout=20)
        return alex, await reservation.accept(party=alex, beep=beep)

    async def empty(self, seconds: float = 5.0) -> None:
        """Wait until no call is running any more."""
        async with asyncio.timeout(seconds):
            while len(self.server.registry):
                await asyncio.sleep(0.02)


class Unhurried(Metronome):
    """Never says that the server does not keep up: here the whole world is on its event loop, and others beside it."""

    def measure(self, late: float, now: float) -> None:
        self.late.add(late)


def says(language: str, sentence: Sentence) -> tuple[str, str]:
    """A sentence as the fake Twilio notes that somebody heard it."""
    spoken = languages.get(language)
    return spoken.sentences[sentence], spoken.say_language


async def tells(speaker: Party, sentence: bytes, listener: Party) -> bytes:
    """Somebody tells somebody something; gives all that the other heard from then on until it is quiet again."""
    before = listener.frames_heard * mulaw.FRAME_BYTES
    speaker.say(sentence)
    await speaker.done_speaking(timeout=15)
    await asyncio.sleep(0.5)
    await listener.hears_quiet(1.5, timeout=15)
    return listener.heard[before:]


@cache
def own_notices() -> Path:
    """A folder with recordings of everything we say during a call, so that nothing has to be rendered."""
    folder = TemporaryDirectory(prefix="bmv-notices-")
    atexit.register(folder.cleanup)
    record_notices(Path(folder.name))
    return Path(folder.name)


def environment(twilio: FakeTwilio, openai: FakeOpenAI, changes: Mapping[str, str]) -> dict[str, str]:
    """The settings of a server in this house: nothing is heard but what people say, unless a test wants it."""
    return {
        "PUBLIC_HOST": HOST,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_CALLER_NUMBER": CALLER_NUMBER,
        "TWILIO_FLEX_NUMBER": FLEX_NUMBER,
        "TWILIO_FLEX_WORKFLOW_SID": WORKFLOW,
        "OPENAI_API_KEY": KEY,
        "TRANSLATOR": "openai",
        "INTERPRETER_NOTICE": "off",
        "HOLD_AUDIO": "quiet",
        "API_HOST": "127.0.0.1",
        "API_PORT": "0",
        "PROMPTS_DIR": str(own_notices()),
        "PROMPTS_CACHE_DIR": str(own_notices() / "cache"),
        "TWILIO_API_BASE_URL": twilio.url,
        "OPENAI_BASE_URL": openai.url,
    } | dict(changes)


@asynccontextmanager
async def house(
    *,
    events: tuple[str, ...] = EVENTS,
    brain: type[Brain] = EchoBrain,
    turns: type[TurnBrain] = EchoTurns,
    azure: Mapping[str, str] | None = None,
    pace: float = 1.0,
    say: Callable[[str, str], bytes] | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
    metronome: Metronome | None = None,
    **changes: str,
) -> AsyncIterator[House]:
    """Open the house; `settings` and `changes` are settings by their names. On leaving, everything must be over.

    `azure` makes OpenAI a resource of Azure's with these deployments.

    Without `say` the sentences of `<Say>` take no time, which keeps the tests short. Without a `metronome` of its own
    the server takes every call, however busy this machine is.
    """
    before = asyncio.all_tasks()
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, say=say)
    twilio.numbers[CALLER_NUMBER] = Number(voice_url=f"https://{HOST}/welcome")
    twilio.numbers[FLEX_NUMBER] = Number(voice_url=f"https://{HOST}/outbound-call")
    twilio.task_router = TaskRouter(
        event_callback_url=f"https://{HOST}/reservation-accepted", events=events, workflows={WORKFLOW}
    )
    captions: list[Caption] = []
    async with twilio, FakeOpenAI(brain, turns=turns, api_key=KEY, azure=azure, pace=pace) as openai:
        loaded = Settings.load(environment(twilio, openai, {**settings, **changes}))
        async with serving(loaded, metronome or Unhurried()) as server:
            base_url = f"http://127.0.0.1:{server.port}"
            twilio.route(HOST, base_url)
            with server.captions.reading(captions.append):
                yield House(twilio, openai, server, captions, base_url)
                await house_is_quiet(twilio, openai, server)
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert not left, left


async def house_is_quiet(twilio: FakeTwilio, openai: FakeOpenAI, server: Server) -> None:
    """Everything that costs money has ended by itself."""
    async with asyncio.timeout(5):
        while len(server.registry) or openai.open_sessions:
            await asyncio.sleep(0.02)
        for call in twilio.calls.values():
            await call.ended(timeout=5)
            await call.postman.delivered()
