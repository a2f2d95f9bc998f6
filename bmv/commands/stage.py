"""The stage on which `demo` and `phone` play: the real server, between a simulated telephone company and a translator.

The server gets its settings as in production, and everything reaches it over sockets of this machine.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory

from bmv.app import Server, serving
from bmv.audio import mulaw
from bmv.config import Settings
from bmv.errors import BmvError
from bmv.simulator import voices
from bmv.simulator.conversation import Script
from bmv.simulator.openai import FakeOpenAI, PhrasebookBrain
from bmv.simulator.twilio import FakeTwilio, Number, TaskRouter, Worker

HOST = "voice.example.com"  # never looked up: the simulated telephone company knows where it leads
ACCOUNT_SID, WORKFLOW_SID = "AC" + "0" * 32, "WW" + "0" * 32
CALLER_NUMBER, FLEX_NUMBER = "+14155550100", "+14155550199"
NOT_THEIRS = ("TWILIO_", "API_", "METRICS_")  # settings of a real server, which may be running on this machine
PATIENCE = 15.0  # seconds that a call may take to end by itself
SECONDS_PER_LETTER = 0.06  # of a sentence that no voice of ours can speak


@dataclass(frozen=True)
class Stage:
    """The simulated world and the server in its middle, with its settings; `worker` is the only agent."""

    twilio: FakeTwilio
    server: Server
    settings: Settings
    worker: Worker


@asynccontextmanager
async def scripted_stage(script: Script, path: str, changes: Mapping[str, str]) -> AsyncIterator[Stage]:
    """With a translation service that is simulated: a phrasebook of the script. As `stage` otherwise."""
    key = secrets.token_hex(16)
    brain = partial(PhrasebookBrain, script.phrasebook())
    # A folder for what the simulated service speaks: nothing of it shall be taken for real later.
    with TemporaryDirectory(prefix="bmv-stage-") as prompts:
        async with FakeOpenAI(brain, api_key=key) as openai:
            service = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": openai.url, "PROMPTS_CACHE_DIR": prompts}
            async with stage(path, {**service, **changes}) as built:
                yield built


@asynccontextmanager
async def stage(path: str, environ: Mapping[str, str]) -> AsyncIterator[Stage]:
    """Telephone company and server, each on a free port of this machine.

    `path` is what the company asks when somebody calls. `environ` are settings; those of the telephone side and where
    the server listens are the stage's own. Raises `SettingsError`.
    """
    token = secrets.token_hex(16)
    twilio = FakeTwilio(account_sid=ACCOUNT_SID, auth_token=token, say=_say)
    twilio.numbers[CALLER_NUMBER] = Number(f"https://{HOST}{path}", status_callback=f"https://{HOST}/call-status")
    twilio.numbers[FLEX_NUMBER] = Number(f"https://{HOST}/outbound-call")
    worker = Worker()
    twilio.task_router = TaskRouter(f"https://{HOST}/reservation-accepted", workflows={WORKFLOW_SID}, workers=[worker])
    async with twilio:
        own = {
            "PUBLIC_HOST": HOST,
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": token,
            "TWILIO_CALLER_NUMBER": CALLER_NUMBER,
            "TWILIO_FLEX_NUMBER": FLEX_NUMBER,
            "TWILIO_FLEX_WORKFLOW_SID": WORKFLOW_SID,
            "TWILIO_API_BASE_URL": twilio.url,
            "AGENT_DESTINATION": "flex",
            "API_HOST": "127.0.0.1",
            "API_PORT": "0",
        }
        theirs = {name: text for name, text in environ.items() if not name.startswith(NOT_THEIRS)}
        settings = Settings.load(theirs | own)
        async with serving(settings) as server:
            twilio.route(HOST, f"http://127.0.0.1:{server.port}")
            yield Stage(twilio, server, settings, worker)
            await server.registry.drain(PATIENCE)


def _say(text: str, language: str) -> bytes:
    """Speak as the telephone company; in a language without a voice it takes as long, and is silent."""
    try:
        return voices.speak(text, language.partition("-")[0])
    except BmvError:
        return mulaw.SILENCE * round(len(text) * SECONDS_PER_LETTER / mulaw.FRAME_SECONDS)
