"""`python -m bmv`: serve until told to stop, then let the running calls end."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable

import structlog

from bmv import __version__, logs
from bmv.app import CannotListen, serving
from bmv.call.alongside import alongside
from bmv.commands.exits import DONE, FAILED
from bmv.config import Settings

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
GARBAGE = (10_000, 10, 10)
"""Objects more than there were, until the youngest are looked at; how often that, until older ones are."""


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
        _look_for_garbage_seldom()
        await stop.wait()
        log.info("draining", calls=len(server.registry), grace_seconds=settings.shutdown_grace_seconds)
        async with alongside(_when(hurry, server.registry.end_all)):
            await server.registry.drain(settings.shutdown_grace_seconds)
    log.info("stopped")
    for number in STOP_SIGNALS:
        loop.remove_signal_handler(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to be stopped; tidying up is not to be torn


def _look_for_garbage_seldom() -> None:
    """Spare the calls the pauses of Python's collector of cyclic garbage.

    To look at everything took 110 ms with 100 calls, as often as twice a minute, and found nothing: only a call that is
    over leaves cycles. What was there at the start is not looked at again, the rest every few minutes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


async def _when(event: asyncio.Event, act: Callable[[], None]) -> None:
    await event.wait()
    act()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: about a third of the CPU of the standard loop on WebSocket traffic."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not installed on Windows

    return uvloop.Loop
