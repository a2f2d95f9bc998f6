"""The way of a frame, step by step: what each costs by itself, without sockets and without a clock that runs."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import cycle
from time import perf_counter
from typing import Final

from bmv.audio import mulaw
from bmv.audio.echo import EchoGate
from bmv.audio.levels import SILENCE_PEAK
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.audio.resample import Downsampler, Upsampler
from bmv.audio.voice import VoiceDetector
from bmv.call.leg import Role
from bmv.call.playout import Playout
from bmv.commands.bench import sound
from bmv.commands.bench.handclock import HandCall, HandLoop, hand_call
from bmv.commands.bench.sound import CYCLE, TURN, TURN_AT
from bmv.telephony import media
from bmv.translators import openai_realtime_commands, openai_realtime_wire, openai_wire

ROUNDS: Final = 5
ROUND_SECONDS: Final = 0.02

Step = Callable[[], object]


def micro(*, seconds: float = ROUND_SECONDS) -> dict[str, float]:
    """Microseconds for one time of each step, by its name: the best of `ROUNDS` rounds of so many seconds."""
    found = {name: _best(step, seconds) for name, step in _steps()}
    with asyncio.Runner(loop_factory=HandLoop) as runner:
        for kind, wide in (("turn-based", False), ("24 kHz", True)):
            found |= runner.run(_in_a_call(kind, wide=wide))
    return {name: round(each * 1e6, 3) for name, each in found.items()}


def _best(step: Step, seconds: float) -> float:
    """Seconds for one time."""
    began, count = perf_counter(), 0
    while perf_counter() - began < seconds:
        step()
        count += 1
    best = float("inf")
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(count):
            step()
        best = min(best, (perf_counter() - began) / count)
    return best


def _steps() -> Iterator[tuple[str, Step]]:
    voice = sound.script("caller").frames[TURN_AT["caller"] + 20]
    translated = sound.translation("caller")[0].ulaw
    message = (
        b'{"event":"media","sequenceNumber":"4711","media":{"track":"inbound","chunk":"4710","timestamp":"94200",'
        b'"payload":"%b"},"streamSid":"MZ%b"}' % (b64encode(voice), b"0" * 32)
    )
    yield "media.decode: a message of Twilio's", lambda: media.decode(message)
    detector = VoiceDetector()
    yield "VoiceDetector.feed: 20 ms", lambda: detector.feed(voice)
    yield "EchoGate.filter: 20 ms while nothing plays", _echo(plays=False)
    yield "EchoGate.filter: 20 ms of voice over a translation", _echo(plays=True)
    ulaw = voice * 10
    up, down = Upsampler(), Downsampler()
    yield "to 24 kHz: 200 ms", lambda: up.process(mulaw.decode(ulaw))
    pcm = Upsampler().process(mulaw.decode(ulaw)).astype("<i2").tobytes()
    yield "from 24 kHz: 200 ms", lambda: down.to_ulaw(pcm, floor=SILENCE_PEAK)
    yield "append at 24 kHz: 200 ms", lambda: openai_wire.encode_append(pcm)
    yield "append in mu-law: 100 ms", lambda: openai_realtime_commands.encode_append(ulaw[:800])
    delta = b'{"type":"session.output_audio.delta","event_id":"event_1","delta":"%b","sample_rate":24000}'
    wide = delta % sound.wide(translated)
    yield "delta at 24 kHz: 200 ms", lambda: openai_wire.decode(wide)
    delta = b'{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","delta":"%b"}'
    narrow = delta % b64encode(translated)
    yield "delta in mu-law: 200 ms", lambda: openai_realtime_wire.decode(narrow)
    yield "Playout: 200 ms of a translation in and out", _playout(translated)
    yield "Playout.take: nothing to hear", _idle_playout()
    yield "media.encode_media: 60 ms", lambda: media.encode_media("MZ" + "0" * 32, voice * 3)


def _echo(*, plays: bool) -> Step:
    gate, now = EchoGate(), 1000.0
    said = cycle(sound.script("caller").frames[TURN_AT["caller"] : TURN_AT["caller"] + TURN])
    played = cycle(mulaw.frames(b"".join(each.ulaw for each in sound.translation("agent"))))

    def step() -> None:
        nonlocal now
        now += FRAME_SECONDS
        if plays:
            gate.played(next(played), now + 0.1)
        gate.filter(next(said), now)

    return step


def _playout(translated: bytes) -> Step:
    playout, now = Playout(original_level_db=-18.0), 1000.0

    def step() -> None:
        nonlocal now
        playout.speak(translated, now)
        for _ in range(10):
            now += FRAME_SECONDS
            if audio := playout.take(now):
                playout.buffer.add(len(audio) // len(SILENCE))

    return step


def _idle_playout() -> Step:
    playout, now = Playout(original_level_db=-18.0), 1000.0

    def step() -> None:
        nonlocal now
        now += FRAME_SECONDS
        playout.take(now)

    return step


async def _in_a_call(kind: str, *, wide: bool) -> dict[str, float]:
    """What `hear` and a beat cost in a call that has been going on for a while, by what is heard."""
    async with hand_call(wide=wide) as call:
        await call.pass_frames(2 * CYCLE)
        sums: dict[str, list[float]] = {}
        for _ in range(CYCLE * 2):
            for name, took in (await _one_frame(call)).items():
                sums.setdefault(f"{name} ({kind})", []).append(took)
    return {name: sum(each) / len(each) for name, each in sums.items()}


async def _one_frame(call: HandCall) -> dict[str, float]:
    """20 ms as `pass_frames` has them, with a look at the watch around what is measured."""
    place, took = call.place % CYCLE, {}
    call.loop.hand += FRAME_SECONDS
    for role, else_heard in ((Role.CALLER, "noise"), (Role.AGENT, "silence")):
        script = sound.script(role.value)
        began = perf_counter()
        call.session.hear(role, script.frames[place])
        heard = perf_counter() - began
        took[f"CallSession.hear: 20 ms of {'voice' if place in script.turn else else_heard}"] = heard
    for line in call.factory.lines:
        line.beat(place)
    began = perf_counter()
    call.metronome.beat()
    took["one call's beat"] = perf_counter() - began
    await call.settle()
    call.place += 1
    return took
