"""The world around the server: telephone company and translator, simulated, with lines that know each other apart.

Each line has languages of its own for caller and agent. A translator session tells its language and nothing else, so
only thus can a fault be given to one direction of one call.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from bmv.audio import mulaw
from bmv.audio.wav import write_wav
from bmv.commands.soak.overheard import Mirror, MirrorTurns
from bmv.commands.soak.subject import Subject
from bmv.languages import IN_STREAM
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import App, FakeTwilio, Number, Reservation, Task, TaskRouter, Worker

HOST = "voice.example.com"
ACCOUNT, WORKFLOW, APP = "AC" + "5" * 32, "WW" + "5" * 32, "AP" + "5" * 32
OWN_NUMBER = "+14155550100"

# Of caller and agent. Arabic, Polish, Turkish, Ukrainian, Dutch and Cantonese are no languages that the continuous
# model speaks, so there is the turn-based one: in both directions, in one, or in none.
LANGUAGES: Sequence[tuple[str, str]] = (
    ("es", "en"),
    ("fr", "de"),
    ("pl", "ar"),
    ("nl", "it"),
    ("ja", "ko"),
    ("tr", "uk"),
    ("pt", "zh"),
    ("ru", "yue"),
    ("hi", "vi"),
)

SENTENCES: Mapping[str, tuple[str, Sequence[str]]] = {
    "caller": (
        "es",
        (
            "Muchas gracias por su ayuda.",
            "Mi pedido no ha llegado.",
            "El paquete estaba roto.",
            "Quiero cambiar la dirección.",
            "Cuatro mil setecientos doce.",
        ),
    ),
    "agent": (
        "en",
        (
            "Your parcel arrives on Friday.",
            "What is your order number?",
            "I will look that up for you.",
            "Please hold the line for a moment.",
            "We will send you a new one.",
        ),
    ),
}
"""What they say. Which language it is does not matter to a mirror, but both must not say the same at once: the server
would take the one for an echo of the other."""

TIME_STEP = 0.02
WEBHOOKS_KEPT = 2000  # of all calls that are running; each has some twenty


@dataclass(frozen=True)
class Line:
    """A number to dial, and the one agent who takes what is dialled there."""

    number: str
    caller: str
    agent: str
    worker: Worker

    @property
    def languages(self) -> str:
        """Of caller and agent."""
        return f"{self.caller}-{self.agent}"


@dataclass
class World:
    """Everything that the calls of a soak share."""

    twilio: FakeTwilio
    openai: FakeOpenAI
    judges: Executor
    lines: Sequence[Line]
    auth_token: str
    clock: Callable[[], float]
    subject: Subject | None = None
    reservations: dict[str, asyncio.Queue[Reservation]] = field(default_factory=lambda: defaultdict(asyncio.Queue))
    """By our call's id."""
    lates: list[tuple[float, float]] = field(default_factory=list)
    """When (loop time) something was late by more than a step, and by how much."""
    lateness: list[float] = field(default_factory=list)
    """By how much each step of the simulator was late."""
    spells: list[tuple[str, float, float]] = field(default_factory=list)
    """What befell everybody, and from when to when (loop time)."""
    calm: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the weather while there is any, and by who needs it to wait."""

    @cached_property
    def sentences(self) -> Mapping[str, Sequence[bytes]]:
        """What caller and agent say, mu-law; the first time it takes half a second."""
        return {who: [voices.speak(text, language) for text in texts] for who, (language, texts) in SENTENCES.items()}

    def worst_since(self, began: float) -> float:
        """By how much anything was late since then."""
        return max((late for when, late in self.lates if when >= began), default=0.0)

    @contextlib.contextmanager
    def during(self, kind: str) -> Iterator[None]:
        """Note that this befalls everybody while inside."""
        began = self.clock()
        self.spells.append((kind, began, math.inf))
        try:
            yield
        finally:
            self.spells[-1] = kind, began, self.clock()

    def befell(self, kind: str, since: float) -> bool:
        """Whether there was such weather at any time since then."""
        return any(each == kind and ended >= since for each, _, ended in self.spells)

    async def hand_out(self) -> None:
        """Bring every reservation to the call that it is for."""
        while True:
            with contextlib.suppress(TimeoutError):
                reservation = await self.twilio.next_reservation(timeout=3600)
                self.reservations[str(reservation.task.attributes.get("bmv_call_id"))].put_nowait(reservation)

    async def watch_the_clock(self) -> None:
        """Note how late this process is."""
        due = self.clock() + TIME_STEP
        while True:
            await asyncio.sleep(max(0.0, due - self.clock()))
            late = self.clock() - due
            self.note_late(late)
            self.lateness.append(late)
            due = self.clock() + TIME_STEP

    def note_late(self, seconds: float) -> None:
        """Something was late, now."""
        if seconds > TIME_STEP:
            self.lates.append((self.clock(), seconds))

    def close_idle(self) -> None:
        """Close what the server keeps open for the next request: how many there are says nothing of what is left."""
        self.twilio.close_idle()
        self.openai.close_idle()

    def forget(self, over: Collection[str] = ()) -> None:
        """Drop what is over, and these telephone calls, or an hour of soaking fills the memory with recordings."""
        for sid in over:
            self.twilio.calls.pop(sid, None)
        del self.twilio.webhooks[:-WEBHOOKS_KEPT], self.twilio.requests[:-WEBHOOKS_KEPT]
        self.openai.sessions[:] = [each for each in self.openai.sessions if each.closed_by is None]
        self.openai.conversations[:] = [each for each in self.openai.conversations if each.closed_by is None]


@asynccontextmanager
async def opened(judges: Executor, *, lines: int) -> AsyncIterator[World]:
    """Open a world with so many lines; its server is yet to come."""
    router = TaskRouter(f"https://{HOST}/reservation-accepted", workflows={WORKFLOW}, workers=[], suits=_suits)
    auth_token = secrets.token_hex(16)
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=auth_token)
    twilio.task_router = router
    twilio.numbers[OWN_NUMBER] = Number(f"https://{HOST}/welcome")
    twilio.apps[APP] = App(f"https://{HOST}/outbound-call")
    made = []
    for place, (caller, agent) in enumerate(LANGUAGES[:lines]):
        number = f"+1415555020{place}"
        url = f"https://{HOST}/incoming-call?lang={caller}"
        twilio.numbers[number] = Number(url, status_callback=f"https://{HOST}/call-status")
        worker = Worker(f"agent{place}", {"languages": [agent], "takes": caller})
        router.workers.append(worker)
        made.append(Line(number, caller, agent, worker))
    async with twilio, FakeOpenAI(Mirror, turns=MirrorTurns, api_key=secrets.token_hex(16)) as openai:
        yield World(twilio, openai, judges, made, auth_token, asyncio.get_running_loop().time)


def settings(world: World, folder: Path) -> dict[str, str]:
    """What the server is told: a server as in production, without greetings that would be heard among the words."""
    return {
        "PUBLIC_HOST": HOST,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": world.auth_token,
        "TWILIO_CALLER_NUMBER": OWN_NUMBER,
        "TWILIO_FLEX_APP_SID": APP,
        "TWILIO_FLEX_WORKFLOW_SID": WORKFLOW,
        "TWILIO_API_BASE_URL": _by_name(world.twilio.url),
        "OPENAI_API_KEY": world.openai.api_key,
        "OPENAI_BASE_URL": _by_name(world.openai.url),
        "TRANSLATOR": "openai",
        "TRANSLATOR_FALLBACK": "openai-interpreter",
        "INTERPRETER_NOTICE": "off",
        "HOLD_AUDIO": "quiet",
        "HOLD_MESSAGE_SECONDS": "0",
        "PROMPTS_DIR": str(folder),
        "PROMPTS_CACHE_DIR": str(folder / "cache"),
        "MAX_CALLS": str(2 * len(world.lines)),
        "SHUTDOWN_GRACE_SECONDS": "60",
        "METRICS_TOKEN": secrets.token_hex(16),
        "LOG_FORMAT": "json",
        "API_HOST": "127.0.0.1",
        "API_PORT": "0",
    }


def _by_name(url: str) -> str:
    """An address that has to be looked up, as the real ones have."""
    return url.replace("127.0.0.1", "localhost")


def record_notices(folder: Path) -> None:
    """Write a noise for each sentence of the server's own, so that none has to be rendered."""
    noise = np.random.default_rng(0)
    for tag in sorted({tag for pair in LANGUAGES for tag in pair}):
        (folder / tag).mkdir()
        for sentence in IN_STREAM:
            samples = noise.integers(-6000, 6000, mulaw.SAMPLE_RATE // 2, np.int16)
            write_wav(folder / tag / f"{sentence.name.lower()}.wav", mulaw.encode(samples))


def _suits(task: Task, worker: Worker) -> bool:
    return worker.attributes["takes"] == task.attributes.get("language")
