"""`make demo`: two simulated people hold a translated call through the real server, on this machine alone.

Telephone company, translation service and voices are simulated; the server, its sockets and everything between them are
the ones that run in production. The "translation" is a phrasebook that knows the script's sentences by their sound.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bmv import logs
from bmv.audio import mulaw
from bmv.audio.listening import listen
from bmv.audio.wav import write_wav
from bmv.commands.caption_view import CaptionView
from bmv.commands.exits import DONE, FAILED
from bmv.commands.stage import CALLER_NUMBER, Stage, scripted_stage
from bmv.errors import BmvError
from bmv.simulator.conversation import DEMO, Line, Script
from bmv.simulator.twilio import HungUpError, Party

CUSTOMER_NUMBER = "+34911000111"
REPLY_AFTER = 1.3  # seconds of quiet after which a person takes the turn; longer than the script's longest pause
RINGS = 2.5  # seconds that the caller waits for the agent, with music
LEAVE_AFTER = 2.5  # seconds of quiet after which the caller hangs up: nobody hangs up in the middle of a sentence
PATIENCE = 15.0  # seconds to wait for anything before the demo is given up
RECOGNISED = 0.4  # share of a sentence's syllables; other sentences reach 0.15, and a busy machine tears some
WINDOW_BYTES = 15 * mulaw.SAMPLE_RATE  # in which a sentence must have been heard


class DemoFailed(BmvError):
    """The call did not go as it must; says where it stuck."""


@dataclass(frozen=True)
class Heard:
    """All that each party heard (mu-law), and for each line where it was begun, in bytes of its listener's."""

    by_caller: bytes
    by_agent: bytes
    starts: list[int]


def demo(recordings: Path, script: Script = DEMO) -> int:
    """Play the script, write what each party heard into `recordings`, and return the exit code."""
    console = Console(highlight=False)
    logs.configure("warning", "auto", ())
    try:
        heard = asyncio.run(_demo(console, script))
        console.print()
        recordings.mkdir(parents=True, exist_ok=True)
        for name, audio in (("caller", heard.by_caller), ("agent", heard.by_agent)):
            path = recordings / f"heard-by-{name}.wav"
            write_wav(path, audio)
            console.print(f"What the {name} heard: {path}", soft_wrap=True)
        _judge(console, script, heard)
    except BmvError as failure:
        console.print(f"[red]The demo failed:[/] {escape(str(failure))}", soft_wrap=True)
        return FAILED
    return DONE


async def _demo(console: Console, script: Script) -> Heard:
    console.print(
        "[bold]A translated call, simulated.[/] The server is the real one. The telephone company, the voices and the "
        "translation are not: the interpreter is a phrasebook that knows these sentences by their sound.\n\n"
        "[dim]The caller dials, is greeted in Spanish, and hears music until the agent accepts. Then both are told, "
        "each in the own language, that an AI interprets …[/]\n"
    )
    script.rehearse()
    path = f"/incoming-call?lang={script.language('caller')}"
    async with scripted_stage(script, path, {"AGENT_LANGUAGE": script.language("agent")}) as stage:
        with CaptionView(console) as view, stage.server.captions.reading(view.show):
            return await _call(stage, script)


async def _call(stage: Stage, script: Script) -> Heard:
    """Hold the conversation; each waits to hear the other before answering, so nothing goes on by the clock."""
    caller, agent = Party("caller"), Party("agent")
    starts = []
    try:
        call = await stage.twilio.dial(from_=CUSTOMER_NUMBER, to=CALLER_NUMBER, party=caller)
        reservation = await stage.twilio.next_reservation(timeout=PATIENCE)
        await asyncio.sleep(RINGS)
        await reservation.accept(party=agent)
        await caller.hears_quiet(REPLY_AFTER, timeout=PATIENCE)  # the music and the notice are over
        for line in script.lines:
            speaker, listener = (caller, agent) if line.role == "caller" else (agent, caller)
            starts.append(listener.frames_heard * mulaw.FRAME_BYTES)
            await _say_and_be_heard(line, speaker, listener)
        await caller.hears_quiet(LEAVE_AFTER, timeout=PATIENCE)
        await call.hang_up()
    except (TimeoutError, HungUpError) as error:
        raise DemoFailed(str(error) or f"nothing happened for {PATIENCE:.0f} s") from error
    return Heard(caller.heard, agent.heard, starts)


async def _say_and_be_heard(line: Line, speaker: Party, listener: Party) -> None:
    speaker.say(line.audio())
    try:
        await listener.hears_speech(timeout=PATIENCE)
    except TimeoutError as error:
        raise DemoFailed(f"the {listener.name} never heard a translation of: {line.sentence}") from error
    await speaker.done_speaking(timeout=PATIENCE)
    await listener.hears_quiet(REPLY_AFTER, timeout=PATIENCE)


def _judge(console: Console, script: Script, heard: Heard) -> None:
    """Compare what was heard, after each line was begun, with how its translation sounds."""
    count = 0
    for line, start in zip(script.lines, heard.starts, strict=True):
        ear = heard.by_agent if line.role == "caller" else heard.by_caller
        count += listen(ear[start : start + WINDOW_BYTES], line.translated_audio()).share > RECOGNISED
    console.print(f"Heard in the other language: {count} of {len(script.lines)} sentences.")
    if count < len(script.lines):
        raise DemoFailed("not every sentence was heard")
