"""`python -m bmv`: serve until told to stop, then let the running calls end."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog

from bmv import __version__, logs
from bmv.app import serving
from bmv.config import Settings

log = structlog.get_logger()

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; a second one cuts the grace time short. Returns the exit code."""
    logs.configure(settings.log_level, settings.log_format, settings.secrets)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    async with serving(settings) as server:
        log.info("serving", version=__version__, port=server.port, public_host=settings.public_host)
        await stop.wait()
        log.info("draining", calls=len(server.registry), grace_seconds=settings.shutdown_grace_seconds)
        draining = asyncio.ensure_future(server.registry.drain(settings.shutdown_grace_seconds))
        hurried = asyncio.ensure_future(hurry.wait())
        await asyncio.wait((draining, hurried), return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, hurried):
            task.cancel()
    log.info("stopped")


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop where there is one: about a third of the CPU of the standard loop on WebSocket traffic."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not installed on Windows

    return uvloop.Loop
