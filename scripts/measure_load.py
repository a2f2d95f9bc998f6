"""Measures what a call costs the server's processor and memory; prints the table of docs/operations.md.

    python scripts/measure_load.py          takes about four minutes; Linux only
    python scripts/measure_load.py 5 15     other numbers of calls at once

The server is a process of its own, as in production. Telephone company, translator and people are simulated, in
this process; what they cost is not counted, but they need a core too. In every call both sides talk all the time, which
is the most there can be: both directions are heard, judged, sent, received, and played. What is not in it: TLS, which a
proxy carries on the telephones' side, and which towards OpenAI the server carries itself.

Where the simulated world needs more than `BUSY` of its core, it sends less than people do, and the row is left out.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from resource import getpagesize

import numpy as np

from bmv.audio import mulaw
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import Call, FakeTwilio, Number, Party, TaskRouter

HOST, CALLERS, FLEX = "bmv.test", "+14155550100", "+14155550199"
ACCOUNT, WORKFLOW, TOKEN, KEY = "AC" + "1" * 32, "WW" + "2" * 32, "a-token", "sk-a-key"
SETTLING = 8.0  # seconds from the last call on, until everybody is talking
MEASURED = 20.0  # seconds
BUSY = 0.8
SPANISH = "Buenas tardes, mi pedido todavía no ha llegado, y quisiera saber dónde está."
ENGLISH = "I am sorry to hear that, let me see what I can find out about your order."


@dataclass(frozen=True)
class Usage:
    """What the process has used so far: processor time in seconds, memory in bytes."""

    seconds: float
    memory: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """As the kernel tells it."""
        stat = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        ticks = int(stat[11]) + int(stat[12])  # utime and stime
        return cls(ticks / os.sysconf("SC_CLK_TCK"), int(stat[21]) * getpagesize())


def settings(twilio: FakeTwilio, openai: FakeOpenAI, folder: str, port: int) -> dict[str, str]:
    """What the server is told."""
    return {
        "PUBLIC_HOST": HOST,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_CALLER_NUMBER": CALLERS,
        "TWILIO_FLEX_NUMBER": FLEX,
        "TWILIO_FLEX_WORKFLOW_SID": WORKFLOW,
        "TWILIO_API_BASE_URL": twilio.url,
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": openai.url,
        "MAX_CALLS": "1000",
        "API_HOST": "127.0.0.1",
        "API_PORT": str(port),
        "LOG_LEVEL": "warning",
        "SHUTDOWN_GRACE_SECONDS": "0",
        "PROMPTS_CACHE_DIR": folder,
    }


def monologue(sentence: str, language: str, seconds: float) -> bytes:
    """Somebody who says the same again and again, with half a second in between."""
    once = voices.speak(sentence, language) + mulaw.encode(np.zeros(mulaw.SAMPLE_RATE // 2, np.int16))
    return once * round(seconds * mulaw.SAMPLE_RATE / len(once) + 1)


async def measure(counts: list[int]) -> None:
    """Hold so many calls at once, first the fewest, and print what the server used per second."""
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    twilio.numbers[CALLERS] = Number(voice_url=f"https://{HOST}/incoming-call?lang=es")
    twilio.numbers[FLEX] = Number(voice_url=f"https://{HOST}/outbound-call")
    twilio.task_router = TaskRouter(f"https://{HOST}/reservation-accepted", workflows={WORKFLOW})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    twilio.route(HOST, f"http://127.0.0.1:{port}")
    with tempfile.TemporaryDirectory() as folder:
        async with twilio, FakeOpenAI(api_key=KEY) as openai:
            server = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bmv"), env=os.environ | settings(twilio, openai, folder, port)
            )
            try:
                spanish, english = monologue(SPANISH, "es", 400), monologue(ENGLISH, "en", 400)
                await asyncio.sleep(SETTLING)  # our own sentences are rendered now
                print("| Calls | Processor | Per call | Memory |\n|---|---|---|---|")
                for before, after in pairwise([0, *sorted(counts)]):
                    calls = [await talk(twilio, spanish, english) for _ in range(after - before)]
                    await report(server.pid, after)
                    assert all(call.status == "in-progress" for call in calls)  # noqa: S101
            finally:
                if server.returncode is None:
                    server.terminate()
                await server.wait()


async def talk(twilio: FakeTwilio, spanish: bytes, english: bytes) -> Call:
    """One more call in which both talk."""
    maria, alex = Party("Maria"), Party("Alex")
    call = await twilio.dial(from_="anonymous", to=CALLERS, party=maria)
    await (await twilio.next_reservation(timeout=20)).accept(party=alex)
    maria.say(spanish)
    alex.say(english)
    return call


async def report(pid: int, calls: int) -> None:
    """Measure and print a row."""
    await asyncio.sleep(SETTLING)
    loop = asyncio.get_running_loop()
    before, began, ours = Usage.of(pid), loop.time(), time.process_time()
    await asyncio.sleep(MEASURED)
    now, took = Usage.of(pid), loop.time() - began
    share, world = (now.seconds - before.seconds) / took, (time.process_time() - ours) / took
    if world > BUSY:
        raise SystemExit(f"{calls} calls: the simulated world is too busy ({world:.0%} of its core)")
    print(f"simulated world: {world:.0%}", file=sys.stderr)
    print(f"| {calls} | {share:.0%} of a core | {share / calls:.1%} | {now.memory / 2**20:.0f} MB |", flush=True)


if __name__ == "__main__":
    asyncio.run(measure([int(each) for each in sys.argv[1:]] or [1, 10, 20, 40, 60]))
