"""`python -m bmv`: serve until told to stop, then let the running calls end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog

from bmv import __version__, logs
from bmv.app import CannotListen, serving
from bmv.call.alongside import alongside
from bmv.call.registry import CallRegistry
from bmv.commands import garbage
from bmv.commands.exits import DONE, FAILED
from bmv.config import Settings

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LINGER_SECONDS = 1.5
"""After the last call: its last status is told by a webhook, and who finds nobody there notes an error."""


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; a second one cuts the grace time short. Returns the exit code."""
    logs.configure(settings.log_level, settings.log_format, settings.secrets)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings))
    except CannotListen as error:
        remedy = f"set {error.setting}_PORT or {error.setting}_HOST to what is free"
        log.error("cannot_listen", where=error.where, error=str(error.__cause__), remedy=remedy)
        return FAILED
    return DONE


async def _serve(settings: Settings) -> None:
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    async with serving(settings) as server:
        log.info("serving", version=__version__, port=server.port, public_host=settings.public_host)
        if settings.translator == "loopback":
            log.warning("nothing_is_translated", why="TRANSLATOR=loopback gives every voice back as it is")
        garbage.look_seldom()
        async with alongside(garbage.put_away(server.registry)):
            await stop.wait()
            log.info("draining", calls=len(server.registry), grace_seconds=settings.shutdown_grace_seconds)
            async with alongside(_when(hurry, server.registry.end_all)):
                await drained(server.registry, settings.shutdown_grace_seconds)
    log.info("stopped")
    for number in STOP_SIGNALS:
        loop.remove_signal_handler(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to be stopped; tidying up is not to be torn


async def drained(
    registry: CallRegistry, grace: float, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Let calls end by themselves for `grace` seconds, end those that are left, and hear what is told of the last."""
    await registry.drain(grace)
    registry.end_all()
    await registry.over()
    if asyncio.get_running_loop().time() < registry.ended_at + LINGER_SECONDS:
        await sleep(LINGER_SECONDS)


async def _when(event: asyncio.Event, act: Callable[[], None]) -> None:
    await event.wait()
    act()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: about a third of the CPU of the standard loop on WebSocket traffic."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not installed on Windows

    return uvloop.Loop
